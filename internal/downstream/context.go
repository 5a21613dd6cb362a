package downstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// lookEvery is how late a client's leave is noticed at most, by those who ask.
const lookEvery = 20 * time.Millisecond

type connKey struct{}

// ConnContext is for http.Server: it lets Context find the connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *Conn:
		return context.WithValue(ctx, connKey{}, c)
	case *secureConn:
		return context.WithValue(ctx, connKey{}, c.Conn)
	}
	return ctx
}

// Context is a request's context that ends when the client leaves, too. Err looks; a timer does so once somebody asked for Done.
type Context struct {
	context.Context
	conn *Conn

	mu      sync.Mutex
	looked  time.Time
	left    bool
	stopped bool
	waiting context.Context // nil: nobody asked for Done
	cancel  context.CancelFunc
	timer   *time.Timer
}

// NewContext returns the context of a request that begins. Stop it at the request's end.
func NewContext(ctx context.Context) *Context {
	c := &Context{Context: ctx}
	c.conn, _ = ctx.Value(connKey{}).(*Conn)
	return c
}

// Err implements context.Context.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err(time.Now())
}

func (c *Context) err(now time.Time) error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	switch {
	case c.left || c.conn == nil:
	case c.looked.IsZero(): // most requests are over before a look is worth it
		c.looked = now
	case now.Sub(c.looked) >= lookEvery:
		c.looked, c.left = now, c.conn.gone()
	}
	if c.left {
		return context.Canceled
	}
	return nil
}

// Left says whether the client left, for the handler that reads the request: net/http also cancels the request's context when its framing is at fault,
// and then the client is there to hear of it.
func (c *Context) Left() bool {
	return errors.Is(c.Err(), context.Canceled) && (c.conn == nil || c.conn.fault == nil)
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return c.Context.Done()
	}
	if c.waiting == nil {
		c.waiting, c.cancel = context.WithCancel(c.Context)
		switch {
		case c.left:
			c.cancel()
		case !c.stopped:
			c.timer = time.AfterFunc(lookEvery, c.look)
		}
	}
	return c.waiting.Done()
}

func (c *Context) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
	case c.err(time.Now()) != nil:
		c.cancel()
	default:
		c.timer.Reset(lookEvery)
	}
}

// Stop releases what the context holds, at the request's end.
func (c *Context) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.cancel != nil {
		c.cancel()
	}
}
