package credential

import (
	"context"
	"fmt"

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
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// IntegrationFieldManager owns condition CredentialsReady and status.credentials of integrations.
const IntegrationFieldManager = "carrier-operator-credentials"

// IntegrationController reports whether an integration may use its credentials.
type IntegrationController struct{ integrations.Base }

// Setup says what wakes the controller up: the integration, its profile, its credentials and their Secrets, metadata only.
func (c *IntegrationController) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		Watches(&v1alpha1.CarrierCredential{}, c.By(integrations.FieldCredential, integrations.ByName)).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.ofSecret)).
		Complete(c)
}

// ofSecret maps a Secret to the integrations whose credentials it is behind.
func (c *IntegrationController) ofSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, credential := range (&Controller{c.Base}).ofSecret(ctx, secret) {
		var users v1alpha1.CarrierIntegrationList
		err := c.Client.List(ctx, &users, client.InNamespace(credential.Namespace), client.MatchingFields{integrations.FieldCredential: credential.Name})
		if err != nil {
			return nil
		}
		for i := range users.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&users.Items[i])})
		}
	}
	return requests
}

// Reconcile looks at every credential of the integration.
func (c *IntegrationController) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil || i == nil {
		return ctrl.Result{}, err
	}
	status := apiac.CarrierIntegrationStatus()
	if i.Problem != nil {
		keep(status, i.Status.Credentials)
		return ctrl.Result{}, c.Report(ctx, IntegrationFieldManager, i.CarrierIntegration, status, integrations.Waiting(v1alpha1.ConditionCredentialsReady))
	}
	var found []v1alpha1.CredentialStatus
	var first *problem
	for _, entry := range i.Spec.Credentials {
		use, p, err := c.look(ctx, i, entry)
		if err != nil {
			return ctrl.Result{}, err
		}
		if p != nil && first == nil {
			first = &problem{reason: p.reason, message: fmt.Sprintf("credential %s: %s", entry.Name, p.message)}
		}
		found = append(found, use)
	}
	if first != nil {
		// What the gateway was given stays in the status: it goes on serving it.
		keep(status, i.Status.Credentials)
		return ctrl.Result{}, c.Report(ctx, IntegrationFieldManager, i.CarrierIntegration, status,
			metav1.Condition{Type: v1alpha1.ConditionCredentialsReady, Status: metav1.ConditionFalse, Reason: first.reason, Message: first.message})
	}
	keep(status, found)
	return ctrl.Result{}, c.Report(ctx, IntegrationFieldManager, i.CarrierIntegration, status,
		metav1.Condition{Type: v1alpha1.ConditionCredentialsReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded,
			Message: fmt.Sprintf("%d credential(s) complete and allowed for the carrier's hosts", len(found))})
}

func keep(status *apiac.CarrierIntegrationStatusApplyConfiguration, credentials []v1alpha1.CredentialStatus) {
	for _, c := range credentials {
		status.WithCredentials(apiac.CredentialStatus().WithName(c.Name).WithSecretName(c.SecretName).WithVersion(c.Version))
	}
}

// look reads one credential and judges its use.
func (c *IntegrationController) look(ctx context.Context, i *integrations.Integration, entry v1alpha1.IntegrationCredential) (v1alpha1.CredentialStatus, *problem, error) {
	use := v1alpha1.CredentialStatus{Name: entry.Name}
	credential, err := ssa.Get(ctx, c.Client, i.Namespace, entry.CredentialRef.Name, &v1alpha1.CarrierCredential{})
	if err != nil {
		return use, nil, err
	}
	if credential == nil {
		return use, problemf(v1alpha1.ReasonCredentialNotFound, "CarrierCredential %q does not exist: create it, or correct credentialRef.name", entry.CredentialRef.Name), nil
	}
	use.SecretName = credential.Spec.SecretRef.Name
	secret, err := ssa.Get(ctx, c.Live, i.Namespace, use.SecretName, &corev1.Secret{})
	if err != nil {
		return use, nil, err
	}
	if p := checkSecret(use.SecretName, secret); p != nil {
		return use, p, nil
	}
	use.Version = Version(secret)
	return use, checkUse(i.Resolved, use.SecretName, secret), nil
}
