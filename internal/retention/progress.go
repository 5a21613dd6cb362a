package retention

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	// rateSpan is how much of a run's work, at the end, its rate is the mean of.
	rateSpan = time.Minute
	// farthestEnd is how far ahead an end may be estimated: beyond it, the run hardly moves.
	farthestEnd = 366 * 24 * time.Hour
)

// meter measures how fast records go. Time in which the run waits, counts or verifies is not measured: it would say nothing about the rest.
type meter struct {
	// at is the last reading, of done records; zero: the next one begins a measurement.
	at   time.Time
	done int64
	// worked is the time that rate is the mean of.
	worked time.Duration
	// rate in records per second.
	rate float64
}

// interrupt ends a measurement: what comes until the next reading does not count.
func (m *meter) interrupt() { m.at = time.Time{} }

// read takes in that so many records are done by now. The newest work weighs by its time, and what is older than rateSpan fades.
func (m *meter) read(done int64, now time.Time) {
	if !m.at.IsZero() {
		took := now.Sub(m.at)
		if took <= 0 {
			return
		}
		m.worked = min(m.worked+took, rateSpan)
		share := min(took.Seconds()/m.worked.Seconds(), 1)
		m.rate += share * (float64(done-m.done)/took.Seconds() - m.rate)
	}
	m.at, m.done = now, done
}

// end is when so many records more are done; zero: not known.
func (m *meter) end(left int64, now time.Time) time.Time {
	seconds := float64(left) / m.rate
	if m.worked == 0 || left <= 0 || !(seconds < farthestEnd.Seconds()) { // a rate of 0 makes it infinite
		return time.Time{}
	}
	return now.Add(time.Duration(seconds * float64(time.Second)))
}

// measures says whether records go in a step, so that its time counts.
func (s step) measures() bool { return s == stepWindow || s == stepWait || s == stepJoin }

// noteProgress says how far the run is, as the pod that leads sees it. A preview changes nothing and has no progress.
func (r *run) noteProgress() {
	status := r.status
	if !r.Plan.leads() || r.Plan.Mode != string(v1alpha1.RunPurge) || len(status.Results) == 0 {
		return
	}
	p := Tally(status.Results)
	p.Pace = r.pace.name()
	p.RecordsPerSecond = status.Progress.RecordsPerSecond // of the pod before, until there is another
	now := r.Clock.Now()
	if status.Pause.Reason == "" && status.Outcome.Reason == "" {
		r.meter.read(p.Done, now)
		p.EstimatedEnd = metav1.NewTime(r.meter.end(p.Due-p.Done, now).Truncate(time.Second))
	}
	if r.meter.worked > 0 {
		p.RecordsPerSecond = int64(math.Round(r.meter.rate))
	}
	status.Progress = p
}

// Tally is what was done of what a run may change. The progress of a run that has ended says the same as its results.
func Tally(results []v1alpha1.RuleResult) (p v1alpha1.RunProgress) {
	for i := range results {
		p.Done += results[i].Done
		p.Due += max(results[i].Due-results[i].Held-results[i].Deferred, 0)
	}
	p.Percent = 100
	if p.Done < p.Due {
		p.Percent = int32(float64(p.Done) * 100 / float64(p.Due))
	}
	return p
}
