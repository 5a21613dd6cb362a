//go:build integration

package downstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// server is a real one of package net/http on loopback, with and without TLS.
type server struct {
	t       *testing.T
	address string
	roots   *x509.CertPool // nil: no TLS
}

func forBoth(t *testing.T, handler http.HandlerFunc, do func(*testing.T, *server)) {
	t.Helper()
	for name, secure := range map[string]bool{"plaintext": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &server{t: t, address: l.Addr().String()}
			var config *tls.Config
			if secure {
				lender := httptest.NewTLSServer(nil) // of its certificate
				defer lender.Close()
				config, s.roots = &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS13}, x509.NewCertPool()
				s.roots.AddCert(lender.Certificate())
			}
			h := &http.Server{Handler: handler, ConnContext: ConnContext, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
			go h.Serve(NewListener(l, config)) //nolint:errcheck // it ends with the test
			t.Cleanup(func() { h.Close() })
			do(t, s)
		})
	}
}

// dial connects a client.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err == nil && s.roots != nil {
		secure := tls.Client(c, &tls.Config{RootCAs: s.roots, ServerName: "example.com"})
		c, err = secure, secure.Handshake()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, in *bufio.Reader) (status int, body string) {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(all)
}

// echo answers with the body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "broken", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(append([]byte(r.URL.Path+" "), body...))
}

func TestRequestsBeforeAFaultAreAnswered(t *testing.T) {
	forBoth(t, echo, func(t *testing.T, s *server) {
		c := s.dial()
		in := bufio.NewReader(c)
		say(t, c, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabPOST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\n\r\n"+
			"POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: x\r\n\r\n")
		for _, want := range []string{"/1 ab", "/2 cd"} {
			if status, body := hear(t, in); status != 200 || body != want {
				t.Errorf("%d %q, want %q", status, body, want)
			}
		}
		if status, _ := hear(t, in); status != 400 {
			t.Errorf("status %d, want 400", status)
		}
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("behind the fault: %q, %v", rest, err)
		}
	})
}

func TestManyRequestsOnOneConnection(t *testing.T) {
	forBoth(t, echo, func(t *testing.T, s *server) {
		c := s.dial()
		in := bufio.NewReader(c)
		for range 200 {
			for request, want := range map[string]string{
				"GET /get HTTP/1.1\r\nHost: x\r\n\r\n":                                                 "/get ",
				"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc":                       "/post abc",
				"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n": "/c z",
				"POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\ny":    "",
			} {
				say(t, c, request)
				status, body := hear(t, in)
				if want == "" && status == 100 {
					status, body = hear(t, in)
					want = "/e y"
				}
				if status != 200 || body != want {
					t.Fatalf("%d %q, want %q", status, body, want)
				}
			}
		}
	})
}

func TestClientThatLeavesEndsItsRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		leave func(net.Conn)
		gone  bool
	}{
		"closes":                    {func(c net.Conn) { c.Close() }, true},
		"says that it has said all": {func(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite(); _ = plain(c).CloseWrite() }, true},
		"resets":                    {func(c net.Conn) { _ = plain(c).SetLinger(0); plain(c).Close() }, true},
		"says more":                 {func(c net.Conn) { _, _ = io.WriteString(c, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n") }, false},
		"stays":                     {func(net.Conn) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			begun, ended := make(chan *Context, 1), make(chan error, 1)
			handler := func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/slow" {
					return
				}
				ctx := NewContext(r.Context())
				defer ctx.Stop()
				begun <- ctx
				select {
				case <-ctx.Done():
				case <-time.After(map[bool]time.Duration{true: 10 * time.Second, false: 10 * lookEvery}[tc.gone]):
				}
				ended <- ctx.Err()
			}
			forBoth(t, handler, func(t *testing.T, s *server) {
				c := s.dial()
				say(t, c, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
				<-begun
				say(t, c, "ab")
				tc.leave(c)
				if err := <-ended; errors.Is(err, context.Canceled) != tc.gone {
					t.Errorf("the request's context says %v", err)
				}
			})
		})
	}
}

// plain is the connection below TLS, if there is TLS.
func plain(c net.Conn) *net.TCPConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*net.TCPConn)
}

// Asked without Done, as by a Client's watch, and before any look.
func TestLeaveIsSeenByErrAlone(t *testing.T) {
	begun, left, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	handler := func(_ http.ResponseWriter, r *http.Request) {
		defer close(ended)
		ctx := NewContext(r.Context())
		defer ctx.Stop()
		if err := ctx.Err(); err != nil {
			t.Error(err)
		}
		close(begun)
		<-left
		for deadline := time.Now().Add(10 * time.Second); ctx.Err() == nil; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Error("the leave was not seen")
				return
			}
		}
		<-ctx.Done() // which knows it already
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: http.HandlerFunc(handler), ConnContext: ConnContext, ReadHeaderTimeout: time.Second}
	go h.Serve(NewListener(l, nil)) //nolint:errcheck // it ends with the test
	defer h.Close()
	c := (&server{t: t, address: l.Addr().String()}).dial()
	say(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	c.Close()
	close(left)
	<-ended
}

// A client that speaks HTTP to a port with TLS hears so, as from net/http itself.
func TestPlaintextOnAPortWithTLS(t *testing.T) {
	forBoth(t, echo, func(t *testing.T, s *server) {
		if s.roots == nil {
			return
		}
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		say(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if status, body := hear(t, bufio.NewReader(c)); status != 400 || !strings.Contains(body, "HTTPS") {
			t.Errorf("%d %q", status, body)
		}
	})
}
