//go:build integration

package mongodb_test

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// hurried is a clock for waits: whoever waits makes the time pass.
type hurried struct {
	clock.RealClock
	mu  sync.Mutex
	now time.Time
}

func (h *hurried) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hurried) Since(t time.Time) time.Duration { return h.Now().Sub(t) }

func (h *hurried) NewTimer(d time.Duration) clock.Timer {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
	return h.RealClock.NewTimer(0)
}
