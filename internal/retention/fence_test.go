package retention

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// handover is how long a pod of the tests' plans waits that takes over.
const handover = 16 * time.Second

func TestWaitsFollowTheLengthOfWindows(t *testing.T) {
	for _, test := range []struct {
		target                 int32
		limit, claim, handover time.Duration
	}{
		{10, time.Second, 10 * time.Second, handover},
		{100, time.Second, 10 * time.Second, handover},
		{1000, 4 * time.Second, 10 * time.Second, 19 * time.Second},
		{5000, 20 * time.Second, 40 * time.Second, 65 * time.Second},
		{1 << 30, 20 * time.Second, 40 * time.Second, 65 * time.Second}, // of a plan that is not sound
	} {
		throttle := Throttle{TargetBatchMilliseconds: test.target}
		if throttle.WindowLimit() != test.limit || throttle.claim() != test.claim || throttle.handover() != test.handover {
			t.Errorf("target %d ms: limit %s, claim %s, handover %s, want %+v", test.target, throttle.WindowLimit(), throttle.claim(), throttle.handover(), test)
		}
	}
}

// onceAt calls do when the holder sends its n-th window.
func onceAt(holder string, n int, do func() error) func(string) error {
	windows := 0
	return func(of string) error {
		if of == holder {
			windows++
		}
		if of != holder || windows != n {
			return nil
		}
		return do()
	}
}

// rivals run the named pods of an index, the second from the moment that begin returns, and the pods of other indexes beside them.
type rivals struct {
	*crew
	index  int
	group  sync.WaitGroup
	errs   sync.Map
	second time.Time
}

func newRivals(t *testing.T, pods, index int) *rivals {
	t.Helper()
	return &rivals{crew: newCrew(t, pods, "events", "orders"), index: index}
}

func (r *rivals) start(ctx context.Context, holder string) {
	r.group.Go(func() { r.errs.Store(holder, r.engineOf(r.index, holder).Run(ctx)) })
}

// begin starts the second pod.
func (r *rivals) begin() {
	r.second = time.Now()
	r.start(r.t.Context(), "second")
}

// run starts the first pod, and those of other indexes.
func (r *rivals) run() {
	r.start(r.t.Context(), "first")
	for other := range r.windows {
		if other != r.index {
			r.group.Go(func() {
				if err := r.engine(other).Run(r.t.Context()); err != nil {
					r.t.Errorf("pod %d: %v", other, err)
				}
			})
		}
	}
	r.group.Wait()
}

func (r *rivals) err(holder string) error {
	err, _ := r.errs.Load(holder)
	failed, _ := err.(error)
	return failed
}

// windowsOf are the windows of a holder.
func (r *rivals) windowsOf(holder string) (all []work) {
	for _, w := range r.worked {
		if w.holder == holder {
			all = append(all, w)
		}
	}
	return all
}

// checkSecond fails unless the first stopped with an error and the second did the rest, once it was its turn.
func (r *rivals) checkSecond(want error) {
	r.t.Helper()
	if err := r.err("first"); !errors.Is(err, want) {
		r.t.Errorf("the first ends with %v, want %v", err, want)
	}
	if err := r.err("second"); err != nil {
		r.t.Fatalf("the second ends with %v", err)
	}
	r.check()
	first, second := r.windowsOf("first"), r.windowsOf("second")
	if len(first) == 0 || len(second) == 0 {
		r.t.Fatalf("%d windows of the first, %d of the second", len(first), len(second))
	}
	if waited := second[0].began.Sub(r.second); waited < handover || waited > handover+5*time.Second {
		r.t.Errorf("the second began to work after %s", waited)
	}
	if !first[len(first)-1].ended.Before(second[0].began) {
		r.t.Error("the first worked after the second began to")
	}
	if Holder(&r.status, int32(r.index)) != "second" || len(r.status.Holders) != len(r.windows) {
		r.t.Errorf("holders %+v", r.status.Holders)
	}
}

// inEachPlace runs a test for a run of one pod, and for each index of one that is shared.
func inEachPlace(t *testing.T, test func(*rivals)) {
	t.Helper()
	for _, place := range []struct{ pods, index int }{{1, 0}, {2, 0}, {2, 1}} {
		t.Run(fmt.Sprintf("pod %d of %d", place.index, place.pods), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { test(newRivals(t, place.pods, place.index)) })
		})
	}
}

