package purgerun

import (
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	policies "github.com/carrier-operator/carrier-operator/controllers/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// input is everything that a decision about a run depends on.
type input struct {
	run *v1alpha1.PurgeRun
	// policy and store are nil if they do not exist, or are not those that the run was made from.
	policy *v1alpha1.RetentionPolicy
	store  *v1alpha1.DataStore
	// stores of the namespace.
	stores []v1alpha1.DataStore
	// policies of the store, of which any may demand a minimum.
	policies []v1alpha1.RetentionPolicy
	// holds of the store, in force or not.
	holds []v1alpha1.LegalHold
	// caBundle is the PEM that the store is verified with; storePort its TCP port.
	caBundle  string
	storePort int32
	// archive is the store that the run archives to; nil: it archives nothing.
	archive *archive
	// connection is what is wrong with the store's Secret or CA bundle right now.
	connection *block
	// taken is the first child whose name belongs to something that is not the run's.
	taken *block
	// config and job are the run's own, nil if they do not exist.
	config *corev1.ConfigMap
	job    *batchv1.Job
	// pod is what the newest of the run's pods, of each index, show.
	pod podState
	now time.Time
}

// frozen is the digest of the plan that the run's Job was made with; empty: there is no Job.
func (in *input) frozen() string {
	if in.job == nil {
		return ""
	}
	return in.job.Spec.Template.Annotations[v1alpha1.AnnotationPlanDigest]
}

// podState is what matters of a pod.
type podState struct {
	// waiting is the reason why its container cannot start, for example ImagePullBackOff.
	waiting string
	// terminated says how its container ended last, for example "OOMKilled, exit code 137".
	terminated string
}

// block is why a run must not work now. It goes away without the run being made anew.
type block struct {
	reason, message string
	// waiting blocks mend themselves; the others need a person.
	waiting bool
}

// plan is what to do about a run.
type plan struct {
	// purge is the plan for the purger's ConfigMap; nil: leave the children as they are.
	purge *retention.Plan
	// suspend takes the Job's pods away until the block is gone.
	suspend bool
	block   *block
	// end is how the run ended; nil: it has not.
	end *end
	// again is when the decision changes by itself; zero: it does not.
	again time.Time
	// cleanUp removes what only a working run needs.
	cleanUp bool
}

// end is how a run ended.
type end struct {
	reason, message string
	good            bool
}

// decide is the whole decision about a run.
func decide(in *input) plan {
	if runs.Finished(in.run) {
		return plan{cleanUp: true}
	}
	if e := ended(in); e != nil {
		return plan{end: e, cleanUp: true}
	}
	if in.run.Status.Outcome.Reason != "" {
		return plan{} // the purger is done, its pod is about to end
	}
	holds, b := admit(in)
	closed, again := workWindow(in)
	if b == nil {
		b = closed
	}
	if b == nil {
		var purge *retention.Plan
		var err error
		purge, err = currentPlan(in, holds)
		switch {
		case err == nil && keyless(purge) != nil:
			b = keyless(purge)
		case err == nil && belowMinimum(in, purge) != nil:
			b = belowMinimum(in, purge)
		case err == nil && len(encodePlan(purge)) <= maxPlanBytes:
			return plan{purge: purge, again: again}
		case err == nil:
			b = &block{reason: v1alpha1.ReasonPlanInvalid, message: fmt.Sprintf(
				"the plan takes %d bytes, at most %d fit: use fewer values in the filters of rules and holds", len(encodePlan(purge)), maxPlanBytes)}
		case errors.Is(err, errRulesChanged):
			return plan{cleanUp: true, end: &end{reason: v1alpha1.ReasonCanceled,
				message: "the policy or its store changed before the run started, and nothing was touched: the next slot or request makes a new run"}}
		default:
			b = &block{reason: v1alpha1.ReasonPlanInvalid, message: err.Error()}
		}
	}
	return plan{block: b, suspend: in.job != nil, again: again}
}

// workWindow says why a run may not work at this time of the week, and when that changes.
func workWindow(in *input) (*block, time.Time) {
	if in.policy == nil || in.run.Spec.Mode != v1alpha1.RunPurge {
		return nil, time.Time{}
	}
	zone, err := runs.ParseZone(in.policy.Spec.TimeZone)
	if err != nil {
		return &block{reason: v1alpha1.ReasonTimeZoneInvalid, message: err.Error()}, time.Time{}
	}
	open, until := runs.WorkWindow(in.policy.Spec.Throttle.WorkWindows, zone, in.now)
	if open {
		return nil, until
	}
	opens := "none opens in the next two weeks"
	if !until.IsZero() {
		opens = "the next one opens on " + until.In(zone).Format("Mon 2006-01-02 at 15:04 MST")
	}
	return &block{reason: v1alpha1.ReasonOutsideWorkWindow, waiting: true, message: fmt.Sprintf(
		"the run waits for a work window of RetentionPolicy %q (throttle.workWindows), and goes on from its checkpoint: %s", in.policy.Name, opens)}, until
}

// keyless says that a hold names people by keyed hash, and the run has no key to check it with; nil: it can check all holds.
func keyless(purge *retention.Plan) *block {
	i := slices.IndexFunc(purge.Holds, func(h retention.Hold) bool { return h.Subject != nil })
	if i < 0 || purge.HashKey {
		return nil
	}
	return &block{reason: v1alpha1.ReasonKeyMissing, message: fmt.Sprintf("LegalHold %q names people by keyed hash, and the run has no key to check it with: "+
		"set hashKeyRef of RetentionPolicy %q to the key of the hold, and delete this run", purge.Holds[i].Name, purge.Policy)}
}

// belowMinimum says that a minimum that came after the run was made, or that came back, forbids what it does; nil: none does.
func belowMinimum(in *input, purge *retention.Plan) *block {
	if in.run.Spec.Mode != v1alpha1.RunPurge {
		return nil
	}
	why := policies.BelowMinimum(purge, in.policies, in.store)
	if why == "" {
		return nil
	}
	return &block{reason: v1alpha1.ReasonBelowMinimum, message: fmt.Sprintf("the run stops at its checkpoint: %s. Delete the run, and the next one follows "+
		"the rules of RetentionPolicy %q as they are now; or end the minimum, and it goes on", why, in.run.Spec.PolicyRef.Name)}
}

// ended says how the run ended, nil if it has not. The purger's outcome counts once its Job is over; a Job that is over without one failed.
func ended(in *input) *end {
	over := jobOver(in.job)
	switch outcome := in.run.Status.Outcome; {
	case outcome.Reason != "" && (in.job == nil || over != ""):
		good := outcome.Reason == v1alpha1.ReasonCompleted || outcome.Reason == v1alpha1.ReasonNothingDue
		return &end{reason: outcome.Reason, message: outcome.Message, good: good}
	case outcome.Reason == "" && over != "":
		how := in.pod.terminated
		if how == "" {
			how = "its pods are gone"
		}
		return &end{reason: v1alpha1.ReasonJobFailed, message: fmt.Sprintf(
			"the Job ended (%s) before the purger could say why: last termination: %s. What was done up to the checkpoint stays done.", over, how)}
	}
	return nil
}

// jobOver returns the condition with which the Job ended, empty while it has not.
func jobOver(job *batchv1.Job) string {
	if job == nil {
		return ""
	}
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			if c.Reason != "" {
				return c.Reason
			}
			return string(c.Type)
		}
	}
	return ""
}

