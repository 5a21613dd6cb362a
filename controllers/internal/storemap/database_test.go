package storemap

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// madeAt is a store that was made some minutes after noon.
func madeAt(name string, minute int, kind v1alpha1.DataStoreType, collections ...string) *v1alpha1.DataStore {
	store := &v1alpha1.DataStore{Name: name, CreationTimestamp: metav1.NewTime(time.Date(2026, 11, 24, 12, minute, 0, 0, time.UTC))}
	store.Spec.Type = kind
	for _, c := range collections {
		store.Spec.Collections = append(store.Spec.Collections, v1alpha1.Collection{Name: c})
	}
	return store
}

func TestOnlyAnEarlierStoreOfTheKindIsRepeated(t *testing.T) {
	const pg, s3 = v1alpha1.StorePostgreSQL, v1alpha1.StoreS3
	for name, test := range map[string]struct {
		store, other *v1alpha1.DataStore
		want         bool
	}{
		"made before":                       {madeAt("b", 1, pg), madeAt("a", 0, pg), true},
		"made after":                        {madeAt("b", 0, pg), madeAt("a", 1, pg), false},
		"made at once, before by name":      {madeAt("b", 0, pg), madeAt("a", 0, pg), true},
		"made at once, after by name":       {madeAt("a", 0, pg), madeAt("b", 0, pg), false},
		"itself":                            {madeAt("a", 0, pg), madeAt("a", 0, pg), false},
		"another kind":                      {madeAt("b", 1, pg), madeAt("a", 0, v1alpha1.StoreMySQL), false},
		"other tables of the database":      {madeAt("b", 1, pg, "public.b"), madeAt("a", 0, pg, "public.a"), true},
		"one bucket, two prefixes":          {madeAt("b", 1, s3, "labels/2026/", "x"), madeAt("a", 0, s3, "labels/2025/"), true},
		"two buckets behind one address":    {madeAt("b", 1, s3, "labels"), madeAt("a", 0, s3, "invoices/labels/"), false},
		"a bucket whose name begins so too": {madeAt("b", 1, s3, "labels-old"), madeAt("a", 0, s3, "labels"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := MayRepeat(test.store, test.other); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

func TestStoresOfOneDatabase(t *testing.T) {
	stores := []v1alpha1.DataStore{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	stores[1].Status.DuplicateOf, stores[3].Status.DuplicateOf = "a", "a"
	for name, want := range map[string][]string{"a": {"a", "b", "d"}, "b": {"b", "a", "d"}, "c": {"c"}, "gone": {"gone"}} {
		if diff := cmp.Diff(want, sameDatabase(stores, name)); diff != "" {
			t.Errorf("of %s (-want +got): %s", name, diff)
		}
	}
}

func TestIdentityOfWhichALoginSeesTooLittleTellsNothing(t *testing.T) {
	for identity, want := range map[string]bool{"7301/16384": true, "": false, "unknown/16384": false} {
		if Identifies(identity) != want {
			t.Errorf("%q: %t", identity, !want)
		}
	}
}
