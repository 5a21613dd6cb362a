package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Two pods of one index never work on a run at once, not even if the cluster lost sight of one of them. The run's status names the holder of
// each index. A pod that starts puts its own name there, after which no other of that index can report; a pod changes the store only for some
// time after it saw its name, and one that takes over waits for longer than that. No instant is compared between two machines: their clocks need
// only run about equally fast.

const (
	// minClaim is the least time that a pod may change the store for after it saw that it holds the run.
	minClaim = 10 * time.Second
	// settle is for clocks that run unequally and for what is still on its way to the store.
	settle = 5 * time.Second
	// minWindowLimit leaves the smallest window a chance on a slow store; maxWindowLimit is that of the longest target that a policy may have.
	minWindowLimit = time.Second
	maxWindowLimit = 20 * time.Second
)

// WindowLimit is the longest that a store may work on one statement of a window.
func (t *Throttle) WindowLimit() time.Duration {
	return min(max(4*time.Duration(t.TargetBatchMilliseconds)*time.Millisecond, minWindowLimit), maxWindowLimit)
}

// claim is for how long a pod may change the store after it saw that it holds the run. It looks again after half of it, so that a window never
// has less than the store's limit.
func (t *Throttle) claim() time.Duration { return max(minClaim, 2*t.WindowLimit()) }

// handover is how long a pod waits that takes over: until the claim of the one before has run out, and the store has ended what it sent last.
func (t *Throttle) handover() time.Duration { return t.claim() + t.WindowLimit() + settle }

// Holder is the name of the pod that holds an index of the run; empty: none does.
func Holder(status *v1alpha1.PurgeRunStatus, index int32) string {
	for _, h := range status.Holders {
		if h.Index == index {
			return h.Name
		}
	}
	return ""
}

func setHolder(status *v1alpha1.PurgeRunStatus, index int32, name string) {
	status.Holders = slices.DeleteFunc(status.Holders, func(h v1alpha1.RunHolder) bool { return h.Index == index })
	if name != "" {
		status.Holders = append(status.Holders, v1alpha1.RunHolder{Index: index, Name: name})
	}
}

// TakeOver names the holder of an index, unless the run has an outcome. after says that another pod held it and did not let go.
func TakeOver(status *v1alpha1.PurgeRunStatus, index int32, holder string) (after bool) {
	before := Holder(status, index)
	if status.Outcome.Reason == "" {
		setHolder(status, index, holder)
	}
	return before != "" && before != holder
}

// take makes the run, or its part, this pod's own. If another pod may still be at work it waits until that one must have stopped.
func (e *Engine) take(ctx context.Context) (*run, error) {
	at := e.Clock.Now()
	status, after, err := e.Reporter.Take(ctx)
	if err != nil {
		return nil, fmt.Errorf("taking the run: %w", err)
	}
	r := &run{Engine: e, status: status, pace: newPace(e.Plan.Throttle), crowd: newCrowd(e.Plan), heldAt: at}
	if after && status.Outcome.Reason == "" && r.midway() {
		return r, r.awaitPredecessor(ctx)
	}
	return r, nil
}

// midway says whether the pod that reported last may have been in a window. It reports before its first one, and after its last.
func (r *run) midway() bool {
	rule := r.status.Checkpoint.Rule
	if r.Plan.shared() {
		rule = r.own().Rule
	}
	return rule != "" && !r.position().end
}

// awaitPredecessor waits until a pod that held the run before can no longer change anything. A pod that is told to stop meanwhile does not let
// go: the next one has the same to wait for.
func (r *run) awaitPredecessor(ctx context.Context) error {
	wait := r.Plan.Throttle.handover()
	message := fmt.Sprintf("another pod worked on the run and did not say that it stopped: after %s it must have", wait)
	r.Log.Info("the run is taken over", "waiting", wait.String())
	err := r.pauseFor(ctx, v1alpha1.ReasonHandover, message)
	if err == nil {
		err = r.sleep(ctx, wait)
	}
	if err == nil {
		err = r.goOn(ctx)
	}
	if errors.Is(err, ErrMoved) {
		return r.look(ctx) // the run ended meanwhile
	}
	return err
}

// heldFor is how long ago the pod saw that it holds the run, by the longer of two clocks: one of them stands still while a machine sleeps.
func (r *run) heldFor() time.Duration {
	now := r.Clock.Now()
	return max(now.Sub(r.heldAt), now.Round(0).Sub(r.heldAt))
}

// asHolder does something that fails unless the pod holds the run, and notes when it began.
func (r *run) asHolder(do func() error) error {
	begun := r.Clock.Now()
	err := do()
	if err == nil {
		r.heldAt = begun
	}
	return err
}

// renew looks whether the pod still holds the run, if it did not do so lately. It writes nothing.
func (r *run) renew(ctx context.Context) error {
	if r.heldFor() < r.Plan.Throttle.claim()/2 {
		return nil
	}
	_, err := r.load(ctx)
	return err
}

// load reads the run's status.
func (r *run) load(ctx context.Context) (status *v1alpha1.PurgeRunStatus, err error) {
	err = r.untilAPI(ctx, "reading the run's status", func() error {
		return r.asHolder(func() error {
			status, err = r.Reporter.Load(ctx)
			return err
		})
	})
	return status, err
}

// change is Session.Window for as long as nobody can take the run for abandoned.
func (r *run) change(ctx context.Context, s Session, w Window) (Batch, error) {
	left := r.Plan.Throttle.claim() - r.heldFor()
	if left <= 0 {
		return Batch{}, fmt.Errorf("%w: preparing the window took longer than the run is held", ErrBusy)
	}
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	batch, err := s.Window(limited, w)
	if errors.Is(err, context.DeadlineExceeded) && limited.Err() != nil {
		err = fmt.Errorf("%w: the window took longer than the run is held", ErrUnreachable)
	}
	// The connection may have gone after the store committed and before it said so.
	if errors.Is(err, ErrUnreachable) {
		r.doubt()
	}
	return batch, err
}

// leave reports for the last time. The next pod need not wait, unless the store may still be at work for this one.
func (r *run) leave(ctx context.Context) error {
	if r.doubtful {
		return r.Reporter.Report(ctx, r.status)
	}
	return r.Reporter.Leave(ctx, r.status)
}
