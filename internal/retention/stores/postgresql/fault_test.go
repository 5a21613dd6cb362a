//go:build integration

package postgresql_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

const remaining90 = "SELECT * FROM events WHERE (" + due90 + ") IS NOT TRUE"

// The purger is killed at every step of its way, again and again. Each time it goes on, and in the end counts and rows are right.
func TestKilledAtEveryStepItGoesOnAndCountsRight(t *testing.T) {
	for _, anonymize := range []bool{false, true} {
		t.Run(fmt.Sprintf("anonymize %t", anonymize), func(t *testing.T) {
			db := newDatabase(t)
			db.exec(strings.Replace(events, "20000", "3000", 1))
			rule := deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90)
			if anonymize {
				rule = anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"}, retention.Anonymize{Name: "shop", Strategy: "Null"})
			}
			r := newRunner(t, db, rule)
			r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 1000 // a report after each window
			due := db.int("SELECT count(*) FROM events WHERE " + due90)
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
				r.Driver = &retentiontest.Faulty{Driver: inner, Size: 8, Before: kill, After: func(retention.Batch) error { return kill() }}
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
			if anonymize {
				if n := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND (shop IS NOT NULL OR length(email) <> 68)"); n != 0 {
					t.Errorf("%d due rows are not anonymized, or twice", n)
				}
			} else if n := db.int("SELECT count(*) FROM events"); n != 3000-due || db.int("SELECT count(*) FROM events WHERE "+due90) != 0 {
				t.Errorf("%d rows are left, want %d", n, 3000-due)
			}
			t.Log(r.Status.Outcome.Message)
		})
	}
}

func TestHoldCreatedMidRunWins(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 600 // longer than holds stay good
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 3 {
			r.Mu.Lock()
			r.InForce = []retention.Hold{{Name: "late", Collection: "public.events"}}
			r.Mu.Unlock()
		}
		return nil
	}}
	due := db.int("SELECT count(*) FROM events WHERE " + due90)
	got := r.Run(v1alpha1.ReasonCompleted)
	result := got.Results[0]
	left := db.int("SELECT count(*) FROM events WHERE " + due90)
	if left == 0 || result.Held != left || result.Done != due-left || result.Verification != v1alpha1.VerificationAgreed || !strings.Contains(got.Outcome.Message, "held by late") {
		t.Errorf("%d of %d due rows are left; %+v, %s", left, due, result, got.Outcome.Message)
	}
}

func TestHoldRemovedMidRunIsCaughtUpWith(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "public.events", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2", "shop-3")}}}
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 300
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 5 {
			r.Mu.Lock()
			r.InForce = nil
			r.Mu.Unlock()
		}
		return nil
	}}
	want := db.rows(remaining90)
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" || got.Results[0].Held != 0 || !strings.HasPrefix(got.Checkpoint.Position, "2/") {
		t.Errorf("%+v at %s: %s", got.Results[0], got.Checkpoint.Position, diff)
	}
}

func TestHoldThatCannotBeAppliedStopsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 600
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 2 {
			r.Mu.Lock()
			r.InForce = []retention.Hold{{Name: "late", Collection: "public.events", Where: []retention.Filter{retentiontest.In("missing", "x")}}}
			r.Mu.Unlock()
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonHoldInvalid)
	if windows != 2 || got.Results[0].Done != 20000-db.int("SELECT count(*) FROM events") || !strings.Contains(got.Outcome.Message, "that stays") {
		t.Errorf("%d windows, %+v, %s", windows, got.Results[0], got.Outcome.Message)
	}
}

