// Package conformance is the suite of tests that every store's driver passes, whatever the store: what is due goes, everything else stays, and
// nothing is reported that did not happen. What must be left is computed here from the records themselves.
package conformance

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Slot is the instant that the suite's runs are for, and Cutoff that of their rule.
var (
	Slot   = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	Cutoff = Slot.AddDate(0, 0, -90)
)

// Record is what the suite stores. ID is its key as text; At is null if it is zero.
type Record struct {
	ID, Shop, Email string
	At              time.Time
}

// Store is a store under test: empty, for one test alone.
type Store struct {
	// Plan is how the store is reached: Store and HashKey are set.
	Plan retention.Plan
	// Rule names collection, key and clock of the suite's records. Fields of the records are called shop and email.
	Rule retention.Rule
	// Driver of a plan.
	Driver func(*retention.Plan) retention.Driver
	// Fill stores records. Left returns those that are there, by ID.
	Fill func([]Record)
	Left func() map[string]Record
	// Missing is the reason with which a run of a collection that does not exist ends.
	Missing string
	// Unit is how many records a window of size 1 has, at least 1: one for most stores, a block's for PostgreSQL.
	Unit int
	// Refuse makes the store refuse the login from now on.
	Refuse func()
}

// Run runs the suite; newStore is called once a test.
func Run(t *testing.T, newStore func(*testing.T) *Store) {
	for name, test := range map[string]func(*testing.T, *Store){
		"a preview counts and changes nothing":                       previewChangesNothing,
		"what is due goes, and nothing else":                         deletesExactlyWhatIsDue,
		"a hold by filter keeps its records":                         holdByFilter,
		"a hold of the collection keeps all":                         holdOfTheCollection,
		"a hold that comes in the middle of a run wins":              holdInTheMiddle,
		"anonymizing leaves the record and no datum, once":           anonymizes,
		"a keyed hash is the same for the same value, and not twice": keyedHash,
		"a filter narrows the rule":                                  filterNarrows,
		"a purger that dies at a report goes on from there":          diesAtEveryReport,
		"a run after a run has nothing to do":                        nothingDueAfterwards,
		"a cap stops before the first change":                        capStops,
		"a refused login is a failure, not an empty success":         refusedLogin,
		"a missing collection is a failure, not an empty success":    missingCollection,
		"another store is not touched":                               anotherStore,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

// records are 400 of skewed age: every tenth without a clock, every twenty-fifth with one in the future. Their due date is never near the cutoff.
func records() []Record {
	all := make([]Record, 400)
	for i := range all {
		r := Record{ID: strconv.Itoa(i + 1), Shop: fmt.Sprintf("shop-%d", i%4), Email: fmt.Sprintf("person%d@example.com", i%50),
			At: Slot.Add(-time.Duration(i*i) * 2 * time.Hour / 20).Add(-time.Minute)}
		switch {
		case i%10 == 3:
			r.At = time.Time{}
		case i%25 == 4:
			r.At = Slot.AddDate(0, 1, 0)
		}
		all[i] = r
	}
	return all
}

func due(r Record) bool { return !r.At.IsZero() && r.At.Before(Cutoff) }

func count(all []Record, accept func(Record) bool) (n int64) {
	for _, r := range all {
		if accept(r) {
			n++
		}
	}
	return n
}

// without are the records that are not accepted, by ID.
func without(all []Record, accept func(Record) bool) map[string]Record {
	left := map[string]Record{}
	for _, r := range all {
		if !accept(r) {
			left[r.ID] = r
		}
	}
	return left
}

// run is one run of the suite against a store.
type run struct {
	t      *testing.T
	store  *Store
	plan   retention.Plan
	hash   *retention.Hasher
	log    bytes.Buffer
	status v1alpha1.PurgeRunStatus
	holds  []retention.Hold
	// window is how many records a window has at most, or a few more.
	window int
	// onWindow is called before each window; onReport, if it returns an error, kills the purger at a report.
	onWindow func()
	onReport func() error
}

func newRun(t *testing.T, s *Store) *run {
	t.Helper()
	plan := s.Plan
	plan.Namespace, plan.Run, plan.RunUID, plan.Policy, plan.PolicyUID = "shop", "orders-1", "run-uid-"+strconv.FormatInt(time.Now().UnixNano(), 36), "orders", "policy-uid"
	plan.Mode, plan.Slot = string(v1alpha1.RunPurge), Slot
	plan.Caps = retention.Caps{MaxSharePercent: 100, MaxRows: 1000}
	plan.Throttle = retention.Throttle{TargetBatchMilliseconds: 100}
	rule := s.Rule
	rule.Name, rule.Before, rule.Action = "orders", Cutoff, string(v1alpha1.ActionDelete)
	plan.Rules = []retention.Rule{rule}
	return &run{t: t, store: s, plan: plan, window: 16, hash: retention.NewHasher([]byte("0123456789abcdef0123456789abcdef"))}
}

// try runs the engine once.
func (r *run) try() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	engine := &retention.Engine{Plan: &r.plan, Store: narrow{r.store.Driver(&r.plan), r}, Holds: r, Reporter: r, Hasher: r.hash, Clock: clock.RealClock{},
		Log: slog.New(slog.NewJSONHandler(&r.log, nil))}
	return engine.Run(ctx)
}

// expect runs to an outcome with the reason and returns the rule's result.
func (r *run) expect(reason string) v1alpha1.RuleResult {
	r.t.Helper()
	if err := r.try(); err != nil {
		r.t.Fatalf("%v\n%s", err, r.log.String())
	}
	if r.status.Outcome.Reason != reason {
		r.t.Fatalf("outcome %s: %s, want %s\n%s", r.status.Outcome.Reason, r.status.Outcome.Message, reason, r.log.String())
	}
	if len(r.status.Results) == 0 {
		return v1alpha1.RuleResult{}
	}
	return r.status.Results[0]
}

// left fails unless exactly the wanted records are there.
func (r *run) left(want map[string]Record) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.store.Left()); diff != "" {
		r.t.Errorf("records (-want +got):\n%s", diff)
	}
}

func (r *run) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	return r.status.DeepCopy(), nil
}

func (r *run) Report(_ context.Context, status *v1alpha1.PurgeRunStatus) error {
	if r.onReport != nil {
		if err := r.onReport(); err != nil {
			return err
		}
	}
	r.status = *status.DeepCopy()
	return nil
}

func (r *run) Holds(context.Context) ([]retention.Hold, error) { return slices.Clone(r.holds), nil }

// narrow makes windows small, so that a run has several.
type narrow struct {
	retention.Driver
	run *run
}

func (n narrow) Open(ctx context.Context) (retention.Session, error) {
	session, err := n.Driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	return narrowSession{session, n.run}, nil
}

type narrowSession struct {
	retention.Session
	run *run
}

func (n narrowSession) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	if n.run.onWindow != nil {
		n.run.onWindow()
	}
	w.Size = min(w.Size, int64(max(n.run.window/n.run.store.Unit, 1)))
	return n.Session.Window(ctx, w)
}

// errKilled is a purger that dies.
var errKilled = fmt.Errorf("%w: killed by the test", retention.ErrGone)
