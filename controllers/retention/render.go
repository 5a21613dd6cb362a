package retention

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

// slotName names the run of a slot: the slot in UTC, to the minute, so that two operators make the same run.
func slotName(policy string, slot time.Time) string {
	return policy + "-" + slot.UTC().Format("200601021504")
}

// requestName names the run of a request: its instant in UTC, to the second, and the request's mark.
func requestName(policy string, at time.Time, mark string) string {
	return policy + "-" + at.UTC().Format("20060102150405") + mark
}

// renderRun completes the intent of a run with whose it is.
func renderRun(policy *v1alpha1.RetentionPolicy, name string, spec v1alpha1.PurgeRunSpec) *v1alpha1.PurgeRun {
	spec.PolicyRef = v1alpha1.LocalReference{Name: policy.Name}
	spec.PolicyUID = string(policy.UID)
	spec.PolicyGeneration = policy.Generation
	spec.StoreRef = policy.Spec.StoreRef
	return &v1alpha1.PurgeRun{
		Name: name, Namespace: policy.Namespace,
		Labels: map[string]string{
			v1alpha1.LabelPolicy:           policy.Name,
			"app.kubernetes.io/managed-by": "carrier-operator",
		},
		OwnerReferences: []metav1.OwnerReference{
			*metav1.NewControllerRef(policy, v1alpha1.GroupVersion.WithKind("RetentionPolicy")),
		},
		Spec: spec,
	}
}

func lastRun(run *v1alpha1.PurgeRun) v1alpha1.PolicyRunStatus {
	result := v1alpha1.ReasonRunning
	if runs.Finished(run) {
		result = run.Status.StopReason
	}
	return v1alpha1.PolicyRunStatus{
		Name: run.Name, Mode: run.Spec.Mode, Result: result, Slot: run.Spec.Slot, RulesDigest: run.Spec.RulesDigest,
	}
}

// needsPerson says whether the run, ended or not, cannot go on without someone.
func needsPerson(run *v1alpha1.PurgeRun) bool {
	return meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.ConditionStalled)
}

// renderStatus is the status to apply, conditions included.
func renderStatus(policy *v1alpha1.RetentionPolicy, status *v1alpha1.RetentionPolicyStatus,
	conditions []*metav1ac.ConditionApplyConfiguration,
) *apiac.RetentionPolicyApplyConfiguration {
	ac := apiac.RetentionPolicyStatus().WithConditions(conditions...).
		WithObservedGeneration(status.ObservedGeneration)
	for _, field := range []struct {
		value metav1.Time
		set   func(metav1.Time) *apiac.RetentionPolicyStatusApplyConfiguration
	}{{status.NextSlot, ac.WithNextSlot}, {status.LastSlot, ac.WithLastSlot}, {status.LastMissedSlot, ac.WithLastMissedSlot},
		{status.LastSucceededAt, ac.WithLastSucceededAt}} {
		if !field.value.IsZero() {
			field.set(instant(field.value.Time))
		}
	}
	if status.MissedSlots > 0 {
		ac.WithMissedSlots(status.MissedSlots)
	}
	if status.LastHandledRunRequest != "" {
		ac.WithLastHandledRunRequest(status.LastHandledRunRequest)
	}
	if status.LastHandledPreviewRequest != "" {
		ac.WithLastHandledPreviewRequest(status.LastHandledPreviewRequest)
	}
	if status.PreviewedRulesDigest != "" {
		ac.WithPreviewedRulesDigest(status.PreviewedRulesDigest)
	}
	if last := status.LastRun; last.Name != "" {
		ac.WithLastRun(apiac.PolicyRunStatus().WithName(last.Name).WithMode(last.Mode).WithResult(last.Result).
			WithSlot(instant(last.Slot.Time)).WithRulesDigest(last.RulesDigest))
	}
	return apiac.RetentionPolicy(policy.Name, policy.Namespace).WithStatus(ac)
}

func instant(t time.Time) metav1.Time {
	if t.IsZero() {
		return metav1.Time{}
	}
	return metav1.NewTime(t.UTC())
}

// conditions of the policy under a plan.
func conditions(policy *v1alpha1.RetentionPolicy, p *plan) []metav1.Condition {
	schedules := condition(v1alpha1.ConditionSchedulesRuns, true, v1alpha1.ReasonScheduled, scheduledMessage(p))
	ready := condition(v1alpha1.ConditionReady, true, v1alpha1.ReasonScheduled, schedules.Message)
	reconciling := condition(v1alpha1.ConditionReconciling, false, v1alpha1.ReasonSucceeded, "nothing is under way")
	stalled := condition(v1alpha1.ConditionStalled, false, v1alpha1.ReasonSucceeded, "no person is needed")

	switch {
	case p.problem != nil:
		schedules = condition(v1alpha1.ConditionSchedulesRuns, false, p.problem.reason, p.problem.message)
		ready = condition(v1alpha1.ConditionReady, false, p.problem.reason, p.problem.message)
		if p.problem.waiting {
			reconciling = condition(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonDependencyNotReady, p.problem.message)
		} else {
			stalled = condition(v1alpha1.ConditionStalled, true, p.problem.reason, p.problem.message)
		}
	case p.failed != nil:
		message := failedMessage(p.failed)
		ready = condition(v1alpha1.ConditionReady, false, v1alpha1.ReasonLastRunFailed, message)
		stalled = condition(v1alpha1.ConditionStalled, true, v1alpha1.ReasonLastRunFailed, message)
	}
	switch {
	case p.problem != nil:
	case policy.Spec.State == v1alpha1.PolicySuspended:
		schedules = condition(v1alpha1.ConditionSchedulesRuns, false, v1alpha1.ReasonSuspended, "no runs are made, and one that is under way waits, until state is Active")
		if p.failed == nil {
			ready = condition(v1alpha1.ConditionReady, true, v1alpha1.ReasonSuspended, schedules.Message)
		}
	case !p.status.LastMissedSlot.IsZero() && p.status.LastMissedSlot.Equal(&p.status.LastSlot):
		schedules.Reason = v1alpha1.ReasonSlotMissed
		schedules.Message = fmt.Sprintf("the slot at %s passed without a run; %s", stamp(p.status.LastMissedSlot), schedules.Message)
	}
	return []metav1.Condition{ready, reconciling, stalled, schedules}
}

func scheduledMessage(p *plan) string {
	message := "the next run is due at " + stamp(p.status.NextSlot)
	if p.warning != "" {
		message += ". Warning: " + p.warning
	}
	return message
}

// failedMessage says how the latest run ended and what happens next.
func failedMessage(run *v1alpha1.PurgeRun) string {
	c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionStalled)
	if runs.Finished(run) {
		return fmt.Sprintf("PurgeRun %q ended with %s: %s. The next slot or request tries again.", run.Name, c.Reason, c.Message)
	}
	return fmt.Sprintf("PurgeRun %q waits with %s: %s", run.Name, c.Reason, c.Message)
}

func stamp(t metav1.Time) string { return t.UTC().Format(time.RFC3339) }

func condition(conditionType string, status bool, reason, message string) metav1.Condition {
	s := metav1.ConditionFalse
	if status {
		s = metav1.ConditionTrue
	}
	return metav1.Condition{Type: conditionType, Status: s, Reason: reason, Message: message}
}
