package stores

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

func TestConnectionOfASecret(t *testing.T) {
	sql := map[string]string{"host": "db.example\n", "database": "orders", "username": "purger", "password": "p w "}
	for name, test := range map[string]struct {
		kind    v1alpha1.DataStoreType
		secret  map[string]string
		change  map[string]string
		address string
		reason  string
	}{
		"default port":             {kind: v1alpha1.StorePostgreSQL, secret: sql, address: "db.example:5432"},
		"the default of its kind":  {kind: v1alpha1.StoreMySQL, secret: sql, address: "db.example:3306"},
		"its own port":             {kind: v1alpha1.StorePostgreSQL, secret: sql, change: map[string]string{"port": "6432\n"}, address: "db.example:6432"},
		"an IPv6 address":          {kind: v1alpha1.StorePostgreSQL, secret: sql, change: map[string]string{"host": "fd00::1"}, address: "[fd00::1]:5432"},
		"no number":                {kind: v1alpha1.StorePostgreSQL, secret: sql, change: map[string]string{"port": "postgres"}, reason: v1alpha1.ReasonStoreUnreachable},
		"port too large":           {kind: v1alpha1.StorePostgreSQL, secret: sql, change: map[string]string{"port": "65536"}, reason: v1alpha1.ReasonStoreUnreachable},
		"empty password":           {kind: v1alpha1.StorePostgreSQL, secret: sql, change: map[string]string{"password": "\n"}, reason: v1alpha1.ReasonLoginRefused},
		"Redis needs a password":   {kind: v1alpha1.StoreRedis, secret: map[string]string{"host": "redis"}, reason: v1alpha1.ReasonLoginRefused},
		"Redis needs no database":  {kind: v1alpha1.StoreRedis, secret: map[string]string{"host": "redis", "password": "p"}, address: "redis:6379"},
		"S3 needs keys of its own": {kind: v1alpha1.StoreS3, secret: sql, reason: v1alpha1.ReasonLoginRefused},
		"S3 with keys, no region":  {kind: v1alpha1.StoreS3, secret: map[string]string{"host": "s3.example", "accessKeyID": "a", "secretAccessKey": "s"}, address: "s3.example:443"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, values := range []map[string]string{test.secret, test.change} {
				for key, value := range values {
					if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			kind, ok := Of(test.kind)
			if !ok {
				t.Fatalf("kind %s is not known", test.kind)
			}
			got, err := ReadConnection(dir, kind)
			var failure *retention.Failure
			switch {
			case test.reason != "":
				if !errors.As(err, &failure) || failure.Reason != test.reason {
					t.Errorf("error %v, want reason %s", err, test.reason)
				}
			case err != nil || got.Address() != test.address:
				t.Errorf("%+v, error %v, want address %s", got, err, test.address)
			}
		})
	}
}
