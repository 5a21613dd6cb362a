package carriersim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody is the largest request that is read, in bytes.
const maxBody = 16 << 20

// Server is a running carrier simulator.
type Server struct {
	opts     Options
	sites    map[string]*site
	accounts *accounts
	faults   faults
	log      *recorder
	face     *tlsFace

	settingsMu sync.Mutex
	settings   Settings

	plaintextFirst atomic.Bool
	listeners      []net.Listener
	https          *http.Server
	control        net.Listener
	controlServer  *http.Server
	running        sync.WaitGroup

	connsMu sync.Mutex
	conns   map[net.Conn]conn
	era     int
}

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start runs a server for the length of a test.
func Start(t TB, opts Options) *Server {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatalf("start carriersim: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// New starts a server; Close ends it.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	ca, err := loadAuthority(opts.CADir, "carriersim CA")
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, settings: opts.Settings, accounts: newAccounts(opts.Clock),
		log: newRecorder(opts.MaxReceived), conns: map[net.Conn]conn{},
	}
	if s.face, err = newTLSFace(ca, slices.Sorted(maps.Keys(opts.Hosts))); err != nil {
		return nil, err
	}
	if err := s.face.setClientAuth(opts.ClientAuth); err != nil {
		return nil, err
	}
	for _, a := range opts.Accounts {
		if err := s.PutAccount(a); err != nil {
			return nil, err
		}
	}
	s.sites = newSites(s, opts.Hosts)
	if err := s.listen(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	s.https = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 30 * time.Second,
		ConnState:         s.track,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	for _, address := range s.opts.Listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for carriers: %w", err)
		}
		s.listeners = append(s.listeners, l)
		s.run(s.https, tls.NewListener(&gate{Listener: l, server: s}, s.face.base))
	}
	if s.opts.Control == "" {
		return nil
	}
	network, address := "tcp", s.opts.Control
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the old control socket: %w", err)
		}
	}
	var err error
	if s.control, err = net.Listen(network, address); err != nil {
		return fmt.Errorf("listen for the control API: %w", err)
	}
	s.controlServer = &http.Server{Handler: s.ControlHandler(), ReadHeaderTimeout: 30 * time.Second}
	s.run(s.controlServer, s.control)
	return nil
}

func (s *Server) run(server *http.Server, l net.Listener) {
	s.running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.opts.Log.Error("listener ended", "addr", l.Addr().String(), "error", err)
		}
	})
}

// Close ends all listeners and connections and waits for them.
func (s *Server) Close() error {
	err := s.https.Close()
	if s.controlServer != nil {
		err = errors.Join(err, s.controlServer.Close())
	}
	for _, l := range s.listeners {
		l.Close()
	}
	s.closeAll()
	s.running.Wait()
	return err
}

// CloseListener takes no more connections at an address of Options.Listen, and closes idle ones as CloseIdle does.
func (s *Server) CloseListener(address string) error {
	for _, l := range s.listeners {
		if l.Addr().String() == address {
			err := l.Close()
			s.CloseIdle()
			return err
		}
	}
	return fmt.Errorf("no listener at %s", address)
}

// Addr is the first TLS address, host:port.
func (s *Server) Addr() string { return s.listeners[0].Addr().String() }

// Addrs are all TLS addresses in the order of Options.Listen.
func (s *Server) Addrs() []string {
	var out []string
	for _, l := range s.listeners {
		out = append(out, l.Addr().String())
	}
	return out
}

// URL is the base URL of the first address, which plays every carrier: https://127.0.0.1:port.
func (s *Server) URL() string { return "https://" + s.Addr() }

// ControlAddr is where the control API listens, empty without one.
func (s *Server) ControlAddr() string {
	if s.control == nil {
		return ""
	}
	return s.control.Addr().String()
}

// CAPEM is the certificate of the CA that signs the valid server certificates.
func (s *Server) CAPEM() []byte { return s.face.ca.pem() }

// Client returns a client that trusts the CA and reaches this server under every host name. It follows no redirect. A client
// certificate may be given.
func (s *Server) Client(certs ...tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(s.face.ca.cert)
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
			},
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// serve records a request, applies faults and hands it to the carrier of its host.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r.Host)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	rec := describe(r, host, body, s.opts.Clock.Now())
	r.Body = io.NopCloser(bytes.NewReader(body))
	site := s.sites[host]
	if site != nil {
		rec.Carrier, rec.Operation = site.operation(r)
	}
	s.log.add(rec)
	out := &observed{ResponseWriter: w, report: func(status int) {
		s.log.answered(rec, status)
		s.opts.Log.Info("request", "host", host, "carrier", rec.Carrier, "operation", rec.Operation, "method", r.Method, "status", status)
	}}
	defer func() {
		if !out.done {
			out.done = true
			out.report(0)
		}
	}()
	switch {
	case err != nil:
		http.Error(out, "the request could not be read in full, or is over 16 MiB", http.StatusRequestEntityTooLarge)
	case site == nil || r.TLS.ServerName != "" && !strings.EqualFold(r.TLS.ServerName, host):
		http.Error(out, "this server does not answer for the host of the request on this connection", http.StatusMisdirectedRequest)
	default:
		if fault, ok := s.faults.take(host, r.Method, r.URL.Path); ok {
			fault.serve(out, r, s.opts.Clock, site.mux, site.refuser(rec.Carrier))
			return
		}
		site.mux.ServeHTTP(out, r)
	}
}

func hostOf(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		hostPort = host
	}
	return strings.ToLower(strings.Trim(hostPort, "[]"))
}

// gate lets connections through to TLS, or answers in plain text where the server is told to.
type gate struct {
	net.Listener
	server *Server
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || !g.server.plaintextFirst.Load() {
			return c, err
		}
		g.server.track(c, http.StateActive)
		g.server.running.Go(func() {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nplain HTTP here\n")
			// Closing with unread data would reset the connection before the client has read the answer.
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			_, _ = io.Copy(io.Discard, c)
			c.Close()
			g.server.track(c, http.StateClosed)
		})
	}
}

// conn is what is known of a connection. One of an earlier era than the server's closes as soon as it is idle.
type conn struct {
	state http.ConnState
	era   int
}

func (s *Server) track(c net.Conn, state http.ConnState) {
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(s.conns, c)
		return
	}
	known, ok := s.conns[c]
	if !ok {
		known.era = s.era
	}
	known.state = state
	s.conns[c] = known
	if state == http.StateIdle && known.era < s.era {
		c.Close()
	}
}

// CloseIdle closes the connections that wait for a request, as a carrier's load balancer does, and the busy ones once they have
// answered. It returns how many it closed at once.
func (s *Server) CloseIdle() int {
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	s.era++
	n := 0
	for c, known := range s.conns {
		if known.state == http.StateIdle {
			c.Close()
			n++
		}
	}
	return n
}

func (s *Server) closeAll() {
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}
