package retention

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// claim is a rule's minimum, and whose it is.
type claim struct {
	policy *v1alpha1.RetentionPolicy
	rule   *v1alpha1.RetentionRule
	// fields that must be kept; nil: the whole record.
	fields []string
}

// minimumProblem says which rule of a policy would remove records before a minimum of the store's policies, its own included, allows it.
// What is in doubt counts as too early.
func minimumProblem(policy *v1alpha1.RetentionPolicy, all []v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) *problem {
	claims := claimsOf(policy, store)
	for i := range all {
		if all[i].Name != policy.Name && all[i].Spec.StoreRef == policy.Spec.StoreRef {
			claims = append(claims, claimsOf(&all[i], store)...)
		}
	}
	for i := range policy.Spec.Rules {
		rule := &policy.Spec.Rules[i]
		for _, c := range claims {
			if c.rule.Collection != rule.Collection || c.spares(rule) || disjoint(rule.Where, c.rule.Where, store.Spec.Type) {
				continue
			}
			if why := c.broken(policy, rule); why != "" {
				return &problem{reason: v1alpha1.ReasonBelowMinimum, message: fmt.Sprintf("rule %q %s: keep as long, anonymize only fields that "+
					"the minimum does not list, or tell the rules' records apart by other values of one field in where", rule.Name, why)}
			}
		}
	}
	return nil
}

// claimsOf are the minimums of a policy. One that lists fields that the store's map does not know is about the whole record: they may be
// misspelled.
func claimsOf(policy *v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) []claim {
	var claims []claim
	for i := range policy.Spec.Rules {
		rule := &policy.Spec.Rules[i]
		if rule.Minimum.Keep == (v1alpha1.KeepPeriod{}) {
			continue
		}
		fields := rule.Minimum.Fields
		if collection, p := storemap.Collection(store, rule.Collection); p != nil || storemap.CheckFields(store, collection, fields...) != nil {
			fields = nil
		}
		claims = append(claims, claim{policy: policy, rule: rule, fields: fields})
	}
	return claims
}

// spares says whether a rule leaves all fields alone that must be kept.
func (c *claim) spares(rule *v1alpha1.RetentionRule) bool {
	if len(c.fields) == 0 || rule.Action.Type != v1alpha1.ActionAnonymize {
		return false
	}
	return !slices.ContainsFunc(rule.Action.Fields, func(f v1alpha1.AnonymizeField) bool {
		return slices.ContainsFunc(c.fields, func(kept string) bool { return overlap(f.Name, kept) })
	})
}

// overlap says whether two fields may share a value: they are the same, in whatever case, or one lies inside of the other.
func overlap(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// broken says how a rule breaks the minimum; empty: it keeps at least as long.
func (c *claim) broken(policy *v1alpha1.RetentionPolicy, rule *v1alpha1.RetentionRule) string {
	minimum := c.rule.Minimum
	by := fmt.Sprintf("rule %q", c.rule.Name)
	if c.policy.Name != policy.Name {
		by += fmt.Sprintf(" of RetentionPolicy %q", c.policy.Name)
	}
	demand := fmt.Sprintf("%s keeps them for at least %s (%s)", by, inWords(minimum.Keep), minimum.Basis.Kind)
	removes := fmt.Sprintf("removes records of %q after %s", rule.Collection, inWords(rule.Keep))
	zone, other := zoneName(policy), zoneName(c.policy)
	switch {
	case rule.Clock.Field != c.rule.Clock.Field || rule.Clock.Unit != c.rule.Clock.Unit:
		return fmt.Sprintf("%s from %q, and %s from %q: nothing shows that this is as long, use the same clock", removes, rule.Clock.Field, demand, c.rule.Clock.Field)
	case covers(rule.Keep, minimum.Keep, zone == other):
		return ""
	case covers(rule.Keep, minimum.Keep, true):
		return fmt.Sprintf("%s in %s, and %s in %s, where a day may end later", removes, zone, demand, other)
	case months(rule.Keep) == 0 && months(minimum.Keep) > 0:
		return fmt.Sprintf("%s, and %s, which can be %d days and a clock change", removes, demand, longest(months(minimum.Keep)))
	case months(rule.Keep) > 0 && months(minimum.Keep) == 0:
		return fmt.Sprintf("%s, which can be %d days and a clock change less, and %s", removes, shortest(months(rule.Keep)), demand)
	default:
		return fmt.Sprintf("%s, and %s", removes, demand)
	}
}

func zoneName(policy *v1alpha1.RetentionPolicy) string {
	if policy.Spec.TimeZone == "" {
		return "UTC"
	}
	return policy.Spec.TimeZone
}
