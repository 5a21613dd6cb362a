package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

var slot = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// jumpingClock passes every wait at once.
type jumpingClock struct{ *clocktesting.FakeClock }

func (c jumpingClock) NewTimer(d time.Duration) clock.Timer {
	timer := c.FakeClock.NewTimer(d)
	c.Step(d)
	return timer
}

// world is a store in memory with its cluster around it. Records are due from the start, by number; a window is a range of numbers.
type world struct {
	t     *testing.T
	clock jumpingClock
	plan  *Plan

	due, held   map[string][]int // by rule
	total       int64
	last        int // the number after which there are no records
	identity    string
	lag         func() Lag
	signal      func(Signal) (Reading, error)
	work        func() Work
	openErr     func() error
	windowErr   func(Window) error
	stubborn    bool // windows report success and change nothing
	windows     []Window
	inspections int

	holds     []Hold
	holdsErr  func() error
	status    v1alpha1.PurgeRunStatus
	reports   []v1alpha1.PurgeRunStatus
	reportErr func(*v1alpha1.PurgeRunStatus) error
}

func newWorld(t *testing.T, rules ...string) *world {
	t.Helper()
	w := &world{t: t, clock: jumpingClock{clocktesting.NewFakeClock(slot)}, due: map[string][]int{}, held: map[string][]int{}, total: 1000, last: 100, identity: "7301/16384"}
	w.plan = &Plan{Namespace: "shop", Run: "orders-1", RunUID: "uid", Policy: "orders", PolicyUID: "policy-uid", Mode: "Purge", Slot: slot,
		Store: Store{Name: "orders", Type: "PostgreSQL"}, Caps: Caps{MaxSharePercent: 50, MaxRows: 1000}, Throttle: Throttle{TargetBatchMilliseconds: 100}}
	for _, name := range rules {
		w.plan.Rules = append(w.plan.Rules, Rule{Name: name, Collection: "public." + name, Key: []string{"id"},
			Clock: Clock{Field: "at", Unit: "TimestampTZ"}, Before: slot.AddDate(0, 0, -30), Action: "Delete"})
		for n := range 100 {
			w.due[name] = append(w.due[name], n)
		}
	}
	return w
}

func (w *world) engine() *Engine {
	return &Engine{Plan: w.plan, Store: w, Holds: w, Reporter: w, Hasher: NewHasher(nil), Clock: w.clock, Log: slog.New(slog.DiscardHandler)}
}

// run runs to an outcome with the reason.
func (w *world) run(reason string) {
	w.t.Helper()
	if err := w.engine().Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.wantReason(reason)
}

func (w *world) wantReason(reason string) {
	w.t.Helper()
	if w.status.Outcome.Reason != reason {
		w.t.Fatalf("outcome %s: %s, want %s", w.status.Outcome.Reason, w.status.Outcome.Message, reason)
	}
}

// paused says whether some report had that pause.
func (w *world) paused(reason string) bool {
	return slices.ContainsFunc(w.reports, func(s v1alpha1.PurgeRunStatus) bool { return s.Pause.Reason == reason })
}

func (w *world) Take(context.Context) (*v1alpha1.PurgeRunStatus, bool, error) {
	return w.status.DeepCopy(), false, nil
}

func (w *world) Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	return w.Report(ctx, status)
}

func (w *world) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	return w.status.DeepCopy(), nil
}

func (w *world) Report(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	if w.reportErr != nil {
		if err := w.reportErr(status); err != nil {
			return err
		}
	}
	w.status = *status.DeepCopy()
	w.reports = append(w.reports, w.status)
	return ctx.Err()
}

func (w *world) Holds(context.Context) ([]Hold, error) {
	if w.holdsErr != nil {
		if err := w.holdsErr(); err != nil {
			return nil, err
		}
	}
	return w.holds, nil
}

func (w *world) Open(context.Context) (Session, error) {
	if w.openErr != nil {
		if err := w.openErr(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) Identity(context.Context) (string, error) { return w.identity, nil }

func (w *world) Inspect(context.Context, []Rule, []Hold) (Inspection, error) {
	w.inspections++
	return Inspection{SchemaDigest: "schema"}, nil
}

func (w *world) isHeld(rule string, n int) bool {
	return len(w.holds) > 0 && slices.Contains(w.held[rule], n)
}

func (w *world) Count(_ context.Context, rules []Rule, _ []Hold, _ time.Time) (Snapshot, error) {
	var s Snapshot
	for i := range rules {
		c := Counts{Total: w.total, Due: int64(len(w.due[rules[i].Name])), Sound: w.total}
		for _, n := range w.due[rules[i].Name] {
			if w.isHeld(rules[i].Name, n) {
				c.Held++
			}
		}
		s.Rules = append(s.Rules, c)
	}
	return s, nil
}

func (w *world) CheckReferences(context.Context, *Rule, []Hold) error { return nil }

func (w *world) Window(_ context.Context, window Window) (Batch, error) {
	w.windows = append(w.windows, window)
	if w.windowErr != nil {
		if err := w.windowErr(window); err != nil {
			return Batch{}, err
		}
	}
	var from int
	_, _ = fmt.Sscan(window.Position, &from)
	to := from + int(window.Size)
	batch, records := Batch{Commits: 1}, window.Records()
	if to < w.last {
		batch.Next = fmt.Sprint(to)
	}
	if !w.stubborn {
		w.due[window.Rule.Name] = slices.DeleteFunc(w.due[window.Rule.Name], func(n int) bool {
			gone := from <= n && n < to && !w.isHeld(window.Rule.Name, n)
			if gone {
				records.Add(fmt.Sprint(n))
			}
			return gone
		})
	}
	batch.Done, batch.Digest = records.Count(), records.Sum()
	return batch, nil
}

func (w *world) Lag(context.Context) (Lag, error) {
	if w.lag == nil {
		return Lag{}, nil
	}
	return w.lag(), nil
}

func (w *world) Measure(_ context.Context, s Signal, _ *Rule) (Reading, error) { return w.signal(s) }

func (w *world) Work(context.Context) (Work, error) { return w.work(), nil }

func (w *world) Now(context.Context) (time.Time, error) { return w.clock.Now(), nil }
func (w *world) Close()                                 {}

var errAPI = errors.New("the API server does not answer")
