// Package legalhold says whether a LegalHold can be understood and until when it binds. The purgerun controller takes care that it does:
// it asks the same questions, of the same package, whenever a run works.
package legalhold

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/kstatus"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// decide returns the hold's conditions and the instant at which time alone changes them, zero if it does not.
//
// A hold whose last day has passed did what it says: it is ready, with reason HoldExpired, and needs nobody, even if its store is gone.
func decide(hold *v1alpha1.LegalHold, store *v1alpha1.DataStore, now time.Time) ([]metav1.Condition, time.Time) {
	if !storemap.HoldInForce(hold, now) {
		return kstatus.Conditions(v1alpha1.ConditionReady, v1alpha1.ReasonHoldExpired, fmt.Sprintf(
			"the hold ended after %s (UTC) and binds no run any more: delete it, or set a later day", hold.Spec.Until)), time.Time{}
	}
	if p := storemap.CheckHold(hold, store); p != nil {
		message := p.Message
		if store != nil {
			message += ". Until then no run touches the store."
		}
		return kstatus.Conditions(v1alpha1.ConditionStalled, p.Reason, message), time.Time{}
	}
	end, limited, _ := storemap.HoldEnd(hold)
	if !limited {
		return kstatus.Conditions(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, "the hold binds until it is deleted"), time.Time{}
	}
	return kstatus.Conditions(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, fmt.Sprintf("the hold binds through %s (UTC)", hold.Spec.Until)), end
}
