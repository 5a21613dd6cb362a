package readiness

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// FieldManager owns Ready, Reconciling, Stalled and observedGeneration.
const FieldManager = "carrier-operator-readiness"

// Controller joins the conditions of integrations.
type Controller struct{ integrations.Base }

// Setup says what wakes the controller up: the integration, its status included.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).Complete(c)
}

// Reconcile joins the conditions.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ci, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.CarrierIntegration{})
	if err != nil || ci == nil || !ci.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	status := apiac.CarrierIntegrationStatus().WithObservedGeneration(ci.Generation)
	return ctrl.Result{}, c.Report(ctx, FieldManager, ci, status, decide(ci.Status.Conditions, ci.Generation)...)
}
