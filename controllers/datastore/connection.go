package datastore

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Connection is what may be known of a store's connection outside of the purger.
type Connection struct {
	Port int32
	// CABundle is the PEM that the store is verified with; empty: public CAs.
	CABundle string
}

// ReadConnection reads a store's Secret and CA bundle from the API server. It returns a Problem if a person has to mend them.
func ReadConnection(ctx context.Context, live client.Reader, store *v1alpha1.DataStore) (Connection, *storemap.Problem, error) {
	name := store.Spec.Connection.SecretRef.Name
	secret, err := ssa.Get(ctx, live, store.Namespace, name, &corev1.Secret{})
	if err != nil {
		return Connection{}, nil, err
	}
	kind, _ := stores.Of(store.Spec.Type) // the API admits no other types
	certificate := store.Spec.Connection.TLS.ClientCertificateRef.Name
	port, p := checkSecret(kind.For(certificate != ""), name, secret)
	if p != nil {
		return Connection{}, p, nil
	}
	if certificate != "" {
		secret, err := ssa.Get(ctx, live, store.Namespace, certificate, &corev1.Secret{})
		if err != nil {
			return Connection{}, nil, err
		}
		if p := checkCertificate(certificate, secret); p != nil {
			return Connection{}, p, nil
		}
	}
	ref := store.Spec.Connection.TLS.CABundleRef
	if ref.Name == "" {
		return Connection{Port: port}, nil, nil
	}
	bundle, found, err := readBundle(ctx, live, store.Namespace, ref)
	if err != nil {
		return Connection{}, nil, err
	}
	return Connection{Port: port, CABundle: string(bundle)}, checkBundle(ref, bundle, found), nil
}

func readBundle(ctx context.Context, live client.Reader, namespace string, ref v1alpha1.BundleReference) ([]byte, bool, error) {
	if ref.Kind == v1alpha1.BundleSecret {
		secret, err := ssa.Get(ctx, live, namespace, ref.Name, &corev1.Secret{})
		if secret == nil || err != nil {
			return nil, false, err
		}
		bundle, ok := secret.Data[ref.Key]
		return bundle, ok, nil
	}
	config, err := ssa.Get(ctx, live, namespace, ref.Name, &corev1.ConfigMap{})
	if config == nil || err != nil {
		return nil, false, err
	}
	bundle, ok := config.Data[ref.Key]
	return []byte(bundle), ok, nil
}
