// Package profile owns condition ProfileResolved of a CarrierIntegration: profile, environment, operations, clients and credentials fit
// together.
package profile

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
)

// FieldManager owns condition ProfileResolved.
const FieldManager = "carrier-operator-profile"

// Controller reports whether integrations fit their profiles.
type Controller struct{ integrations.Base }

// Setup says what wakes the controller up: the integration and its profile.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		Complete(c)
}

// Reconcile resolves the integration and says what came of it.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil || i == nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, c.Report(ctx, FieldManager, i.CarrierIntegration, apiac.CarrierIntegrationStatus(), condition(i))
}

func condition(i *integrations.Integration) metav1.Condition {
	if i.Problem != nil {
		return metav1.Condition{Type: v1alpha1.ConditionProfileResolved, Status: metav1.ConditionFalse, Reason: i.Problem.Reason, Message: i.Problem.Message}
	}
	return metav1.Condition{Type: v1alpha1.ConditionProfileResolved, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded,
		Message: fmt.Sprintf("profile %q, environment %q", i.Resolved.Profile.Name, i.Resolved.Environment.Name)}
}
