package stores

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// RefuseArchives fails for a rule that archives, for stores that cannot delete exactly what was archived in one transaction.
func RefuseArchives(rules []retention.Rule, storeType v1alpha1.DataStoreType) error {
	for i := range rules {
		if rules[i].Archive != nil {
			return retention.Fail(v1alpha1.ReasonPlanInvalid, "rule %s: a store of type %s cannot delete exactly what was archived, in one transaction: use action Delete, and copy the records before by other means",
				rules[i].Name, storeType)
		}
	}
	return nil
}
