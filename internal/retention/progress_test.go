package retention

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestRateFollowsTheLastMinuteOfWork(t *testing.T) {
	var m meter
	now, done := slot, int64(0)
	work := func(perSecond int64, d time.Duration) {
		for range int(d / time.Second) {
			now, done = now.Add(time.Second), done+perSecond
			m.read(done, now)
		}
	}
	wantRate := func(want, tolerance float64) {
		t.Helper()
		if math.Abs(m.rate-want) > tolerance {
			t.Errorf("rate %.1f, want %.1f", m.rate, want)
		}
	}
	m.read(done, now)
	work(100, 10*time.Second)
	wantRate(100, .01)
	m.read(done, now) // twice in one instant
	wantRate(100, .01)
	m.interrupt()
	now, done = now.Add(10*time.Hour), done+1_000_000 // of others, while this pod waited
	m.read(done, now)
	wantRate(100, .01)
	work(50, time.Minute)
	wantRate(60, 8) // on the way
	work(50, 4*time.Minute)
	wantRate(50, 1)
}

func TestEndIsEstimatedOnlyFromARate(t *testing.T) {
	for name, test := range map[string]struct {
		meter meter
		left  int64
		want  time.Duration // 0: not known
	}{
		"at 10 a second":       {meter{worked: time.Second, rate: 10}, 600, time.Minute},
		"nothing measured":     {meter{}, 600, 0},
		"no record went":       {meter{worked: time.Minute}, 600, 0},
		"nothing left":         {meter{worked: time.Minute, rate: 10}, 0, 0},
		"more than was due":    {meter{worked: time.Minute, rate: 10}, -3, 0},
		"in more than a year":  {meter{worked: time.Minute, rate: .001}, 60_000, 0},
		"in thousands of them": {meter{worked: time.Minute, rate: 1e-9}, math.MaxInt64, 0},
	} {
		t.Run(name, func(t *testing.T) {
			want := time.Time{}
			if test.want > 0 {
				want = slot.Add(test.want)
			}
			if got := test.meter.end(test.left, slot); !got.Equal(want) {
				t.Errorf("end %s, want %s", got, want)
			}
		})
	}
}

