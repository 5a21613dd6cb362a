// Package readiness alone computes Ready, Reconciling and Stalled of a CarrierIntegration, as kstatus reads them, from the conditions of
// its concerns.
package readiness

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/kstatus"
)

// concerns in the order in which people should look at them.
var concerns = []string{
	v1alpha1.ConditionProfileResolved,
	v1alpha1.ConditionCredentialsReady,
	v1alpha1.ConditionCertificatesReady,
	v1alpha1.ConditionNetworkReady,
	v1alpha1.ConditionGatewayReady,
}

// passing are reasons that go away without a person: something is under way.
var passing = []string{
	v1alpha1.ReasonProgressing,
	v1alpha1.ReasonDependencyNotReady,
	v1alpha1.ReasonCertificatePending,
	v1alpha1.ReasonGatewayProgressing,
	v1alpha1.ReasonResolveFailed,
}

// decide joins the concerns' conditions. The first that is not true gives reason and message; one that needs a person comes before one
// that is under way. A condition about an older generation counts as under way.
func decide(observed []metav1.Condition, generation int64) []metav1.Condition {
	var waiting, blocked *metav1.Condition
	for _, concern := range concerns {
		c := meta.FindStatusCondition(observed, concern)
		switch {
		case c == nil || c.ObservedGeneration < generation:
			c = &metav1.Condition{Type: concern, Reason: v1alpha1.ReasonProgressing, Message: "not looked at yet"}
		case c.Status == metav1.ConditionTrue:
			continue
		case c.Status == metav1.ConditionFalse && !slices.Contains(passing, c.Reason):
			if blocked == nil {
				blocked = c
			}
			continue
		}
		if waiting == nil {
			waiting = c
		}
	}
	switch {
	case blocked != nil:
		return kstatus.Conditions(v1alpha1.ConditionStalled, blocked.Reason, text(blocked))
	case waiting != nil:
		return kstatus.Conditions(v1alpha1.ConditionReconciling, waiting.Reason, text(waiting))
	}
	return kstatus.Conditions(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, "the gateway serves what the integration says")
}

func text(c *metav1.Condition) string { return fmt.Sprintf("%s: %s", c.Type, c.Message) }
