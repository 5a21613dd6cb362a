package retention

import (
	"context"
	"slices"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestOthersAreToldFromTheRunsOwnWork(t *testing.T) {
	type look struct {
		after     time.Duration
		all, own  int64 // half of the own are windows
		wantKnown bool
		wantBusy  bool
	}
	for name, tc := range map[string]struct {
		pods  int32
		looks []look
	}{
		"nobody else":                             {1, []look{{0, 500, 0, false, false}, {time.Second, 600, 100, true, false}}},
		"others write":                            {1, []look{{0, 500, 0, false, false}, {time.Second, 630, 100, true, true}}},
		"others write a little":                   {1, []look{{0, 500, 0, false, false}, {time.Second, 615, 100, true, false}}},
		"a little is still busy":                  {1, []look{{0, 0, 0, false, false}, {time.Second, 30, 0, true, true}, {time.Second, 45, 0, true, true}}},
		"calm again":                              {1, []look{{0, 0, 0, false, false}, {time.Second, 30, 0, true, true}, {time.Second, 39, 0, true, false}}},
		"two are no crowd, however fast":          {1, []look{{0, 0, 0, false, false}, {10 * time.Millisecond, 2, 0, true, false}}},
		"three in no time are":                    {1, []look{{0, 0, 0, false, false}, {10 * time.Millisecond, 3, 0, true, true}}},
		"a pod of the same run":                   {2, []look{{0, 500, 0, false, false}, {time.Second, 586, 20, true, false}}},
		"others beside a pod of the same run":     {2, []look{{0, 500, 0, false, false}, {time.Second, 608, 20, true, true}}},
		"a pod that waits cannot tell":            {2, []look{{0, 500, 0, false, false}, {time.Second, 900, 0, true, false}}},
		"another session counts from the start":   {1, []look{{0, 0, 100, false, false}, {time.Second, 900, 3, false, false}, {time.Second, 905, 5, true, false}}},
		"a store that was started anew":           {1, []look{{0, 9000, 0, false, false}, {time.Second, 40, 10, false, false}, {time.Second, 140, 20, true, true}}},
		"what was known stays while nothing is":   {1, []look{{0, 0, 0, false, false}, {time.Second, 30, 0, true, true}, {time.Second, 10, 0, false, true}}},
		"a clock that stands still tells nothing": {1, []look{{0, 0, 0, false, false}, {0, 900, 0, false, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			c, now := newCrowd(&Plan{Parallelism: tc.pods, Throttle: Throttle{TargetBatchMilliseconds: 100}}), slot
			for i, l := range tc.looks {
				now = now.Add(l.after)
				c.windows = l.own / 2
				c.saw(Work{All: l.all, Own: l.own}, now)
				if c.known != l.wantKnown || c.busy != l.wantBusy {
					t.Errorf("look %d: known %t, busy %t, want %t, %t", i+1, c.known, c.busy, l.wantKnown, l.wantBusy)
				}
			}
		})
	}
}

// crowded is a world in which a window takes a millisecond a record and a look 50 ms, and others do so many pieces of work a second.
func crowded(t *testing.T, others func(since time.Duration) int64) *world {
	t.Helper()
	w := newWorld(t, "events")
	w.plan.Throttle.Yield = true
	w.work = func() Work {
		w.clock.Step(50 * time.Millisecond)
		return Work{All: 1000 + others(w.clock.Since(slot))}
	}
	w.windowErr = func(window Window) error {
		w.clock.Step(time.Duration(window.Size) * time.Millisecond)
		return nil
	}
	return w
}

// every second so many pieces of work.
func every(rate int64) func(time.Duration) int64 {
	return func(since time.Duration) int64 { return rate * since.Milliseconds() / 1000 }
}

func TestRunYieldsToOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		others int64
		change func(*Throttle)
		// Of the windows and the rests after them, without those that the pace takes to settle.
		atMost  int64
		resting bool
	}{
		"alone":                       {0, func(*Throttle) {}, 100, false},
		"beside a few":                {5, func(*Throttle) {}, 100, false},
		"beside many":                 {100, func(*Throttle) {}, 10, true},
		"beside many, told not to":    {100, func(t *Throttle) { t.Yield = false }, 100, false},
		"beside many, at a slow pace": {100, func(t *Throttle) { t.TargetBatchMilliseconds = 4 }, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := crowded(t, every(tc.others))
			tc.change(&w.plan.Throttle)
			w.run(v1alpha1.ReasonCompleted)
			if w.status.Results[0].Done != 100 {
				t.Errorf("%d records done, want 100", w.status.Results[0].Done)
			}
			settled := w.windows[min(len(w.windows)-1, 3):]
			for _, window := range settled {
				if window.Size > tc.atMost {
					t.Errorf("a window of %d records, at most %d are wanted", window.Size, tc.atMost)
				}
			}
			if said := slices.ContainsFunc(w.reports, func(s v1alpha1.PurgeRunStatus) bool { return s.Progress.Pace == v1alpha1.PaceYielding }); said != tc.resting {
				t.Errorf("the status said that the run yields: %t, want %t", said, tc.resting)
			}
			// A millisecond a record, and two of rest if others are there; looks take 50 ms each, at most three of them.
			took := w.clock.Since(slot)
			if rested := took > 300*time.Millisecond; rested != tc.resting {
				t.Errorf("the run took %s; resting: %t, want %t", took, rested, tc.resting)
			}
		})
	}
}

func TestRunTakesUpSpeedWhenOthersAreGone(t *testing.T) {
	w := crowded(t, func(since time.Duration) int64 { return every(1000)(min(since, 100*time.Millisecond)) })
	w.due["events"] = nil
	for n := range 5000 {
		w.due["events"] = append(w.due["events"], n)
	}
	w.total, w.last = 10000, 5000
	w.plan.Caps.MaxRows = 5000
	w.run(v1alpha1.ReasonCompleted)
	var sizes []int64
	for _, window := range w.windows {
		sizes = append(sizes, window.Size)
	}
	// The first looks see others, the next one a second later sees nobody.
	if first, last := sizes[5], sizes[len(sizes)-2]; first > 10 || last < 50 {
		t.Errorf("windows of %v records, want small ones and then large ones", sizes)
	}
}

func TestStoreThatCannotTellIsNotYieldedTo(t *testing.T) {
	w := crowded(t, every(1000))
	e := w.engine()
	e.Store = withoutCrowd{w}
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantReason(v1alpha1.ReasonCompleted)
	if took := w.clock.Since(slot); took > 200*time.Millisecond {
		t.Errorf("the run took %s", took)
	}
}

// withoutCrowd opens sessions that have no method Work.
type withoutCrowd struct{ *world }

func (w withoutCrowd) Open(context.Context) (Session, error) { return struct{ Session }{w.world}, nil }
