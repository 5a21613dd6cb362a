// Command gateway is the data plane of one carrier integration. Everything it serves comes from the files that the operator mounts;
// it holds no Kubernetes token.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o := gateway.Options{}
	level := slog.LevelInfo
	f := flag.NewFlagSet("gateway", flag.ExitOnError)
	f.StringVar(&o.Paths.ConfigFile, "config", config.ConfigFile, "configuration `file`")
	f.StringVar(&o.Paths.ServerTLSDir, "tls-dir", config.ServerTLSDir, "`folder` with tls.crt and tls.key of the listener")
	f.StringVar(&o.Paths.CarrierTLSDir, "carrier-tls-dir", config.CarrierTLSDir, "`folder` with tls.crt and tls.key for the carrier")
	f.StringVar(&o.Paths.CredentialsDir, "credentials-dir", config.CredentialsDir, "`folder` with one folder a credential")
	f.StringVar(&o.Paths.StateDir, "state-dir", config.StateDir, "memory-backed `folder` of the token cache; empty: no cache")
	f.StringVar(&o.Paths.CallbacksDir, "callbacks-dir", config.CallbacksDir, "`folder` with one folder a callback")
	f.StringVar(&o.Paths.RefreshTokensDir, "refresh-tokens-dir", config.RefreshTokensDir,
		"`folder` with one file a credential whose refresh token the carrier has replaced; may be missing")
	f.StringVar(&o.Paths.LimitStoreDir, "limit-store-dir", config.LimitStoreDir, "`folder` with password and username of the limit store")
	f.StringVar(&o.Paths.UsageFile, "usage", config.UsageFile, "`file` with what all replicas have counted in long limits")
	f.StringVar(&o.TLSAddr, "tls-address", port(config.PortTLS), "`address` for clients with listener MutualTLS or TLS")
	f.StringVar(&o.PlaintextAddr, "plaintext-address", port(config.PortPlaintext), "`address` for clients with listener Plaintext")
	f.StringVar(&o.AdminAddr, "admin-address", port(config.PortAdmin), "`address` for the operator")
	f.StringVar(&o.MetricsAddr, "metrics-address", port(config.PortMetrics), "`address` of /metrics, /healthz and /readyz")
	f.StringVar(&o.CallbackAddr, "callback-address", port(config.PortCallbacks), "`address` for webhooks of the carrier")
	f.DurationVar(&o.DrainDelay, "drain-delay", 5*time.Second, "how long requests are still taken after SIGTERM")
	f.TextVar(&level, "log-level", level, "DEBUG, INFO, WARN or ERROR; access records are INFO")
	_ = f.Parse(args) // exits on an error
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	tuneCollector()
	out := &wholeWrites{out: os.Stdout}
	o.Log, o.Access = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})), out
	return gateway.Run(ctx, o)
}

func port(n int) string { return fmt.Sprintf(":%d", n) }

// wholeWrites keeps events and access records from mixing, as a pipe takes large writes in parts.
type wholeWrites struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *wholeWrites) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}
