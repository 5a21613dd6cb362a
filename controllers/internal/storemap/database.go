package storemap

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// This file knows which DataStores of a namespace reach one database. The first of them works; what the others' holds and policies demand
// counts for it.

// MayRepeat says whether a DataStore may reach the database of another one that was made before it. In S3 an address is many people's:
// stores are the same only where they name the same bucket.
func MayRepeat(store, earlier *v1alpha1.DataStore) bool {
	if store.Spec.Type != earlier.Spec.Type || store.Name == earlier.Name {
		return false
	}
	if order := earlier.CreationTimestamp.Compare(store.CreationTimestamp.Time); order > 0 || order == 0 && earlier.Name > store.Name {
		return false
	}
	if store.Spec.Type != v1alpha1.StoreS3 {
		return true
	}
	buckets := map[string]bool{}
	for _, c := range earlier.Spec.Collections {
		buckets[bucket(c.Name)] = true
	}
	for _, c := range store.Spec.Collections {
		if buckets[bucket(c.Name)] {
			return true
		}
	}
	return false
}

func bucket(collection string) string {
	name, _, _ := strings.Cut(collection, "/")
	return name
}

// Identifies says whether an identity tells a store from others: some logins may not see enough of it.
func Identifies(identity string) bool {
	return identity != "" && !strings.HasPrefix(identity, "unknown/")
}

// SameDatabase returns the names of the DataStores that reach the database of one of them, that one included, as the status of each says.
func SameDatabase(ctx context.Context, reader client.Reader, namespace, name string) ([]string, error) {
	var list v1alpha1.DataStoreList
	if err := reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	return sameDatabase(list.Items, name), nil
}

func sameDatabase(stores []v1alpha1.DataStore, name string) []string {
	first := map[string]string{}
	for i := range stores {
		if of := stores[i].Status.DuplicateOf; of != "" {
			first[stores[i].Name] = of
		}
	}
	root := func(name string) string {
		if of := first[name]; of != "" {
			return of
		}
		return name
	}
	names := []string{name}
	for i := range stores {
		if other := stores[i].Name; other != name && root(other) == root(name) {
			names = append(names, other)
		}
	}
	return names
}

// ListHolds returns the legal holds of a store, and those of others that reach its database, as if they were the store's own.
func ListHolds(ctx context.Context, reader client.Reader, namespace, store string) ([]v1alpha1.LegalHold, error) {
	var holds []v1alpha1.LegalHold
	err := ofDatabase(ctx, reader, namespace, store, func(options ...client.ListOption) error {
		var list v1alpha1.LegalHoldList
		err := reader.List(ctx, &list, options...)
		for i := range list.Items {
			list.Items[i].Spec.StoreRef.Name = store
		}
		holds = append(holds, list.Items...)
		return err
	})
	return holds, err
}

// ListPolicies returns the policies of a store, and those of others that reach its database, as if they were the store's own.
func ListPolicies(ctx context.Context, reader client.Reader, namespace, store string) ([]v1alpha1.RetentionPolicy, error) {
	var policies []v1alpha1.RetentionPolicy
	err := ofDatabase(ctx, reader, namespace, store, func(options ...client.ListOption) error {
		var list v1alpha1.RetentionPolicyList
		err := reader.List(ctx, &list, options...)
		for i := range list.Items {
			list.Items[i].Spec.StoreRef.Name = store
		}
		policies = append(policies, list.Items...)
		return err
	})
	return policies, err
}

// ofDatabase lists what refers to each of the DataStores that reach a store's database.
func ofDatabase(ctx context.Context, reader client.Reader, namespace, store string, list func(...client.ListOption) error) error {
	names, err := SameDatabase(ctx, reader, namespace, store)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := list(client.InNamespace(namespace), client.MatchingFields{FieldStore: name}); err != nil {
			return err
		}
	}
	return nil
}
