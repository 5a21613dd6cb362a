package enforcement

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Listener is what probes aim at: a port that takes connections and closes them. Nothing is read and nothing is sent.
type Listener struct {
	// BindAddress is host:port to listen at; port 0 takes a free one.
	BindAddress string
	// Started gets the address once connections are taken; may be nil.
	Started func(net.Addr)
}

// Start takes connections until ctx ends.
func (l *Listener) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.BindAddress)
	if err != nil {
		return fmt.Errorf("the port that gateways must not reach: %w; choose another one with --probe-bind-address", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	if l.Started != nil {
		l.Started(listener.Addr())
	}
	// Accept fails for a while where, for example, file descriptors are short.
	wait.UntilWithContext(ctx, func(context.Context) { accept(listener) }, 100*time.Millisecond)
	return nil
}

func accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_ = connection.Close()
	}
}

// NeedLeaderElection says that only the manager that works listens: it is the one that has its port tried.
func (*Listener) NeedLeaderElection() bool { return true }

// Reach connects to the target from here: a target that nobody can reach shows nothing.
func Reach(ctx context.Context, target netip.AddrPort) error {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", target.String())
	if err != nil {
		return err
	}
	return connection.Close()
}
