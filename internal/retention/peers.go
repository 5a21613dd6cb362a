package retention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	// peersPatience is how long a pod waits for the others without seeing any of them move. It is more than a count may take.
	peersPatience = 2 * time.Hour
	// stopPatience is how long the leader waits for the others to stop before it writes the outcome of a failure.
	stopPatience = 2 * time.Minute
	// minPoll and maxPoll are how long a pod that waits does not look at the others.
	minPoll, maxPoll = 50 * time.Millisecond, 2 * time.Second
)

func (r *run) own() *v1alpha1.RunShard { return shardOf(r.status, r.Plan.Index) }

// resume prepares a pod of several for the status that it found.
func (r *run) resume() {
	if !r.Plan.shared() {
		r.uncertain = r.status.Checkpoint.Rule != ""
		return
	}
	r.own().Pause = v1alpha1.RunPause{}
	r.left = math.MaxInt64 // what the pass before left is not known: another one is worth it
	if broken(r.Plan, r.status) {
		r.own().Interrupted = true
	}
	r.sum() // others went on while there was no leader
}

// doubt notes that a window may have been committed without being counted.
func (r *run) doubt() {
	r.doubtful = true
	if r.Plan.shared() {
		r.own().Interrupted = true
	} else {
		r.uncertain = true
	}
}

// divide notes what tells the pods' parts of the rule's collection apart.
func (r *run) divide(ctx context.Context, rule *Rule) error {
	if !r.Plan.shared() {
		return nil
	}
	return r.with(ctx, func(ctx context.Context, s Session, _ []Hold) (err error) {
		if sharder, ok := s.(Sharder); ok { // inspect made sure
			r.status.Checkpoint.Bounds, err = sharder.Bounds(ctx, rule, int(r.Plan.Parallelism), r.Hasher)
		}
		return err
	})
}

// checkShared fails if the store cannot be shared and should be.
func (r *run) checkShared() error {
	if _, ok := r.session.(Sharder); r.Plan.shared() && !ok {
		return Fail(v1alpha1.ReasonParallelismUnsupported, "a store of type %s is worked on by one pod: set parallelism of the policy to 1, or leave it out", r.Plan.Store.Type)
	}
	return nil
}

// shard is this pod's part of the collection of the rule at hand.
func (r *run) shard() Shard {
	if !r.Plan.shared() {
		return Shard{}
	}
	return Shard{Index: int(r.Plan.Index), Count: int(r.Plan.Parallelism), Bounds: r.status.Checkpoint.Bounds}
}

// join begins the pod's part of a pass. It looks again before the first window: a run that ends does not wait for a pod that has not begun.
func (r *run) join(ctx context.Context, rule *Rule) error {
	own := r.own()
	if own.Rule != rule.Name {
		own.Interrupted = false
	}
	own.Rule, own.Position = rule.Name, position{pass: parsePosition(r.status.Checkpoint.Position).pass}.String()
	if err := r.report(ctx); err != nil {
		return err
	}
	return r.look(ctx)
}

// look takes in what the other pods reported.
func (r *run) look(ctx context.Context) error {
	if !r.Plan.shared() {
		return nil
	}
	now, err := r.load(ctx)
	if err != nil {
		return err
	}
	own := *r.own()
	if r.Plan.leads() {
		r.status.Shards = now.Shards
	} else {
		r.status = now
	}
	*r.own() = own
	r.sum()
	return nil
}

// sum brings the leader's totals up to date.
func (r *run) sum() {
	if r.Plan.shared() && r.Plan.leads() {
		sumShards(r.status)
	}
}

// wait for the other pods.
func (r *run) wait(ctx context.Context) error {
	before := r.status.DeepCopy()
	if r.waitsSince.IsZero() {
		r.waitsSince = r.Clock.Now()
		r.movedAt = r.waitsSince
	}
	if err := r.sleep(ctx, poll(r.Clock.Since(r.waitsSince))); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if !reflect.DeepEqual(before, r.status) {
		r.movedAt = r.Clock.Now()
	}
	if r.Clock.Since(r.movedAt) >= peersPatience {
		return fmt.Errorf("the other pods of the run have not moved for %s: see whether they run", peersPatience)
	}
	return nil
}

// poll is the wait before the next look, an eighth of what was waited: what is learned late costs no more than that.
func poll(waited time.Duration) time.Duration { return min(max(waited/8, minPoll), maxPoll) }

// stop ends a run that cannot go on. Where several pods share it, all stop first, so that the outcome knows what they did.
func (r *run) stop(ctx context.Context, failure *Failure) error {
	if !r.Plan.shared() {
		return r.finish(ctx, failure)
	}
	if own := r.own(); own.Stop.Reason == "" {
		own.Pause, own.Stop = v1alpha1.RunPause{}, v1alpha1.RunStop{Reason: failure.Reason, Message: truncate(failure.Message, maxMessage)}
		err := r.report(ctx)
		if !r.Plan.leads() && errors.Is(err, ErrMoved) {
			return nil // the run has its outcome
		}
		if err != nil {
			return err
		}
	}
	if !r.Plan.leads() {
		return nil
	}
	since := r.Clock.Now()
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		if left := working(r.status.Shards); len(left) == 0 || r.Clock.Since(since) >= stopPatience {
			return r.finish(ctx, &Failure{Reason: failure.Reason, Message: failure.Message + unheard(left)})
		}
		if err := r.sleep(ctx, poll(r.Clock.Since(since))); err != nil {
			return err
		}
	}
}
