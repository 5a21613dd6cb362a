package postgresql

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// replica is a connected replica as the store shows it: what it replayed, and the store's own idea of its lag.
type replica struct {
	visible  bool
	replayed int64
	lag      time.Duration
}

// behind is how far the replicas are behind by the store's clock. The store's own replay_lag is a lower bound alone: it stands still while a
// replica does not replay.
func behind(log *stores.LagTracker, at time.Time, lsn int64, replicas []replica) retention.Lag {
	log.Sample(at, lsn)
	if len(replicas) == 0 {
		return retention.Lag{Unknown: "no replica is connected"}
	}
	var lag retention.Lag
	slowest := lsn
	for _, r := range replicas {
		if !r.visible {
			return retention.Lag{Unknown: "the role may not see pg_stat_replication: GRANT pg_monitor"}
		}
		slowest = min(slowest, r.replayed)
		lag.Behind = max(lag.Behind, r.lag)
	}
	lag.Behind = max(lag.Behind, log.Behind(slowest))
	return lag
}

const lagSQL = `SELECT clock_timestamp(), (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint,
	r.pid IS NOT NULL, r.state IS NOT NULL AND r.replay_lsn IS NOT NULL, coalesce((r.replay_lsn - '0/0'::pg_lsn)::bigint, 0),
	coalesce(extract(epoch FROM r.replay_lag) * 1000000, 0)::bigint
	FROM (SELECT) AS one LEFT JOIN pg_stat_replication r ON true`

// Lag says how far the replicas are behind.
func (s *session) Lag(ctx context.Context) (retention.Lag, error) {
	rows, err := s.conn.Query(ctx, lagSQL)
	if err != nil {
		return retention.Lag{}, classify(ctx, err)
	}
	var at time.Time
	var lsn int64
	var replicas []replica
	var connected bool
	var r replica
	var micros int64
	_, err = pgx.ForEachRow(rows, []any{&at, &lsn, &connected, &r.visible, &r.replayed, &micros}, func() error {
		if connected {
			r.lag = time.Duration(micros) * time.Microsecond
			replicas = append(replicas, r)
		}
		return nil
	})
	if err != nil {
		return retention.Lag{}, classify(ctx, err)
	}
	return behind(&s.lag, at, lsn, replicas), nil
}
