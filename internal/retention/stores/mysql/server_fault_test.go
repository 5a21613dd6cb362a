//go:build integration

package mysql_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
)

// As MySQL, which locks and reads first, the same rows go, with the same digest.
func TestBothWaysOfDeletingDoTheSame(t *testing.T) {
	var digests, left []string
	for _, plain := range []bool{false, true} {
		db := newDatabase(t)
		db.exec(small)
		r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
		r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("shop", "shop-1")}}}
		if plain {
			r.Driver = mysql.WithoutReturning(r.Driver.(*mysql.Driver))
		}
		r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 16}
		digests = append(digests, r.Run(v1alpha1.ReasonCompleted).Evidence.RecordsDigest)
		left = append(left, strings.Join(db.rows("SELECT * FROM events"), "\n"))
	}
	if digests[0] == "" || digests[0] != digests[1] || left[0] != left[1] {
		t.Errorf("digests %v, rows %s", digests, cmp.Diff(left[0], left[1]))
	}
}

// A window that is handled again, with the same position, changes nothing and says so.
func TestWindowHandledAgainChangesNothing(t *testing.T) {
	for _, action := range []string{"Delete", "Anonymize"} {
		db := newDatabase(t)
		db.exec(small)
		rule := deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90)
		if action == "Anonymize" {
			rule = anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"})
		}
		r := newRunner(t, db, rule)
		s, err := r.Driver.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Inspect(t.Context(), r.Plan.Rules, nil); err != nil {
			t.Fatal(err)
		}
		w := retention.Window{Rule: &r.Plan.Rules[0], Size: 1000, Hasher: r.Hash}
		first, err := s.Window(t.Context(), w)
		if err != nil || first.Done == 0 || first.Digest == "" || first.Next != "" || first.Commits != 1 {
			t.Fatalf("%+v, %v", first, err)
		}
		rows := db.rows("SELECT * FROM events")
		again, err := s.Window(t.Context(), w)
		if err != nil || again.Done != 0 || again.Digest != "" {
			t.Errorf("%s again: %+v, %v", action, again, err)
		}
		if diff := cmp.Diff(rows, db.rows("SELECT * FROM events")); diff != "" {
			t.Error(diff)
		}
	}
}

// The store takes the purger's transaction for the victim of a deadlock: the window is done again.
func TestDeadlockIsDoneAgain(t *testing.T) {
	db := newDatabase(t)
	db.exec(small)
	db.exec("CREATE TRIGGER note_it AFTER DELETE ON events FOR EACH ROW UPDATE notes SET n = n + 1; CREATE TABLE notes (n int); INSERT INTO notes VALUES (0)")
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	windows := 0
	released := make(chan error, 1)
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 500, Before: func() error {
		if windows++; windows == 1 {
			// The other transaction holds what the trigger wants, is the heavier one, and then wants a row that the purger locked.
			db.exec("CREATE TABLE ballast (id int); INSERT INTO ballast SELECT 1 FROM seq_1_to_1; BEGIN; INSERT INTO ballast SELECT seq FROM seq_1_to_5000; UPDATE notes SET n = n")
			go func() {
				_, err := db.conn.ExecContext(context.Background(), "UPDATE events SET note = 'mine' WHERE at < '2026-08-26'; COMMIT")
				released <- err
			}()
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if err := <-released; err != nil {
		t.Error("the other program:", err)
	}
	if n := db.int("SELECT count(*) FROM events WHERE " + due90); n != 0 || got.Results[0].Done != got.Results[0].Due || db.int("SELECT n FROM notes") != got.Results[0].Done {
		t.Errorf("%d left, %+v", n, got.Results[0])
	}
	if !strings.Contains(got.Outcome.Message, "triggers") {
		t.Errorf("nothing warns about the trigger: %s", got.Outcome.Message)
	}
}

func TestStoreThatLogsStatementsIsRefused(t *testing.T) {
	db := newDatabase(t)
	db.exec(small)
	db.exec("SET GLOBAL binlog_format = 'STATEMENT'")
	defer db.exec("SET GLOBAL binlog_format = 'ROW'")
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	if got := r.Run(v1alpha1.ReasonConstraintViolated); !strings.Contains(got.Outcome.Message, "binlog_format") {
		t.Error(got.Outcome.Message)
	}
}

func TestStoreThatBecomesReadOnlyIsWaitedFor(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.Clock = retentiontest.NewHurried(slot)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 500, Before: func() error {
		if windows++; windows == 3 {
			db.exec("SET GLOBAL read_only = 1")
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonStoreUnreachable)
	db.exec("SET GLOBAL read_only = 0")
	if !strings.Contains(got.Outcome.Message, "read-only") || got.Results[0].Done == 0 {
		t.Errorf("%s, %+v", got.Outcome.Message, got.Results[0])
	}
}

// Without a hash key a restarted purger cannot read the position of a key that may be personal data: it begins again, and counts right.
func TestSealedPositionsOfAnotherLifeAreTheStart(t *testing.T) {
	db := newDatabase(t)
	db.exec("CREATE TABLE events (email varchar(120) PRIMARY KEY, at datetime); INSERT INTO events SELECT concat('person', seq, '@example.com'), '2026-01-01' FROM seq_1_to_500; GRANT SELECT, DELETE ON events TO carrier_purger")
	rule := deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90)
	rule.Key = []string{"email"}
	r := newRunner(t, db, rule)
	r.Plan.Throttle.PauseMilliseconds, r.Clock = 1000, retentiontest.NewHurried(slot) // a report after each window
	inner, windows := r.Driver, 0
	for {
		r.Hash = retention.NewHasher(nil)
		r.Driver = &retentiontest.Faulty{Driver: inner, Size: 16, Before: func() error {
			if windows++; windows%5 == 0 {
				return retentiontest.ErrKilled
			}
			return nil
		}}
		err := r.Try(context.Background())
		for _, status := range r.Reports {
			if strings.Contains(status.Checkpoint.Position, "person") {
				t.Fatalf("position %s", status.Checkpoint.Position)
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, retentiontest.ErrKilled) || windows > 400 {
			t.Fatal(err)
		}
	}
	if n := db.int("SELECT count(*) FROM events"); n != 0 || r.Status.Results[0].Done != 500 || r.Status.Outcome.Reason != v1alpha1.ReasonCompleted {
		t.Errorf("%d left, %+v", n, r.Status.Results[0])
	}
}
