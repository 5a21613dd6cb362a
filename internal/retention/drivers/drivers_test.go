package drivers

import (
	"errors"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Every kind that the API accepts has a driver: it fails because its Secret is missing, not because it is not known.
func TestEveryTypeHasADriver(t *testing.T) {
	for _, kind := range []v1alpha1.DataStoreType{
		v1alpha1.StorePostgreSQL, v1alpha1.StoreMySQL, v1alpha1.StoreMongoDB, v1alpha1.StoreRedis, v1alpha1.StoreS3,
	} {
		_, err := New(&retention.Plan{Store: retention.Store{Type: string(kind)}}, t.TempDir(), nil).Open(t.Context())
		if f, ok := errors.AsType[*retention.Failure](err); !ok || f.Reason != v1alpha1.ReasonLoginRefused {
			t.Errorf("%s: %v", kind, err)
		}
	}
	_, err := New(&retention.Plan{Store: retention.Store{Type: "Oracle"}}, t.TempDir(), nil).Open(t.Context())
	if f, ok := errors.AsType[*retention.Failure](err); !ok || f.Reason != v1alpha1.ReasonPlanInvalid {
		t.Errorf("Oracle: %v", err)
	}
}
