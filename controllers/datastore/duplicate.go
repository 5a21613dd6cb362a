package datastore

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// reached is a DataStore with what tells its database from others.
type reached struct {
	store *v1alpha1.DataStore
	// identity as runs found it; address as the Secret has it, which is not shown to anyone. Each may be empty.
	identity, address string
}

// same says whether two DataStores reach one database.
func (r *reached) same(other *reached) bool {
	return r.address != "" && r.address == other.address || storemap.Identifies(r.identity) && r.identity == other.identity
}

// duplicateOf returns the name of the oldest DataStore that reaches the same database, empty if there is none.
func duplicateOf(r *reached, others []reached) string {
	var first *v1alpha1.DataStore
	for i := range others {
		other := &others[i]
		if storemap.MayRepeat(r.store, other.store) && r.same(other) && (first == nil || storemap.MayRepeat(first, other.store)) {
			first = other.store
		}
	}
	switch {
	case first == nil:
		return ""
	case first.Status.DuplicateOf != "":
		return first.Status.DuplicateOf
	default:
		return first.Name
	}
}

// duplicateProblem tells a person what to do about a DataStore that repeats another one.
func duplicateProblem(store *v1alpha1.DataStore, of string) *storemap.Problem {
	if of == "" {
		return nil
	}
	return storemap.NewProblem(v1alpha1.ReasonStoreDuplicate, "DataStore %q reaches the same database and was made before: add the collections to that one, "+
		"let policies and holds refer to it, and delete %q; if it reaches another database by now, make it anew. Until then holds and minimum periods of both bind the policies of the first, and those of %q make no runs",
		of, store.Name, store.Name)
}

// address of a store's database, as its Secret has it; empty: it has none yet.
func address(kind stores.Kind, secret *corev1.Secret) string {
	if secret == nil || len(secret.Data[stores.KeyHost]) == 0 {
		return ""
	}
	port, p := checkPort(kind, secret.Name, secret)
	if p != nil {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(string(secret.Data[stores.KeyHost]))), ".")
	database := strings.TrimSpace(string(secret.Data[stores.KeyDatabase]))
	if database == "" {
		database = "0" // of Redis, which numbers them
	}
	return fmt.Sprintf("%s/%s", net.JoinHostPort(host, strconv.Itoa(int(port))), database)
}

// findDuplicate returns the name of the DataStore that a store repeats, empty if there is none.
func (c *Controller) findDuplicate(ctx context.Context, store *v1alpha1.DataStore, identity string) (string, error) {
	var list v1alpha1.DataStoreList
	if err := c.Client.List(ctx, &list, client.InNamespace(store.Namespace)); err != nil {
		return "", err
	}
	var others []reached
	for i := range list.Items {
		other := &list.Items[i]
		if !storemap.MayRepeat(store, other) || !other.DeletionTimestamp.IsZero() {
			continue
		}
		at, err := c.address(ctx, other)
		if err != nil {
			return "", err
		}
		others = append(others, reached{other, other.Status.Identity, at})
	}
	if len(others) == 0 {
		return "", nil
	}
	at, err := c.address(ctx, store)
	return duplicateOf(&reached{store, identity, at}, others), err
}

func (c *Controller) address(ctx context.Context, store *v1alpha1.DataStore) (string, error) {
	secret, err := ssa.Get(ctx, c.Live, store.Namespace, store.Spec.Connection.SecretRef.Name, &corev1.Secret{})
	kind, _ := stores.Of(store.Spec.Type)
	return address(kind, secret), err
}
