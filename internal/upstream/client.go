package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Options say where a Client leads and how.
type Options struct {
	// Host is the origin as in a URL, host[:port]. Requests to any other are refused.
	Host string
	// Dial opens a connection. Its arguments are those of net.Dialer, with Host for the address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS verifies the origin; it must have a ServerName and is never changed.
	TLS *tls.Config
	// Clock tells how long a connection has been idle.
	Clock clock.PassiveClock
	// HandshakeTimeout bounds a TLS handshake. Default 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a connection is kept for the next request. Default 45 s.
	IdleTimeout time.Duration
	// MaxIdle is how many are kept. Default 256.
	MaxIdle int
	// MaxHeaderBytes bounds the header of a response. Default 256 KiB.
	MaxHeaderBytes int
}

// Client is an http.RoundTripper for one origin; it is safe for concurrent use. The body of a request is not touched any more once
// RoundTrip has returned an error, or once the body of the response was read to its end or closed. The body of a response is for
// one goroutine at a time, and must be closed.
//
// Errors are those of the dialer, of crypto/tls, of the context, or of this package, wrapped.
type Client struct {
	options Options
	pool    pool
	watch   watch
}

// Errors of the protocol. Their texts hold nothing that the origin sent.
var (
	errForeign        = errors.New("upstream: the request is not for this client's origin")
	errUnknownLength  = errors.New("upstream: the length of a request's body must be known")
	errBodyLength     = errors.New("upstream: the request's body has another length than announced")
	errInvalidRequest = errors.New("upstream: method, target, host or a header of the request holds a character that it cannot hold")
	errHandshake      = errors.New("upstream: the TLS handshake took too long")
	errNoAnswer       = errors.New("upstream: the connection was closed before an answer came")
	errBroken         = errors.New("upstream: the connection was closed within the answer's header")
	errHeaderSize     = errors.New("upstream: the header of the answer is too large")
	errInformational  = errors.New("upstream: too many informational answers")
	errAmbiguous      = errors.New("upstream: the answer has two framings")
	errMalformed      = errors.New("upstream: the answer is not HTTP/1.x")
	errStale          = errors.New("upstream: the kept connection has ended, or something has come on it")
	errUnwritten      = errors.New("upstream: the answer came before the end of the request")
	errClosed         = errors.New("upstream: read after the body was closed")
)

// New returns a client. No connection is opened before the first request.
func New(o Options) *Client {
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 45 * time.Second
	}
	if o.MaxIdle == 0 {
		o.MaxIdle = 256
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 256 << 10
	}
	return &Client{options: o, pool: pool{clock: o.Clock, timeout: o.IdleTimeout, maximum: o.MaxIdle}}
}

// CloseIdleConnections closes the connections that are not in use, and those in use once their answer was read, unless a request
// has begun in the meantime. The client stays usable.
func (c *Client) CloseIdleConnections() { c.pool.closeAll() }

// RoundTrip implements http.RoundTripper.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := c.check(req)
	if err != nil {
		closeBody(req.Body)
		return nil, err
	}
	ctx := req.Context()
	for cn := c.pool.take(); cn != nil; cn = c.pool.take() {
		res, err := cn.exchange(ctx, req, body)
		if err == errStale { //nolint:errorlint // as exchange returns it
			if ctx.Err() != nil {
				closeBody(body)
				return nil, ctx.Err()
			}
			continue
		}
		if err == nil || !cn.repeatable(req.Method) || ctx.Err() != nil {
			return res, err
		}
		if body != nil {
			if req.GetBody == nil {
				return nil, err
			}
			if body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		break
	}
	cn, err := c.connect(ctx)
	if err != nil {
		closeBody(body)
		return nil, err
	}
	return cn.exchange(ctx, req, body)
}

// check returns the body of a request that can be sent, nil for none.
func (c *Client) check(req *http.Request) (io.ReadCloser, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.URL == nil || req.URL.Scheme != "https" || req.URL.Host != c.options.Host {
		return nil, errForeign
	}
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil //nolint:nilnil // no body, no error
	}
	if req.ContentLength <= 0 {
		return nil, errUnknownLength
	}
	return req.Body, nil
}

// connect opens a connection and verifies the origin.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	plain, err := c.options.Dial(ctx, "tcp", c.options.Host)
	if err != nil {
		return nil, err
	}
	cn := &conn{client: c, socket: newSocket(plain)}
	cn.tls = tls.Client(cn.socket, c.options.TLS)
	handshake, cancel := context.WithTimeout(ctx, c.options.HandshakeTimeout)
	defer cancel()
	if err := cn.tls.HandshakeContext(handshake); err != nil {
		_ = plain.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case handshake.Err() != nil:
			return nil, errHandshake
		default:
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
	}
	cn.state = cn.tls.ConnectionState()
	return cn, nil
}

// failure tells the end of the request's time from other errors.
func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded): // the watch was faster than the context's clock
		return context.DeadlineExceeded
	default:
		return err
	}
}

func closeBody(body io.Closer) {
	if body != nil {
		_ = body.Close()
	}
}

// pool keeps idle connections, the one that was used last on top.
type pool struct {
	clock   clock.PassiveClock
	timeout time.Duration
	maximum int

	mu      sync.Mutex
	idle    []*conn
	closing bool // connections that come back are closed
	sweeper *time.Timer
}

// take returns the connection that was used last, or nil.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = false
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	cn := p.idle[n]
	p.idle[n], p.idle = nil, p.idle[:n]
	if p.clock.Since(cn.idleSince) >= p.timeout {
		p.idle = append(p.idle, cn) // it is the youngest: all have expired
		go closeConns(p.idle)
		p.idle = nil
		return nil
	}
	return cn
}

func (p *pool) put(cn *conn) {
	cn.idleSince = p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || len(p.idle) >= p.maximum {
		go cn.close()
		return
	}
	p.idle = append(p.idle, cn)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.timeout, p.sweep)
	}
}

// sweep closes the connections whose time is over, and comes back while there are others.
func (p *pool) sweep() {
	p.mu.Lock()
	now, n := p.clock.Now(), 0
	for n < len(p.idle) && now.Sub(p.idle[n].idleSince) >= p.timeout {
		n++
	}
	expired := append([]*conn(nil), p.idle[:n]...)
	left := copy(p.idle, p.idle[n:])
	clear(p.idle[left:])
	p.idle, p.sweeper = p.idle[:left], nil
	if left > 0 {
		p.sweeper = time.AfterFunc(max(p.idle[0].idleSince.Add(p.timeout).Sub(now), time.Millisecond), p.sweep)
	}
	p.mu.Unlock()
	closeConns(expired)
}

func (p *pool) closeAll() {
	p.mu.Lock()
	conns := p.idle
	p.idle, p.closing = nil, true
	p.mu.Unlock()
	closeConns(conns)
}

func closeConns(conns []*conn) {
	for _, cn := range conns {
		cn.close()
	}
}
