package integrations

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Index fields of CarrierIntegration and CarrierCredential.
const (
	FieldProfile    = "spec.profileRef.name"
	FieldCredential = "spec.credentials.credentialRef.name"
	FieldBundle     = "bundles"  // kind/name of every CA bundle that the integration names
	FieldIssuer     = "issuers"  // kind/name of every issuer
	FieldService    = "services" // names of the Services that the gateway talks to
	FieldSecret     = "spec.secretRef.name"
)

// AddIndexes registers the indexes that the watches of this package look up.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for field, values := range map[string]func(*v1alpha1.CarrierIntegration) []string{
		FieldProfile: func(ci *v1alpha1.CarrierIntegration) []string { return []string{ci.Spec.ProfileRef.Name} },
		FieldCredential: func(ci *v1alpha1.CarrierIntegration) []string {
			var names []string
			for _, c := range ci.Spec.Credentials {
				names = append(names, c.CredentialRef.Name)
			}
			return names
		},
		FieldBundle:  bundles,
		FieldIssuer:  issuers,
		FieldService: services,
	} {
		err := indexer.IndexField(ctx, &v1alpha1.CarrierIntegration{}, field, func(o client.Object) []string {
			ci, ok := o.(*v1alpha1.CarrierIntegration)
			if !ok {
				return nil
			}
			return values(ci)
		})
		if err != nil {
			return err
		}
	}
	return indexer.IndexField(ctx, &v1alpha1.CarrierCredential{}, FieldSecret, func(o client.Object) []string {
		c, ok := o.(*v1alpha1.CarrierCredential)
		if !ok {
			return nil
		}
		return []string{c.Spec.SecretRef.Name}
	})
}

func bundles(ci *v1alpha1.CarrierIntegration) []string {
	refs := []v1alpha1.BundleReference{ci.Spec.TLS.CABundleRef, ci.Spec.Certificates.TrustBundleRef, ci.Spec.LimitStore.Redis.CABundleRef}
	for _, e := range ci.Spec.TLS.Endpoints {
		refs = append(refs, e.CABundleRef)
	}
	var keys []string
	for _, ref := range refs {
		if ref.Name != "" {
			keys = append(keys, BundleKey(string(ref.Kind), ref.Name))
		}
	}
	if given := ci.Spec.Certificates.CarrierClient.SecretRef.Name; given != "" {
		keys = append(keys, BundleKey(string(v1alpha1.BundleSecret), given))
	}
	return keys
}

func issuers(ci *v1alpha1.CarrierIntegration) []string {
	keys := []string{BundleKey(ci.Spec.Certificates.IssuerRef.Kind, ci.Spec.Certificates.IssuerRef.Name)}
	if ref := ci.Spec.Certificates.CarrierClient.IssuerRef; ref.Name != "" {
		keys = append(keys, BundleKey(ref.Kind, ref.Name))
	}
	return keys
}

// BundleKey is the value under which FieldBundle and FieldIssuer find an object.
func BundleKey(kind, name string) string { return kind + "/" + name }

// By maps an object to the integrations that an index finds for it, in the object's namespace or everywhere if it has none.
func (b *Base) By(field string, value func(client.Object) string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		var list v1alpha1.CarrierIntegrationList
		options := []client.ListOption{client.MatchingFields{field: value(o)}}
		if o.GetNamespace() != "" {
			options = append(options, client.InNamespace(o.GetNamespace()))
		}
		if err := b.Client.List(ctx, &list, options...); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for i := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
		return requests
	})
}

// ByName is the name of an object.
func ByName(o client.Object) string { return o.GetName() }