func TestOnlyOneOfTwoPodsWorks(t *testing.T) {
	inEachPlace(t, func(r *rivals) {
		r.sent = onceAt("first", 4, func() error { r.begin(); return nil })
		r.run()
		r.checkSecond(ErrReplaced)
	})
}

// A pod that is stopped like by SIGSTOP, wherever it is, does not go on after another took over.
func TestPodThatWasFrozenDoesNotGoOn(t *testing.T) {
	freeze := func(r *rivals) error {
		r.begin()
		time.Sleep(time.Hour)
		return nil
	}
	for _, where := range []call{callLoad, callReport, callHolds, "window"} {
		t.Run(string(where), func(t *testing.T) {
			inEachPlace(t, func(r *rivals) {
				if where == "window" {
					r.sent = onceAt("first", 4, func() error { return freeze(r) })
				} else {
					r.plan.Throttle.PauseMilliseconds = 6000 // so that it has to look who holds the run
					r.sent = func(holder string) error {
						if holder == "first" && !r.second.IsZero() {
							r.t.Error("the first sent a window after it was frozen")
						}
						return nil
					}
					r.reach = func(holder string, what call) error {
						if holder != "first" || what != where || len(r.windowsOf("first")) < 4 || !r.second.IsZero() {
							return nil
						}
						return freeze(r)
					}
				}
				r.run()
				r.checkSecond(ErrReplaced)
			})
		})
	}
}

func TestFrozenPodGoesOnIfNobodyTookOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRivals(t, 1, 0)
		r.sent = onceAt("first", 4, func() error { time.Sleep(time.Hour); return nil })
		r.run()
		if err := r.err("first"); err != nil {
			t.Fatal(err)
		}
		r.check()
	})
}

// A pod that is cut off from the API cannot know that it was replaced, and so stops by itself before anyone may follow it.
func TestPodThatIsCutOffFromTheAPIStopsInTime(t *testing.T) {
	for name, test := range map[string]struct {
		// works says what it can still ask for.
		works func(call) bool
		busy  bool
	}{
		"from all of it":                 {func(call) bool { return false }, false},
		"from reading and writing":       {func(what call) bool { return what == callHolds }, false},
		"from writing":                   {func(what call) bool { return what != callReport }, false},
		"from all but holds, store busy": {func(what call) bool { return what == callHolds }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inEachPlace(t, func(r *rivals) {
				var cut time.Time
				r.sent = onceAt("first", 4, func() error { cut = time.Now(); r.begin(); return nil })
				r.reach = func(holder string, what call) error {
					if holder != "first" || cut.IsZero() || test.works(what) {
						return nil
					}
					return errAPI
				}
				if test.busy {
					at := r.sent
					r.sent = func(holder string) error {
						err := at(holder)
						if holder == "first" && !cut.IsZero() {
							return ErrBusy
						}
						return err
					}
				}
				r.run()
				r.checkSecond(errAPI)
				first := r.windowsOf("first")
				if late := first[len(first)-1].began.Sub(cut); late >= minClaim {
					t.Errorf("the first began a window %s after it was cut off", late)
				}
			})
		})
	}
}

// A pod that waits between windows looks who holds the run, and writes nothing for that.
func TestLookingWhoHoldsTheRunWritesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRivals(t, 1, 0)
		r.plan.Throttle.PauseMilliseconds = 60_000
		loads := 0
		r.reach = func(_ string, what call) error {
			if what == callLoad {
				loads++
			}
			return nil
		}
		r.run()
		r.check()
		// A report after each window that took a pause, and some at the beginning and the end of a rule.
		if windows := r.windows[0]; loads < windows-2 || loads > windows+6 || r.reports[0] > windows+12 {
			t.Errorf("%d looks and %d reports for %d windows", loads, r.reports[0], windows)
		}
	})
}

// died leaves a run as a pod does that was killed at its n-th report.
func died(t *testing.T, at int) *rivals {
	t.Helper()
	r := newRivals(t, 1, 0)
	r.die = func(_, n int) bool { return n == at }
	r.run()
	if err := r.err("first"); !errors.Is(err, errKilled) {
		t.Fatalf("the first ends with %v", err)
	}
	r.die = nil
	return r
}

