//go:build integration

package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// What an origin does to a connection that nobody uses.
func TestIdleConnectionsOnWhichSomethingHappensAreDropped(t *testing.T) {
	tests := map[string]struct {
		idle func(p *peer)
		kept bool
	}{
		"nothing":                   {func(*peer) {}, true},
		"an answer nobody asked":    {func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil") }, false},
		"a part of a TLS record":    {func(p *peer) { _, _ = p.plainConn().Write([]byte{23, 3, 3, 0}) }, false},
		"what is not TLS":           {func(p *peer) { _, _ = p.plainConn().Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) }, false},
		"an end":                    {func(p *peer) { _ = p.Close() }, false},
		"the end of one direction":  {func(p *peer) { _ = p.Conn.(*tls.Conn).CloseWrite() }, false},
		"an end without a farewell": {func(p *peer) { _ = p.plainConn().Close() }, false},
		"a reset":                   {func(p *peer) { _ = p.plainConn().SetLinger(0); _ = p.plainConn().Close() }, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			o := startOrigin(t, func(p *peer, n int64) {
				for p.next() != nil {
					p.say(ok)
					if n == 1 && p.origin.requests.Load() == 1 {
						tc.idle(p)
						close(done)
					}
				}
			})
			c := o.client(t)
			do(t, c, http.MethodPost, "x")
			<-done
			waitUntil(t, "it has arrived", func() bool { return quietNow(c) == tc.kept })
			if a := do(t, c, http.MethodPost, "x"); a.err != nil || a.body != "ok" {
				t.Fatalf("answer %q, error %v", a.body, a.err)
			}
			if got := o.connections.Load(); (got == 1) != tc.kept {
				t.Errorf("%d connections for two requests; kept: want %v", got, tc.kept)
			}
		})
	}
}

// quietNow asks the idle connection without taking it.
func quietNow(c *Client) bool {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return len(c.pool.idle) > 0 && c.pool.idle[0].quiet()
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come true that %s", what)
		}
	}
}

// A record that TLS has read along with the answer is in no buffer of the kernel and none of HTTP.
func TestAnAnswerThatTLSHasAlreadyReadIsNotTheNextOne(t *testing.T) {
	o := startOrigin(t, func(p *peer, n int64) {
		for p.next() != nil {
			p.say(ok)
			if n == 1 {
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			}
		}
	})
	c := o.client(t, func(opt *Options) {
		dial := opt.Dial
		opt.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &greedy{TCPConn: conn.(*net.TCPConn)}, err
		}
	})
	for range 3 {
		if a := do(t, c, http.MethodPost, "x"); a.err != nil || a.body != "ok" {
			t.Fatalf("answer %q, error %v", a.body, a.err)
		}
	}
	if got := o.connections.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// greedy lets bytes gather before it reads, so that several records are read at once.
type greedy struct{ *net.TCPConn }

func (g *greedy) Read(p []byte) (int, error) {
	n, err := g.TCPConn.Read(p[:min(1, len(p))])
	if n == 0 || len(p) == 1 {
		return n, err
	}
	_ = g.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	defer func() { _ = g.SetReadDeadline(time.Time{}) }()
	more, _ := io.ReadFull(g.TCPConn, p[1:])
	return 1 + more, nil
}

func TestACanceledRequestCostsNoMoreThanItsOwnConnection(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for r := p.next(); r != nil && r.Header.Get("Wait") == ""; r = p.next() {
			p.say(ok)
		}
		p.wait()
	})
	c := o.client(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { do(t, c, http.MethodGet, "") })
	}
	both.Wait()
	kept := c.idleCount()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if a := doContext(ctx, t, c, http.MethodPost, "x", "Wait", "1"); !errors.Is(a.err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", a.err, context.DeadlineExceeded)
	}
	if n := c.idleCount(); n != kept-1 {
		t.Errorf("%d connections are left of %d", n, kept)
	}
}

func TestConnectionsExpire(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			p.say(ok)
		}
	})
	now := clocktesting.NewFakePassiveClock(time.Unix(1e9, 0))
	c := o.client(t, func(o *Options) { o.Clock, o.IdleTimeout = now, time.Minute })
	for _, step := range []struct {
		pause       time.Duration
		connections int64
	}{{0, 1}, {59 * time.Second, 1}, {59 * time.Second, 1}, {60 * time.Second, 2}} {
		now.SetTime(now.Now().Add(step.pause))
		do(t, c, http.MethodGet, "")
		if got := o.connections.Load(); got != step.connections {
			t.Errorf("%d connections after a pause of %v, want %d", got, step.pause, step.connections)
		}
	}
	now.SetTime(now.Now().Add(30 * time.Second))
	c.pool.sweep()
	if n := c.idleCount(); n != 1 {
		t.Errorf("%d idle connections after half the time, want 1", n)
	}
	now.SetTime(now.Now().Add(30 * time.Second))
	c.pool.sweep()
	if n := c.idleCount(); n != 0 {
		t.Errorf("%d idle connections after all of the time, want none", n)
	}
}

