package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	// checkpointEvery bounds what a killed pod leaves uncounted.
	checkpointEvery = time.Second
	// maxPasses over a collection that still has due records. A further pass is worth it because records move while the run works.
	maxPasses = 3
	// lastReport is how long the last checkpoint may take after the pod was told to stop.
	lastReport = 20 * time.Second
)

// Engine carries out one run.
type Engine struct {
	Plan     *Plan
	Store    Driver
	Holds    HoldSource
	Reporter Reporter
	Hasher   *Hasher
	// Archive is where rules with Archive write to; nil: the plan has none.
	Archive Archiver
	// Signer signs the evidence; nil: it has digests alone.
	Signer Signer
	Clock  clock.Clock
	Log    *slog.Logger
}

// Run carries out the plan from wherever the recorded status says that it is. It returns nil once an outcome is recorded, good or bad, and
// an error if another try may go on from the checkpoint.
func (e *Engine) Run(ctx context.Context) error {
	r, err := e.take(ctx)
	if err != nil {
		return err
	}
	r.status.Pause = v1alpha1.RunPause{} // what another pod waited for may have passed
	r.resume()
	defer r.close()
	err = r.loop(ctx)
	if failure, ok := errors.AsType[*Failure](err); ok {
		return r.stop(ctx, failure)
	}
	if err != nil && ctx.Err() != nil {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReport)
		defer cancel()
		r.status.Progress.EstimatedEnd = metav1.Time{} // when another pod goes on is not known
		return errors.Join(fmt.Errorf("stopped: %w", context.Cause(ctx)), r.leave(final))
	}
	return err
}

// run is the state of an Engine at work. What must outlive it is in status.
type run struct {
	*Engine
	status *v1alpha1.PurgeRunStatus
	pace   *pace
	crowd  crowd

	session Session
	holds   []Hold
	// inspected: the session looked at rules and holds as they are now.
	inspected bool
	// holdsAt is when the holds were read, reportedAt when the status was written, calmAt when the store was last within its limits, as far as
	// calmRule is concerned.
	holdsAt, reportedAt, calmAt time.Time
	calmRule                    string
	// heldAt is when the pod began to look, and found that it holds the run.
	heldAt time.Time
	// doubtful: a window of this pod ended without an answer of the store.
	doubtful bool
	// uncertain: a window may have been committed without being counted. Where several pods share the run, their shards say it.
	uncertain bool
	// left is what the last pass left to do, for the rule at hand.
	left int64
	// warnings of the inspection.
	warnings []string
	// waitsSince is when this pod began to wait for others, movedAt when it saw one of them move since then; zero: it does not wait.
	waitsSince, movedAt time.Time
	meter               meter
}

func (r *run) loop(ctx context.Context) error {
	for {
		step, rule, err := next(r.Plan, r.status)
		if err != nil {
			return err
		}
		if step != stepWait {
			r.waitsSince = time.Time{}
		}
		compare := r.uncertain && (step == stepWindow || step == stepVerify)
		if compare || !step.measures() {
			r.meter.interrupt()
		}
		if compare {
			err = r.reconcile(ctx, rule)
		} else {
			err = r.do(ctx, step, rule)
		}
		if errors.Is(err, ErrMoved) {
			err = r.look(ctx)
		}
		if err != nil || step == stepDone {
			return err
		}
	}
}

func (r *run) do(ctx context.Context, s step, rule *Rule) error {
	switch s {
	case stepCount:
		return r.count(ctx)
	case stepBegin:
		return r.begin(ctx, rule)
	case stepWindow:
		return r.window(ctx, rule)
	case stepVerify:
		return r.verify(ctx, rule)
	case stepJoin:
		return r.join(ctx, rule)
	case stepWait:
		return r.wait(ctx)
	case stepFinish:
		return r.finish(ctx, nil)
	default:
		return nil
	}
}

