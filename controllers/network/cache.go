package network

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/network"
)

// Cache keeps answers for their TTL, so that many integrations of one carrier, and every change of an integration, cost one query.
type Cache struct {
	Resolver Resolver
	Clock    clock.PassiveClock
	// Spread changes the life of an answer, so that names of one TTL are not all asked for at once. Default: it stays the TTL.
	Spread func(time.Duration) time.Duration

	mu      sync.Mutex
	answers map[string]cached
}

type cached struct {
	answer network.Answer
	until  time.Time
}

// TenPercent spreads a duration by up to a tenth either way.
func TenPercent(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*0.1*float64(d)) //nolint:gosec // spreads load, guards nothing
}

// Resolve returns a living answer, or asks. left is how much longer the answer lives.
func (c *Cache) Resolve(ctx context.Context, host string) (answer network.Answer, left time.Duration, err error) {
	now := c.Clock.Now()
	c.mu.Lock()
	kept, ok := c.answers[host]
	c.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.answer, kept.until.Sub(now), nil
	}
	answer, err = c.Resolver.Resolve(ctx, host)
	if err != nil {
		return network.Answer{}, 0, err
	}
	left = answer.TTL
	if c.Spread != nil {
		left = c.Spread(left)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[string]cached{}
	}
	c.answers[host] = cached{answer: answer, until: now.Add(left)}
	return answer, left, nil
}
