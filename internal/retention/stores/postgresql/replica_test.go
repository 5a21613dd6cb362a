//go:build integration

package postgresql_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

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
	dir, err := os.MkdirTemp("/tmp", "purger-standby-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	standby, err := server.newStandby(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.stop)
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
	ended := make(chan error, 1)
	go func() { ended <- r.Try(t.Context()) }()
	pause := func() v1alpha1.RunPause {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		return r.Status.Pause
	}
	await(t, ended, "the run to wait", func() bool { return pause().Reason == v1alpha1.ReasonReplicaLag })
	if !strings.Contains(pause().Message, "behind") {
		t.Errorf("pause says %q", pause().Message)
	}
	left := db.int("SELECT count(*) FROM events WHERE " + due90)
	time.Sleep(1500 * time.Millisecond) // nothing may happen now, for longer than the run looks away
	if n := db.int("SELECT count(*) FROM events WHERE " + due90); n != left || n == 0 {
		t.Errorf("%d due rows while the run waits, %d before", n, left)
	}
	if _, err := replica.Exec(t.Context(), "SELECT pg_wal_replay_resume()"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || r.Status.Pause.Reason != "" {
		t.Errorf("%v, %+v, %+v", err, r.Status.Outcome, r.Status.Pause)
	}
}

func await(t *testing.T, ended <-chan error, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("the run ended before %s: %v", what, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
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
