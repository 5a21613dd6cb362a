// Package retentiontest runs the engine in tests of drivers: with the cluster's part in memory, a clock that passes at once, and a driver that
// fails on demand.
package retentiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Slot is the instant that the tests' runs are for.
var Slot = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// HashKey of the tests' policies.
var HashKey = []byte("0123456789abcdef0123456789abcdef")

// Memory is the cluster's part: it keeps the status that was reported, and the holds.
type Memory struct {
	Mu      sync.Mutex
	Status  v1alpha1.PurgeRunStatus
	Reports []v1alpha1.PurgeRunStatus
	InForce []retention.Hold
	// BeforeReport, if it returns an error, keeps the report from being stored.
	BeforeReport func(*v1alpha1.PurgeRunStatus) error
	// OnHolds is called before the holds are returned.
	OnHolds func()
}

// pod is the cluster's part as one of the pods of a run sees it.
type pod struct {
	*Memory
	index   int32
	holder  string
	dieAt   int
	reports int
}

// Take makes the pod the holder of its index.
func (m *pod) Take(context.Context) (status *v1alpha1.PurgeRunStatus, after bool, err error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	after = retention.TakeOver(&m.Status, m.index, m.holder)
	return m.Status.DeepCopy(), after, nil
}

// Load returns the status as the last report left it.
func (m *pod) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if retention.Holder(&m.Status, m.index) != m.holder {
		return nil, retention.ErrReplaced
	}
	return m.Status.DeepCopy(), nil
}

// Report keeps the pod's part of a status.
func (m *pod) Report(_ context.Context, status *v1alpha1.PurgeRunStatus) error {
	if m.reports++; m.reports == m.dieAt {
		return fmt.Errorf("%w: killed by the test", retention.ErrGone) // what the engine does not try again
	}
	if m.BeforeReport != nil {
		if err := m.BeforeReport(status); err != nil {
			return err
		}
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := retention.Accept(&m.Status, status, m.index, m.holder); err != nil {
		return err
	}
	m.Reports = append(m.Reports, *m.Status.DeepCopy())
	return nil
}

// Leave is Report: the holder has the same name in all of its lives, so that the next one need not wait.
func (m *pod) Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	return m.Report(ctx, status)
}

// Holds returns the holds in force.
func (m *Memory) Holds(context.Context) ([]retention.Hold, error) {
	if m.OnHolds != nil {
		m.OnHolds()
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return m.InForce, nil
}

// Hold replaces the holds in force.
func (m *Memory) Hold(holds ...retention.Hold) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.InForce = holds
}

// Runner runs a plan.
type Runner struct {
	*Memory
	T      *testing.T
	Plan   *retention.Plan
	Driver retention.Driver
	Clock  clock.Clock
	Hash   *retention.Hasher
	// Archive of the plan; nil: it has none. Pods that share a run have one each.
	Archive retention.Archiver
	Log     bytes.Buffer
	// Holder is the name under which the runner holds its part of the run.
	Holder string
	// DieAt is the report instead of which the engine is killed, from 1; 0: none.
	DieAt int
}

// NewPlan purges a store by rules, without caps and with short windows.
func NewPlan(store retention.Store, rules ...retention.Rule) *retention.Plan {
	return &retention.Plan{
		Namespace: "shop", Run: "orders-1", RunUID: "uid-1", Policy: "orders", PolicyUID: "policy-uid", Mode: string(v1alpha1.RunPurge), Slot: Slot,
		Store: store, Rules: rules, Caps: retention.Caps{MaxSharePercent: 100, MaxRows: 1_000_000}, Throttle: retention.Throttle{TargetBatchMilliseconds: 100},
		HashKey: true,
	}
}

// NewRunner runs a plan with a driver on the real clock.
func NewRunner(t *testing.T, plan *retention.Plan, driver retention.Driver) *Runner {
	return &Runner{Memory: &Memory{}, T: t, Plan: plan, Driver: driver, Clock: clock.RealClock{}, Hash: retention.NewHasher(HashKey), Holder: "purger"}
}

// Try runs until the engine returns.
func (r *Runner) Try(ctx context.Context) error {
	r.T.Helper()
	encoded, err := json.Marshal(r.Plan)
	if err != nil {
		r.T.Fatal(err)
	}
	if _, err := retention.ParsePlan(encoded); err != nil {
		r.T.Fatal(err)
	}
	engine := &retention.Engine{Plan: r.Plan, Store: r.Driver, Holds: r, Hasher: r.Hash, Archive: r.Archive, Clock: r.Clock,
		Reporter: &pod{Memory: r.Memory, index: r.Plan.Index, holder: r.Holder, dieAt: r.DieAt}, Log: slog.New(slog.NewJSONHandler(&r.Log, nil))}
	return engine.Run(ctx)
}

// Of is the runner of one of several pods that share the run; their status is one. The driver is the pod's own.
func (r *Runner) Of(index int32, driver func(*retention.Plan) retention.Driver) *Runner {
	plan := *r.Plan
	plan.Index = index
	return &Runner{Memory: r.Memory, T: r.T, Plan: &plan, Driver: driver(&plan), Clock: r.Clock, Hash: r.Hash, Holder: r.Holder}
}

// Run runs to an outcome and checks its reason.
func (r *Runner) Run(reason string) *v1alpha1.PurgeRunStatus {
	r.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Try(ctx); err != nil {
		r.T.Fatalf("run: %v\n%s", err, r.Log.String())
	}
	if r.Status.Outcome.Reason != reason {
		r.T.Fatalf("outcome %s: %s, want %s\n%s", r.Status.Outcome.Reason, r.Status.Outcome.Message, reason, r.Log.String())
	}
	return &r.Status
}

// In is a filter of values.
func In(field string, values ...string) retention.Filter {
	return retention.Filter{Field: field, Operator: string(v1alpha1.FilterIn), Values: values}
}
