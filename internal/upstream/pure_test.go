package upstream

import (
	"context"
	"errors"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestHeadEnd(t *testing.T) {
	tests := map[string]struct {
		data string
		want int
	}{
		"nothing":            {"", 0},
		"no empty line":      {"HTTP/1.1 200 OK\r\nA: 1\r\n", 0},
		"half an empty line": {"HTTP/1.1 200 OK\r\nA: 1\r\n\r", 0},
		"the usual":          {"A: 1\r\n\r\nbody", 8},
		"without CR":         {"A: 1\n\nbody", 6},
		"mixed":              {"A: 1\r\n\nbody", 7},
		"CR in the line":     {"A: 1\r\r\n\r\n", 9},
		"the first of two":   {"A\n\nB\r\n\r\n", 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for seen := range len(tc.data) + 1 { // wherever the bytes were cut on their way
				if headEnd([]byte(tc.data[:seen]), 0) != 0 {
					continue
				}
				if got := headEnd([]byte(tc.data), seen); got != tc.want {
					t.Errorf("%d after %d bytes were seen, want %d", got, seen, tc.want)
				}
			}
		})
	}
}

func TestRecordsAreFollowedWhereverTheyAreCut(t *testing.T) {
	stream := []byte{22, 3, 3, 0, 2, 9, 9, 23, 3, 3, 0, 0, 23, 3, 3, 1, 0}
	stream = append(stream, make([]byte, 256)...)
	ends := map[int]bool{0: true, 7: true, 12: true, len(stream): true}
	for size := 1; size <= len(stream); size++ {
		s := &socket{}
		for from := 0; from < len(stream); from += size {
			to := min(from+size, len(stream))
			s.advance(stream[from:to])
			if s.whole() != ends[to] {
				t.Fatalf("pieces of %d: whole after %d bytes: %v, want %v", size, to, s.whole(), ends[to])
			}
		}
	}
}

func TestADeadlineBehavesLikeThatOfPackageContext(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	parent, cancelParent := context.WithCancel(t.Context())
	make1 := func(after time.Duration) (context.Context, context.CancelFunc) {
		return WithDeadline(parent, now.Now().Add(after), now)
	}
	ctx, cancel := make1(time.Hour)
	if at, ok := ctx.Deadline(); !ok || !at.Equal(now.Now().Add(time.Hour)) || ctx.Err() != nil {
		t.Errorf("deadline %v, error %v", at, ctx.Err())
	}
	now.SetTime(now.Now().Add(time.Hour))
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v at the deadline, want %v", err, context.DeadlineExceeded)
	}
	cancel()

	now.SetTime(time.Now())
	ctx, cancel = make1(time.Millisecond)
	<-ctx.Done()
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v after Done, want %v", err, context.DeadlineExceeded)
	}
	cancel()

	ctx, cancel = make1(time.Hour)
	cancel()
	<-ctx.Done()
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after cancel, want %v", err, context.Canceled)
	}

	ctx, cancel = make1(time.Hour)
	defer cancel()
	if sooner, stop := WithDeadline(ctx, now.Now().Add(2*time.Hour), now); sooner.Err() == nil {
		if at, _ := sooner.Deadline(); !at.Equal(now.Now().Add(time.Hour)) {
			t.Errorf("deadline %v is beyond the parent's", at)
		}
		stop()
	}
	cancelParent()
	<-ctx.Done()
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the parent's end, want %v", err, context.Canceled)
	}
}
