package stores

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// NeedsKey says whether some hold names people by keyed hash. It fails if there is no hasher to check it with.
func NeedsKey(holds []retention.Hold, hasher *retention.Hasher) (bool, error) {
	for i := range holds {
		if holds[i].Subject == nil {
			continue
		}
		if hasher == nil {
			return true, retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s names people by keyed hash, and there is no key to check it with: set hashKeyRef of the policy", holds[i].Name)
		}
		return true, nil
	}
	return false, nil
}

// RefuseSubjects fails for a hold that names people by keyed hash, for stores that cannot check it inside of the change.
func RefuseSubjects(holds []retention.Hold, storeType v1alpha1.DataStoreType) error {
	for i := range holds {
		if holds[i].Subject != nil {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: a store of type %s cannot check whose record it is by keyed hash while it changes it: hold records by filter, or the whole collection",
				holds[i].Name, storeType)
		}
	}
	return nil
}
