//go:build integration

package redis_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// A replica that stops: the run waits for it, says so, and goes on when it has caught up.
func TestReplicaThatFallsBehindIsWaitedFor(t *testing.T) {
	s := newServer(t)
	all := orders(2000)
	s.fill(all)
	host, port, _ := net.SplitHostPort(s.address)
	replica := newServer(t, "--replicaof", host+" "+port, "--masterauth", password)
	s.await("the replica to be online", func() bool { return strings.Contains(s.Info(t.Context(), "replication").Val(), "state=online") })

	r := newRunner(t, s, seconds90)
	r.Plan.Throttle.MaxReplicaLagSeconds, r.Plan.Throttle.PauseMilliseconds = 2, 200
	r.Plan.Throttle.PauseAbove = []retention.Limit{{Signal: retention.SignalPendingFrees, Above: 1000}} // the real server shows it
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, After: func(retention.Batch) error {
		if windows++; windows == 2 {
			return replica.process.Process.Signal(syscall.SIGSTOP)
		}
		return nil
	}}
	ended := make(chan error, 1)
	go func() { ended <- r.Try(context.Background()) }()
	pause := func() v1alpha1.RunPause {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		return r.Status.Pause
	}
	s.await("the run to wait", func() bool { return pause().Reason == v1alpha1.ReasonReplicaLag })
	if left := count(s.hashes(), due90); left == 0 || !strings.Contains(pause().Message, "behind") {
		t.Errorf("%d due records are left, pause says %q", left, pause().Message)
	}
	if err := replica.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || r.Status.Pause.Reason != "" {
		t.Errorf("%v, %+v, %+v", err, r.Status.Outcome, r.Status.Pause)
	}
	want := kept(all, due90)
	id, offset, ok := strings.Cut(r.Status.Results[0].LogPosition, ":")
	if at, err := strconv.Atoi(offset); !ok || err != nil || at == 0 || !strings.Contains(replica.Info(t.Context(), "replication").Val(), "master_replid:"+id) {
		t.Errorf("log position %q", r.Status.Results[0].LogPosition)
	}
	replica.await("the replica to have caught up", func() bool { return replica.DBSize(t.Context()).Val() == int64(len(want)) })
	if diff := cmp.Diff(want, replica.hashes()); diff != "" {
		t.Error("the replica", diff)
	}
}

func TestUnknownLagIsWaitedForAndSaid(t *testing.T) {
	s := newServer(t)
	all := orders(100)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.Plan.Throttle.MaxReplicaLagSeconds = 5
	r.Clock = retentiontest.NewHurried(slot)
	if got := r.Run(v1alpha1.ReasonReplicaLag); !strings.Contains(got.Outcome.Message, "no replica") || len(s.hashes()) != len(all) {
		t.Error(got.Outcome.Message)
	}
}

// A Valkey or Redis that is a replica cannot be changed: the run waits for a primary behind the name, and says what it needs.
func TestReplicaIsNotWorkedOn(t *testing.T) {
	primary := newServer(t)
	primary.fill(orders(100))
	host, port, _ := net.SplitHostPort(primary.address)
	s := newServer(t, "--replicaof", host+" "+port, "--masterauth", password)
	r := newRunner(t, s, seconds90)
	r.Clock = retentiontest.NewHurried(slot)
	if got := r.Run(v1alpha1.ReasonStoreUnreachable); !strings.Contains(got.Outcome.Message, "replica") {
		t.Error(got.Outcome.Message)
	}
	if len(primary.hashes()) == 0 {
		t.Error("the primary lost its records")
	}
}
