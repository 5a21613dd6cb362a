package retentiontest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// ErrKilled stands for kill -9: the engine returns at once and reports nothing.
var ErrKilled = errors.New("killed")

// Hurried is a clock for waits: whoever waits makes the time pass.
type Hurried struct {
	clock.RealClock
	mu  sync.Mutex
	now time.Time
}

// NewHurried starts at an instant.
func NewHurried(at time.Time) *Hurried { return &Hurried{now: at} }

// Now is the time that was waited for so far.
func (h *Hurried) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Since is the time from t to Now.
func (h *Hurried) Since(t time.Time) time.Duration { return h.Now().Sub(t) }

// NewTimer fires at once, and d has passed.
func (h *Hurried) NewTimer(d time.Duration) clock.Timer {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
	return h.RealClock.NewTimer(0)
}

// Faulty is a driver whose sessions make small windows, whatever the speed of the machine, and call hooks around each.
type Faulty struct {
	retention.Driver
	// Size is the greatest size of a window.
	Size   int64
	Before func() error
	// After is called after the store did its work; its error is all that the engine sees.
	After func(retention.Batch) error
	// Opened is the session that was opened last.
	Opened retention.Session
}

// Open opens a session of the driver.
func (f *Faulty) Open(ctx context.Context) (retention.Session, error) {
	session, err := f.Driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	f.Opened = session
	faulty := &faultySession{Session: session, faulty: f}
	if s, ok := session.(retention.Sharder); ok {
		return struct {
			*faultySession
			retention.Sharder
		}{faulty, s}, nil
	}
	return faulty, nil
}

type faultySession struct {
	retention.Session
	faulty *Faulty
}

// Measure asks the driver's session, which must be a Gauge.
func (s *faultySession) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	gauge, ok := s.Session.(retention.Gauge)
	if !ok {
		return retention.Reading{}, fmt.Errorf("%T is no gauge", s.Session)
	}
	return gauge.Measure(ctx, signal, rule)
}

func (s *faultySession) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	w.Size = min(w.Size, s.faulty.Size)
	if s.faulty.Before != nil {
		if err := s.faulty.Before(); err != nil {
			return retention.Batch{}, err
		}
	}
	batch, err := s.Session.Window(ctx, w)
	if err == nil && s.faulty.After != nil {
		if err := s.faulty.After(batch); err != nil {
			return retention.Batch{}, err
		}
	}
	return batch, err
}

// CountDue is that of the session, or a count of everything if it has none.
func (s *faultySession) CountDue(ctx context.Context, rule *retention.Rule, holds []retention.Hold) (retention.Counts, error) {
	if c, ok := s.Session.(retention.DueCounter); ok {
		return c.CountDue(ctx, rule, holds)
	}
	counted, err := s.Count(ctx, []retention.Rule{*rule}, holds, rule.Before)
	if err != nil {
		return retention.Counts{}, err
	}
	return counted.Rules[0], nil
}

// LogPosition is that of the session, empty if it has none.
func (s *faultySession) LogPosition(ctx context.Context) (string, error) {
	if p, ok := s.Session.(retention.Positioner); ok {
		return p.LogPosition(ctx)
	}
	return "", nil
}
