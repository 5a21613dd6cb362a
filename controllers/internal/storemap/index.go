package storemap

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// FieldStore is the name of the DataStore that a RetentionPolicy or LegalHold refers to. It is a selectable field of both CRDs too, so
// that the same lists work against the API server.
const FieldStore = "spec.storeRef.name"

// AddIndexes registers the indexes that the controllers of retention look up.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.RetentionPolicy{}, FieldStore, func(o client.Object) []string {
		if policy, ok := o.(*v1alpha1.RetentionPolicy); ok {
			return []string{policy.Spec.StoreRef.Name}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return indexer.IndexField(ctx, &v1alpha1.LegalHold{}, FieldStore, func(o client.Object) []string {
		if hold, ok := o.(*v1alpha1.LegalHold); ok {
			return []string{hold.Spec.StoreRef.Name}
		}
		return nil
	})
}
