package legalhold

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// Setup says what wakes the controller up: the hold, and its store's map.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.LegalHold{}).
		Watches(&v1alpha1.DataStore{}, handler.EnqueueRequestsFromMapFunc(c.holdsOf), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(c)
}

func (c *Controller) holdsOf(ctx context.Context, store client.Object) []reconcile.Request {
	var list v1alpha1.LegalHoldList
	err := c.Client.List(ctx, &list, client.InNamespace(store.GetNamespace()), client.MatchingFields{storemap.FieldStore: store.GetName()})
	if err != nil {
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}
