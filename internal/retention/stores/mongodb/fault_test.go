//go:build integration

package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// The purger is killed at every step of its way, again and again. Each time it goes on, and in the end counts and records are right.
func TestKilledAtEveryStepItGoesOnAndCountsRight(t *testing.T) {
	for _, anonymize := range []bool{false, true} {
		t.Run(fmt.Sprintf("anonymize %t", anonymize), func(t *testing.T) {
			db := newDatabase(t)
			events := newEvents(100)
			want := insertEvents(db, events, notDue)
			rule := eventsRule()
			if anonymize {
				rule = anonymizeRule(retention.Anonymize{Name: "customer.email", Strategy: "KeyedHash"}, retention.Anonymize{Name: "shop", Strategy: "Null"})
				want = anonymized(t, events, nil)
			}
			r := newRunner(t, db, rule)
			r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 1000 // a report after each window
			due := countOf(events, event.isDue)
			inner := r.Driver
			kills, step := 0, 0
			kill := func() error {
				if step++; step > kills {
					return retentiontest.ErrKilled
				}
				return nil
			}
			// Every report, every moment before a window and after its commit is a step; the n-th life ends at its n-th step.
			for lives := range 200 {
				kills, step = lives, 0
				r.Driver = &retentiontest.Faulty{Driver: inner, Size: 20, Before: kill, After: func(retention.Batch) error { return kill() }}
				r.BeforeReport = func(*v1alpha1.PurgeRunStatus) error {
					if kill() != nil {
						return retention.ErrGone // not tried again
					}
					return nil
				}
				if err := r.Try(context.Background()); err == nil {
					break
				} else if !errors.Is(err, retentiontest.ErrKilled) && !errors.Is(err, retention.ErrGone) {
					t.Fatal(err)
				}
			}
			result := r.Status.Results[0]
			if r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || result.Due != due || result.Done != due || result.Inferred == 0 || result.Verification != v1alpha1.VerificationAgreed {
				t.Errorf("outcome %+v, result %+v, due %d", r.Status.Outcome, result, due)
			}
			if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHoldCreatedMidRunWins(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(200)
	insertEvents(db, events, notDue)
	r := newRunner(t, db, eventsRule())
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 600 // longer than holds stay good
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 20, After: func(retention.Batch) error {
		if windows++; windows == 3 {
			r.Mu.Lock()
			r.InForce = []retention.Hold{{Name: "late", Collection: "events"}}
			r.Mu.Unlock()
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	result := got.Results[0]
	left := db.count("events", bson.D{}) - countOf(events, notDue)
	if left == 0 || result.Held != left || result.Done != result.Due-left || result.Verification != v1alpha1.VerificationAgreed || !strings.Contains(got.Outcome.Message, "held by late") {
		t.Errorf("%d due documents are left; %+v, %s", left, result, got.Outcome.Message)
	}
}

func TestHoldThatCannotBeAppliedStopsTheRun(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(200)
	insertEvents(db, events, notDue)
	r := newRunner(t, db, eventsRule())
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 600
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 20, After: func(retention.Batch) error {
		if windows++; windows == 2 {
			r.Mu.Lock()
			r.InForce = []retention.Hold{{Name: "late", Collection: "events", Where: []retention.Filter{retentiontest.In("missing", "x")}}}
			r.Mu.Unlock()
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonHoldInvalid)
	if windows != 2 || got.Results[0].Done != 200-db.count("events", bson.D{}) || !strings.Contains(got.Outcome.Message, "that stays") {
		t.Errorf("%d windows, %+v, %s", windows, got.Results[0], got.Outcome.Message)
	}
}

// Records that the application changes between the count and their windows are judged as they are then.
func TestRecordsThatChangeMidRunAreJudgedAnew(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(200)
	last := slices.MaxFunc(slices.DeleteFunc(slices.Clone(events), notDue), func(a, b event) int { return strings.Compare(a.id.Hex(), b.id.Hex()) })
	want := countOf(events, notDue) + 1
	insertEvents(db, events, notDue)
	r := newRunner(t, db, eventsRule())
	done := false
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 20, After: func(retention.Batch) error {
		if !done {
			done = true
			_, err := db.Collection("events").UpdateByID(context.Background(), last.id, bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: bson.NewDateTimeFromTime(slot)}}}})
			return err
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	if n := db.count("events", bson.D{}); n != want || got.Done != got.Due-1 || db.count("events", bson.D{{Key: "_id", Value: last.id}}) != 1 {
		t.Errorf("%d documents are left, want %d; %+v", n, want, got)
	}
}

// The server is killed in the middle of a run, and comes up again.
func TestServerThatIsKilledIsWaitedFor(t *testing.T) {
	own, err := newFerret(filepath.Join(t.TempDir(), "own"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.stop() })
	db := newDatabaseOf(t, own)
	want := insertEvents(db, newEvents(200), notDue)
	r := newRunner(t, db, eventsRule())
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 20,
		Before: func() error {
			switch windows++; windows {
			case 3:
				own.stop()
			case 4:
				t.Error("a window was tried without a session")
			}
			return nil
		},
		After: func(retention.Batch) error {
			if windows > 3 {
				return fmt.Errorf("%w: in doubt", retention.ErrUnreachable)
			}
			return nil
		}}
	restart := r.Driver.(*retentiontest.Faulty)
	restart.Driver = &reviving{Driver: restart.Driver, revive: func() error {
		if windows < 3 {
			return nil
		}
		restart.Before, restart.After = nil, nil
		return own.start()
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" || got.Results[0].Done != got.Results[0].Due {
		t.Errorf("%+v %s", got.Results[0], diff)
	}
	if !strings.Contains(r.Log.String(), "connection refused") {
		t.Error("nothing was waited for:", r.Log.String())
	}
}

// reviving starts the server after the first attempt to connect to it failed.
type reviving struct {
	retention.Driver
	revive func() error
}

func (d *reviving) Open(ctx context.Context) (retention.Session, error) {
	session, err := d.Driver.Open(ctx)
	if errors.Is(err, retention.ErrUnreachable) {
		return nil, errors.Join(err, d.revive())
	}
	return session, err
}

// The connection breaks, as far as the purger can tell, after the store changed something.
func TestLostAnswerIsCountedByComparison(t *testing.T) {
	db := newDatabase(t)
	want := insertEvents(db, newEvents(200), notDue)
	r := newRunner(t, db, eventsRule())
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 20, After: func(retention.Batch) error {
		if windows++; windows == 2 || windows == 5 {
			return fmt.Errorf("%w: in doubt", retention.ErrUnreachable)
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" || got.Done != got.Due || got.Inferred == 0 || got.Inferred >= got.Done {
		t.Errorf("%+v %s", got, diff)
	}
}

func TestStoreThatStaysAwayEndsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.secret("port", "1")
	r := newRunner(t, db, eventsRule())
	r.Clock = retentiontest.NewHurried(slot)
	got := r.Run(v1alpha1.ReasonStoreUnreachable)
	if !strings.Contains(got.Outcome.Message, "2m0s") {
		t.Error(got.Outcome.Message)
	}
}

func TestWindowThatIsRepeatedChangesNothing(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(60)
	insertEvents(db, events, notDue)
	r := newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "customer.email", Strategy: "KeyedHash"}, retention.Anonymize{Name: "shop", Strategy: "Null"}))
	session, err := r.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	position, done := "", int64(0)
	for {
		w := retention.Window{Rule: &r.Plan.Rules[0], Position: position, Size: 7, Hasher: r.Hash}
		first, err := session.Window(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := session.Window(t.Context(), w)
		if err != nil || again.Done != 0 || again.Digest != "" {
			t.Fatalf("again: %+v %v", again, err)
		}
		if done += first.Done; first.Next == "" {
			break
		}
		position = first.Next
	}
	if diff := cmp.Diff(anonymized(t, events, nil), db.documents("events", bson.D{})); diff != "" || done != countOf(events, event.isDue) {
		t.Errorf("%d done %s", done, diff)
	}
}

// A signal that the store does not show ends the run before anything is changed. FerretDB has no queues.
func TestSignalThatCannotBeSeenIsNotIgnored(t *testing.T) {
	db := newDatabase(t)
	all := newEvents(100)
	insertEvents(db, all, notDue)
	r := newRunner(t, db, eventsRule())
	r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: retention.SignalQueuedOperations, Above: 10}}
	r.Run(v1alpha1.ReasonSignalUnavailable)
	if n, err := db.Collection("events").CountDocuments(t.Context(), bson.D{}); err != nil || n != int64(len(all)) {
		t.Errorf("%d of %d records are left, %v", n, len(all), err)
	}
}