// count makes the run's plan in numbers. Clocks that do not fit their unit stop the run here.
func (r *run) count(ctx context.Context) error {
	if err := r.yield(ctx); err != nil {
		return err
	}
	snapshot, err := r.snapshot(ctx, r.Plan.Rules)
	if err != nil {
		return err
	}
	verification := v1alpha1.VerificationPending
	if r.Plan.Mode == string(v1alpha1.RunPreview) {
		verification = v1alpha1.VerificationNotApplicable
	}
	results := make([]v1alpha1.RuleResult, len(r.Plan.Rules))
	for i, c := range snapshot.Rules {
		rule := &r.Plan.Rules[i]
		if f := checkClocks(rule, c); f != nil {
			return f
		}
		results[i] = v1alpha1.RuleResult{
			Rule: rule.Name, Collection: rule.Collection, Total: c.Total, Due: c.Due, Held: c.Held, Deferred: c.Deferred,
			NullClock: c.NullClock, FutureClock: c.FutureClock, Verification: verification,
		}
	}
	r.status.Results = results
	if err := r.checkArchives(ctx); err != nil {
		return err
	}
	if err := r.discover(ctx); err != nil {
		return err
	}
	if err := r.recordIntent(ctx); err != nil {
		return err
	}
	return r.report(ctx)
}

// begin starts a rule. If an earlier rule worked on the same collection, the numbers of the plan no longer hold.
func (r *run) begin(ctx context.Context, rule *Rule) error {
	if rule.Action == string(v1alpha1.ActionDelete) {
		err := r.with(ctx, func(ctx context.Context, s Session, holds []Hold) error { return s.CheckReferences(ctx, rule, holds) })
		if err != nil {
			return err
		}
	}
	at := slices.IndexFunc(r.Plan.Rules, func(other Rule) bool { return other.Name == rule.Name })
	if slices.ContainsFunc(r.Plan.Rules[:at], func(other Rule) bool { return other.Collection == rule.Collection }) {
		c, err := r.countDue(ctx, rule)
		if err != nil {
			return err
		}
		result := r.result(rule)
		result.Due, result.Held, result.Deferred = c.Due, c.Held, c.Deferred
	}
	if err := r.divide(ctx, rule); err != nil {
		return err
	}
	r.Log.Info("rule begins", "rule", rule.Name, "collection", rule.Collection, "due", r.result(rule).Due, "held", r.result(rule).Held)
	r.uncertain, r.left = false, r.result(rule).Due
	r.status.Checkpoint.Rule, r.status.Checkpoint.Position = rule.Name, position{pass: 1}.String()
	return r.report(ctx)
}

