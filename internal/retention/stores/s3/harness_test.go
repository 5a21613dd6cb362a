//go:build integration

package s3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

// The store gives objects the time at which they come, so that the tests' runs lie in the future: what is put now is due.
var (
	now    = time.Now().Truncate(time.Second)
	cutoff = now.Add(time.Hour)
	slot   = now.Add(2 * time.Hour)
)

var hashKey = []byte("0123456789abcdef0123456789abcdef")

// memory is the cluster's part: it keeps the status that was reported, and the holds.
type memory struct {
	mu     sync.Mutex
	status v1alpha1.PurgeRunStatus
	holds  []retention.Hold
	// beforeReport, if it returns an error, keeps the report from being stored.
	beforeReport func() error
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
		if err := m.beforeReport(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = *status.DeepCopy()
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

func (m *memory) hold(holds ...retention.Hold) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds = holds
}

// runner runs a plan against a server.
type runner struct {
	*memory
	t      *testing.T
	plan   *retention.Plan
	driver retention.Driver
	log    bytes.Buffer
	clock  clock.Clock
}

func newRunner(t *testing.T, b *bucket, rules ...retention.Rule) *runner {
	t.Helper()
	plan := &retention.Plan{
		Namespace: "shop", Run: "orders-1", RunUID: "uid-1", Policy: "orders", PolicyUID: "policy-uid", Mode: string(v1alpha1.RunPurge), Slot: slot,
		Store: retention.Store{Name: "orders", Type: "S3", TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: b.server.ca},
		Rules: rules, Caps: retention.Caps{MaxSharePercent: 100, MaxRows: 1_000_000}, Throttle: retention.Throttle{TargetBatchMilliseconds: 100},
	}
	return &runner{memory: &memory{}, t: t, plan: plan, driver: &s3.Driver{Dir: b.secret, Plan: plan}, clock: clock.RealClock{}}
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
	engine := &retention.Engine{Plan: r.plan, Store: r.driver, Holds: r, Reporter: r, Hasher: retention.NewHasher(hashKey), Clock: r.clock,
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

// faulty is a driver whose sessions make small windows and call hooks around each.
type faulty struct {
	retention.Driver
	// size is the largest window.
	size   int64
	before func() error
	// after is called after the store did its work; its error is all that the engine sees.
	after func(retention.Batch) error
}

type faultySession struct {
	retention.Session
	*faulty
}

func (f *faulty) Open(ctx context.Context) (retention.Session, error) {
	session, err := f.Driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &faultySession{Session: session, faulty: f}, nil
}

func (s *faultySession) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	w.Size = min(w.Size, s.size)
	if s.before != nil {
		if err := s.before(); err != nil {
			return retention.Batch{}, err
		}
	}
	batch, err := s.Session.Window(ctx, w)
	if err == nil && s.after != nil {
		if err := s.after(batch); err != nil {
			return retention.Batch{}, err
		}
	}
	return batch, err
}

func deleteRule(collection string) retention.Rule {
	return retention.Rule{Name: "orders", Collection: collection, Key: []string{"key"}, Clock: retention.Clock{Field: "lastModified", Unit: string(v1alpha1.ClockStoreTime)},
		Before: cutoff, Action: string(v1alpha1.ActionDelete)}
}

func in(field string, values ...string) retention.Filter {
	return retention.Filter{Field: field, Operator: string(v1alpha1.FilterIn), Values: values}
}
