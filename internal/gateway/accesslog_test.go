package gateway

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAccessRecordsAreThoseOfSlog(t *testing.T) {
	attrs := []slog.Attr{
		slog.String("client", "checkout"), slog.String("empty", ""), slog.String("route", `/a/"b"\c`), slog.String("name", "Zoë\n<&>\x7f"),
		slog.Int("status", 200), slog.Int64("bytesIn", -1), slog.Bool("tokenRenewed", true),
		slog.Any("requestRemoved", []string{"$.a", `$['b"']`}), slog.Any("responseRemoved", []string{}),
	}
	at := noon.Add(123456789)
	var want, got bytes.Buffer
	direct := &accessLog{log: slog.New(slog.NewJSONHandler(&want, nil))}
	direct.write(at, attrs)
	gathering := &accessLog{log: direct.log, out: &got}
	gathering.write(at, attrs)
	gathering.flush()
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("record (-slog +ours):\n%s", diff)
	}
}

func TestAccessRecordsGatherButNotForLong(t *testing.T) {
	out := &signal{written: make(chan string, 1)}
	l := &accessLog{log: slog.New(slog.DiscardHandler), out: out}
	l.write(noon, nil)
	if len(l.buffer) != 0 {
		t.Error("records are kept although the level says that there are none")
	}
	l.log = slog.New(slog.NewJSONHandler(out, nil))
	l.write(noon, nil)
	l.write(noon, nil)
	if n := strings.Count(<-out.written, "\n"); n != 2 {
		t.Errorf("%d records were written together, want 2", n)
	}
	l = &accessLog{log: l.log, out: out, armed: true} // as if a timer were still far away
	for range accessBuffer/50 + 1 {
		l.write(noon, nil)
	}
	if n := len(<-out.written); n < accessBuffer {
		t.Errorf("%d bytes were written, want a full buffer", n)
	}
}

type signal struct{ written chan string }

func (s *signal) Write(p []byte) (int, error) {
	select {
	case s.written <- string(p):
	case <-time.After(10 * time.Second): // so that a broken test ends
	}
	return len(p), nil
}
