package credential

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/kstatus"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// +kubebuilder:rbac:groups=carrier-operator.io,resources=carriercredentials,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carriercredentials/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch

// FieldManager owns the status of CarrierCredentials.
const FieldManager = "carrier-operator-credential"

// Controller reports on CarrierCredentials.
type Controller struct{ integrations.Base }

// Setup says what wakes the controller up: the credential and its Secret, metadata only.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierCredential{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.ofSecret)).
		Complete(c)
}

func (c *Controller) ofSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	var users v1alpha1.CarrierCredentialList
	err := c.Client.List(ctx, &users, client.InNamespace(secret.GetNamespace()), client.MatchingFields{integrations.FieldSecret: secret.GetName()})
	if err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range users.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&users.Items[i])})
	}
	return requests
}

// Reconcile looks at the credential's Secret.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	credential, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.CarrierCredential{})
	if err != nil || credential == nil || !credential.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	secret, err := ssa.Get(ctx, c.Live, req.Namespace, credential.Spec.SecretRef.Name, &corev1.Secret{})
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, c.report(ctx, credential, secret, checkSecret(credential.Spec.SecretRef.Name, secret))
}

func (c *Controller) report(ctx context.Context, credential *v1alpha1.CarrierCredential, secret *corev1.Secret, p *problem) error {
	want := conditions(p)
	status := apiac.CarrierCredentialStatus().WithObservedGeneration(credential.Generation).
		WithConditions(ssa.Conditions(want, credential.Status.Conditions, credential.Generation, c.Clock.Now())...)
	if secret != nil {
		status.WithKeys(slices.Sorted(maps.Keys(secret.Data))...).
			WithAllowedHosts(integration.AnnotationList(secret.Annotations[v1alpha1.AnnotationAllowedHosts])...).
			WithCurrent(c.current(credential, secret))
	}
	changed, err := ssa.ApplyStatus(ctx, c.Client, FieldManager, apiac.CarrierCredential(credential.Name, credential.Namespace).WithStatus(status),
		credential, apiac.ExtractCarrierCredentialStatus)
	if err != nil || !changed {
		return err
	}
	if ready := ssa.Changed(credential.Status.Conditions, want, v1alpha1.ConditionReady); ready != nil {
		kind := corev1.EventTypeNormal
		if p != nil {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(credential, nil, kind, ready.Reason, "CheckSecret", "%s", ready.Message)
	}
	return nil
}

// current is the Secret's version with the instant at which it was first seen.
func (c *Controller) current(credential *v1alpha1.CarrierCredential, secret *corev1.Secret) *apiac.CredentialVersionApplyConfiguration {
	version, since := Version(secret), metav1.NewTime(c.Clock.Now().UTC()).Rfc3339Copy()
	if old := credential.Status.Current; old.Version == version {
		since = old.Since
	}
	return apiac.CredentialVersion().WithVersion(version).WithSince(since)
}

func conditions(p *problem) []metav1.Condition {
	if p == nil {
		return kstatus.Conditions(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, "the Secret is complete and says where it may be sent")
	}
	return kstatus.Conditions(v1alpha1.ConditionStalled, p.reason, p.message)
}
