package stores

import "time"

// LagTracker tells how old the part of a store's log is that a replica has come to. It remembers how far the log was, and when, by the store's clock.
type LagTracker struct{ samples []lagSample }

type lagSample struct {
	at       time.Time
	position int64
}

// Sample notes where the log is.
func (t *LagTracker) Sample(at time.Time, position int64) {
	t.samples = append(t.samples, lagSample{at, position})
}

// Behind is the age of the newest sample that a replica at the position has passed, 0 if it has passed the last one. Without an older sample it
// is a lower bound.
func (t *LagTracker) Behind(position int64) time.Duration {
	if len(t.samples) == 0 {
		return 0
	}
	now := t.samples[len(t.samples)-1]
	passed := 0
	for passed < len(t.samples) && t.samples[passed].position <= position {
		passed++
	}
	// Samples before the last one that was passed tell nothing more.
	t.samples = t.samples[max(passed-1, 0):]
	if position >= now.position {
		return 0
	}
	return now.at.Sub(t.samples[0].at)
}
