package retention

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestPodsShareARun(t *testing.T) {
	for _, pods := range []int{2, 3} {
		t.Run(fmt.Sprint(pods), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := newCrew(t, pods, "events", "orders")
				begun := time.Now()
				c.run()
				c.check()
				for i, r := range c.status.Results {
					if r.Inferred != 0 {
						t.Errorf("rule %d: %+v", i, r)
					}
				}
				alone := 2 * crewRecords / crewStripe * 3 * windowTook // 3 windows a stripe
				if took := time.Since(begun); took > alone*3/4 {
					t.Errorf("it took %s, one pod would have taken %s", took, alone)
				}
			})
		})
	}
}

// A pod dies at its first report, its second, and so on, whichever it is; the run loses no record and counts each once.
func TestPodThatDiesAtAnyReportLosesNothing(t *testing.T) {
	for _, pods := range []int{2, 3} {
		for pod := range pods {
			died := true
			for at := 1; died; at++ {
				died = false
				t.Run(fmt.Sprintf("%d pods, pod %d at report %d", pods, pod, at), func(t *testing.T) {
					inBubble(t, func(t *testing.T) {
						c := newCrew(t, pods, "events", "orders")
						c.die = func(p, n int) bool {
							if p != pod || n != at {
								return false
							}
							died = true
							return true
						}
						c.run()
						c.check()
						perReport := int64(4 * (checkpointEvery/windowTook + 1))
						if lost := c.status.Results[0].Inferred + c.status.Results[1].Inferred; lost > perReport {
							t.Errorf("%d records were not counted, more than one report may lose (%d)", lost, perReport)
						}
					})
				})
			}
		}
	}
}

func TestAllPodsDieAgainAndAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 3, "events", "orders")
		c.die = func(pod, n int) bool { return n%(7+pod) == 6 }
		c.run()
		c.check()
	})
}

func TestFailureOfAnyPodEndsTheRunOnceAllHaveStopped(t *testing.T) {
	for failing := range 3 {
		t.Run(fmt.Sprint("pod ", failing), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := newCrew(t, 3, "events")
				c.windowErr = func(pod, n int) error {
					if pod == failing && n == 6 {
						return Fail(v1alpha1.ReasonConstraintViolated, "a trigger refused")
					}
					return nil
				}
				c.run()
				gone := int64(crewRecords - len(c.due["events"]))
				// The store has done what the failing window did; no driver does that, but here it shows that nothing else is missing.
				if r := c.status.Results[0]; c.status.Outcome.Reason != v1alpha1.ReasonConstraintViolated || gone-r.Done > 4 || r.Done == 0 {
					t.Errorf("outcome %+v, %d of %d counted", c.status.Outcome, r.Done, gone)
				}
				if strings.Contains(c.status.Outcome.Message, "did not say") {
					t.Error(c.status.Outcome.Message)
				}
				c.checkDigest()
			})
		})
	}
}

func TestPodThatDoesNotAnswerIsNamedInTheOutcome(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 2, "events")
		c.windowErr = func(pod, n int) error {
			switch {
			case pod == 0 && n == 6:
				return Fail(v1alpha1.ReasonConstraintViolated, "a trigger refused")
			case pod == 1 && n == 6:
				time.Sleep(10 * time.Minute)
			}
			return nil
		}
		c.run()
		if c.status.Outcome.Reason != v1alpha1.ReasonConstraintViolated || !strings.Contains(c.status.Outcome.Message, "may have handled records that are not counted: 1") {
			t.Errorf("outcome %+v", c.status.Outcome)
		}
		c.checkDigest() // what came later was not written
	})
}

func TestCapsStopAllPodsBeforeTheFirstWindow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 3, "events", "orders")
		c.plan.Caps.MaxRows = crewRecords - 1
		c.run()
		if c.status.Outcome.Reason != v1alpha1.ReasonCapExceeded || c.windows[0]+c.windows[1]+c.windows[2] != 0 {
			t.Errorf("outcome %+v after %v windows", c.status.Outcome, c.windows)
		}
		c.checkDigest()
	})
}

func TestStoreThatCannotBeSharedRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 2, "events")
		c.alone = true
		c.run()
		if c.status.Outcome.Reason != v1alpha1.ReasonParallelismUnsupported || c.windows[0]+c.windows[1] != 0 {
			t.Errorf("outcome %+v after %v windows", c.status.Outcome, c.windows)
		}
	})
}

func TestConnectionThatBreaksUnderOnePodIsCountedByComparison(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 2, "events")
		c.windowErr = func(pod, n int) error {
			if pod == 1 && n == 3 {
				return ErrUnreachable // after the store committed
			}
			return nil
		}
		c.run()
		c.check()
		if r := c.status.Results[0]; r.Inferred == 0 || r.Inferred > 4 {
			t.Errorf("result %+v", r)
		}
	})
}

func TestPodWhoseOthersNeverMoveGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 2, "events")
		begun := time.Now()
		err := c.engine(1).Run(t.Context())
		if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "have not moved") || took < peersPatience || took > peersPatience+time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestPodThatCannotBeginSaysItInItsShard(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 2, "events")
		if err := c.engine(1).Refuse(t.Context(), Fail(v1alpha1.ReasonKeyInvalid, "the hash key is missing")); err != nil {
			t.Fatal(err)
		}
		if c.status.Outcome.Reason != "" {
			t.Fatalf("a pod that does not lead wrote the outcome %+v", c.status.Outcome)
		}
		if err := c.engine(0).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.status.Outcome.Reason != v1alpha1.ReasonKeyInvalid || c.windows[0] != 0 {
			t.Errorf("outcome %+v after %d windows", c.status.Outcome, c.windows[0])
		}
	})
}

func TestReportThatDoesNotKnowTheOthersIsOutdated(t *testing.T) {
	shards := func(batches ...int64) (all []v1alpha1.RunShard) {
		for i, n := range batches {
			all = append(all, v1alpha1.RunShard{Index: int32(i), Batches: n})
		}
		return all
	}
	over := v1alpha1.RunOutcome{Reason: v1alpha1.ReasonCompleted}
	for name, test := range map[string]struct {
		stored, report v1alpha1.PurgeRunStatus
		index          int32
		want           bool
	}{
		"one pod":                          {v1alpha1.PurgeRunStatus{}, v1alpha1.PurgeRunStatus{Outcome: over}, 0, false},
		"outcome that knows all":           {v1alpha1.PurgeRunStatus{Shards: shards(1, 2)}, v1alpha1.PurgeRunStatus{Shards: shards(9, 2), Outcome: over}, 0, false},
		"outcome that misses a window":     {v1alpha1.PurgeRunStatus{Shards: shards(1, 3)}, v1alpha1.PurgeRunStatus{Shards: shards(9, 2), Outcome: over}, 0, true},
		"outcome that misses a pod":        {v1alpha1.PurgeRunStatus{Shards: shards(1, 3)}, v1alpha1.PurgeRunStatus{Shards: shards(9), Outcome: over}, 0, true},
		"leader's checkpoint":              {v1alpha1.PurgeRunStatus{Shards: shards(1, 3)}, v1alpha1.PurgeRunStatus{Shards: shards(9, 2)}, 0, false},
		"another's checkpoint":             {v1alpha1.PurgeRunStatus{Shards: shards(1, 3)}, v1alpha1.PurgeRunStatus{Shards: shards(9, 4)}, 1, false},
		"another's report after the whole": {v1alpha1.PurgeRunStatus{Shards: shards(1, 3), Outcome: over}, v1alpha1.PurgeRunStatus{Shards: shards(1, 4)}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Outdated(&test.stored, &test.report, test.index); got != test.want {
				t.Errorf("outdated %t", got)
			}
		})
	}
}

// moving is a world whose other pods report all the time.
type moving struct {
	*world
	looks int
}

func (m *moving) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	m.looks++
	status := m.status.DeepCopy()
	status.Shards = []v1alpha1.RunShard{{Index: 1, Batches: int64(m.looks)}}
	return status, nil
}

// Seven pods that wait for one must not ask the API server many times a second, for hours, because that one reports.
func TestPodThatWaitsForLongLooksSeldomAlthoughOthersMove(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Parallelism = 2
	m := &moving{world: w}
	e := w.engine()
	e.Reporter = m
	r := &run{Engine: e, status: &v1alpha1.PurgeRunStatus{}, heldAt: w.clock.Now()}
	for w.clock.Since(slot) < 10*time.Minute {
		if err := r.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if m.looks > 350 || m.looks < 300 { // every 2 s, and more often at first
		t.Errorf("%d looks in ten minutes", m.looks)
	}
}

func TestLockIsThePodsOwn(t *testing.T) {
	for want, plan := range map[string]*Plan{
		"uid": {RunUID: "uid"}, "uid/0": {RunUID: "uid", Parallelism: 2}, "uid/1": {RunUID: "uid", Parallelism: 2, Index: 1},
	} {
		if got := plan.LockName(); got != want {
			t.Errorf("lock %q, want %q", got, want)
		}
	}
	if _, err := ParsePlan([]byte(`{"parallelism": 9}`)); !errors.As(err, new(*Failure)) {
		t.Errorf("a plan of nine pods: %v", err)
	}
}
