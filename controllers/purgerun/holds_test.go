//go:build envtest

package purgerun_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	plan "github.com/carrier-operator/carrier-operator/internal/retention"
)

func TestHoldMadeMidRunReachesThePlan(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	if got := w.plan(run.Name).Holds; len(got) != 0 {
		t.Fatalf("holds from nowhere: %v", got)
	}
	w.create(hold("case-4711"))
	w.settle()
	want := []plan.Hold{{Name: "case-4711", Collection: shipments, Where: []plan.Filter{{Field: "id", Operator: "In", Values: []string{"1001", "1002"}}}}}
	if diff := cmp.Diff(want, w.plan(run.Name).Holds); diff != "" {
		t.Error(diff)
	}
	w.remove(hold("case-4711"))
	w.settle()
	if got := w.plan(run.Name).Holds; len(got) != 0 {
		t.Errorf("a deleted hold is still planned: %v", got)
	}
}

func TestHoldBySubjectNeedsTheKeyThatItsHashesAreOf(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	hasher := plan.NewHasher(hashKeySecret().Data["key"])
	h := hold("case-7")
	h.Spec.Subject = v1alpha1.HeldSubject{Field: "recipient_name", KeyID: "hk1-0123456789abcdef", Hashes: []v1alpha1.KeyedHash{v1alpha1.KeyedHash(hasher.Value("Ada"))}}
	w.create(h)
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonHoldKeyMismatch)

	edit(w, "case-7", h, func(h *v1alpha1.LegalHold) { h.Spec.Subject.KeyID = hasher.KeyID() })
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)
	want := []plan.Hold{{Name: "case-7", Collection: shipments, Where: []plan.Filter{{Field: "id", Operator: "In", Values: []string{"1001", "1002"}}},
		Subject: &plan.HeldSubject{Field: "recipient_name", KeyID: hasher.KeyID(), Hashes: []string{hasher.Value("Ada")}}}}
	if diff := cmp.Diff(want, w.plan(run.Name).Holds); diff != "" {
		t.Error(diff)
	}
}

func TestRunWithoutAKeyWaitsWhileAHoldNamesPeople(t *testing.T) {
	w := newWorld(t)
	keyless := policy()
	keyless.Spec.HashKeyRef = v1alpha1.LocalReference{}
	w.create(connectionSecret(), hashKeySecret(), bundle(t), store(), keyless)
	w.settle()
	run := w.nextSlot()
	h := hold("case-7")
	h.Spec.Subject = v1alpha1.HeldSubject{Field: "recipient_name", KeyID: "hk1-0123456789abcdef", Hashes: []v1alpha1.KeyedHash{v1alpha1.KeyedHash(plan.NewHasher(nil).Value("Ada"))}}
	w.create(h)
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonKeyMissing)
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonKeyMissing)
	if !w.suspended(run.Name) {
		t.Error("the Job works on under a hold that it cannot check")
	}
	w.remove(h)
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
}

func TestHoldExpiresByTheCalendar(t *testing.T) {
	w := shop(t)
	h := hold("case-1")
	last := w.clock.Now().UTC()
	h.Spec.Until = last.Format(time.DateOnly)
	w.create(h)
	w.settle()
	w.expect(h, "case-1", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	midnight := last.Truncate(24 * time.Hour).Add(24 * time.Hour)
	w.clock.SetTime(midnight.Add(-time.Second))
	w.settle()
	w.expect(h, "case-1", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.clock.SetTime(midnight)
	w.settle()
	w.expect(h, "case-1", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonHoldExpired)
}

func TestHoldThatCannotBeUnderstoodStopsTheStoresRuns(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	unknown := hold("case-9")
	unknown.Spec.Where[0].Field = "no_such_field"
	w.create(unknown)
	w.settle()
	w.expect(unknown, "case-9", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonFieldNotDecided)
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonHoldInvalid)
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonLastRunFailed)
	if !w.suspended(run.Name) {
		t.Error("the Job works on under a hold that nobody understands")
	}
	edit(w, "case-9", unknown, func(h *v1alpha1.LegalHold) { h.Spec.Where[0].Field = "service" })
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	if w.suspended(run.Name) || len(w.plan(run.Name).Holds) != 1 {
		t.Error("the mended hold did not set the run going again, bound by it")
	}
}
