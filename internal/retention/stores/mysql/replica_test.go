//go:build integration

package mysql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// A real replica that stops applying: the run waits for it, says so, and goes on when it has caught up.
func TestReplicaThatFallsBehindIsWaitedFor(t *testing.T) {
	primary, replica := newServer(t, "--server-id=11"), newServer(t, "--server-id=12")
	db := newDatabaseOn(t, primary)
	db.exec("CREATE USER follower IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE ON *.* TO follower")
	on := &database{t: t, on: replica}
	on.connect()
	defer on.conn.Close()
	on.exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = 'follower', MASTER_PASSWORD = 'secret', MASTER_USE_GTID = slave_pos; START SLAVE", primary.port))
	db.exec(events)
	db.secret("replicas", fmt.Sprintf("127.0.0.1:%d", replica.port))

	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.Plan.Store.TLSMode, r.Plan.Store.CABundle = string(v1alpha1.StoreTLSDisable), "" // the two have CAs of their own
	r.Plan.Throttle.MaxReplicaLagSeconds, r.Plan.Throttle.PauseMilliseconds = 2, 200
	began := make(chan struct{})
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 500, Before: func() error {
		if windows++; windows == 3 {
			on.exec("STOP SLAVE SQL_THREAD")
			close(began)
		}
		return nil
	}}
	ended := make(chan error, 1)
	go func() { ended <- r.Try(t.Context()) }()
	<-began
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
	on.exec("START SLAVE SQL_THREAD")
	if err := <-ended; err != nil || r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || r.Status.Pause.Reason != "" {
		t.Errorf("%v, %+v, %+v", err, r.Status.Outcome, r.Status.Pause)
	}
	await(t, ended, "the replica to have what is left", func() bool {
		return on.int("SELECT count(*) FROM "+db.name+".events") == db.int("SELECT count(*) FROM events")
	})
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
	for name, replicas := range map[string]string{"no replica is named": "", "a replica is down": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(small)
			db.secret("replicas", replicas)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			r.Plan.Throttle.MaxReplicaLagSeconds = 5
			r.Clock = retentiontest.NewHurried(slot)
			got := r.Run(v1alpha1.ReasonReplicaLag)
			if !strings.Contains(got.Outcome.Message, "not known") || db.int("SELECT count(*) FROM events") != 500 {
				t.Errorf("%s", got.Outcome.Message)
			}
		})
	}
}
