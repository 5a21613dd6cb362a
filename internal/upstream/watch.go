package upstream

import (
	"context"
	"sync"
	"time"
)

// watchInterval is how late the end of a request's time, or of its context, is noticed at most.
const watchInterval = 20 * time.Millisecond

// watch interrupts the exchanges whose time or context has ended. It looks at all of them now and then: to set a socket's timer and
// to register with a context costs more, for each of them, than the rest of an exchange's administration together.
type watch struct {
	mu    sync.Mutex
	conns []*conn // with an exchange under way
	timer *time.Timer
}

// watched is what a watch knows of a connection's exchange.
type watched struct {
	ctx         context.Context
	until       time.Time // zero: for ever
	index       int       // in conns
	interrupted bool
}

func (w *watch) add(ctx context.Context, cn *conn) {
	until, _ := ctx.Deadline()
	if d, ok := ctx.(*deadline); ok {
		ctx = d.Context // which needs no timer of its own
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	cn.watched = watched{ctx: ctx, until: until, index: len(w.conns)}
	w.conns = append(w.conns, cn)
	switch {
	case len(w.conns) > 1: // the timer runs
	case w.timer == nil:
		w.timer = time.AfterFunc(watchInterval, w.look)
	default:
		w.timer.Reset(watchInterval)
	}
}

// remove says whether the exchange came to its end without being interrupted.
func (w *watch) remove(cn *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.conns) - 1
	w.conns[cn.watched.index] = w.conns[last]
	w.conns[cn.watched.index].watched.index = cn.watched.index
	w.conns[last], w.conns = nil, w.conns[:last]
	cn.watched.ctx = nil
	return !cn.watched.interrupted
}

// look interrupts what has ended, and comes back while exchanges are under way.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, cn := range w.conns {
		over := !cn.watched.until.IsZero() && !now.Before(cn.watched.until)
		if (over || cn.watched.ctx.Err() != nil) && !cn.watched.interrupted {
			cn.watched.interrupted = true
			cn.interrupt()
		}
	}
	if len(w.conns) > 0 {
		w.timer.Reset(watchInterval)
	}
}
