//go:build integration

package postgresql_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// other is another session of the database.
func (db *database) other() *database {
	db.t.Helper()
	conn, err := pgx.Connect(context.Background(), db.on.url(db.name))
	if err != nil {
		db.t.Fatal(err)
	}
	db.t.Cleanup(func() { conn.Close(context.Background()) })
	return &database{t: db.t, on: db.on, name: db.name, conn: conn}
}

// begin runs a statement in a session of its own, with settings, until end is called.
func (db *database) begin(statement string, settings ...string) (end func()) {
	db.t.Helper()
	session := db.other()
	for _, setting := range settings {
		session.exec("SET " + setting)
	}
	pid := session.int("SELECT pg_backend_pid()")
	over := make(chan struct{})
	go func() {
		_, _ = session.conn.Exec(context.Background(), statement) // it ends by being canceled
		close(over)
	}()
	return func() {
		db.exec("SELECT pg_cancel_backend($1)", pid)
		<-over
	}
}

// Each signal over its limit pauses a run on a real server, and the run goes on when the cause is gone.
func TestSignalThatIsOverItsLimitIsWaitedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		limit  retention.Limit
		reason string
		cause  func(db *database) (relieve func())
		says   string
	}{
		"a long transaction that has a snapshot": {retention.Limit{Signal: retention.SignalOldestTransaction}, v1alpha1.ReasonOldTransaction,
			func(db *database) func() {
				session := db.other()
				session.exec("BEGIN ISOLATION LEVEL REPEATABLE READ")
				session.int("SELECT count(*) FROM events")
				return func() { session.exec("COMMIT") }
			}, "(backend "},
		"a transaction that was prepared and forgotten": {retention.Limit{Signal: retention.SignalOldestTransaction}, v1alpha1.ReasonOldTransaction,
			func(db *database) func() {
				session := db.other()
				session.exec("BEGIN")
				session.exec("CREATE TABLE prepared (id int)")
				session.exec("PREPARE TRANSACTION 'forgotten'")
				return func() { session.exec("COMMIT PREPARED 'forgotten'") }
			}, "(a prepared transaction)"},
		"a slot that nobody reads": {retention.Limit{Signal: retention.SignalSlotRetained, Above: 20}, v1alpha1.ReasonSlotBehind,
			func(db *database) func() {
				db.exec("SELECT pg_create_physical_replication_slot('forgotten', true)")
				db.writeLog(3)
				return func() { db.exec("SELECT pg_drop_replication_slot('forgotten')") }
			}, "(slot forgotten, inactive)"},
		"a vacuum": {retention.Limit{Signal: retention.SignalRunningVacuums}, v1alpha1.ReasonVacuumRunning,
			func(db *database) func() {
				end := db.begin("VACUUM (FREEZE) events", "vacuum_cost_delay = 100", "vacuum_cost_limit = 1")
				retentiontest.Await(db.t, nil, "the vacuum to begin", func() bool { return db.int("SELECT count(*) FROM pg_stat_progress_vacuum") > 0 })
				return end
			}, "1 vacuums"},
		"dead rows": {retention.Limit{Signal: retention.SignalDeadRows, Above: 45}, v1alpha1.ReasonDeadRows,
			func(db *database) func() {
				db.exec("UPDATE events SET city = city || '!'")
				db.exec("SELECT pg_stat_force_next_flush()")
				return func() { db.exec("VACUUM events") }
			}, "percent of the table's rows are dead"},
		"other sessions at work": {retention.Limit{Signal: retention.SignalActiveSessions, Above: 1}, v1alpha1.ReasonStoreLoad,
			func(db *database) func() {
				one, two := db.begin("SELECT pg_sleep(60)"), db.begin("SELECT pg_sleep(60)")
				return func() { one(); two() }
			}, "2 other sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			db.exec("ALTER TABLE events SET (autovacuum_enabled = off)")
			db.exec("GRANT pg_monitor TO carrier_purger")
			t.Cleanup(func() { db.exec("REVOKE pg_monitor FROM carrier_purger") })
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.Plan.Throttle.PauseAbove = []retention.Limit{tc.limit}
			relieve := tc.cause(db)
			db.exec("SELECT pg_sleep(1)") // old enough
			r.WaitsFor(tc.reason, tc.says, func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }, relieve)
		})
	}
}

