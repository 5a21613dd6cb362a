package datastore

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

// Setup says what wakes the controller up: the store, what its connection refers to (metadata only), and runs that ended.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.DataStore{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.referring(v1alpha1.BundleSecret))).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(c.referring(v1alpha1.BundleConfigMap))).
		Watches(&v1alpha1.PurgeRun{}, handler.EnqueueRequestsFromMapFunc(storeOfRun), builder.WithPredicates(runs.Turned())).
		Complete(c)
}

// referring maps a Secret or ConfigMap to the stores of its namespace that refer to it.
func (c *Controller) referring(kind v1alpha1.BundleKind) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		var list v1alpha1.DataStoreList
		if err := c.Client.List(ctx, &list, client.InNamespace(object.GetNamespace())); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for i := range list.Items {
			connection := &list.Items[i].Spec.Connection
			ref := connection.TLS.CABundleRef
			if (ref.Kind == kind && ref.Name == object.GetName()) ||
				(kind == v1alpha1.BundleSecret && slices.Contains([]string{connection.SecretRef.Name, connection.TLS.ClientCertificateRef.Name}, object.GetName())) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return requests
	}
}

func storeOfRun(_ context.Context, object client.Object) []reconcile.Request {
	run, ok := object.(*v1alpha1.PurgeRun)
	if !ok {
		return nil
	}
	return []reconcile.Request{{Namespace: run.Namespace, Name: run.Spec.StoreRef.Name}}
}
