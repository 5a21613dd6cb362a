//go:build integration

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/redis"
)

// The purger is killed at every step of its way, again and again. Each time it goes on, and in the end counts and records are right.
func TestKilledAtEveryStepItGoesOnAndCountsRight(t *testing.T) {
	for name, rule := range map[string]retention.Rule{
		"delete":    seconds90,
		"anonymize": anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"}, retention.Anonymize{Name: "shop", Strategy: "Null"}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			all := orders(1000)
			s.fill(all)
			r := newRunner(t, s, rule)
			r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 1000 // a report after each window
			kills, step := 0, 0
			kill := func() error {
				if step++; step > kills {
					return retentiontest.ErrKilled
				}
				return nil
			}
			// Every report, every moment before a window and after its work is a step; the n-th life ends at its n-th step.
			for lives := range 200 {
				kills, step = lives, 0
				r.Driver = &retentiontest.Faulty{Driver: &redis.Driver{Dir: s.secret, Plan: r.Plan}, Size: 64, Before: kill, After: func(retention.Batch) error { return kill() }}
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
			due := count(all, due90)
			if result := r.Status.Results[0]; r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || result.Due != due || result.Done != due || result.Inferred == 0 ||
				result.Verification != v1alpha1.VerificationAgreed {
				t.Errorf("outcome %+v, result %+v, due %d", r.Status.Outcome, result, due)
			}
			want := kept(all, due90)
			if name == "anonymize" {
				for key, fields := range all {
					if due90(key, fields) {
						want[key] = map[string]string{"at": fields["at"], "city": fields["city"], "note": fields["note"], "email": hashOf(fields["email"])}
					}
				}
			}
			if diff := cmp.Diff(want, s.hashes()); diff != "" {
				t.Error("records", diff)
			}
		})
	}
}

func TestHoldCreatedMidRunWins(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 600 // longer than holds stay good
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, After: func(retention.Batch) error {
		if windows++; windows == 5 {
			r.Hold(retention.Hold{Name: "late", Collection: "order:*"})
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	due, left := count(all, due90), count(s.hashes(), due90)
	if result := got.Results[0]; left == 0 || left == due || result.Held != left || result.Done != due-left || !strings.Contains(got.Outcome.Message, "held by late") {
		t.Errorf("%d of %d due records are left; %+v, %s", left, due, result, got.Outcome.Message)
	}
}

func TestHoldRemovedMidRunIsCaughtUpWith(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.Hold(retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2", "shop-3")}})
	r.Clock, r.Plan.Throttle.PauseMilliseconds = retentiontest.NewHurried(slot), 300
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, After: func(retention.Batch) error {
		if windows++; windows == 5 {
			r.Hold()
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" || got.Results[0].Held != 0 || !strings.HasPrefix(got.Checkpoint.Position, "2/") {
		t.Errorf("%+v at %s: %s", got.Results[0], got.Checkpoint.Position, diff)
	}
}

// The server is killed in the middle of the run and comes back with its records: as another process, in which cursors mean something else.
func TestServerKilledMidRunIsGoneOnWith(t *testing.T) {
	s := newServer(t, "--appendonly", "yes", "--appendfsync", "always")
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	windows := 0
	var positions []string
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64,
		Before: func() error {
			if windows++; windows%10 == 0 && windows < 40 {
				s.kill()
				s.start()
			}
			return nil
		},
		After: func(b retention.Batch) error { positions = append(positions, b.Next); return nil },
	}
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	processes := map[string]bool{}
	for _, p := range positions {
		process, _, _ := strings.Cut(p, ":")
		processes[process] = true
	}
	if result := got.Results[0]; len(processes) < 4 || result.Done != result.Due || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("%d processes, %+v", len(processes), result)
	}
}

func TestLostConnectionIsOpenedAgain(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64,
		Before: func() error {
			if windows++; windows == 3 {
				clients := s.do("CLIENT", "LIST").(string)
				if !strings.Contains(clients, "name=carrier-purge/uid-1 ") {
					t.Error("the connection does not bear the run's name", clients)
				}
				s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}
			return nil
		},
		After: func(retention.Batch) error {
			if windows == 6 || windows == 9 {
				return fmt.Errorf("%w: in doubt", retention.ErrUnreachable)
			}
			return nil
		}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	if result := got.Results[0]; result.Done != result.Due || result.Inferred == 0 || result.Inferred >= result.Done {
		t.Errorf("result %+v", result)
	}
}

func TestStoreThatStaysAwayEndsTheRun(t *testing.T) {
	s := newServer(t)
	s.write("port", "1")
	r := newRunner(t, s, seconds90)
	r.Clock = retentiontest.NewHurried(slot)
	if got := r.Run(v1alpha1.ReasonStoreUnreachable); !strings.Contains(got.Outcome.Message, "2m0s") || !strings.Contains(got.Outcome.Message, "refused") {
		t.Error(got.Outcome.Message)
	}
}

func TestTwoPodsNeverWorkAtOnce(t *testing.T) {
	s := newServer(t)
	r := newRunner(t, s, seconds90)
	first, err := r.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Driver.Open(t.Context()); !errors.Is(err, retention.ErrBusy) {
		t.Errorf("a second pod of the run gets in: %v", err)
	}
	first.Close()
	s.await("the first pod's connection to end", func() bool {
		second, err := r.Driver.Open(t.Context())
		if err == nil {
			second.Close()
		}
		return err == nil
	})
}

func TestStoppedPodKeepsWhatItDid(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	ctx, cancel := context.WithCancel(t.Context())
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, After: func(retention.Batch) error {
		if windows++; windows == 4 {
			cancel()
		}
		return nil
	}}
	if err := r.Try(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped run returned %v", err)
	}
	if r.Status.Checkpoint.Batches != 4 || r.Status.Results[0].Done != int64(len(all)-len(s.hashes())) {
		t.Errorf("checkpoint %+v, %+v", r.Status.Checkpoint, r.Status.Results[0])
	}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != got.Due || got.Inferred != 0 {
		t.Errorf("after it went on: %+v", got)
	}
}

// Another client's script keeps the store busy, and one that has no memory left for writing says so: both are waited for.
func TestBusyStoreIsWaitedFor(t *testing.T) {
	for name, block := range map[string]func(s *server) (release func()){
		"script": func(s *server) func() {
			s.do("CONFIG", "SET", "busy-reply-threshold", "1")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.Eval(context.Background(), "while true do end", nil).Err()
			}()
			s.await("the store to be busy", func() bool {
				err := s.Get(context.Background(), "x").Err()
				return err != nil && strings.HasPrefix(err.Error(), "BUSY")
			})
			return func() { s.do("SCRIPT", "KILL"); <-ended }
		},
		"memory": func(s *server) func() {
			s.do("CONFIG", "SET", "maxmemory", "1")
			return func() { s.do("CONFIG", "SET", "maxmemory", "0") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			all := orders(1000)
			s.fill(all)
			r := newRunner(t, s, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"}))
			windows := 0
			var release func()
			r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, Before: func() error {
				switch windows++; windows {
				case 2:
					release = block(s)
				case 4:
					release()
				}
				return nil
			}}
			got := r.Run(v1alpha1.ReasonCompleted)
			if !strings.Contains(r.Log.String(), "StoreBusy") || got.Results[0].Done != count(all, due90) {
				t.Errorf("%+v %s", got.Results[0], r.Log.String())
			}
		})
	}
}
