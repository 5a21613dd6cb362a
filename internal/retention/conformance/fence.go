package conformance

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// Rivals are two purgers of one run and index, each with a driver of its own.
type Rivals struct {
	// Runner is the first.
	*retentiontest.Runner
	Driver func(*retention.Plan) retention.Driver
	// Size is the greatest size of a window: the first has three at least.
	Size int64
	// Locks is that of the store.
	Locks bool
	// Due is how many records go. Check fails unless they are gone, and nothing else.
	Due   int64
	Check func()

	first *retentiontest.Faulty
}

// rivals are two purgers of the suite's run, which the store has the records for.
func (r *run) rivals() *Rivals {
	all := records()
	r.store.Fill(all)
	return &Rivals{Runner: r.Runner, Driver: r.store.Driver, Size: r.faulty.Size, Locks: r.store.Locks, Due: count(all, due),
		Check: func() { r.left(without(all, due)) }}
}

// prepare gives the first a clock, and returns the second, with its clock and what its windows will have done.
func (r *Rivals) prepare(first, other clock.Clock) (second *retentiontest.Runner, windows *[]retention.Batch) {
	r.first = &retentiontest.Faulty{Driver: r.Driver(r.Plan), Size: r.Size}
	r.Runner.Driver, r.Clock = r.first, first
	faulty := &retentiontest.Faulty{Size: r.Size}
	second = r.Of(0, func(p *retention.Plan) retention.Driver {
		faulty.Driver = r.Driver(p)
		return faulty
	})
	second.Holder, second.Clock = "second", other
	return second, keepBatches(faulty)
}

// keepBatches notes what a driver's windows did.
func keepBatches(f *retentiontest.Faulty) *[]retention.Batch {
	var all []retention.Batch
	f.After = func(b retention.Batch) error { all = append(all, b); return nil }
	return &all
}

// waiting is a clock whose first wait is over once the channel is closed.
type waiting struct {
	*retentiontest.Hurried
	wait  func(time.Duration)
	until <-chan struct{}
}

// NewTimer fires when it should.
func (w *waiting) NewTimer(d time.Duration) clock.Timer {
	if w.wait != nil {
		wait := w.wait
		w.wait = nil
		wait(d)
		<-w.until
	}
	return w.Hurried.NewTimer(d)
}

// firstPurgerStops lets a second purger take over in the middle of a run, while the first goes on working until it notices.
func firstPurgerStops(t *testing.T, s *Store) { newRun(t, s).rivals().FirstStops() }

// FirstStops is firstPurgerStops.
func (r *Rivals) FirstStops() {
	t := r.T
	t.Helper()
	r.Plan.Throttle.PauseMilliseconds = 600 // it reports after every other window
	taken, ended, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var counted int64
	c := &waiting{Hurried: retentiontest.NewHurried(retentiontest.Slot), until: ended, wait: func(d time.Duration) {
		if d < 16*time.Second {
			t.Errorf("the second waits for %s", d)
		}
		r.Mu.Lock()
		counted = r.Status.Checkpoint.Batches
		r.Mu.Unlock()
		close(taken)
	}}
	second, rest := r.prepare(retentiontest.NewHurried(retentiontest.Slot), c)
	first := keepBatches(r.first)
	r.first.Before = func() error {
		if len(*first) == 3 {
			go func() { over <- second.Try(t.Context()) }()
			<-taken
		}
		return nil
	}
	if err := r.Try(t.Context()); !errors.Is(err, retention.ErrReplaced) {
		t.Errorf("the first ends with %v\n%s", err, r.Log.String())
	}
	close(ended)
	if err := <-over; err != nil {
		t.Fatalf("the second: %v\n%s", err, second.Log.String())
	}
	r.Check()
	// Each record went once, and the digest covers what was counted when it went; what the first did until it noticed is told apart.
	var done, inferred int64
	var digests []v1alpha1.RunShard
	for i, b := range append(*first, *rest...) {
		done += b.Done
		if i < len(*first) && int64(i) >= counted {
			inferred += b.Done
			continue
		}
		digests = append(digests, v1alpha1.RunShard{Digest: b.Digest})
	}
	got, n := r.Status.Results[0], r.Due
	if r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || got.Done != n || done != n || got.Inferred != inferred || got.Remaining != 0 {
		t.Errorf("outcome %+v, result %+v, want %d done, %d inferred; the windows did %d", r.Status.Outcome, got, n, inferred, done)
	}
	if want := retention.ShardsDigest(digests); want == "" || r.Status.Checkpoint.Digest != want || r.Status.Evidence.RecordsDigest != want {
		t.Errorf("digest %q, want that of the windows that were counted, %q", r.Status.Checkpoint.Digest, want)
	}
}

// frozenPurger stops a purger just before it sends a window, until a second one has ended the run. A store that locks lets the second in only
// once the connection of the first is gone; others get the window after all.
func frozenPurger(t *testing.T, s *Store) { newRun(t, s).rivals().FirstIsFrozen() }

// FirstIsFrozen is frozenPurger.
func (r *Rivals) FirstIsFrozen() {
	t := r.T
	t.Helper()
	r.Plan.Throttle.TargetBatchMilliseconds = 5000 // the claim lasts 40 s: longer than the second takes, even on a slow machine
	shared := retentiontest.NewHurried(retentiontest.Slot)
	second, _ := r.prepare(shared, shared)
	windows, late := 0, int64(-1)
	var after *v1alpha1.PurgeRunStatus
	r.first.Before = func() error {
		if windows++; windows != 3 {
			return nil
		}
		if r.Locks {
			r.first.Opened.Close()
		}
		second.Run(v1alpha1.ReasonCompleted)
		after = r.Status.DeepCopy()
		if r.Locks {
			return retention.ErrUnreachable
		}
		return nil
	}
	r.first.After = func(b retention.Batch) error {
		if windows >= 3 {
			late = b.Done
		}
		return nil
	}
	if err := r.Try(t.Context()); !errors.Is(err, retention.ErrReplaced) {
		t.Errorf("the first ends with %v\n%s", err, r.Log.String())
	}
	if late > 0 || (late < 0) != r.Locks || windows != 3 {
		t.Errorf("the window that came late did %d records; %d windows", late, windows)
	}
	r.Check()
	if got := after.Results[0]; got.Done != r.Due || got.Remaining != 0 {
		t.Errorf("result %+v, want %d done", got, r.Due)
	}
	if diff := cmp.Diff(after, &r.Status); diff != "" {
		t.Errorf("the first wrote into the status that the second left (-second +first):\n%s", diff)
	}
}