// writeLog fills segments of the write-ahead log.
func (db *database) writeLog(segments int) {
	for range segments {
		db.exec("CREATE TABLE IF NOT EXISTS noise (n int)")
		db.exec("INSERT INTO noise VALUES (1)")
		db.exec("SELECT pg_switch_wal()")
	}
}

// An archive command that fails lets the log pile up.
func TestArchiveThatFailsIsWaitedFor(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "purger-archive-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	archiving, err := newCluster(dir, "archiving", "-c", "archive_mode=on")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(archiving.stop)
	db := newDatabaseOn(t, archiving)
	command := func(command string) {
		db.exec("ALTER SYSTEM SET archive_command = '" + command + "'")
		db.exec("SELECT pg_reload_conf()")
	}
	command("false")
	db.exec(events)
	db.exec("GRANT pg_monitor TO carrier_purger")
	db.writeLog(3)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: retention.SignalWALBacklog, Above: 32}}
	r.WaitsFor(v1alpha1.ReasonWALBacklog, "MiB of the log wait to be archived", func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }, func() {
		command("true")
		db.writeLog(1)
	})
}

// What a slot or a standby holds back has no time of its own: its age is counted from when the run first saw it.
func TestTransactionsThatAStandbyHoldsBack(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec("GRANT pg_monitor TO carrier_purger")
	t.Cleanup(func() { db.exec("REVOKE pg_monitor FROM carrier_purger") })
	standby := startStandby(t, "-c", "hot_standby_feedback=on", "-c", "wal_receiver_status_interval=1")
	reader := (&database{t: t, on: standby, name: db.name}).other()
	reader.exec("BEGIN ISOLATION LEVEL REPEATABLE READ")
	reader.int("SELECT count(*) FROM events")
	retentiontest.Await(t, nil, "the standby to tell", func() bool { return db.int("SELECT count(backend_xmin) FROM pg_stat_replication") == 1 })
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Throttle.PauseAbove, r.Plan.Throttle.PauseMilliseconds = []retention.Limit{{Signal: retention.SignalOldestTransaction, Above: 1}}, 100
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8}
	r.WaitsFor(v1alpha1.ReasonOldTransaction, "a slot or a standby holds back", func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }, func() { reader.exec("COMMIT") })
}

// A signal that the role may not see, or that the server does not keep, ends the run before anything is changed.
func TestSignalThatCannotBeSeenIsNotIgnored(t *testing.T) {
	for name, tc := range map[string]struct {
		signal  retention.Signal
		monitor bool
		reason  string
		says    string
	}{
		"archive, without the role":      {retention.SignalWALBacklog, false, v1alpha1.ReasonPrivilegeMissing, "GRANT pg_monitor"},
		"transactions, without the role": {retention.SignalOldestTransaction, false, v1alpha1.ReasonPrivilegeMissing, "GRANT pg_monitor"},
		"vacuums, without the role":      {retention.SignalRunningVacuums, false, v1alpha1.ReasonPrivilegeMissing, "GRANT pg_monitor"},
		"sessions, without the role":     {retention.SignalActiveSessions, false, v1alpha1.ReasonPrivilegeMissing, "GRANT pg_monitor"},
		"archive, without archiving":     {retention.SignalWALBacklog, true, v1alpha1.ReasonSignalUnavailable, "archive_mode is off"},
		"a signal of another store":      {retention.SignalHistoryList, true, v1alpha1.ReasonSignalUnavailable, "does not know it"},
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			if tc.monitor {
				db.exec("GRANT pg_monitor TO carrier_purger")
				t.Cleanup(func() { db.exec("REVOKE pg_monitor FROM carrier_purger") })
			}
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: tc.signal, Above: 1000}}
			got := r.Run(tc.reason)
			if !strings.Contains(got.Outcome.Message, tc.says) || !strings.Contains(got.Outcome.Message, string(tc.signal)) {
				t.Errorf("%s", got.Outcome.Message)
			}
			if db.int("SELECT count(*) FROM events") != 20000 {
				t.Error("records went")
			}
		})
	}
}

// A role without pg_monitor may still watch slots and dead rows, and a quiet server pauses nothing.
func TestSignalsOfAQuietServer(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: retention.SignalSlotRetained, Above: 1}, {Signal: retention.SignalDeadRows, Above: 99}}
	r.Run(v1alpha1.ReasonCompleted)
	if strings.Contains(r.Log.String(), "waited for") {
		t.Error(r.Log.String())
	}
}
