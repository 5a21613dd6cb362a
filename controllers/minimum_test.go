//go:build envtest

package controllers_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func retentionPolicy(name string) *v1alpha1.RetentionPolicy {
	return &v1alpha1.RetentionPolicy{
		Name: name,
		Spec: v1alpha1.RetentionPolicySpec{
			Schedule: "0 3 * * *", Mode: v1alpha1.RunPurge, StoreRef: v1alpha1.LocalReference{Name: "orders"},
			Rules: []v1alpha1.RetentionRule{{
				Name: "orders", Collection: "public.orders", Keep: v1alpha1.KeepPeriod{Years: 10},
				Clock:  v1alpha1.RetentionClock{Field: "at", Unit: v1alpha1.ClockTimestampTZ, WhenNull: v1alpha1.NullClockKeep},
				Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
			}},
		},
	}
}

// A policy's minimum that comes, changes or goes wakes the store's other policies, through the real watches.
func TestManagerNoticesMinimumsOfOtherPolicies(t *testing.T) {
	w := newWorld(t)
	w.acme()
	defer w.startManager()()
	store := &v1alpha1.DataStore{Name: "orders", Spec: v1alpha1.DataStoreSpec{
		Type:        v1alpha1.StorePostgreSQL,
		Connection:  v1alpha1.StoreConnection{SecretRef: v1alpha1.LocalReference{Name: "nobody-made-it"}},
		Collections: []v1alpha1.Collection{{Name: "public.orders", Key: []string{"id"}, Ignore: []string{"at"}}},
	}}
	early := retentionPolicy("early")
	early.Spec.Rules[0].Keep = v1alpha1.KeepPeriod{Days: 30}
	w.create(store, early)
	reason := func(want string) func() bool {
		return func() bool {
			w.get("early", early)
			c := meta.FindStatusCondition(early.Status.Conditions, v1alpha1.ConditionStalled)
			return c != nil && c.Reason == want
		}
	}
	// Of the controllers, only the one of policies looks at the other policy: the store stays as it is.
	w.eventually("the policy waits for its store alone", reason(v1alpha1.ReasonStoreNotReady))
	books := retentionPolicy("books")
	w.create(books)
	w.eventually("a policy without a minimum changes nothing", reason(v1alpha1.ReasonStoreNotReady))
	change := func(edit func(*v1alpha1.RetentionPolicy)) {
		t.Helper()
		w.get("books", books)
		edit(books)
		if err := w.user.Update(w.ctx, books); err != nil {
			t.Fatal(err)
		}
	}
	demand := func(p *v1alpha1.RetentionPolicy) {
		p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	}
	change(demand)
	w.eventually("a minimum that comes is noticed", reason(v1alpha1.ReasonBelowMinimum))
	change(func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Minimum.Keep = v1alpha1.KeepPeriod{Days: 30} })
	w.eventually("a shorter one, too", reason(v1alpha1.ReasonStoreNotReady))
	change(demand)
	w.eventually("and a longer one", reason(v1alpha1.ReasonBelowMinimum))
	change(func(p *v1alpha1.RetentionPolicy) { p.Spec.StoreRef.Name = "another" })
	w.eventually("a policy that leaves the store takes its minimum along", reason(v1alpha1.ReasonStoreNotReady))
	change(func(p *v1alpha1.RetentionPolicy) { p.Spec.StoreRef.Name = "orders" })
	w.eventually("and brings it back", reason(v1alpha1.ReasonBelowMinimum))
	w.remove("books", &v1alpha1.RetentionPolicy{})
	w.eventually("a deleted policy demands nothing", reason(v1alpha1.ReasonStoreNotReady))
}
