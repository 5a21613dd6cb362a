package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/postgresql"
)

// targetMilliseconds is the API's default of throttle.targetBatchMilliseconds; the default pause is none.
const targetMilliseconds = 100

// lagSeconds is throttle.maxReplicaLagSeconds, so that replicas are asked for.
const lagSeconds = 10

// cluster is the part of the Kubernetes API: it keeps the status, and has one hold for each table.
type cluster struct {
	mu     sync.Mutex
	status v1alpha1.PurgeRunStatus
	holds  []retention.Hold
}

func (c *cluster) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.DeepCopy(), nil
}

func (c *cluster) Holds(context.Context) ([]retention.Hold, error) { return c.holds, nil }

// reporter is a pod's way to the cluster.
type reporter struct {
	*cluster
	index int32
}

// holder is what each pod is called: there is one of each index.
const holder = "bench"

// Take gives the pod its part of the run.
func (r reporter) Take(context.Context) (status *v1alpha1.PurgeRunStatus, after bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	after = retention.TakeOver(&r.status, r.index, holder)
	return r.status.DeepCopy(), after, nil
}

// Report keeps what the pod may write.
func (r reporter) Report(_ context.Context, status *v1alpha1.PurgeRunStatus) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return retention.Accept(&r.status, status, r.index, holder)
}

// Leave is Report: nobody comes after.
func (r reporter) Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	return r.Report(ctx, status)
}

// newPlan is a purge as the operator would render it for a workload.
func newPlan(kind v1alpha1.DataStoreType, prefix string, w workload, run string) (*retention.Plan, []retention.Hold) {
	plan := &retention.Plan{
		Namespace: "bench", Run: run, RunUID: run, Policy: "bench", PolicyUID: "bench", Mode: string(v1alpha1.RunPurge), Slot: slot,
		Store:    retention.Store{Name: "bench", Type: string(kind), TLSMode: string(v1alpha1.StoreTLSDisable)},
		Caps:     retention.Caps{MaxSharePercent: 100, MaxRows: 1 << 40},
		Throttle: retention.Throttle{TargetBatchMilliseconds: targetMilliseconds, MaxReplicaLagSeconds: lagSeconds, Yield: true}, HashKey: true,
	}
	unit := v1alpha1.ClockTimestampTZ
	if kind == v1alpha1.StoreMySQL {
		unit = v1alpha1.ClockTimestamp
	}
	var holds []retention.Hold
	for _, t := range w.tables {
		collection := prefix + t.name
		plan.Rules = append(plan.Rules, retention.Rule{Name: t.name, Collection: collection, Key: []string{"id"},
			Clock: retention.Clock{Field: "at", Unit: string(unit)}, Before: cutoff, Action: string(v1alpha1.ActionDelete)})
		holds = append(holds, retention.Hold{Name: "case-" + t.name, Collection: collection,
			Where: []retention.Filter{{Field: "tenant", Operator: string(v1alpha1.FilterIn), Values: []string{heldTenant}}}})
	}
	return plan, holds
}

// purged is what a run of ours did and how long that took.
type purged struct {
	// Whole is the run with connecting, counting and verification; Windows are the transactions that were committed, Sizes their sizes in
	// the store's unit.
	Whole   time.Duration
	Windows []time.Duration
	Sizes   []float64
	Done    int64
	// Opening, Inspecting and Counting are what the run does besides, with the store: the latter in the plan and to verify.
	Opening, Inspecting, Counting time.Duration
	// LagNote is what the driver said instead of a lag.
	LagNote string
	// PeakKiB is the process's largest resident memory, if it was one of its own.
	PeakKiB int64
}

// inWindows is the time of all windows together: what a tool does that neither counts nor verifies.
func (p purged) inWindows() (sum time.Duration) {
	for _, d := range p.Windows {
		sum += d
	}
	return sum
}

// purge runs the engine against the store that the files in dir describe.
func purge(ctx context.Context, dir string, plan *retention.Plan, holds []retention.Hold) (purged, error) {
	c := &cluster{holds: holds}
	begun := time.Now()
	seen, err := c.work(ctx, dir, plan)
	seen.Whole = time.Since(begun)
	if err == nil {
		seen.Done, err = c.verify(plan)
	}
	if err != nil {
		return seen, fmt.Errorf("carrier: %w", err)
	}
	return seen, nil
}

// work is what one pod does.
func (c *cluster) work(ctx context.Context, dir string, plan *retention.Plan) (purged, error) {
	var driver retention.Driver = &postgresql.Driver{Dir: dir, Plan: plan}
	if plan.Store.Type == string(v1alpha1.StoreMySQL) {
		driver = &mysql.Driver{Dir: dir, Plan: plan}
	}
	watch, to := &watch{Driver: driver}, reporter{c, plan.Index}
	engine := &retention.Engine{Plan: plan, Store: watch, Holds: to, Reporter: to, Clock: clock.RealClock{},
		Hasher: retention.NewHasher([]byte("a key of the benchmark, not random")), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	err := engine.Run(ctx)
	return watch.seen, err
}

// verify makes sure that the run ended well. It returns how many records it handled.
func (c *cluster) verify(plan *retention.Plan) (done int64, err error) {
	if c.status.Outcome.Reason != v1alpha1.ReasonCompleted {
		return 0, fmt.Errorf("%s: %s", c.status.Outcome.Reason, c.status.Outcome.Message)
	}
	for i := range c.status.Results {
		r := &c.status.Results[i]
		done += r.Done
		if r.Verification != v1alpha1.VerificationAgreed || r.Inferred > 0 || r.Held == 0 {
			return done, fmt.Errorf("rule %s: verification %s, %d inferred, %d held", r.Rule, r.Verification, r.Inferred, r.Held)
		}
	}
	if (c.status.Evidence.RecordsDigest == "") != plan.CountOnly() {
		return done, errors.New("the run's evidence of records is not what the plan says")
	}
	return done, nil
}
