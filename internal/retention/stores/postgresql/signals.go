package postgresql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// seesAll is true for roles that see what other roles' sessions do; to others the views show less without a word.
const seesAll = `pg_has_role('pg_read_all_stats', 'USAGE')`

const grantMonitor = "GRANT pg_monitor"

// Each query returns whether the role sees the signal, its value and a detail.
const (
	walBacklogSQL = `SELECT current_setting('archive_mode') <> 'off',
		(SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}\.ready$') * pg_size_bytes(current_setting('wal_segment_size')) / 1048576,
		(SELECT CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN 'archiving fails' ELSE '' END FROM pg_stat_archiver)`

	slotRetainedSQL = `SELECT true, coalesce((pg_current_wal_lsn() - s.restart_lsn)::bigint / 1048576, 0),
		coalesce('slot ' || s.slot_name || CASE WHEN s.active THEN '' ELSE ', inactive' END, '')
		FROM (SELECT) AS one LEFT JOIN (SELECT * FROM pg_replication_slots WHERE restart_lsn IS NOT NULL ORDER BY restart_lsn LIMIT 1) s ON true`

	runningVacuumsSQL = `SELECT ` + seesAll + `, count(*), '' FROM pg_stat_progress_vacuum
		WHERE datname = current_database() AND relid IN (SELECT unnest($1::oid[]) UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid = ANY ($1))`

	// Autovacuum leaves tables alone that have few dead rows, whatever their share.
	deadRowsSQL = `SELECT current_setting('track_counts')::boolean,
		CASE WHEN sum(n_dead_tup) < 10000 THEN 0 ELSE coalesce((100 * sum(n_dead_tup) / (sum(n_live_tup) + sum(n_dead_tup)))::bigint, 0) END, ''
		FROM pg_stat_all_tables WHERE relid = ANY ($1)`

	// Other pods of the run have the same application_name.
	activeSessionsSQL = `SELECT ` + seesAll + `, count(*), '' FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND state = 'active' AND application_name IS DISTINCT FROM current_setting('application_name')`

	// A vacuum's own snapshot holds nothing back; neither do those of other databases.
	oldestTransactionSQL = `WITH held AS (
			SELECT clock_timestamp() - xact_start AS age, 'backend ' || pid AS who FROM pg_stat_activity
			WHERE datname = current_database() AND coalesce(backend_xmin, backend_xid) IS NOT NULL AND backend_type <> 'autovacuum worker'
				AND pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
			UNION ALL SELECT clock_timestamp() - prepared, 'a prepared transaction' FROM pg_prepared_xacts WHERE database = current_database())
		SELECT ` + seesAll + `, coalesce(extract(epoch FROM h.age)::bigint, 0), coalesce(h.who, '')
		FROM (SELECT) AS one LEFT JOIN (SELECT * FROM held WHERE age IS NOT NULL ORDER BY age DESC LIMIT 1) h ON true`

	// Slots and standbys with feedback hold back transactions without saying since when.
	heldSQL = `SELECT clock_timestamp(), pg_snapshot_xmax(pg_current_snapshot())::text::bigint, coalesce(max(age(xmin)), 0)::bigint
		FROM (SELECT xmin FROM pg_replication_slots UNION ALL SELECT backend_xmin FROM pg_stat_replication) AS held`
)

// Measure returns what a signal shows now.
func (s *session) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	plain := func(sql string) func(context.Context, *retention.Rule) (retention.Reading, error) {
		return func(ctx context.Context, _ *retention.Rule) (retention.Reading, error) {
			return s.read(ctx, signal, sql)
		}
	}
	ofTable := func(sql string) func(context.Context, *retention.Rule) (retention.Reading, error) {
		return func(ctx context.Context, rule *retention.Rule) (retention.Reading, error) {
			t, err := s.table(rule)
			if err != nil {
				return retention.Reading{}, err
			}
			oids := make([]uint32, len(t.leaves))
			for i, l := range t.leaves {
				oids[i] = l.oid
			}
			return s.read(ctx, signal, sql, oids)
		}
	}
	return stores.Gauges{
		retention.SignalWALBacklog:        plain(walBacklogSQL),
		retention.SignalSlotRetained:      plain(slotRetainedSQL),
		retention.SignalOldestTransaction: s.oldestTransaction,
		retention.SignalRunningVacuums:    ofTable(runningVacuumsSQL),
		retention.SignalDeadRows:          ofTable(deadRowsSQL),
		retention.SignalActiveSessions:    plain(activeSessionsSQL),
	}.Measure(ctx, signal, rule)
}

// read runs a signal's query.
func (s *session) read(ctx context.Context, signal retention.Signal, sql string, args ...any) (r retention.Reading, err error) {
	var seen bool
	err = s.conn.QueryRow(ctx, sql, args...).Scan(&seen, &r.Value, &r.Detail)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == codePrivilege:
		return r, stores.Ungranted(signal, grantMonitor)
	case err != nil:
		return r, classify(ctx, err)
	case seen:
		return r, nil
	case signal == retention.SignalWALBacklog:
		return r, stores.Unavailable(signal, "archive_mode is off")
	case signal == retention.SignalDeadRows:
		return r, stores.Unavailable(signal, "track_counts is off")
	default:
		return r, stores.Ungranted(signal, grantMonitor)
	}
}

// oldestTransaction is the age of what keeps dead rows from being removed: a session, a prepared transaction, a slot or a standby. For the
// latter two it is a lower bound, counted from the run's start.
func (s *session) oldestTransaction(ctx context.Context, _ *retention.Rule) (retention.Reading, error) {
	r, err := s.read(ctx, retention.SignalOldestTransaction, oldestTransactionSQL)
	if err != nil {
		return r, err
	}
	var at time.Time
	var next, age int64
	if err := s.conn.QueryRow(ctx, heldSQL).Scan(&at, &next, &age); err != nil {
		return r, classify(ctx, err)
	}
	s.transactions.Sample(at, next)
	if held := int64(s.transactions.Behind(next-age) / time.Second); held > r.Value {
		return retention.Reading{Value: held, Detail: fmt.Sprintf("a slot or a standby holds back %d transactions", age)}, nil
	}
	return r, nil
}

// Work counts transactions that write, by the numbers that the server gives them: read-only ones get none.
func (s *session) Work(ctx context.Context) (w retention.Work, err error) {
	w.Own = s.written
	err = s.conn.QueryRow(ctx, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&w.All)
	return w, classify(ctx, err)
}
