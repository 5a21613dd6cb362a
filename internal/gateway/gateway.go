package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/downstream"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	shutdownTimeout = 25 * time.Second // within the 30 s that a pod gets, less the drain delay's default
	readTimeout     = time.Minute      // for a client to send its request
	writeGrace      = 30 * time.Second // for the client to take the answer, beyond the carrier's time
)

// Options configure a Gateway. Addresses are host:port; port 0 takes a free one.
type Options struct {
	Paths         Paths
	TLSAddr       string
	PlaintextAddr string
	AdminAddr     string
	MetricsAddr   string
	// CallbackAddr receives webhooks; empty: none are received.
	CallbackAddr string
	// DrainDelay is how long requests are still taken after the end was asked for, so that load balancers see it first.
	DrainDelay time.Duration
	// Log takes events, and decides by its level (Info) whether there are access records.
	Log *slog.Logger
	// Access takes access records, several lines at a time. Default: they go to Log one by one, which costs more.
	Access io.Writer
	// Clock decides about tokens, limits and exceptions. Default the wall clock.
	Clock clock.WithTicker
}

// Gateway is a running data plane.
type Gateway struct {
	options  Options
	clock    clock.WithTicker
	log      *slog.Logger
	access   *accessLog
	metrics  *metrics
	broker   *carrier.Broker
	counting *counting
	reloader *reloader
	draining atomic.Bool

	admin, health, callbacks net.Listener
	clientsAddr              atomic.Pointer[net.Addr]
}

// Run is the program: it serves until ctx ends, then drains.
func Run(ctx context.Context, o Options) error {
	log.SetOutput(io.Discard) // package net/http prints there what a carrier sends out of turn, which may be personal data
	g, err := New(o)
	if err != nil {
		return err
	}
	return g.Serve(ctx)
}

// New opens the ports of the operator and of metrics; that of clients opens with the first valid configuration.
func New(o Options) (*Gateway, error) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	g := &Gateway{options: o, clock: o.Clock, log: o.Log,
		access: &accessLog{log: o.Log, out: o.Access}, metrics: newMetrics()}
	var err error
	if g.broker, err = carrier.NewBroker(o.Clock, o.Paths.StateDir, g.metrics.tokenRequest); err != nil {
		return nil, err
	}
	g.counting = newCounting(&o, g.metrics)
	g.reloader = &reloader{paths: o.Paths, broker: g.broker, counting: g.counting, clock: o.Clock, log: o.Log, metrics: g.metrics, ready: make(chan struct{})}
	if g.admin, err = listen(o.AdminAddr); err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	if g.health, err = listen(o.MetricsAddr); err != nil {
		return nil, errors.Join(fmt.Errorf("metrics port: %w", err), g.admin.Close())
	}
	if o.CallbackAddr != "" {
		if g.callbacks, err = listen(o.CallbackAddr); err != nil {
			return nil, errors.Join(fmt.Errorf("callbacks' port: %w", err), g.admin.Close(), g.health.Close())
		}
	}
	return g, nil
}

func listen(address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
}

// Serve runs until ctx ends or a port fails. Clients are drained before the other ports close.
func (g *Gateway) Serve(ctx context.Context) error {
	polling, stop := context.WithCancel(context.Background())
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { g.reloader.run(polling) })
	background.Go(func() { g.counting.run(polling, g.reloader.current) })

	failures := make(chan error, 4)
	admin, health, callbacks := g.newServer(g.adminHandler()), g.newServer(g.healthHandler()), g.newServer(g.callbackHandler())
	go serve(admin, tls.NewListener(g.admin, g.adminTLS()), failures)
	go serve(health, g.health, failures)
	if g.callbacks != nil {
		callbacks.ReadTimeout, callbacks.WriteTimeout = readTimeout, readTimeout+writeGrace
		go serve(callbacks, downstream.NewListener(g.callbacks, g.callbackTLS()), failures)
	}

	var clients *http.Server
	var err error
	select {
	case <-g.reloader.ready:
		if clients, err = g.serveClients(failures); err == nil {
			select {
			case err = <-failures:
			case <-ctx.Done():
			}
		}
	case err = <-failures:
	case <-ctx.Done():
	}
	g.drain(clients, callbacks)
	g.access.flush()
	stop()
	background.Wait()
	g.broker.Wait() // a token that a carrier has issued is worth keeping for the next container
	return errors.Join(err, admin.Close(), health.Close(), callbacks.Close())
}

// serveClients opens the clients' port.
func (g *Gateway) serveClients(failures chan<- error) (*http.Server, error) {
	address, secure := g.options.TLSAddr, true
	if g.reloader.current().cfg.Listener.Mode == config.ListenerPlaintext {
		address, secure = g.options.PlaintextAddr, false
	}
	l, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("clients' port: %w", err)
	}
	server := g.newServer(g)
	server.ReadTimeout = readTimeout
	addr := l.Addr()
	g.clientsAddr.Store(&addr)
	server.ConnContext = downstream.ConnContext
	var clientTLS *tls.Config
	if secure {
		server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(downstream.ConnContext(ctx, c), connectionKey{}, &connection{})
		}
		clientTLS = g.clientTLS()
	}
	go serve(server, downstream.NewListener(l, clientTLS), failures)
	return server, nil
}

func serve(s *http.Server, l net.Listener, failures chan<- error) {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failures <- err
	}
}

// newServer is a hardened HTTP/1.1 server.
func (g *Gateway) newServer(h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:             h,
		Protocols:           protocols,
		ReadHeaderTimeout:   10 * time.Second,
		IdleTimeout:         2 * time.Minute,
		MaxHeaderBytes:      64 << 10,
		MaxHeaderValueCount: 200,
		// Its lines name addresses of peers and are of no use but to find errors in a client's TLS.
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
}

// clientTLS uses the snapshot's setup for each new connection and remembers which one that was.
func (g *Gateway) clientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s := g.reloader.current().server
		if c, ok := hello.Context().Value(connectionKey{}).(*connection); ok {
			c.tls = s
		}
		return s.clients, nil
	}}
}

func (g *Gateway) adminTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if s := g.reloader.current(); s != nil {
			return s.server.manager, nil
		}
		if s := g.reloader.receive.Load(); s != nil {
			return s.manager, nil
		}
		return nil, errors.New("no certificate has been loaded yet")
	}}
}

func (g *Gateway) healthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case g.draining.Load():
			http.Error(w, "draining", http.StatusServiceUnavailable)
		case g.clientsAddr.Load() == nil:
			http.Error(w, "no valid configuration has been loaded yet", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	return mux
}

// drain takes requests for a while longer, then lets those under way end.
func (g *Gateway) drain(clients, callbacks *http.Server) {
	g.draining.Store(true)
	if clients == nil {
		return
	}
	g.log.Info("draining", "delaySeconds", g.options.DrainDelay.Seconds())
	<-g.clock.After(g.options.DrainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	for _, server := range []*http.Server{clients, callbacks} {
		if err := server.Shutdown(ctx); err != nil {
			g.log.Error("requests were cut off at the end of the drain", "error", err.Error())
			_ = server.Close()
		}
	}
}
