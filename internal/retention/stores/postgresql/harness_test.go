//go:build integration

package postgresql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/postgresql"
)

var slot = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// memory is the cluster's part: it keeps the status that was reported, and the holds.
type memory struct {
	mu      sync.Mutex
	status  v1alpha1.PurgeRunStatus
	reports []v1alpha1.PurgeRunStatus
	holds   []retention.Hold
	// beforeReport, if it returns an error, keeps the report from being stored.
	beforeReport func(*v1alpha1.PurgeRunStatus) error
	// onHolds is called before the holds are returned.
	onHolds func()
}

func (m *memory) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status.DeepCopy(), nil
}

func (m *memory) Report(_ context.Context, status *v1alpha1.PurgeRunStatus) error {
	if m.beforeReport != nil {
		if err := m.beforeReport(status); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = *status.DeepCopy()
	m.reports = append(m.reports, m.status)
	return nil
}

func (m *memory) Holds(context.Context) ([]retention.Hold, error) {
	if m.onHolds != nil {
		m.onHolds()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holds, nil
}

// runner runs a plan against a database.
type runner struct {
	*memory
	t      *testing.T
	db     *database
	plan   *retention.Plan
	driver retention.Driver
	log    bytes.Buffer
	clock  clock.Clock
	hash   *retention.Hasher
}

func newRunner(t *testing.T, db *database, rules ...retention.Rule) *runner {
	t.Helper()
	plan := &retention.Plan{
		Namespace: "shop", Run: "orders-1", RunUID: "uid-" + db.name, Policy: "orders", PolicyUID: "policy-uid", Mode: string(v1alpha1.RunPurge), Slot: slot,
		Store: retention.Store{Name: "orders", Type: "PostgreSQL", TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: server.ca},
		Rules: rules, Caps: retention.Caps{MaxSharePercent: 100, MaxRows: 1_000_000}, Throttle: retention.Throttle{TargetBatchMilliseconds: 100},
		HashKey: true,
	}
	return &runner{memory: &memory{}, t: t, db: db, plan: plan, driver: &postgresql.Driver{Dir: db.dir, Plan: plan}, clock: clock.RealClock{},
		hash: retention.NewHasher([]byte("0123456789abcdef0123456789abcdef"))}
}

// try runs until the engine returns.
func (r *runner) try(ctx context.Context) error {
	r.t.Helper()
	encoded, err := json.Marshal(r.plan)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := retention.ParsePlan(encoded); err != nil {
		r.t.Fatal(err)
	}
	engine := &retention.Engine{Plan: r.plan, Store: r.driver, Holds: r, Reporter: r, Hasher: r.hash, Clock: r.clock,
		Log: slog.New(slog.NewJSONHandler(&r.log, nil))}
	return engine.Run(ctx)
}

// run runs to an outcome and checks its reason.
func (r *runner) run(reason string) *v1alpha1.PurgeRunStatus {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.try(ctx); err != nil {
		r.t.Fatalf("run: %v\n%s", err, r.log.String())
	}
	if r.status.Outcome.Reason != reason {
		r.t.Fatalf("outcome %s: %s, want %s\n%s", r.status.Outcome.Reason, r.status.Outcome.Message, reason, r.log.String())
	}
	return &r.status
}

func deleteRule(name, collection, clock string, unit v1alpha1.ClockUnit, days int) retention.Rule {
	return retention.Rule{Name: name, Collection: collection, Key: []string{"id"}, Clock: retention.Clock{Field: clock, Unit: string(unit)},
		Before: slot.AddDate(0, 0, -days), Action: string(v1alpha1.ActionDelete)}
}

func in(field string, values ...string) retention.Filter {
	return retention.Filter{Field: field, Operator: string(v1alpha1.FilterIn), Values: values}
}

// objectOf is the PurgeRun of a plan, as the operator makes it.
func objectOf(p *retention.Plan, status v1alpha1.PurgeRunStatus) *v1alpha1.PurgeRun {
	run := &v1alpha1.PurgeRun{Namespace: p.Namespace, Name: p.Run, UID: types.UID(p.RunUID), Status: status}
	run.Spec = v1alpha1.PurgeRunSpec{PolicyRef: v1alpha1.LocalReference{Name: p.Policy}, PolicyUID: p.PolicyUID, StoreRef: v1alpha1.LocalReference{Name: p.Store.Name}, Mode: v1alpha1.RunMode(p.Mode),
		Slot: metav1.NewTime(p.Slot), PreviousDigest: p.PreviousDigest}
	for _, rule := range p.Rules {
		run.Spec.Cutoffs = append(run.Spec.Cutoffs, v1alpha1.RuleCutoff{Rule: rule.Name, Before: metav1.NewTime(rule.Before)})
	}
	return run
}
