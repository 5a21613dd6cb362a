package enforcement

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestListenerTakesConnectionsAndClosesThem(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	started, done := make(chan net.Addr, 1), make(chan error, 1)
	l := &Listener{BindAddress: "127.0.0.1:0", Started: func(a net.Addr) { started <- a }}
	go func() { done <- l.Start(ctx) }()
	address := netip.MustParseAddrPort((<-started).String())

	for range 3 {
		if err := Reach(ctx, address); err != nil {
			t.Fatal(err)
		}
	}
	connection, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	if sent, err := io.ReadAll(connection); err != nil || len(sent) > 0 {
		t.Errorf("the listener sends %q, error %v", sent, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := Reach(t.Context(), address); err == nil {
		t.Error("a listener that has ended still takes connections")
	}
}

func TestListenerSaysWhichFlagHelps(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := (&Listener{BindAddress: taken.Addr().String()}).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "--probe-bind-address") {
		t.Errorf("a port that is taken: error %v, want one that names the flag", err)
	}
}