// admit says whether the run may work now, and with which holds. A hold that cannot be understood stops it at any time.
func admit(in *input) ([]v1alpha1.LegalHold, *block) {
	if in.taken != nil {
		return nil, in.taken
	}
	name := in.run.Spec.StoreRef.Name
	if in.store == nil {
		p := storemap.StoreNotFound(name)
		return nil, &block{reason: p.Reason, message: p.Message}
	}
	if of := in.store.Status.DuplicateOf; of != "" {
		return nil, &block{reason: v1alpha1.ReasonStoreDuplicate, message: fmt.Sprintf(
			"DataStore %q reaches the same database as %q, which was made before: see its conditions", name, of)}
	}
	holds, p := storemap.HoldsInForce(in.holds, in.store, in.now)
	if p != nil {
		return nil, &block{reason: p.Reason, message: p.Message}
	}
	if in.policy != nil && in.policy.Spec.State == v1alpha1.PolicySuspended {
		return nil, &block{reason: v1alpha1.ReasonSuspended, waiting: true,
			message: fmt.Sprintf("RetentionPolicy %q is suspended: the run goes on from its checkpoint once its state is Active", in.policy.Name)}
	}
	if in.job == nil && !storemap.Ready(in.store) {
		return nil, &block{reason: v1alpha1.ReasonStoreNotReady, waiting: !storemap.Stalled(in.store),
			message: fmt.Sprintf("DataStore %q is not ready: see its conditions", name)}
	}
	if in.job == nil && in.connection != nil {
		return nil, in.connection
	}
	if in.job == nil && in.archive != nil && in.archive.problem != nil {
		return nil, in.archive.problem
	}
	return holds, nil
}
