//go:build envtest

package purgerun_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// A second DataStore reaches the same database: it is refused, and what refers to it binds the first one all the same.
func TestSecondDataStoreOfADatabase(t *testing.T) {
	w := shop(t)
	w.purger(w.nextSlot(), v1alpha1.ReasonCompleted, 0, 12)
	w.settle()
	run := w.nextSlot()

	again := store()
	again.Name = "orders-again"
	w.create(again)
	w.settle()
	w.expect(again, again.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonStoreDuplicate)
	if stalled := meta.FindStatusCondition(again.Status.Conditions, v1alpha1.ConditionStalled); again.Status.DuplicateOf != "orders" ||
		!strings.Contains(stalled.Message, `DataStore "orders" reaches the same database and was made before`) {
		t.Errorf("repeats %q: %s", again.Status.DuplicateOf, stalled.Message)
	}
	w.expect(&v1alpha1.DataStore{}, "orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)

	held := hold("case-2")
	held.Spec.StoreRef.Name = again.Name
	w.create(held)
	w.settle()
	if holds := w.plan(run.Name).Holds; len(holds) != 1 || holds[0].Name != "case-2" {
		t.Errorf("the run's plan has the holds %+v", holds)
	}

	books := policy()
	books.Name, books.Spec.StoreRef.Name = "books", again.Name
	for i := range books.Spec.Rules {
		books.Spec.Rules[i].Keep = v1alpha1.KeepPeriod{Years: 11}
		books.Spec.Rules[i].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	}
	w.create(books)
	w.settle()
	w.expect(books, books.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonStoreNotReady)
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonBelowMinimum)
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonBelowMinimum)

	w.remove(books)
	w.remove(held)
	w.remove(again)
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	if holds := w.plan(run.Name).Holds; len(holds) != 0 {
		t.Errorf("the run's plan has the holds %+v", holds)
	}
}
