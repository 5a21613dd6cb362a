package readiness

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestDecide(t *testing.T) {
	ready := func() []metav1.Condition {
		var all []metav1.Condition
		for _, c := range concerns {
			all = append(all, metav1.Condition{Type: c, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, ObservedGeneration: 2})
		}
		return all
	}
	with := func(condition string, status metav1.ConditionStatus, reason string) func([]metav1.Condition) []metav1.Condition {
		return func(all []metav1.Condition) []metav1.Condition {
			meta.SetStatusCondition(&all, metav1.Condition{Type: condition, Status: status, Reason: reason, Message: "why", ObservedGeneration: 2})
			return all
		}
	}
	type edit = func([]metav1.Condition) []metav1.Condition
	tests := map[string]struct {
		edits   []edit
		want    string // the one of Ready, Reconciling, Stalled that is true
		reason  string
		message string
	}{
		"all concerns are well": {want: v1alpha1.ConditionReady, reason: v1alpha1.ReasonSucceeded, message: "the gateway serves what the integration says"},
		"nothing was looked at yet": {
			edits: []edit{func([]metav1.Condition) []metav1.Condition { return nil }},
			want:  v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonProgressing, message: "ProfileResolved: not looked at yet",
		},
		"a condition of an older generation does not count": {
			edits: []edit{func(all []metav1.Condition) []metav1.Condition { all[3].ObservedGeneration = 1; return all }},
			want:  v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonProgressing, message: "NetworkReady: not looked at yet",
		},
		"something is under way": {
			edits: []edit{with(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonCertificatePending)},
			want:  v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonCertificatePending, message: "CertificatesReady: why",
		},
		"something needs a person, even if something else is under way before it": {
			edits: []edit{
				with(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonCertificatePending),
				with(v1alpha1.ConditionNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonAddressRefused),
			},
			want: v1alpha1.ConditionStalled, reason: v1alpha1.ReasonAddressRefused, message: "NetworkReady: why",
		},
		"the first of two that need a person is told": {
			edits: []edit{
				with(v1alpha1.ConditionNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonAddressRefused),
				with(v1alpha1.ConditionCredentialsReady, metav1.ConditionFalse, v1alpha1.ReasonKeyMissing),
			},
			want: v1alpha1.ConditionStalled, reason: v1alpha1.ReasonKeyMissing, message: "CredentialsReady: why",
		},
		"a name that does not resolve may come back by itself": {
			edits: []edit{with(v1alpha1.ConditionNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonResolveFailed)},
			want:  v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonResolveFailed, message: "NetworkReady: why",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			all := ready()
			for _, e := range tc.edits {
				all = e(all)
			}
			got := decide(all, 2)
			for _, c := range got {
				if (c.Status == metav1.ConditionTrue) != (c.Type == tc.want) {
					t.Errorf("%s is %s", c.Type, c.Status)
				}
				if c.Reason != tc.reason || c.Message != tc.message {
					t.Errorf("%s: %s: %s, want %s: %s", c.Type, c.Reason, c.Message, tc.reason, tc.message)
				}
			}
		})
	}
}
