package integrations

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// ReadBundle reads the content that a bundle reference names; found is false if object or key does not exist.
func ReadBundle(ctx context.Context, reader client.Reader, namespace string, ref v1alpha1.BundleReference) (content []byte, found bool, err error) {
	if ref.Kind == v1alpha1.BundleSecret {
		secret, err := ssa.Get(ctx, reader, namespace, ref.Name, &corev1.Secret{})
		if err != nil || secret == nil {
			return nil, false, err
		}
		content, found = secret.Data[ref.Key]
		return content, found, nil
	}
	object, err := ssa.Get(ctx, reader, namespace, ref.Name, &corev1.ConfigMap{})
	if err != nil || object == nil {
		return nil, false, err
	}
	text, found := object.Data[ref.Key]
	return []byte(text), found, nil
}
