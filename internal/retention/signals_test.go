package retention

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestSignalMustComeDownByATenthOnceItWasOver(t *testing.T) {
	for name, tc := range map[string]struct {
		above, value int64
		already      bool
		want         bool
	}{
		"at the limit":                     {1000, 1000, false, false},
		"over it":                          {1000, 1001, false, true},
		"still over":                       {1000, 1001, true, true},
		"at the limit again":               {1000, 1000, true, true},
		"not quite a tenth below":          {1000, 901, true, true},
		"a tenth below":                    {1000, 900, true, false},
		"a limit without tenths":           {3, 3, true, false},
		"none is allowed, and none is":     {0, 0, true, false},
		"none is allowed, and one is":      {0, 1, false, true},
		"a limit that has one tenth at 10": {10, 10, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Limit{Above: tc.above}).over(tc.value, tc.already); got != tc.want {
				t.Errorf("%d over %d, already over %t: %t", tc.value, tc.above, tc.already, got)
			}
		})
	}
}

// limited is a world with the signal over its limit from one instant to another, counted from the first look.
func limited(t *testing.T, from, to time.Duration) (w *world, looks *[]time.Time) {
	t.Helper()
	w, looks = newWorld(t, "events"), &[]time.Time{}
	w.plan.Throttle.PauseAbove = []Limit{{Signal: SignalHistoryList, Above: 1000}, {Signal: SignalOldestTransaction, Above: 60}}
	w.plan.Throttle.PauseMilliseconds = 600
	w.signal = func(s Signal) (Reading, error) {
		if s != SignalOldestTransaction {
			return Reading{Value: 1000}, nil
		}
		*looks = append(*looks, w.clock.Now())
		if since := w.clock.Since(slot); from <= since && since < to {
			return Reading{Value: 61, Detail: "backend 4711"}, nil
		}
		return Reading{Value: 10}, nil
	}
	return w, looks
}

func TestRunWaitsWhileASignalIsOverItsLimitAndSaysSo(t *testing.T) {
	w, _ := limited(t, 100*time.Millisecond, 90*time.Second)
	w.plan.Throttle.PauseMilliseconds = 1500 // so that the second window, which may be the last, comes after another look
	during := 0
	w.windowErr = func(Window) error {
		if since := w.clock.Since(slot); 1500*time.Millisecond <= since && since < 90*time.Second {
			during++
		}
		return nil
	}
	w.run(v1alpha1.ReasonCompleted)
	if during > 0 {
		t.Errorf("%d windows while the store was over its limit", during)
	}
	at := slices.IndexFunc(w.reports, func(s v1alpha1.PurgeRunStatus) bool { return s.Pause.Reason == v1alpha1.ReasonOldTransaction })
	if at < 0 {
		t.Fatal("the status never said that the run waits")
	}
	want := "61 seconds old is the oldest transaction that keeps the store from cleaning up (backend 4711), at most 60 are allowed"
	if got := w.reports[at].Pause.Message; got != want {
		t.Errorf("pause says %q, want %q", got, want)
	}
	if w.status.Pause.Reason != "" || w.status.Results[0].Done != 100 {
		t.Errorf("at the end: pause %+v, result %+v", w.status.Pause, w.status.Results[0])
	}
}

// A pause is one stretch of the status: it does not go and come with every look.
func TestPauseDoesNotFlapInTheStatus(t *testing.T) {
	for name, change := range map[string]func(*world){
		"signal": func(*world) {},
		"lag": func(w *world) {
			w.plan.Throttle = Throttle{TargetBatchMilliseconds: 100, MaxReplicaLagSeconds: 5}
			w.lag = func() Lag {
				if w.clock.Since(slot) < 90*time.Second {
					return Lag{Behind: time.Minute}
				}
				return Lag{}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := limited(t, 0, 90*time.Second)
			change(w)
			w.run(v1alpha1.ReasonCompleted)
			begun, reported := 0, 0
			before := ""
			for _, s := range w.reports {
				if s.Pause.Reason != "" {
					reported++
					if before == "" {
						begun++
					}
				}
				before = s.Pause.Reason
			}
			if begun != 1 || reported > 12 {
				t.Errorf("%d pauses in %d reports for 90 seconds", begun, reported)
			}
		})
	}
}