func TestHandover(t *testing.T) {
	for name, test := range map[string]struct {
		at     int
		change func(*v1alpha1.PurgeRunStatus)
		waits  bool
	}{
		"it died at work":                        {6, nil, true},
		"it died before its first window":        {2, nil, false},
		"it died after its last window":          {6, func(s *v1alpha1.PurgeRunStatus) { s.Checkpoint.Position = "1/end" }, false},
		"it said that it stopped":                {6, func(s *v1alpha1.PurgeRunStatus) { setHolder(s, 0, "") }, false},
		"it is the same, after a lost answer":    {6, func(s *v1alpha1.PurgeRunStatus) { setHolder(s, 0, "second") }, false},
		"another part of the run has its holder": {6, func(s *v1alpha1.PurgeRunStatus) { setHolder(s, 0, ""); setHolder(s, 1, "third") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := died(t, test.at)
				if test.change != nil {
					test.change(&r.status)
				}
				said := false
				r.reach = func(string, call) error {
					said = said || r.status.Pause.Reason == v1alpha1.ReasonHandover
					return nil
				}
				begun := time.Now()
				if err := r.engineOf(0, "second").Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.check()
				waited := len(r.windowsOf("second")) > 0 && r.windowsOf("second")[0].began.Sub(begun) >= handover
				if waited != test.waits || said != test.waits {
					t.Errorf("waited %t and said so %t, want %t", waited, said, test.waits)
				}
				if r.status.Pause.Reason != "" || Holder(&r.status, 0) != "second" {
					t.Errorf("pause %+v, holders %+v", r.status.Pause, r.status.Holders)
				}
			})
		})
	}
}

func TestPodThatIsToldToStopLetsTheNextOneBeginAtOnce(t *testing.T) {
	inEachPlace(t, func(r *rivals) {
		ctx, stop := context.WithCancel(r.t.Context())
		var left, began time.Time
		r.sent = func(holder string) error {
			switch {
			case holder == "first" && len(r.windowsOf("first")) == 3:
				stop()
			case holder == "second" && began.IsZero():
				began = time.Now()
			}
			return nil
		}
		r.group.Go(func() {
			if err := r.engineOf(r.index, "first").Run(ctx); !errors.Is(err, context.Canceled) {
				r.t.Errorf("the first ends with %v", err)
			}
			if holder := Holder(&r.status, int32(r.index)); holder != "" {
				r.t.Errorf("it stopped and still holds the run: %q", holder)
			}
			left = time.Now()
			r.start(r.t.Context(), "second")
		})
		for other := range r.windows {
			if other != r.index {
				r.group.Go(func() { _ = r.engine(other).Run(r.t.Context()) }) // check sees whether it worked
			}
		}
		r.group.Wait()
		r.check()
		if waited := began.Sub(left); waited > 5*time.Second {
			r.t.Errorf("the second began after %s", waited)
		}
	})
}

// What the store did with a window is not known: the next pod waits until it must have ended.
func TestPodThatStopsInDoubtDoesNotLetGo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRivals(t, 1, 0)
		ctx, stop := context.WithCancel(t.Context())
		r.windowErr = func(_, n int) error {
			if n != 3 {
				return nil
			}
			stop()
			return ErrUnreachable
		}
		if err := r.engineOf(0, "first").Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if holder := Holder(&r.status, 0); holder != "first" {
			t.Errorf("held by %q", holder)
		}
	})
}

// A pod that is told to stop while it waits for another does not let go of a run that the other may still work on.
func TestPodThatStopsWhileItWaitsPassesTheWaitOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := died(t, 6)
		ctx, cancel := context.WithTimeout(t.Context(), handover/2)
		defer cancel()
		if err := r.engineOf(0, "second").Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if holder := Holder(&r.status, 0); holder != "second" || len(r.windowsOf("second")) != 0 {
			t.Errorf("held by %q after %d windows", holder, len(r.windowsOf("second")))
		}
		begun := time.Now()
		if err := r.engineOf(0, "third").Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := r.windowsOf("third")[0].began.Sub(begun); waited < handover {
			t.Errorf("the third began after %s", waited)
		}
		r.check()
	})
}

// A run that cannot begin is not ended under another pod's feet.
func TestRefusalWaitsForThePodBefore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := died(t, 6)
		begun := time.Now()
		if err := r.engineOf(0, "second").Refuse(t.Context(), Fail(v1alpha1.ReasonKeyInvalid, "the hash key is missing")); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited < handover || r.status.Outcome.Reason != v1alpha1.ReasonKeyInvalid {
			t.Errorf("after %s: %+v", waited, r.status.Outcome)
		}
	})
}
