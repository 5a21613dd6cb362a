//go:build integration

package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
)

const testHost = "example.com" // the name in the certificate of package httptest

// origin is a TLS server that does with each connection what a test says.
type origin struct {
	address     string
	roots       *x509.CertPool
	connections atomic.Int64
	requests    atomic.Int64
	over        chan struct{} // closed when the test ends
}

// peer is an accepted connection.
type peer struct {
	net.Conn
	in     *bufio.Reader
	origin *origin
}

// next reads a request with its body; nil when the connection has ended.
func (p *peer) next() *http.Request {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	p.origin.requests.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return r
}

func (p *peer) say(s string) { _, _ = io.WriteString(p, s) }

// plainConn is the connection below TLS.
func (p *peer) plainConn() *net.TCPConn { return p.Conn.(*tls.Conn).NetConn().(*net.TCPConn) }

// startOrigin serves each connection with serve, then closes it. n counts connections from 1.
func startOrigin(t *testing.T, serve func(p *peer, n int64)) *origin {
	t.Helper()
	return startPlain(t, func(o *origin, c net.Conn, config *tls.Config) {
		n := o.connections.Add(1)
		secure := tls.Server(c, config)
		if secure.Handshake() == nil {
			serve(&peer{secure, bufio.NewReader(secure), o}, n)
		}
		_ = secure.Close()
	})
}

// startPlain serves connections that have not begun TLS.
func startPlain(t *testing.T, serve func(*origin, net.Conn, *tls.Config)) *origin {
	t.Helper()
	donor := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	donor.Close()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	o := &origin{address: l.Addr().String(), roots: x509.NewCertPool(), over: make(chan struct{})}
	o.roots.AddCert(donor.Certificate())
	t.Cleanup(func() { _ = l.Close(); close(o.over) })
	config := &tls.Config{Certificates: donor.TLS.Certificates} // as lenient as an origin may be
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(o, c, config)
			}()
		}
	}()
	return o
}

// client leads to the origin.
func (o *origin) client(t *testing.T, change ...func(*Options)) *Client {
	t.Helper()
	options := Options{
		Host: testHost,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, o.address)
		},
		TLS:   &tls.Config{ServerName: testHost, RootCAs: o.roots, MinVersion: tls.VersionTLS12},
		Clock: clock.RealClock{},
	}
	for _, f := range change {
		f(&options)
	}
	c := New(options)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// answer is a response that was read to its end.
type answer struct {
	status int
	body   string
	err    error // of the exchange or of the body
}

func do(t *testing.T, c *Client, method, body string, header ...string) answer {
	t.Helper()
	ctx, cancel := WithDeadline(t.Context(), time.Now().Add(10*time.Second), clock.RealClock{})
	defer cancel()
	return doContext(ctx, t, c, method, body, header...)
}

func doContext(ctx context.Context, t *testing.T, c *Client, method, body string, header ...string) answer {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+testHost+"/path?q=1", reader)
	must(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := c.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(data), err}
}

func (c *Client) idleCount() int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return len(c.pool.idle)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
