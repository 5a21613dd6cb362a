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

// Setup says what wakes the controller up: the store, the others of its namespace, what its connection refers to (metadata only), and runs that ended.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.DataStore{}).
		Watches(&v1alpha1.DataStore{}, handler.EnqueueRequestsFromMapFunc(c.beside)).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.referring(v1alpha1.BundleSecret))).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(c.referring(v1alpha1.BundleConfigMap))).
		Watches(&v1alpha1.PurgeRun{}, handler.EnqueueRequestsFromMapFunc(storeOfRun), builder.WithPredicates(runs.Turned())).
		Complete(c)
}

// beside maps a store to the others of its namespace, which may reach the same database.
func (c *Controller) beside(ctx context.Context, object client.Object) []reconcile.Request {
	return c.stores(ctx, object.GetNamespace(), func(s *v1alpha1.DataStore) bool { return s.Name != object.GetName() })
}

// referring maps a Secret or ConfigMap to the stores of its namespace that refer to it, and a connection's Secret to all: it says which
// database is reached.
func (c *Controller) referring(kind v1alpha1.BundleKind) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		connects := false
		requests := c.stores(ctx, object.GetNamespace(), func(s *v1alpha1.DataStore) bool {
			connection := &s.Spec.Connection
			ref, secret := connection.TLS.CABundleRef, kind == v1alpha1.BundleSecret
			connects = connects || secret && connection.SecretRef.Name == object.GetName()
			return (ref.Kind == kind && ref.Name == object.GetName()) ||
				(secret && slices.Contains([]string{connection.SecretRef.Name, connection.TLS.ClientCertificateRef.Name}, object.GetName()))
		})
		if connects {
			return c.stores(ctx, object.GetNamespace(), func(*v1alpha1.DataStore) bool { return true })
		}
		return requests
	}
}

// stores are the namespace's stores that the condition accepts.
func (c *Controller) stores(ctx context.Context, namespace string, accept func(*v1alpha1.DataStore) bool) []reconcile.Request {
	var list v1alpha1.DataStoreList
	if err := c.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if accept(&list.Items[i]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

func storeOfRun(_ context.Context, object client.Object) []reconcile.Request {
	run, ok := object.(*v1alpha1.PurgeRun)
	if !ok {
		return nil
	}
	return []reconcile.Request{{Namespace: run.Namespace, Name: run.Spec.StoreRef.Name}}
}