func TestNoMoreConnectionsAreKeptThanAllowed(t *testing.T) {
	var together sync.WaitGroup
	together.Add(5)
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			together.Done()
			together.Wait()
			p.say(ok)
		}
	})
	c := o.client(t, func(o *Options) { o.MaxIdle = 2 })
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if a := do(t, c, http.MethodGet, ""); a.body != "ok" {
				t.Errorf("answer %q, error %v", a.body, a.err)
			}
		})
	}
	all.Wait()
	if n := c.idleCount(); n != 2 {
		t.Errorf("%d idle connections, want 2", n)
	}
}

func TestCloseIdleConnectionsAlsoClosesThoseInUseAfterTheirAnswer(t *testing.T) {
	first, second := make(chan struct{}), make(chan struct{})
	o := startOrigin(t, func(p *peer, _ int64) {
		for r := p.next(); r != nil; r = p.next() {
			if r.Header.Get("Wait") != "" {
				close(first)
				<-second
			}
			p.say(ok)
		}
	})
	c := o.client(t)
	do(t, c, http.MethodGet, "")
	done := make(chan answer)
	go func() { done <- do(t, c, http.MethodGet, "", "Wait", "1") }()
	<-first
	c.CloseIdleConnections()
	close(second)
	if a := <-done; a.body != "ok" {
		t.Errorf("the request under way got %q, %v", a.body, a.err)
	}
	if n := c.idleCount(); n != 0 {
		t.Errorf("%d idle connections, want none", n)
	}
	if a := do(t, c, http.MethodGet, ""); a.body != "ok" || c.idleCount() != 1 {
		t.Errorf("a later request got %q, %v, and left %d connections; want one", a.body, a.err, c.idleCount())
	}
}

// An origin that ends a kept connection when the second request has arrived on it.
func TestRepetition(t *testing.T) {
	tests := map[string]struct {
		method, body string
		answer       string // to the second request, before the end
		repeated     bool
	}{
		"GET":                     {"GET", "", "", true},
		"HEAD":                    {"HEAD", "", "", true},
		"PUT":                     {"PUT", "x", "", true},
		"DELETE":                  {"DELETE", "", "", true},
		"POST":                    {"POST", "x", "", false},
		"POST without a body":     {"POST", "", "", false},
		"PATCH":                   {"PATCH", "x", "", false},
		"GET, half answered":      {"GET", "", "HTTP/1.1 200", false},
		"GET, broken answer":      {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", false},
		"PUT, one byte of answer": {"PUT", "x", "H", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, func(p *peer, n int64) {
				for p.next() != nil {
					if n == 1 && p.origin.requests.Load() == 2 {
						p.say(tc.answer)
						return
					}
					p.say("HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
			c := o.client(t)
			do(t, c, tc.method, tc.body)
			a := do(t, c, tc.method, tc.body, "Idempotency-Key", "1")
			if (a.err == nil) != tc.repeated {
				t.Errorf("answer %d, error %v; want success: %v", a.status, a.err, tc.repeated)
			}
			want := map[bool]int64{true: 3, false: 2}[tc.repeated]
			if got := o.requests.Load(); got != want {
				t.Errorf("%d requests arrived, want %d", got, want)
			}
		})
	}
}

func TestNothingIsRepeatedOnANewConnection(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) { p.next() })
	c := o.client(t)
	if a := do(t, c, http.MethodGet, ""); !errors.Is(a.err, errNoAnswer) || o.requests.Load() != 1 {
		t.Errorf("error %v after %d requests, want %v after one", a.err, o.requests.Load(), errNoAnswer)
	}
}

// Nothing of a request has left if the first write fails: then even a POST may be sent again.
func TestAPostOfWhichNothingWasWrittenIsSentAgain(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			p.say(ok)
		}
	})
	var broken atomic.Bool
	c := o.client(t, func(opt *Options) {
		dial := opt.Dial
		opt.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &mute{conn.(*net.TCPConn), &broken}, err
		}
	})
	do(t, c, http.MethodPost, "x")
	broken.Store(true)
	if a := do(t, c, http.MethodPost, "x"); a.body != "ok" || o.connections.Load() != 2 {
		t.Errorf("answer %q, error %v on %d connections; want a second connection", a.body, a.err, o.connections.Load())
	}
}

// mute fails one write once it is told to.
type mute struct {
	*net.TCPConn
	broken *atomic.Bool
}

func (m *mute) Write(p []byte) (int, error) {
	if m.broken.CompareAndSwap(true, false) {
		return 0, io.ErrClosedPipe
	}
	return m.TCPConn.Write(p)
}

func TestABodyThatFailsEndsItsConnection(t *testing.T) {
	fault := errors.New("the body fails")
	for name, size := range map[string]int64{"small": 10, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			o := startOrigin(t, func(p *peer, _ int64) { p.next() })
			c := o.client(t)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+testHost+"/",
				io.MultiReader(strings.NewReader(strings.Repeat("x", int(size/2))), iotest.ErrReader(fault)))
			must(t, err)
			req.ContentLength = size
			res, err := c.RoundTrip(req)
			if err == nil {
				res.Body.Close()
			}
			if !errors.Is(err, fault) || o.requests.Load() > 1 || c.idleCount() != 0 {
				t.Errorf("error %v, want %v; %d idle connections", err, fault, c.idleCount())
			}
		})
	}
}
