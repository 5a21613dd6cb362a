package retention

import (
	"fmt"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	purge "github.com/carrier-operator/carrier-operator/internal/retention"
)

// BelowMinimum says which rule of a run's plan removes records before a minimum of the store's policies allows it; empty: none does. The
// policies may have changed since the run was made. A run has one slot, so instants are compared, not periods.
func BelowMinimum(plan *purge.Plan, policies []v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) string {
	var claims []claim
	for i := range policies {
		claims = append(claims, claimsOf(&policies[i], store)...)
	}
	for i := range plan.Rules {
		rule := asPolicyRule(&plan.Rules[i])
		for _, c := range claims {
			if c.rule.Collection != rule.Collection || c.spares(&rule) || disjoint(rule.Where, c.rule.Where, store.Spec.Type) {
				continue
			}
			if why := c.brokenAt(&plan.Rules[i], plan.Slot); why != "" {
				return fmt.Sprintf("rule %q of the run removes records of %q, and rule %q of RetentionPolicy %q keeps them for at least %s (%s): %s",
					rule.Name, rule.Collection, c.rule.Name, c.policy.Name, inWords(c.rule.Minimum.Keep), c.rule.Minimum.Basis.Kind, why)
			}
		}
	}
	return ""
}

// asPolicyRule is what a plan's rule says of which records and fields go.
func asPolicyRule(planned *purge.Rule) v1alpha1.RetentionRule {
	rule := v1alpha1.RetentionRule{Name: planned.Name, Collection: planned.Collection, Action: v1alpha1.PurgeAction{Type: v1alpha1.PurgeActionType(planned.Action)}}
	for _, f := range planned.Where {
		rule.Where = append(rule.Where, v1alpha1.RecordFilter{Field: f.Field, Operator: v1alpha1.FilterOperator(f.Operator), Values: f.Values})
	}
	for _, f := range planned.Fields {
		rule.Action.Fields = append(rule.Action.Fields, v1alpha1.AnonymizeField{Name: f.Name})
	}
	return rule
}

// brokenAt says how a rule of a run for a slot breaks the minimum; empty: it keeps at least as long.
func (c *claim) brokenAt(rule *purge.Rule, slot time.Time) string {
	if rule.Clock.Field != c.rule.Clock.Field || rule.Clock.Unit != string(c.rule.Clock.Unit) {
		return fmt.Sprintf("their clocks are %q and %q, and nothing shows that this is as long", rule.Clock.Field, c.rule.Clock.Field)
	}
	zone, err := runs.ParseZone(c.policy.Spec.TimeZone)
	if err != nil {
		return err.Error()
	}
	if allowed := Cutoff(slot, c.rule.Minimum.Keep, zone); rule.Before.After(allowed) {
		return fmt.Sprintf("it takes those from before %s, and may take those from before %s", rule.Before.UTC().Format(time.RFC3339), allowed.UTC().Format(time.RFC3339))
	}
	return ""
}
