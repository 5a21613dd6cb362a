package network

import (
	"context"
	"errors"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/network"
)

// counter counts queries, and fails while it is broken.
type counter struct {
	queries int
	broken  bool
}

func (c *counter) Resolve(context.Context, string) (network.Answer, error) {
	c.queries++
	if c.broken {
		return network.Answer{}, errors.New("SERVFAIL")
	}
	return network.Answer{TTL: time.Hour}, nil
}

func TestAnAnswerIsKeptForItsLife(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	clock, dns := clocktesting.NewFakePassiveClock(start), &counter{}
	c := &Cache{Resolver: dns, Clock: clock, Spread: func(d time.Duration) time.Duration { return d - d/10 }}
	for _, step := range []struct {
		after   time.Duration
		left    time.Duration
		queries int
	}{
		{0, 54 * time.Minute, 1},
		{50 * time.Minute, 4 * time.Minute, 1},
		{54 * time.Minute, 54 * time.Minute, 2},
	} {
		clock.SetTime(start.Add(step.after))
		answer, left, err := c.Resolve(t.Context(), "api.example")
		if err != nil || left != step.left || dns.queries != step.queries {
			t.Errorf("after %s: %s left, %d queries, error %v; want %s, %d", step.after, left, dns.queries, err, step.left, step.queries)
		}
		if answer.TTL != time.Hour { // how long an address stays that leaves the answers depends on it
			t.Errorf("after %s: the TTL became %s", step.after, answer.TTL)
		}
	}
	dns.broken = true
	clock.SetTime(start.Add(2 * time.Hour))
	if _, _, err := c.Resolve(t.Context(), "api.example"); err == nil {
		t.Error("an answer that is over hides a failure")
	}
}

func TestSpreadIsATenthEitherWay(t *testing.T) {
	shortest, longest := time.Hour, time.Duration(0)
	for range 10_000 {
		d := TenPercent(100 * time.Second)
		shortest, longest = min(shortest, d), max(longest, d)
	}
	if shortest < 90*time.Second || longest > 110*time.Second || longest-shortest < 19*time.Second {
		t.Errorf("100 s become %s to %s", shortest, longest)
	}
}
