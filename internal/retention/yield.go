package retention

import (
	"context"
	"time"
)

// Crowd is a Session of a store that can tell how much it does for others than the run.
type Crowd interface {
	// Work returns how many pieces of work the store has done for everyone, and how many of them for this session, each since some moment of
	// the session's or the store's own. What a piece is, is the store's: a transaction that writes, or a statement.
	Work(ctx context.Context) (Work, error)
}

// Work of a store: for everyone, and for the session that asks.
type Work struct{ All, Own int64 }

const (
	// lookAround is how often the run looks what the store does for others.
	lookAround = time.Second
	// busyAbove and calmBelow are others' pieces of work a second: from the one on the run yields to them, below the other no longer. minOthers keeps
	// a look soon after another from taking one piece of work for many.
	busyAbove, calmBelow, minOthers = 20, 10, 3
	// yieldTarget is how long a transaction should take beside others: their commits wait behind it, in the store's log and on its processors.
	yieldTarget = 10 * time.Millisecond
	// yieldRest is how many times as long as its last transaction the run then rests, maxRest at most.
	yieldRest, maxRest = 2, time.Second
)

// crowd is what the run knows of a store's other users.
type crowd struct {
	// peers are the windows a second that the run's other pods may make at most, all together.
	peers float64
	// windows of this pod, by themselves and at the last look.
	windows, counted int64
	at               time.Time
	last             Work
	known            bool
	busy             bool
}

func newCrowd(p *Plan) crowd {
	if p.Parallelism <= 1 {
		return crowd{}
	}
	full := time.Duration(p.Throttle.TargetBatchMilliseconds+p.Throttle.PauseMilliseconds) * time.Millisecond
	least := min(full, (1+yieldRest)*yieldTarget)
	return crowd{peers: float64(p.Parallelism-1) / least.Seconds()}
}

// due says whether it is time to look; the second look, which is the first to tell something, need not wait.
func (c *crowd) due(now time.Time) bool { return !c.known || now.Sub(c.at) >= lookAround }

// saw takes account of a look.
func (c *crowd) saw(work Work, now time.Time) {
	elapsed, before, windows := now.Sub(c.at), c.last, c.windows-c.counted
	first := c.at.IsZero()
	c.at, c.last, c.counted = now, work, c.windows
	// Numbers that go back are those of another session, or of a store that was started anew.
	if first || elapsed <= 0 || work.All < before.All || work.Own < before.Own {
		c.known = false
		return
	}
	c.known = true
	own := float64(work.Own - before.Own)
	others := float64(work.All-before.All) - own
	if c.peers > 0 {
		if windows == 0 {
			return // who does nothing need not give way, and cannot tell what a window of the others' is
		}
		others -= c.peers * elapsed.Seconds() * own / float64(windows)
	}
	rate := others / elapsed.Seconds()
	switch {
	case rate < calmBelow || others < minOthers:
		c.busy = false
	case rate >= busyAbove:
		c.busy = true
	}
}

// yield looks, now and then, what the store does for others, and adapts the run's pace to it.
func (r *run) yield(ctx context.Context) error {
	if !r.Plan.Throttle.Yield || !r.crowd.due(r.Clock.Now()) {
		return nil
	}
	busy := r.crowd.busy
	err := r.with(ctx, func(ctx context.Context, session Session, _ []Hold) error {
		c, ok := session.(Crowd)
		if !ok {
			return nil
		}
		work, err := c.Work(ctx)
		if err == nil {
			r.crowd.saw(work, r.Clock.Now())
		}
		return err
	})
	if err == nil && r.crowd.busy != busy {
		r.Log.Info("pace changes with the work that the store does for others", "yielding", r.crowd.busy)
	}
	r.pace.beside(r.crowd.busy)
	return err
}
