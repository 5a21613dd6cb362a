//go:build integration

package mysql_test

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// other is another session of the database.
func (db *database) other() *database {
	db.t.Helper()
	session := &database{t: db.t, on: db.on, name: db.name}
	session.connect()
	db.t.Cleanup(func() { session.conn.Close() })
	session.exec("USE " + db.name)
	return session
}

// snapshot is a transaction that has looked at the table and stays open until end is called.
func (db *database) snapshot() (end func()) {
	session := db.other()
	session.exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	session.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT")
	session.int("SELECT count(*) FROM events")
	return func() { session.exec("COMMIT") }
}

// Each signal over its limit pauses a run on a real server, and the run goes on when the cause is gone.
func TestSignalThatIsOverItsLimitIsWaitedFor(t *testing.T) {
	on := newServer(t, "--default-time-zone=+05:00") // ages do not depend on it
	for name, tc := range map[string]struct {
		limit  retention.Limit
		reason string
		cause  func(db *database) (relieve func())
		says   string
	}{
		"a long transaction": {retention.Limit{Signal: retention.SignalOldestTransaction, Above: 1}, v1alpha1.ReasonOldTransaction,
			func(db *database) func() {
				end := db.snapshot()
				db.exec("SELECT SLEEP(2.1)")
				return end
			}, "seconds old"},
		"history that a snapshot keeps": {retention.Limit{Signal: retention.SignalHistoryList, Above: 100}, v1alpha1.ReasonHistoryList,
			func(db *database) func() {
				end := db.snapshot()
				session := db.other()
				for range 200 {
					session.exec("UPDATE events SET note = UUID() WHERE id = 1")
				}
				return end
			}, "history list"},
		"other sessions at work": {retention.Limit{Signal: retention.SignalActiveSessions, Above: 1}, v1alpha1.ReasonStoreLoad,
			func(db *database) func() {
				var ends []func()
				for range 3 {
					session := db.other()
					id, over := session.int("SELECT CONNECTION_ID()"), make(chan struct{})
					go func() {
						_, _ = session.conn.ExecContext(t.Context(), "DO SLEEP(60)") // it ends by being killed
						close(over)
					}()
					ends = append(ends, func() {
						db.exec("KILL QUERY ?", id)
						<-over
					})
				}
				return func() {
					for _, end := range ends {
						end()
					}
				}
			}, "other sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabaseOn(t, on)
			db.exec(events)
			db.exec("GRANT PROCESS ON *.* TO " + purgerUser)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			r.Plan.Store.CABundle = on.ca
			r.Plan.Throttle.PauseAbove, r.Plan.Throttle.PauseMilliseconds = []retention.Limit{tc.limit}, 5
			relieve := tc.cause(db)
			r.WaitsFor(tc.reason, tc.says, func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }, relieve)
		})
	}
}

// A signal that the user may not see, or that the server does not keep, ends the run before anything is changed.
func TestSignalThatCannotBeSeenIsNotIgnored(t *testing.T) {
	for name, tc := range map[string]struct {
		signal retention.Signal
		reason string
		says   string
	}{
		"transactions, without the privilege": {retention.SignalOldestTransaction, v1alpha1.ReasonPrivilegeMissing, "GRANT PROCESS"},
		"a signal of another store":           {retention.SignalDeadRows, v1alpha1.ReasonSignalUnavailable, "does not know it"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(small)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: tc.signal, Above: 1000}}
			got := r.Run(tc.reason)
			if !strings.Contains(got.Outcome.Message, tc.says) || !strings.Contains(got.Outcome.Message, string(tc.signal)) {
				t.Errorf("%s", got.Outcome.Message)
			}
			if db.int("SELECT count(*) FROM events") != 500 {
				t.Error("records went")
			}
		})
	}
}

// MySQL keeps the history's length as a metric, which MariaDB has too. A transaction of the run itself is none of others.
func TestSignalsOfAQuietServer(t *testing.T) {
	db := newDatabase(t)
	db.exec(small)
	db.exec("GRANT PROCESS ON *.* TO " + purgerUser)
	t.Cleanup(func() { db.exec("REVOKE PROCESS ON *.* FROM " + purgerUser) })
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: retention.SignalHistoryList, Above: 1_000_000}, {Signal: retention.SignalOldestTransaction, Above: 60},
		{Signal: retention.SignalActiveSessions, Above: 50}}
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 50}
	r.Run(v1alpha1.ReasonCompleted)
	if n := db.int("SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"); n < 0 {
		t.Errorf("the metric says %d", n)
	}
}
