package postgresql

import (
	"context"
	"math"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// defaultStripe is how many blocks of a leaf in a row belong to one of several pods: 4 MiB, more than most windows have, and few enough
// that due records, which are seldom spread evenly, go to all pods.
const defaultStripe = 512

// Bounds are none: whose a block is can be told from its number, however many blocks a table gets.
func (s *session) Bounds(context.Context, *retention.Rule, int, *retention.Hasher) ([]string, error) {
	return nil, nil
}

// own returns the first block at or after a block of a leaf that belongs to the shard, and the end of its stripe.
func own(s retention.Shard, leaf uint32, block, stripe int64) (first, end int64) {
	if s.Count <= 1 {
		return block, math.MaxInt64
	}
	// Small partitions have one stripe each: their OIDs, mixed since they often come in equal steps, spread them over the pods.
	mixed := int64(leaf * 2654435761 >> 16)
	n, count := block/stripe, int64(s.Count)
	ahead := (int64(s.Index) - (mixed+n)%count + count) % count
	if ahead > 0 {
		n += ahead
		block = n * stripe
	}
	return block, (n + 1) * stripe
}
