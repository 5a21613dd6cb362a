package purgerun

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// Setup says what wakes the controller up: the run, its children, and what its plan is made of. A hold that is made, changed, expires or
// goes reaches the plan of every run of its store this way, and so does a minimum that a policy demands.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.PurgeRun{}).
		Owns(&batchv1.Job{}).
		Owns(&corev1.ConfigMap{}, builder.OnlyMetadata).
		Owns(&corev1.ServiceAccount{}).
		Owns(&rbacv1.Role{}).
		Owns(&rbacv1.RoleBinding{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&v1alpha1.LegalHold{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			hold, ok := o.(*v1alpha1.LegalHold)
			if !ok {
				return nil
			}
			return c.ofDatabase(ctx, o.GetNamespace(), hold.Spec.StoreRef.Name)
		})).
		Watches(&v1alpha1.DataStore{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			archiving := c.archiving(ctx, o)
			return append(c.ofDatabase(ctx, o.GetNamespace(), o.GetName()),
				c.unfinished(ctx, o.GetNamespace(), func(r *v1alpha1.PurgeRun) bool { return archiving[r.Spec.PolicyRef.Name] })...)
		})).
		Watches(&v1alpha1.RetentionPolicy{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			policy, ok := o.(*v1alpha1.RetentionPolicy)
			if !ok {
				return nil
			}
			return append(c.ofDatabase(ctx, o.GetNamespace(), policy.Spec.StoreRef.Name),
				c.unfinished(ctx, o.GetNamespace(), func(r *v1alpha1.PurgeRun) bool { return r.Spec.PolicyRef.Name == o.GetName() })...)
		})).
		Complete(c)
}

// archiving are the policies that archive to a DataStore.
func (c *Controller) archiving(ctx context.Context, store client.Object) map[string]bool {
	var list v1alpha1.RetentionPolicyList
	if err := c.Client.List(ctx, &list, client.InNamespace(store.GetNamespace())); err != nil {
		return nil
	}
	names := map[string]bool{}
	for i := range list.Items {
		if storemap.ArchiveName(&list.Items[i]) == store.GetName() {
			names[list.Items[i].Name] = true
		}
	}
	return names
}

// ofDatabase returns the runs, that have not ended, of a store and of others that reach its database.
func (c *Controller) ofDatabase(ctx context.Context, namespace, store string) []reconcile.Request {
	names, err := storemap.SameDatabase(ctx, c.Client, namespace, store)
	if err != nil {
		return nil
	}
	return c.unfinished(ctx, namespace, func(r *v1alpha1.PurgeRun) bool { return slices.Contains(names, r.Spec.StoreRef.Name) })
}

// unfinished returns the namespace's runs that have not ended and that the condition accepts.
func (c *Controller) unfinished(ctx context.Context, namespace string, accept func(*v1alpha1.PurgeRun) bool) []reconcile.Request {
	var list v1alpha1.PurgeRunList
	if err := c.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if run := &list.Items[i]; !runs.Finished(run) && accept(run) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(run)})
		}
	}
	return requests
}