func TestProgressLeavesOutWhatMayNotBeChanged(t *testing.T) {
	for name, test := range map[string]struct {
		results []v1alpha1.RuleResult
		want    v1alpha1.RunProgress
	}{
		"rules add up":        {[]v1alpha1.RuleResult{{Due: 100, Held: 10, Deferred: 5, Done: 42}, {Due: 15}}, v1alpha1.RunProgress{Done: 42, Due: 100, Percent: 42}},
		"rounded down":        {[]v1alpha1.RuleResult{{Due: 1000, Done: 999}}, v1alpha1.RunProgress{Done: 999, Due: 1000, Percent: 99}},
		"nothing due":         {[]v1alpha1.RuleResult{{Total: 5}}, v1alpha1.RunProgress{Percent: 100}},
		"held by now":         {[]v1alpha1.RuleResult{{Due: 5, Held: 9}}, v1alpha1.RunProgress{Percent: 100}},
		"more came due since": {[]v1alpha1.RuleResult{{Due: 5, Done: 6}}, v1alpha1.RunProgress{Done: 6, Due: 5, Percent: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Tally(test.results)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// tenASecond is a world whose windows take a tenth of a second for each record, and the instants of its reports.
func tenASecond(t *testing.T) (w *world, at *[]time.Time) {
	t.Helper()
	w, at = newWorld(t, "events", "orders"), &[]time.Time{}
	w.windowErr = func(window Window) error {
		w.clock.Step(time.Duration(window.Size) * time.Second / 10)
		return nil
	}
	w.reportErr = func(*v1alpha1.PurgeRunStatus) error {
		*at = append(*at, w.clock.Now())
		return nil
	}
	return w, at
}

func TestRunTellsRateAndEstimatedEnd(t *testing.T) {
	w, at := tenASecond(t)
	w.run(v1alpha1.ReasonCompleted)
	estimates := 0
	for i, s := range w.reports {
		p := s.Progress
		if p.Due != 200 || p.Done != s.Results[0].Done+s.Results[1].Done || int64(p.Percent) != p.Done/2 {
			t.Fatalf("report %d: progress %+v of %+v", i, p, s.Results)
		}
		if p.Done == 0 || p.Done == 200 {
			if !p.EstimatedEnd.IsZero() {
				t.Errorf("report %d: an estimate of %s with %d done", i, p.EstimatedEnd, p.Done)
			}
			continue
		}
		estimates++
		want := (*at)[i].Add(time.Duration(200-p.Done) * time.Second / 10).Truncate(time.Second)
		if p.RecordsPerSecond != 10 || !p.EstimatedEnd.Time.Equal(want) {
			t.Errorf("report %d: %d a second, end %s, want 10 and %s", i, p.RecordsPerSecond, p.EstimatedEnd, want)
		}
	}
	if end := w.status.Progress; estimates < 10 || end.Percent != 100 || end.RecordsPerSecond != 10 {
		t.Errorf("%d estimates, at the end %+v", estimates, end)
	}
}

func TestPauseTakesTheEstimateAndLeavesTheRate(t *testing.T) {
	w, _ := tenASecond(t)
	w.plan.Throttle.MaxReplicaLagSeconds = 5
	var until time.Time
	w.lag = func() Lag {
		if until.IsZero() && w.status.Progress.Done >= 50 {
			until = w.clock.Now().Add(30 * time.Minute)
		}
		if w.clock.Now().Before(until) {
			return Lag{Behind: time.Minute}
		}
		return Lag{}
	}
	w.run(v1alpha1.ReasonCompleted)
	paused := 0
	for i, s := range w.reports {
		if s.Progress.Done == 0 {
			continue
		}
		if s.Progress.RecordsPerSecond != 10 {
			t.Errorf("report %d: %d a second", i, s.Progress.RecordsPerSecond)
		}
		if s.Pause.Reason == "" {
			continue
		}
		paused++
		if !s.Progress.EstimatedEnd.IsZero() {
			t.Errorf("report %d: the run waits and estimates %s", i, s.Progress.EstimatedEnd)
		}
	}
	if paused < 10 {
		t.Errorf("%d reports in a pause", paused)
	}
}

func TestPodThatIsToldToStopTakesItsEstimateBack(t *testing.T) {
	w, _ := tenASecond(t)
	ctx, stop := context.WithCancel(t.Context())
	slow := w.windowErr
	w.windowErr = func(window Window) error {
		if len(w.windows) == 20 {
			stop()
		}
		return slow(window)
	}
	if err := w.engine().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if p := w.status.Progress; p.Done == 0 || p.Percent == 100 || p.RecordsPerSecond != 10 || !p.EstimatedEnd.IsZero() {
		t.Fatalf("progress %+v", p)
	}
	w.clock.Step(time.Hour) // nobody works
	w.windowErr = slow
	w.run(v1alpha1.ReasonCompleted)
	if p := w.status.Progress; p.Percent != 100 || p.RecordsPerSecond != 10 {
		t.Errorf("progress %+v", p)
	}
}

func TestPreviewHasNoProgress(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Mode = "Preview"
	w.run(v1alpha1.ReasonCompleted)
	if w.status.Progress != (v1alpha1.RunProgress{}) {
		t.Errorf("progress %+v", w.status.Progress)
	}
}

func TestProgressOfPodsAddsUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCrew(t, 3, "events", "orders")
		fastest := int64(0)
		c.die = func(int, int) bool {
			var done int64
			for _, r := range c.status.Results {
				done += r.Done
			}
			if c.status.Progress.Done != done {
				t.Errorf("progress %+v, the results have %d", c.status.Progress, done)
			}
			fastest = max(fastest, c.status.Progress.RecordsPerSecond)
			return false
		}
		c.run()
		c.check()
		alone := int64(crewStripe / (3 * windowTook.Seconds()))
		if p := c.status.Progress; p.Percent != 100 || p.Done != 2*crewRecords || fastest < 2*alone || fastest > 4*alone {
			t.Errorf("progress %+v, at most %d a second, one pod makes %d", p, fastest, alone)
		}
	})
}
