package upstream

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// deadline is a context whose timer starts when somebody asks for Done: a Client's watch does without.
type deadline struct {
	context.Context
	at    time.Time
	clock clock.PassiveClock

	mu     sync.Mutex
	timed  context.Context // nil: nobody has asked
	cancel context.CancelFunc
	ended  bool
}

// WithDeadline is context.WithDeadline for requests of a Client, which do without its timer. Cancel releases what the context holds,
// and must not come before the response's body is closed.
func WithDeadline(parent context.Context, at time.Time, c clock.PassiveClock) (ctx context.Context, cancel context.CancelFunc) {
	if earlier, ok := parent.Deadline(); ok && earlier.Before(at) {
		return context.WithCancel(parent)
	}
	d := &deadline{Context: parent, at: at, clock: c}
	return d, d.end
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed.Done()
}

func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.ended:
		return context.Canceled
	case d.Context.Err() != nil:
		return d.Context.Err()
	case !d.clock.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
