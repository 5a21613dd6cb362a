package retention

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// Setup says what wakes the controller up: the policy, its runs when they come to a turn, its store, the store's other policies (they may
// demand a minimum) and its holds, its keys' Secrets (metadata only), and the clock.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.RetentionPolicy{}).
		Watches(&v1alpha1.PurgeRun{}, handler.EnqueueRequestsFromMapFunc(policiesOfRun), builder.WithPredicates(runs.Turned())).
		Watches(&v1alpha1.RetentionPolicy{}, handler.EnqueueRequestsFromMapFunc(c.policiesBeside), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.DataStore{}, handler.EnqueueRequestsFromMapFunc(c.policiesOfStore)).
		Watches(&v1alpha1.LegalHold{}, handler.EnqueueRequestsFromMapFunc(c.policiesOfHold)).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.policiesOfSecret)).
		Complete(c)
}

// policiesOfRun maps a run to the policy that it names, and to the one whose run of that name it may be in the way of.
func policiesOfRun(_ context.Context, object client.Object) []reconcile.Request {
	run, ok := object.(*v1alpha1.PurgeRun)
	if !ok {
		return nil
	}
	requests := []reconcile.Request{request(run.Namespace, run.Spec.PolicyRef.Name)}
	if i := strings.LastIndexByte(run.Name, '-'); i > 0 && run.Name[:i] != run.Spec.PolicyRef.Name {
		requests = append(requests, request(run.Namespace, run.Name[:i]))
	}
	return requests
}

// policiesBeside maps a policy to the others of its store, and to those that archive to it.
func (c *Controller) policiesBeside(ctx context.Context, object client.Object) []reconcile.Request {
	changed, ok := object.(*v1alpha1.RetentionPolicy)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(c.policiesWithStore(ctx, changed.Namespace, changed.Spec.StoreRef.Name), func(r reconcile.Request) bool { return r.Name == changed.Name })
}

func (c *Controller) policiesOfStore(ctx context.Context, store client.Object) []reconcile.Request {
	return c.policiesWithStore(ctx, store.GetNamespace(), store.GetName())
}

func (c *Controller) policiesOfHold(ctx context.Context, object client.Object) []reconcile.Request {
	hold, ok := object.(*v1alpha1.LegalHold)
	if !ok {
		return nil
	}
	return c.policiesWithStore(ctx, hold.Namespace, hold.Spec.StoreRef.Name)
}

// policiesWithStore are the policies that purge a store, or another one that reaches its database, and those that archive there.
func (c *Controller) policiesWithStore(ctx context.Context, namespace, store string) []reconcile.Request {
	names, err := storemap.SameDatabase(ctx, c.Client, namespace, store)
	if err != nil {
		return nil
	}
	return c.policies(ctx, namespace, func(p *v1alpha1.RetentionPolicy) bool {
		return slices.Contains(names, p.Spec.StoreRef.Name) || slices.Contains(names, storemap.ArchiveName(p))
	})
}

func (c *Controller) policiesOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	return c.policies(ctx, secret.GetNamespace(), func(p *v1alpha1.RetentionPolicy) bool {
		return p.Spec.HashKeyRef.Name == secret.GetName() || p.Spec.SigningKeyRef.Name == secret.GetName()
	})
}

func (c *Controller) policies(ctx context.Context, namespace string, accept func(*v1alpha1.RetentionPolicy) bool) []reconcile.Request {
	var list v1alpha1.RetentionPolicyList
	if err := c.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if accept(&list.Items[i]) {
			requests = append(requests, request(namespace, list.Items[i].Name))
		}
	}
	return requests
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{Namespace: namespace, Name: name}
}
