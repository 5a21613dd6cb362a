//go:build integration

package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
)

// Requests end with their context, wherever they are.
func TestContextsEndRequests(t *testing.T) {
	large := strings.Repeat("x", 8<<20)
	tests := map[string]struct {
		body  string
		serve func(p *peer)
	}{
		"no answer":          {"", func(p *peer) { p.next(); p.wait() }},
		"half a header":      {"", func(p *peer) { p.next(); p.say("HTTP/1.1 200 OK\r\nX-A: "); p.wait() }},
		"informational only": {"", func(p *peer) { p.next(); p.say("HTTP/1.1 102 Processing\r\n\r\n"); p.wait() }},
		"half a body":        {"", func(p *peer) { p.next(); p.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"); p.wait() }},
		"half a chunk": {"", func(p *peer) {
			p.next()
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok")
			p.wait()
		}},
		"a request not taken":    {large, func(p *peer) { p.wait() }},
		"half a record":          {"", func(p *peer) { p.next(); _, _ = p.plainConn().Write([]byte{23, 3, 3, 1, 0, 9}); p.wait() }},
		"bytes one after other":  {"", func(p *peer) { p.next(); p.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"); p.drip() }},
		"header one after other": {"", func(p *peer) { p.next(); p.say("HTTP/1.1 200 OK\r\nX-A: "); p.drip() }},
	}
	ends := map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		want    error
	}{
		"canceled": {func(parent context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(parent)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled},
		"out of time": {func(parent context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(parent, 100*time.Millisecond)
		}, context.DeadlineExceeded},
		"out of time without a timer": {func(parent context.Context) (context.Context, context.CancelFunc) {
			return WithDeadline(parent, time.Now().Add(100*time.Millisecond), clock.RealClock{})
		}, context.DeadlineExceeded},
		"canceled above the deadline": {func(parent context.Context) (context.Context, context.CancelFunc) {
			above, cancel := context.WithCancel(parent)
			time.AfterFunc(100*time.Millisecond, cancel)
			return WithDeadline(above, time.Now().Add(time.Minute), clock.RealClock{})
		}, context.Canceled},
	}
	for name, tc := range tests {
		for end, e := range ends {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				o := startOrigin(t, func(p *peer, _ int64) { tc.serve(p) })
				c := o.client(t)
				ctx, cancel := e.context(t.Context())
				defer cancel()
				if a := doContext(ctx, t, c, http.MethodPost, tc.body); !errors.Is(a.err, e.want) {
					t.Errorf("answer %d, error %v; want %v", a.status, a.err, e.want)
				}
				if n := c.idleCount(); n != 0 {
					t.Errorf("%d connections were kept", n)
				}
			})
		}
	}
}

// wait keeps the connection open until the test ends.
func (p *peer) wait() { <-p.origin.over }

func (p *peer) drip() {
	for {
		if _, err := io.WriteString(p, "x"); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestContextsThatHaveEndedSendNothing(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) { p.next(); p.say(ok) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := doContext(ctx, t, o.client(t), http.MethodGet, ""); !errors.Is(a.err, context.Canceled) || o.connections.Load() != 0 {
		t.Errorf("error %v, %d connections; want %v, none", a.err, o.connections.Load(), context.Canceled)
	}
}

func TestAContextThatEndsAfterTheAnswerDoesNotHarmTheNextRequest(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			p.say(ok)
		}
	})
	c := o.client(t)
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if a := doContext(ctx, t, c, http.MethodPost, "x"); a.body != "ok" {
			t.Fatalf("request %d: answer %q, error %v", i, a.body, a.err)
		}
		cancel()
	}
	if n := o.connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// An origin may answer before it has read all of a request.
func TestEarlyAnswers(t *testing.T) {
	const refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
	serve := map[string]func(p *peer){
		"and stay": func(p *peer) { p.readHead(); p.say(refusal); p.wait() },
		"and end":  func(p *peer) { p.readHead(); p.say(refusal) },
		"without a body": func(p *peer) {
			p.readHead()
			p.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
			p.wait()
		},
		"before a byte": func(p *peer) { p.say(refusal); p.wait() },
	}
	for name, f := range serve {
		for size, body := range map[string]string{"small": strings.Repeat("x", 20<<10), "large": strings.Repeat("x", 16<<20)} {
			t.Run(size+", "+name, func(t *testing.T) {
				t.Parallel()
				o := startOrigin(t, func(p *peer, _ int64) { f(p) })
				c := o.client(t)
				source := &watchedBody{Reader: strings.NewReader(body)}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+testHost+"/", source)
				must(t, err)
				req.ContentLength = int64(len(body))
				res, err := c.RoundTrip(req)
				must(t, err)
				data, err := io.ReadAll(res.Body)
				if res.StatusCode != 413 || err != nil || string(data) != "no" && res.ContentLength != 0 {
					t.Errorf("answer %d %q, error %v; want 413", res.StatusCode, data, err)
				}
				res.Body.Close()
				if !source.closed.Load() {
					t.Error("the request's body is still in use")
				}
				if size == "large" && c.idleCount() != 0 {
					t.Error("the connection was kept although the request was not written whole")
				}
			})
		}
	}
}

