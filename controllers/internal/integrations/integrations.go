// Package integrations is what the controllers of a CarrierIntegration share: reading it with its profile, reporting one condition, and
// owning children.
package integrations

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierintegrations/status,verbs=patch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierprofiles;carriercredentials,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// messageLimit bounds a condition's message, in bytes.
const messageLimit = 1024

// Base is what every controller of an integration works with.
type Base struct {
	// Client reads through the cache; Live reads from the API server what is not cached: data of Secrets, objects of others.
	Client client.Client
	Live   client.Reader
	Events events.EventRecorder
	Clock  clock.PassiveClock
}

// Integration is an integration with the part of its profile that it uses, or the problem with that.
type Integration struct {
	*v1alpha1.CarrierIntegration
	Resolved *integration.Resolved
	Problem  *integration.Problem
}

// Load reads the integration of a request; nil if it is gone or going.
func (b *Base) Load(ctx context.Context, req ctrl.Request) (*Integration, error) {
	ci, err := ssa.Get(ctx, b.Client, req.Namespace, req.Name, &v1alpha1.CarrierIntegration{})
	if err != nil || ci == nil || !ci.DeletionTimestamp.IsZero() {
		return nil, err
	}
	profile, err := ssa.Get(ctx, b.Client, "", ci.Spec.ProfileRef.Name, &v1alpha1.CarrierProfile{})
	if err != nil {
		return nil, err
	}
	i := &Integration{CarrierIntegration: ci}
	i.Resolved, i.Problem = integration.Resolve(ci, profile)
	return i, nil
}

// Waiting is the condition of a concern that cannot begin before the profile is resolved.
func Waiting(conditionType string) metav1.Condition {
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonDependencyNotReady,
		Message: "waits for condition " + v1alpha1.ConditionProfileResolved}
}

// Report applies one concern's part of the status: its conditions and whatever else is set in status. An event tells when the concern's
// condition turns.
func (b *Base) Report(
	ctx context.Context, manager string, ci *v1alpha1.CarrierIntegration, status *apiac.CarrierIntegrationStatusApplyConfiguration, conditions ...metav1.Condition,
) error {
	for i := range conditions {
		conditions[i].Message = ssa.Truncate(conditions[i].Message, messageLimit)
	}
	status.WithConditions(ssa.Conditions(conditions, ci.Status.Conditions, ci.Generation, b.Clock.Now())...)
	changed, err := ssa.ApplyStatus(ctx, b.Client, manager, apiac.CarrierIntegration(ci.Name, ci.Namespace).WithStatus(status), ci,
		apiac.ExtractCarrierIntegrationStatus)
	if err != nil || !changed {
		return err
	}
	for _, c := range conditions {
		turned := ssa.Changed(ci.Status.Conditions, conditions, c.Type)
		if turned == nil || turned.Status == metav1.ConditionUnknown || echoes(c.Type) {
			continue
		}
		kind := corev1.EventTypeNormal
		if turned.Status == metav1.ConditionFalse {
			kind = corev1.EventTypeWarning
		}
		b.Events.Eventf(ci, nil, kind, turned.Reason, c.Type, "%s", turned.Message)
	}
	return nil
}

// echoes says whether a condition only says again what Ready says: one event is enough.
func echoes(conditionType string) bool {
	return conditionType == v1alpha1.ConditionReconciling || conditionType == v1alpha1.ConditionStalled
}

// Labels of an integration's children.
func Labels(ci *v1alpha1.CarrierIntegration) map[string]string {
	return map[string]string{
		v1alpha1.LabelIntegration:      ci.Name,
		"app.kubernetes.io/managed-by": "carrier-operator",
	}
}

// GatewayPods are the labels that select an integration's gateway pods.
func GatewayPods(ci *v1alpha1.CarrierIntegration) map[string]string {
	return map[string]string{v1alpha1.LabelIntegration: ci.Name, v1alpha1.LabelComponent: v1alpha1.ComponentGateway}
}

// ListenerPort is the port on which the gateway serves clients.
func ListenerPort(ci *v1alpha1.CarrierIntegration) int32 {
	if integration.Listener(ci) == v1alpha1.ListenerPlaintext {
		return config.PortPlaintext
	}
	return config.PortTLS
}
