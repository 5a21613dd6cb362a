//go:build integration

package mysql_test

import (
	"fmt"
	"strings"
	"testing"

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
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 500, Before: func() error {
		if windows++; windows == 3 {
			on.exec("STOP SLAVE SQL_THREAD")
		}
		return nil
	}}
	left := func() int64 { return db.int("SELECT count(*) FROM events WHERE " + due90) }
	r.WaitsFor(v1alpha1.ReasonReplicaLag, "a replica is", left, func() { on.exec("START SLAVE SQL_THREAD") })
	retentiontest.Await(t, nil, "the replica to have what is left", func() bool {
		return on.int("SELECT count(*) FROM "+db.name+".events") == db.int("SELECT count(*) FROM events")
	})
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
