// Package runs says what a PurgeRun's fields mean. It is pure: the retention, purgerun and datastore controllers must agree.
package runs

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Finished says whether the run ended, well or not. A run that waits, even for a person, has not ended.
func Finished(run *v1alpha1.PurgeRun) bool { return run.Status.StopReason != "" }

// Completed says whether the run ended as it should.
func Completed(run *v1alpha1.PurgeRun) bool {
	return Finished(run) && meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.ConditionComplete)
}

// Of says whether the run was made by this operator for this very policy, not for an earlier one of the same name.
func Of(run *v1alpha1.PurgeRun, policy *v1alpha1.RetentionPolicy) bool {
	return run.Labels[v1alpha1.LabelPolicy] == policy.Name && run.Spec.PolicyUID == string(policy.UID) && metav1.IsControlledBy(run, policy)
}

// Sort puts the oldest run first, by creation, then slot, then name.
func Sort(runs []v1alpha1.PurgeRun) {
	slices.SortFunc(runs, func(a, b v1alpha1.PurgeRun) int {
		return cmp.Or(
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			a.Spec.Slot.Compare(b.Spec.Slot.Time),
			strings.Compare(a.Name, b.Name))
	})
}

// Newest returns the newest of the sorted runs that the condition accepts, nil if there is none.
func Newest(sorted []v1alpha1.PurgeRun, accept func(*v1alpha1.PurgeRun) bool) *v1alpha1.PurgeRun {
	for i := len(sorted) - 1; i >= 0; i-- {
		if accept(&sorted[i]) {
			return &sorted[i]
		}
	}
	return nil
}

// Turned passes updates with which a run came to a turn: its conditions or its end changed, not just its counts.
func Turned() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.PurgeRun)
		after, ok2 := e.ObjectNew.(*v1alpha1.PurgeRun)
		return !ok || !ok2 || before.Status.StopReason != after.Status.StopReason ||
			!slices.Equal(before.Status.Conditions, after.Status.Conditions) ||
			!before.DeletionTimestamp.Equal(after.DeletionTimestamp)
	}}
}