type watchedBody struct {
	io.Reader
	closed atomic.Bool
}

func (b *watchedBody) Close() error { b.closed.Store(true); return nil }

// readHead reads a request's header and leaves its body alone.
func (p *peer) readHead() { _, _ = http.ReadRequest(p.in) }

func TestBodiesThatAreLeftUnreadEndTheirConnection(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000))
		}
	})
	c := o.client(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+testHost+"/", nil)
	must(t, err)
	res, err := c.RoundTrip(req)
	must(t, err)
	_, err = res.Body.Read(make([]byte, 10))
	must(t, err)
	must(t, res.Body.Close())
	if n, err := res.Body.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes, error %v after Close", n, err)
	}
	if a := do(t, c, http.MethodGet, ""); len(a.body) != 100000 || o.connections.Load() != 2 {
		t.Errorf("%d bytes, error %v, %d connections; want all on a second one", len(a.body), a.err, o.connections.Load())
	}
}

// How the handshake can fail, and that callers can tell.
func TestHandshakesThatFail(t *testing.T) {
	plainFirst := func(then bool) func(*origin, net.Conn, *tls.Config) {
		return func(_ *origin, c net.Conn, config *tls.Config) {
			_, _ = io.WriteString(c, ok)
			if then {
				secure := tls.Server(c, config)
				_ = secure.Handshake()
				_, _ = io.WriteString(secure, ok)
			}
		}
	}
	tests := map[string]struct {
		serve  func(*origin, net.Conn, *tls.Config)
		change func(*Options)
		check  func(error) bool
	}{
		"plain text first":                {plainFirst(false), nil, isRecord},
		"plain text first, then TLS":      {plainFirst(true), nil, isRecord},
		"another name":                    {honest(nil), func(o *Options) { o.TLS.ServerName = "evil.example" }, isVerification},
		"an unknown CA":                   {honest(nil), func(o *Options) { o.TLS.RootCAs = x509.NewCertPool() }, isVerification},
		"an old version":                  {honest(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), nil, isAlert},
		"a client certificate is missing": {honest(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), nil, isAlert},
		"the same with TLS 1.2": {honest(func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }), nil,
			isAlert},
		"no word": {func(_ *origin, c net.Conn, _ *tls.Config) { _, _ = io.Copy(io.Discard, c) },
			func(o *Options) { o.HandshakeTimeout = 50 * time.Millisecond }, func(err error) bool { return errors.Is(err, errHandshake) }},
		"no connection": {nil, func(o *Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errDial }
		}, func(err error) bool { return errors.Is(err, errDial) }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startPlain(t, tc.serve)
			var change []func(*Options)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			for _, body := range []string{"", strings.Repeat("x", 1<<20)} {
				if a := do(t, o.client(t, change...), http.MethodPost, body); a.err == nil || !tc.check(a.err) {
					t.Errorf("answer %d, error %v (%T)", a.status, a.err, a.err)
				}
			}
		})
	}
}

var errDial = errors.New("nobody is there")

// honest serves one request over TLS.
func honest(change func(*tls.Config)) func(*origin, net.Conn, *tls.Config) {
	return func(o *origin, c net.Conn, config *tls.Config) {
		config = config.Clone()
		config.MinVersion = tls.VersionTLS10
		if change != nil {
			change(config)
		}
		secure := tls.Server(c, config)
		if err := secure.Handshake(); err != nil {
			_, _ = io.Copy(io.Discard, c) // so that the alert is not lost with a reset
			return
		}
		_, _ = io.WriteString(secure, ok)
	}
}

func isRecord(err error) bool {
	var e tls.RecordHeaderError
	return errors.As(err, &e)
}

func isVerification(err error) bool {
	var e *tls.CertificateVerificationError
	return errors.As(err, &e)
}

func isAlert(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "remote error"
}

func TestConnectionsAreKeptAndSessionsResumed(t *testing.T) {
	o := startOrigin(t, func(p *peer, _ int64) {
		for p.next() != nil {
			p.say(ok)
		}
	})
	c := o.client(t, func(o *Options) { o.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(4) })
	for range 3 {
		do(t, c, http.MethodGet, "")
	}
	if n := o.connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	c.CloseIdleConnections()
	if a := do(t, c, http.MethodGet, ""); a.body != "ok" {
		t.Fatalf("answer %q, error %v", a.body, a.err)
	}
	if cn := c.pool.take(); cn == nil || !cn.state.DidResume {
		t.Error("the second connection did not resume the first one's session")
	}
}
