package certificate

import (
	"context"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
)

// Setup says what wakes the controller up: the integration, its Certificates with what they need, their Secrets (metadata only), the
// trust bundle with what it is made of, and a given certificate with the profile, whose hosts it is bound to. Without cert-manager its kinds cannot be watched; the manager starts anew when it comes.
func (c *Controller) Setup(b *builder.Builder) error {
	bundle := func(kind v1alpha1.BundleKind) func(client.Object) string {
		return func(o client.Object) string { return integrations.BundleKey(string(kind), o.GetName()) }
	}
	b.For(&v1alpha1.CarrierIntegration{}).
		Owns(&corev1.ConfigMap{}, builder.OnlyMetadata).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(ofLabel)).
		WatchesMetadata(&corev1.Secret{}, c.By(integrations.FieldBundle, bundle(v1alpha1.BundleSecret))).
		WatchesMetadata(&corev1.ConfigMap{}, c.By(integrations.FieldBundle, bundle(v1alpha1.BundleConfigMap)))
	if c.Installed() {
		issuer := func(kind string) func(client.Object) string {
			return func(o client.Object) string { return integrations.BundleKey(kind, o.GetName()) }
		}
		b.Owns(&cmapi.Certificate{}).
			Watches(&cmapi.CertificateRequest{}, handler.EnqueueRequestsFromMapFunc(ofLabel)).
			Watches(&cmapi.Issuer{}, c.By(integrations.FieldIssuer, issuer(cmapi.IssuerKind))).
			Watches(&cmapi.ClusterIssuer{}, c.By(integrations.FieldIssuer, issuer(cmapi.ClusterIssuerKind)))
	}
	return b.Complete(c)
}

// ofLabel maps what cert-manager made to the integration that its label names.
func ofLabel(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[v1alpha1.LabelIntegration]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{Namespace: o.GetNamespace(), Name: name}}
}
