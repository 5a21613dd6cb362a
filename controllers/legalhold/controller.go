package legalhold

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// FieldManager owns the whole status of a LegalHold.
const FieldManager = "carrier-operator-legalhold"

// +kubebuilder:rbac:groups=carrier-operator.io,resources=legalholds,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=legalholds/status,verbs=patch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=datastores,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Controller reports on LegalHolds.
type Controller struct {
	Client client.Client
	Events events.EventRecorder
	Clock  clock.PassiveClock
}

// Reconcile compares the hold with its store and the calendar, and comes back when the hold ends. That write also wakes up the runs
// that the hold bound.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	hold, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.LegalHold{})
	if err != nil || hold == nil || !hold.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	store, err := ssa.Get(ctx, c.Client, hold.Namespace, hold.Spec.StoreRef.Name, &v1alpha1.DataStore{})
	if err != nil {
		return ctrl.Result{}, err
	}
	now := c.Clock.Now()
	want, end := decide(hold, store, now)
	if err := c.report(ctx, hold, want, now); err != nil {
		return ctrl.Result{}, err
	}
	if end.IsZero() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(time.Second, end.Sub(now))}, nil
}

func (c *Controller) report(ctx context.Context, hold *v1alpha1.LegalHold, want []metav1.Condition, now time.Time) error {
	status := apiac.LegalHoldStatus().WithObservedGeneration(hold.Generation).
		WithConditions(ssa.Conditions(want, hold.Status.Conditions, hold.Generation, now)...)
	changed, err := ssa.ApplyStatus(ctx, c.Client, FieldManager,
		apiac.LegalHold(hold.Name, hold.Namespace).WithStatus(status), hold, apiac.ExtractLegalHoldStatus)
	if err != nil || !changed {
		return err
	}
	if ready := ssa.Changed(hold.Status.Conditions, want, v1alpha1.ConditionReady); ready != nil {
		kind := corev1.EventTypeNormal
		if ready.Status == metav1.ConditionFalse {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(hold, nil, kind, ready.Reason, "CheckHold", "%s", ready.Message)
	}
	return nil
}
