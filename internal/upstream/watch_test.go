package upstream

import (
	"context"
	"net"
	"testing"
	"time"
)

// exchangeOn puts a connection, one end of a pipe, under a watch.
func exchangeOn(ctx context.Context, t *testing.T, w *watch) *conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	cn := &conn{socket: newSocket(near)}
	w.add(ctx, cn)
	return cn
}

func TestTheWatchInterruptsWhatHasEndedAndNothingElse(t *testing.T) {
	var w watch
	over, cancelOver := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelOver()
	given, cancelGiven := context.WithCancel(context.Background())
	conns := map[string]*conn{}
	for name, ctx := range map[string]context.Context{"under way": t.Context(), "late": over, "given up": given} {
		conns[name] = exchangeOn(ctx, t, &w)
	}
	cancelGiven()
	w.look()
	for _, name := range []string{"late", "given up"} {
		if _, err := conns[name].socket.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: a read succeeded", name)
		}
	}
	for name, want := range map[string]bool{"late": false, "under way": true, "given up": false} { // in any order
		if whole := w.remove(conns[name]); whole != want {
			t.Errorf("%s: ended without interruption: %t, want %t", name, whole, want)
		}
	}
	if len(w.conns) != 0 {
		t.Errorf("%d exchanges are left", len(w.conns))
	}
}

func TestTheWatchComesBackForAnExchangeThatBeginsWhenNoneIsLeft(t *testing.T) {
	var w watch
	for range 3 {
		w.remove(exchangeOn(t.Context(), t, &w))
		ctx, cancel := context.WithCancel(t.Context())
		cn := exchangeOn(ctx, t, &w)
		cancel()
		if _, err := cn.socket.Read(make([]byte, 1)); err == nil { // ends with the interruption
			t.Error("a read succeeded")
		}
		w.remove(cn)
	}
}
