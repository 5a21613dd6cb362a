package datastore

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

func TestFirstStoreOfADatabaseIsNamed(t *testing.T) {
	at := func(name string, minute int, identity, address, of string) reached {
		store := &v1alpha1.DataStore{Name: name, CreationTimestamp: metav1.NewTime(time.Date(2026, 11, 24, 12, minute, 0, 0, time.UTC))}
		store.Spec.Type, store.Status.DuplicateOf = v1alpha1.StorePostgreSQL, of
		return reached{store, identity, address}
	}
	for name, test := range map[string]struct {
		store  reached
		others []reached
		want   string
	}{
		"alone":                              {at("b", 5, "1/1", "db:5432/shop", ""), nil, ""},
		"the same address":                   {at("b", 5, "", "db:5432/shop", ""), []reached{at("a", 0, "", "db:5432/shop", "")}, "a"},
		"another database there":             {at("b", 5, "", "db:5432/shop", ""), []reached{at("a", 0, "", "db:5432/books", "")}, ""},
		"the same store under another name":  {at("b", 5, "1/1", "db.shop.svc:5432/shop", ""), []reached{at("a", 0, "1/1", "db:5432/shop", "")}, "a"},
		"neither is known":                   {at("b", 5, "", "", ""), []reached{at("a", 0, "", "", "")}, ""},
		"a login that sees too little":       {at("b", 5, "unknown/1", "db2:5432/shop", ""), []reached{at("a", 0, "unknown/1", "db:5432/shop", "")}, ""},
		"the later one does not disturb":     {at("a", 0, "1/1", "db:5432/shop", ""), []reached{at("b", 5, "1/1", "db:5432/shop", "")}, ""},
		"of three, the first":                {at("c", 9, "1/1", "db:5432/shop", ""), []reached{at("b", 5, "1/1", "", ""), at("a", 0, "1/1", "", "")}, "a"},
		"the first of one that is a repeat":  {at("c", 9, "", "db:5432/shop", ""), []reached{at("b", 5, "1/1", "db:5432/shop", "a"), at("a", 0, "1/1", "db2:5432/shop", "")}, "a"},
		"the same address, another identity": {at("b", 5, "1/2", "db:5432/shop", ""), []reached{at("a", 0, "1/1", "db:5432/shop", "")}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := duplicateOf(&test.store, test.others); got != test.want {
				t.Errorf("repeats %q, want %q", got, test.want)
			}
		})
	}
}

func TestAddressIsTheSameInAllSpellings(t *testing.T) {
	for name, test := range map[string]struct {
		kind v1alpha1.DataStoreType
		data map[string]string
		want string
	}{
		"with the port of the kind": {v1alpha1.StorePostgreSQL, map[string]string{"host": "db.shop.svc", "database": "orders"}, "db.shop.svc:5432/orders"},
		"as people write it":        {v1alpha1.StorePostgreSQL, map[string]string{"host": " DB.shop.svc. ", "port": "5432", "database": "orders\n"}, "db.shop.svc:5432/orders"},
		"IPv6":                      {v1alpha1.StoreMySQL, map[string]string{"host": "fd00::1", "database": "orders"}, "[fd00::1]:3306/orders"},
		"Redis's first database":    {v1alpha1.StoreRedis, map[string]string{"host": "redis"}, "redis:6379/0"},
		"no host":                   {v1alpha1.StorePostgreSQL, map[string]string{"database": "orders"}, ""},
		"no port":                   {v1alpha1.StorePostgreSQL, map[string]string{"host": "db", "port": "x"}, ""},
		"no Secret":                 {v1alpha1.StorePostgreSQL, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var secret *corev1.Secret
			if test.data != nil {
				secret = &corev1.Secret{Data: map[string][]byte{}}
				for k, v := range test.data {
					secret.Data[k] = []byte(v)
				}
			}
			kind, _ := stores.Of(test.kind)
			if got := address(kind, secret); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
