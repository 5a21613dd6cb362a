package redis

import (
	"context"
	"strconv"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Measure returns what a signal shows now.
func (s *session) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	return stores.Gauges{retention.SignalPendingFrees: s.pendingFrees}.Measure(ctx, signal, rule)
}

// pendingFrees are the objects that UNLINK took away and that a thread of the store has still to free.
func (s *session) pendingFrees(ctx context.Context, _ *retention.Rule) (retention.Reading, error) {
	answer, err := s.client.Info(ctx, "memory").Result()
	if err != nil {
		return retention.Reading{}, classify(ctx, err)
	}
	return parsePending(parseInfo(answer))
}

func parsePending(info map[string]string) (retention.Reading, error) {
	pending, err := strconv.ParseInt(info["lazyfree_pending_objects"], 10, 64)
	if err != nil {
		return retention.Reading{}, stores.Unavailable(retention.SignalPendingFrees, "its INFO memory has no lazyfree_pending_objects")
	}
	return retention.Reading{Value: pending}, nil
}
