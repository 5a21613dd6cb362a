package mysql

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

const grantProcess = "GRANT PROCESS ON *.*"

// Measure returns what a signal shows now.
func (s *session) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	return stores.Gauges{
		retention.SignalHistoryList:       s.historyList,
		retention.SignalOldestTransaction: s.oldestTransaction,
		retention.SignalActiveSessions:    s.activeSessions,
	}.Measure(ctx, signal, rule)
}

// historyList is a status variable in MariaDB. MySQL has it as a metric, which PROCESS is needed for.
func (s *session) historyList(ctx context.Context, _ *retention.Rule) (r retention.Reading, err error) {
	if s.mariaDB {
		r.Value, err = s.statusVariable(ctx, retention.SignalHistoryList, "Innodb_history_list_length")
		return r, err
	}
	err = s.one(ctx, text("SELECT COALESCE(MAX(COUNT), -1) FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"), &r.Value)
	switch {
	case is(err, privilegeErrors):
		return r, stores.Ungranted(retention.SignalHistoryList, grantProcess)
	case err == nil && r.Value < 0:
		return r, stores.Unavailable(retention.SignalHistoryList, "it has no metric trx_rseg_history_len")
	default:
		return r, classify(ctx, err)
	}
}

// Without PROCESS, MySQL refuses the table, and MariaDB shows it, and that of the metrics, empty. The table's times are the host's own.
const oldestTransactionSQL = `SELECT EXISTS (SELECT 1 FROM information_schema.INNODB_METRICS),
	COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))), 0)
	FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id <> CONNECTION_ID()`

func (s *session) oldestTransaction(ctx context.Context, _ *retention.Rule) (r retention.Reading, err error) {
	var seen bool
	err = s.one(ctx, text(oldestTransactionSQL), &seen, &r.Value)
	if is(err, privilegeErrors) || (err == nil && !seen) {
		return r, stores.Ungranted(retention.SignalOldestTransaction, grantProcess)
	}
	return r, classify(ctx, err)
}

// activeSessions are those that are not asleep, this one apart.
func (s *session) activeSessions(ctx context.Context, _ *retention.Rule) (r retention.Reading, err error) {
	running, err := s.statusVariable(ctx, retention.SignalActiveSessions, "Threads_running")
	return retention.Reading{Value: max(running-1, 0)}, err
}

// Work counts the statements of clients. The order of the two questions is always the same, so that they make no difference.
func (s *session) Work(ctx context.Context) (w retention.Work, err error) {
	if _, err = s.status(ctx, "GLOBAL", "Questions", &w.All); err == nil {
		_, err = s.status(ctx, "SESSION", "Questions", &w.Own)
	}
	return w, err
}

// statusVariable reads a variable that anyone may see.
func (s *session) statusVariable(ctx context.Context, signal retention.Signal, name string) (value int64, err error) {
	found, err := s.status(ctx, "GLOBAL", name, &value)
	if err == nil && !found {
		err = stores.Unavailable(signal, "it has no status variable "+name)
	}
	return value, err
}

// status reads a variable of the server or of the session, if it is there.
func (s *session) status(ctx context.Context, scope, name string, into *int64) (found bool, err error) {
	err = s.each(ctx, text("SHOW "+scope+" STATUS LIKE '"+name+"'"), func(row []sql.RawBytes) (err error) {
		found = true
		*into, err = strconv.ParseInt(string(row[1]), 10, 64)
		return err
	})
	return found, classify(ctx, err)
}