func TestStoreIsAskedForSignalsAtMostOnceASecond(t *testing.T) {
	w, looks := limited(t, 0, 10*time.Second)
	w.run(v1alpha1.ReasonCompleted)
	for i, at := range (*looks)[2:] { // the first is that of the inspection
		if d := at.Sub((*looks)[i+1]); d < time.Second {
			t.Errorf("asked again after %s", d)
		}
	}
}

func TestSignalThatStaysOverItsLimitEndsTheRunAfterAnHour(t *testing.T) {
	w, _ := limited(t, 0, 24*time.Hour)
	w.run(v1alpha1.ReasonOldTransaction)
	if len(w.windows) != 0 || !strings.Contains(w.status.Outcome.Message, "raise throttle.pauseAbove.oldestTransactionSeconds") {
		t.Errorf("%d windows, message %q", len(w.windows), w.status.Outcome.Message)
	}
	if took := w.clock.Since(slot); took < time.Hour || took > 62*time.Minute {
		t.Errorf("it gave up after %s", took)
	}
}

func TestEverySignalOverItsLimitIsNamed(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Throttle.MaxReplicaLagSeconds = 5
	w.plan.Throttle.PauseAbove = []Limit{{Signal: SignalActiveSessions, Above: 10}, {Signal: SignalWALBacklog, Above: 64}}
	w.lag = func() Lag { return Lag{Behind: 6 * time.Second} }
	w.signal = func(s Signal) (Reading, error) { return Reading{Value: 80}, nil }
	w.run(v1alpha1.ReasonReplicaLag)
	for _, want := range []string{"a replica is 6s behind", "80 other sessions", "80 MiB of the log wait"} {
		if !strings.Contains(w.status.Outcome.Message, want) {
			t.Errorf("message %q lacks %q", w.status.Outcome.Message, want)
		}
	}
}

// bare is a store that shows no signals.
type bare struct{ Driver }

func (b bare) Open(ctx context.Context) (Session, error) {
	session, err := b.Driver.Open(ctx)
	return struct{ Session }{session}, err
}

// A limit that cannot be watched ends the run before anything is changed, a preview too.
func TestSignalThatCannotBeSeenIsNotIgnored(t *testing.T) {
	for _, mode := range []string{"Purge", "Preview"} {
		for name, tc := range map[string]struct {
			err    error
			bare   bool
			reason string
		}{
			"the login may not see it": {err: Fail(v1alpha1.ReasonPrivilegeMissing, "GRANT pg_monitor"), reason: v1alpha1.ReasonPrivilegeMissing},
			"the store has no signals": {bare: true, reason: v1alpha1.ReasonSignalUnavailable},
		} {
			t.Run(mode+" "+name, func(t *testing.T) {
				w, _ := limited(t, 0, 0)
				w.plan.Mode = mode
				w.signal = func(Signal) (Reading, error) { return Reading{}, tc.err }
				e := w.engine()
				if tc.bare {
					e.Store = bare{w}
				}
				if err := e.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.wantReason(tc.reason)
				if len(w.windows) != 0 {
					t.Errorf("%d windows", len(w.windows))
				}
			})
		}
	}
}

// A break while the store is asked is waited out like any other.
func TestStoreThatBreaksWhileItIsMeasured(t *testing.T) {
	w, _ := limited(t, 0, 0)
	calm, broken := w.signal, false
	w.signal = func(s Signal) (Reading, error) {
		if !broken && len(w.windows) == 1 {
			broken = true
			return Reading{}, errors.Join(ErrUnreachable, errors.New("broken pipe"))
		}
		return calm(s)
	}
	w.plan.Throttle.PauseMilliseconds = 1200
	w.run(v1alpha1.ReasonCompleted)
	if !broken || w.status.Results[0].Done != 100 {
		t.Errorf("broken %t, result %+v", broken, w.status.Results[0])
	}
}

func TestPlanWithALimitThatIsNotSoundIsRefused(t *testing.T) {
	for name, limit := range map[string]Limit{"unknown": {Signal: "phaseOfTheMoon", Above: 1}, "negative": {Signal: SignalHistoryList, Above: -1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "events")
			w.plan.Throttle.PauseAbove = []Limit{limit}
			if err := w.plan.check(); err == nil {
				t.Error("accepted")
			}
		})
	}
}
