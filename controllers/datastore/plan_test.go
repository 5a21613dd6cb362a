package datastore

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestIdentity(t *testing.T) {
	made := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	runOf := func(store string, days int, complete metav1.ConditionStatus, found string) v1alpha1.PurgeRun {
		return v1alpha1.PurgeRun{
			CreationTimestamp: metav1.NewTime(made.AddDate(0, 0, days)),
			Spec:              v1alpha1.PurgeRunSpec{StoreRef: v1alpha1.LocalReference{Name: store}},
			Status: v1alpha1.PurgeRunStatus{StopReason: "any", Evidence: v1alpha1.RunEvidence{StoreIdentity: found},
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionComplete, Status: complete}}},
		}
	}
	good, bad := metav1.ConditionTrue, metav1.ConditionFalse
	tests := map[string]struct {
		accepted, known string
		runs            []v1alpha1.PurgeRun
		want            string
	}{
		"no run yet":                      {},
		"the newest good run":             {runs: []v1alpha1.PurgeRun{runOf("orders", 3, good, "c"), runOf("orders", 2, good, "b")}, known: "b", want: "c"},
		"a run that met another store":    {runs: []v1alpha1.PurgeRun{runOf("orders", 3, bad, "other"), runOf("orders", 2, good, "b")}, want: "b"},
		"a run of another DataStore":      {runs: []v1alpha1.PurgeRun{runOf("returns", 3, good, "c")}, known: "b", want: "b"},
		"a run before the DataStore":      {runs: []v1alpha1.PurgeRun{runOf("orders", -1, good, "old")}},
		"runs are gone, status remembers": {known: "b", want: "b"},
		"a person accepted another store": {accepted: "other", known: "b", runs: []v1alpha1.PurgeRun{runOf("orders", 2, good, "b")}, want: "other"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store := &v1alpha1.DataStore{
				Name: "orders", CreationTimestamp: metav1.NewTime(made), Annotations: map[string]string{},
				Status: v1alpha1.DataStoreStatus{Identity: tc.known},
			}
			if tc.accepted != "" {
				store.Annotations[v1alpha1.AnnotationStoreIdentity] = tc.accepted
			}
			if got := identity(store, tc.runs); got != tc.want {
				t.Errorf("identity %q, want %q", got, tc.want)
			}
		})
	}
}
