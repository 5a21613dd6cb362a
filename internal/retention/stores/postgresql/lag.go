package postgresql

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// lagTracker remembers how far the store's log was, and when.
type lagTracker struct{ samples []lagSample }

type lagSample struct {
	at  time.Time
	lsn int64
}

// replica is a connected replica as the store shows it: what it replayed, and the store's own idea of its lag.
type replica struct {
	visible  bool
	replayed int64
	lag      time.Duration
}

// behind is how far the replicas are behind by the store's clock: the age of the newest sample that the slowest has replayed. The store's own
// replay_lag is a lower bound alone: it stands still while a replica does not replay.
func (t *lagTracker) behind(now lagSample, replicas []replica) retention.Lag {
	t.samples = append(t.samples, now)
	if len(replicas) == 0 {
		return retention.Lag{Unknown: "no replica is connected"}
	}
	var lag retention.Lag
	slowest := now.lsn
	for _, r := range replicas {
		if !r.visible {
			return retention.Lag{Unknown: "the role may not see pg_stat_replication: GRANT pg_monitor"}
		}
		slowest = min(slowest, r.replayed)
		lag.Behind = max(lag.Behind, r.lag)
	}
	passed := 0
	for passed < len(t.samples) && t.samples[passed].lsn <= slowest {
		passed++
	}
	// Samples before the last one that was passed tell nothing more.
	t.samples = t.samples[max(passed-1, 0):]
	if slowest < now.lsn {
		lag.Behind = max(lag.Behind, now.at.Sub(t.samples[0].at))
	}
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
	var now lagSample
	var replicas []replica
	var connected bool
	var r replica
	var micros int64
	_, err = pgx.ForEachRow(rows, []any{&now.at, &now.lsn, &connected, &r.visible, &r.replayed, &micros}, func() error {
		if connected {
			r.lag = time.Duration(micros) * time.Microsecond
			replicas = append(replicas, r)
		}
		return nil
	})
	if err != nil {
		return retention.Lag{}, classify(ctx, err)
	}
	return s.lag.behind(now, replicas), nil
}