// The server ends the purger's connection before some windows, and in the middle of a commit as far as the purger can tell.
func TestLostConnectionIsOpenedAgain(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8,
		Before: func() error {
			if windows++; windows == 3 {
				if db.int("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'carrier-purge/"+r.Plan.RunUID+"'") != 1 {
					t.Error("the connection does not bear the run's name")
				}
			}
			return nil
		},
		After: func(retention.Batch) error {
			if windows == 6 || windows == 9 {
				return fmt.Errorf("%w: in doubt", retention.ErrUnreachable)
			}
			return nil
		}}
	want := db.rows(remaining90)
	got := r.Run(v1alpha1.ReasonCompleted)
	result := got.Results[0]
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows", diff)
	}
	if result.Done != result.Due || result.Inferred == 0 || result.Inferred >= result.Done {
		t.Errorf("result %+v", result)
	}
}

func TestLockOfAnotherProgramIsWaitedFor(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, Before: func() error {
		if windows++; windows == 2 {
			db.exec("BEGIN; UPDATE events SET note = 'mine' WHERE id % 10 = 0")
		}
		if windows == 4 {
			db.exec("ROLLBACK")
		}
		return nil
	}}
	want := db.rows(remaining90)
	r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" || !strings.Contains(r.Log.String(), "SQLSTATE") {
		t.Error(diff, r.Log.String())
	}
}

func TestTwoPodsNeverWorkAtOnce(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	first, err := r.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Driver.Open(t.Context()); !errors.Is(err, retention.ErrBusy) {
		t.Errorf("a second pod of the run gets in: %v", err)
	}
	first.Close()
	second, err := r.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

func TestStoppedPodKeepsWhatItDid(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	ctx, cancel := context.WithCancel(t.Context())
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 4 {
			cancel()
		}
		return nil
	}}
	if err := r.Try(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped run returned %v", err)
	}
	if r.Status.Checkpoint.Batches != 4 || r.Status.Results[0].Done != 20000-db.int("SELECT count(*) FROM events") {
		t.Errorf("checkpoint %+v, %+v", r.Status.Checkpoint, r.Status.Results[0])
	}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != got.Due || got.Inferred != 0 {
		t.Errorf("after it went on: %+v", got)
	}
}

func TestRecordsThatMoveWhileTheRunWorksAreFound(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 6 {
			// The blocks that were emptied take records from the end of the table.
			db.exec("VACUUM events")
			db.exec("UPDATE events SET note = note || '.' WHERE id > 15000")
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if n := db.int("SELECT count(*) FROM events WHERE " + due90); n != 0 || !strings.HasPrefix(got.Checkpoint.Position, "2/") {
		t.Errorf("%d due rows are left at %s", n, got.Checkpoint.Position)
	}
}

func TestRecordsThatComeBackAreReported(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id % 10 = 0 THEN RETURN NULL; END IF; RETURN OLD; END $$;
		CREATE TRIGGER keep BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION keep()`)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	got := r.Run(v1alpha1.ReasonVerificationDisagreed)
	result := got.Results[0]
	if left := db.int("SELECT count(*) FROM events WHERE " + due90); result.Remaining != left || result.Done != result.Due-left || result.Verification != v1alpha1.VerificationDisagreed {
		t.Errorf("%d left, %+v", left, result)
	}
}

func TestDroppedColumnStopsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, Before: func() error {
		if windows++; windows == 3 {
			db.exec("ALTER TABLE events RENAME at TO moved")
		}
		return nil
	}}
	if got := r.Run(v1alpha1.ReasonColumnNotFound); !strings.Contains(got.Outcome.Message, "that stays") {
		t.Error(got.Outcome.Message)
	}
}

func TestStoreThatStaysAwayEndsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.secret("port", "1")
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock = retentiontest.NewHurried(slot)
	got := r.Run(v1alpha1.ReasonStoreUnreachable)
	paused := slices.ContainsFunc(r.Reports, func(s v1alpha1.PurgeRunStatus) bool { return s.Pause.Reason == v1alpha1.ReasonStoreUnreachable })
	if !paused || got.Pause.Reason != "" || !strings.Contains(got.Outcome.Message, "2m0s") {
		t.Errorf("paused %t; %s", paused, got.Outcome.Message)
	}
}
