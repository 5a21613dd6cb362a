//go:build envtest

package purgerun_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestRunStopsAtItsCheckpointWhileAMinimumForbidsIt(t *testing.T) {
	w := shop(t)
	w.purger(w.nextSlot(), v1alpha1.ReasonCompleted, 0, 12)
	w.settle()
	run := w.nextSlot()
	checkpoint := apiac.PurgeRun(run.Name, w.namespace).WithStatus(apiac.PurgeRunStatus().
		WithCheckpoint(apiac.RunCheckpoint().WithRule("events").WithPosition("1/4711").WithBatches(3)))
	if err := w.user.Status().Apply(w.ctx, checkpoint, client.FieldOwner("purger")); err != nil {
		t.Fatal(err)
	}
	books := policy()
	books.Name = "books"
	for i := range books.Spec.Rules {
		books.Spec.Rules[i].Keep = v1alpha1.KeepPeriod{Years: 11}
		books.Spec.Rules[i].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	}
	w.create(books)
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonBelowMinimum)
	stalled := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionStalled)
	if !w.suspended(run.Name) || !strings.Contains(stalled.Message, `RetentionPolicy "books" keeps them for at least 10 years`) {
		t.Errorf("suspended %t: %s", w.suspended(run.Name), stalled.Message)
	}
	// Rules that keep longer are for the next run: this one has its own.
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) {
		for i := range p.Spec.Rules {
			p.Spec.Rules[i].Keep = v1alpha1.KeepPeriod{Years: 10}
		}
	})
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonBelowMinimum)
	w.remove(books)
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	if w.suspended(run.Name) || run.Status.Checkpoint.Position != "1/4711" {
		t.Errorf("suspended %t, checkpoint %+v", w.suspended(run.Name), run.Status.Checkpoint)
	}
}