// window handles one window and pauses as the throttle says.
func (r *run) window(ctx context.Context, rule *Rule) error {
	if err := r.waitForStore(ctx, rule); err != nil {
		return err
	}
	if err := r.yield(ctx); err != nil {
		return err
	}
	at := r.position()
	var batch Batch
	var took time.Duration
	err := r.with(ctx, func(ctx context.Context, s Session, holds []Hold) (err error) {
		begun := r.Clock.Now()
		batch, err = r.change(ctx, s, Window{Rule: rule, Holds: holds, Position: at.place, Size: r.pace.size, Hasher: r.Hasher, Shard: r.shard(),
			CountOnly: r.Plan.CountOnly(), Archive: r.Archive, Run: r.Plan.Run})
		took = r.Clock.Since(begun)
		if err != nil {
			r.pace.failed()
		}
		return err
	})
	if err != nil {
		return err
	}
	if batch.Commits > 0 {
		r.pace.took(took)
		r.crowd.windows++
	}
	r.advance(rule, position{pass: at.pass, place: batch.Next, end: batch.Next == ""}, batch)
	if batch.Next == "" || r.Clock.Since(r.reportedAt) >= checkpointEvery {
		if err := r.report(ctx); err != nil {
			return err
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	return r.sleep(ctx, r.pace.rest(took))
}

// position is where the next window begins.
func (r *run) position() position {
	if r.Plan.shared() {
		return parsePosition(r.own().Position)
	}
	return parsePosition(r.status.Checkpoint.Position)
}

// advance counts a window that was committed.
func (r *run) advance(rule *Rule, to position, batch Batch) {
	if r.Plan.shared() {
		own := r.own()
		countDone(own, rule.Name, batch)
		own.Batches += batch.Commits
		own.Digest, own.Position = chain(own.Digest, batch.Digest), to.String()
		r.sum()
		return
	}
	result := r.result(rule)
	result.Done += batch.Done
	countArchived(&result.ArchivedObjects, &result.ArchiveDigest, batch.Archived)
	c := &r.status.Checkpoint
	c.Batches += batch.Commits
	c.Digest, c.Position = chain(c.Digest, batch.Digest), to.String()
}

// reconcile counts, after a break, the records that were handled between the last checkpoint and the break: due records that are gone
// and that no window reported. They are told apart in the result, since the records digest does not cover them.
func (r *run) reconcile(ctx context.Context, rule *Rule) error {
	c, err := r.countDue(ctx, rule)
	if err != nil {
		return err
	}
	r.left = c.Due
	r.infer(r.result(rule), r.left)
	r.uncertain = false
	return r.report(ctx)
}

func (r *run) infer(result *v1alpha1.RuleResult, left int64) {
	if gone := result.Due - result.Done - left; gone > 0 {
		r.Log.Info("records were handled and not counted before a break", "rule", result.Rule, "records", gone)
		result.Done += gone
		result.Inferred += gone
	}
}

// verify looks with a query of its own, in a new snapshot, for due records. Records move while a run works, holds come and go: as long
// as there is something left to do and a pass made progress, or passes are left, the rule makes another one.
func (r *run) verify(ctx context.Context, rule *Rule) error {
	c, err := r.countDue(ctx, rule)
	if err != nil {
		return err
	}
	result := r.result(rule)
	if interrupted(r.status.Shards, rule.Name) {
		r.infer(result, c.Due)
	}
	result.Held, result.Deferred, result.Remaining = c.Held, c.Deferred, c.Due-c.Held-c.Deferred
	at := parsePosition(r.status.Checkpoint.Position)
	if result.Remaining > 0 && (at.pass < maxPasses || result.Remaining < r.left) {
		r.Log.Info("due records are left: another pass", "rule", rule.Name, "remaining", result.Remaining, "pass", at.pass+1)
		r.left = result.Remaining
		r.status.Checkpoint.Position = position{pass: at.pass + 1}.String()
		return r.report(ctx)
	}
	if err := r.positionLog(ctx, result); err != nil {
		return err
	}
	result.Verification = v1alpha1.VerificationAgreed
	if result.Remaining > 0 {
		result.Verification = v1alpha1.VerificationDisagreed
	}
	r.status.Checkpoint.CompletedRules = append(r.status.Checkpoint.CompletedRules, rule.Name)
	r.Log.Info("rule verified", "rule", rule.Name, "done", result.Done, "held", result.Held, "remaining", result.Remaining)
	return r.report(ctx)
}

func (r *run) result(rule *Rule) *v1alpha1.RuleResult {
	i := slices.IndexFunc(r.status.Results, func(result v1alpha1.RuleResult) bool { return result.Rule == rule.Name })
	return &r.status.Results[i]
}

func (r *run) snapshot(ctx context.Context, rules []Rule) (s Snapshot, err error) {
	err = r.with(ctx, func(ctx context.Context, session Session, holds []Hold) (err error) {
		s, err = session.Count(ctx, rules, holds, r.Plan.Slot)
		return err
	})
	return s, err
}

// countDue counts, in a new snapshot, what of a rule's records is due. The other counts are those of the plan.
func (r *run) countDue(ctx context.Context, rule *Rule) (c Counts, err error) {
	err = r.with(ctx, func(ctx context.Context, session Session, holds []Hold) (err error) {
		if counter, ok := session.(DueCounter); ok {
			c, err = counter.CountDue(ctx, rule, holds)
			return err
		}
		snapshot, err := session.Count(ctx, []Rule{*rule}, holds, r.Plan.Slot)
		if err == nil {
			c = snapshot.Rules[0]
		}
		return err
	})
	return c, err
}
