package storemap

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// ArchiveName is the DataStore that a policy archives to; empty: it archives nothing. The API lets the rules of a policy have one alone.
func ArchiveName(policy *v1alpha1.RetentionPolicy) string {
	for i := range policy.Spec.Rules {
		if name := policy.Spec.Rules[i].Action.Archive.StoreRef.Name; name != "" {
			return name
		}
	}
	return ""
}

// CheckArchive returns a problem unless the policy's rules can be archived to the store, which is nil if it does not exist.
func CheckArchive(policy *v1alpha1.RetentionPolicy, archive *v1alpha1.DataStore) *Problem {
	name := ArchiveName(policy)
	switch {
	case name == "":
		return nil
	case archive == nil:
		return NewProblem(v1alpha1.ReasonStoreNotFound, "DataStore %q does not exist in this namespace: create it or correct action.archive.storeRef", name)
	case archive.Spec.Type != v1alpha1.StoreS3:
		return NewProblem(v1alpha1.ReasonRuleInvalid, "DataStore %q of action.archive.storeRef has type %s: records are archived to a store of type S3", name, archive.Spec.Type)
	}
	for i := range policy.Spec.Rules {
		if target := policy.Spec.Rules[i].Action.Archive.Collection; target != "" {
			if _, p := Collection(archive, target); p != nil {
				return p
			}
		}
	}
	return nil
}

// Ownerless are the collections that a policy archives to, of which none of the archive's policies has a rule: what is written there
// stays for ever.
func Ownerless(policy *v1alpha1.RetentionPolicy, ofArchive []v1alpha1.RetentionPolicy) (collections []string) {
	for i := range policy.Spec.Rules {
		target := policy.Spec.Rules[i].Action.Archive.Collection
		if target != "" && !hasRule(ofArchive, target) {
			collections = append(collections, fmt.Sprintf("%q", target))
		}
	}
	return collections
}

// hasRule says whether some rule deletes all objects of a collection of S3, or of a prefix of it, sooner or later.
func hasRule(policies []v1alpha1.RetentionPolicy, target string) bool {
	for i := range policies {
		for j := range policies[i].Spec.Rules {
			rule := &policies[i].Spec.Rules[j]
			whole := strings.TrimSuffix(rule.Collection, "/") + "/"
			if len(rule.Where) == 0 && strings.HasPrefix(strings.TrimSuffix(target, "/")+"/", whole) {
				return true
			}
		}
	}
	return false
}
