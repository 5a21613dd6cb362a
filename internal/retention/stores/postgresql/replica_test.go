//go:build integration

package postgresql_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// A real standby that stops replaying: the run waits for it, says so, and goes on when it has caught up.
func TestReplicaThatFallsBehindIsWaitedFor(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec("GRANT pg_monitor TO carrier_purger")
	t.Cleanup(func() { db.exec("REVOKE pg_monitor FROM carrier_purger") })
	standby := startStandby(t)
	replica, err := pgx.Connect(t.Context(), standby.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer replica.Close(context.Background())
	if _, err := replica.Exec(t.Context(), "SELECT pg_wal_replay_pause()"); err != nil {
		t.Fatal(err)
	}

	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Throttle.MaxReplicaLagSeconds, r.Plan.Throttle.PauseMilliseconds = 2, 50
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8}
	left := func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }
	r.WaitsFor(v1alpha1.ReasonReplicaLag, "a replica is", left, func() {
		if _, err := replica.Exec(t.Context(), "SELECT pg_wal_replay_resume()"); err != nil {
			t.Fatal(err)
		}
	})
}

// A lag that is not known is not taken for none. The run waits, says why, and ends when nobody mends it for an hour.
func TestUnknownLagIsWaitedForAndSaid(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Throttle.MaxReplicaLagSeconds = 5
	r.Clock = retentiontest.NewHurried(slot)
	got := r.Run(v1alpha1.ReasonReplicaLag)
	if !strings.Contains(got.Outcome.Message, "not known") || db.int("SELECT count(*) FROM events") != 20000 {
		t.Errorf("%s", got.Outcome.Message)
	}
}
