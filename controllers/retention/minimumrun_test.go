package retention

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	purge "github.com/carrier-operator/carrier-operator/internal/retention"
)

// A run was made with cutoff before; afterwards the policy books comes, or changes.
func TestMinimumThatComesWhileARunWorks(t *testing.T) {
	keep := func(p v1alpha1.KeepPeriod) func(*v1alpha1.RetentionPolicy) {
		return func(books *v1alpha1.RetentionPolicy) { books.Spec.Rules[0].Minimum.Keep = p }
	}
	slot := at(t, "2026-03-31T03:00:00Z")
	tests := map[string]struct {
		before string
		books  func(*v1alpha1.RetentionPolicy)
		rule   func(*purge.Rule)
		want   string // part of the message; empty: the run may go on
	}{
		"a longer minimum": {before: "2026-03-01T03:00:00Z", books: keep(v1alpha1.KeepPeriod{Years: 10}),
			want: `rule "events" of the run removes records of "public.events", and rule "invoices" of RetentionPolicy "books" keeps them for at least 10 years ` +
				`(LegalObligation): it takes those from before 2026-03-01T03:00:00Z, and may take those from before 2016-03-31T03:00:00Z`},
		"to the second":                         {before: "2026-03-01T03:00:00Z", books: keep(v1alpha1.KeepPeriod{Days: 30})},
		"a second too early":                    {before: "2026-03-01T03:00:01Z", books: keep(v1alpha1.KeepPeriod{Days: 30}), want: "at least 30 days"},
		"a month that ends on its last day":     {before: "2026-02-28T03:00:00Z", books: keep(v1alpha1.KeepPeriod{Months: 1})},
		"31 days that are a month at this slot": {before: "2026-02-28T03:00:00Z", books: keep(v1alpha1.KeepPeriod{Days: 31})},
		"the same month by clocks of Auckland": {before: "2026-02-28T03:00:00Z", books: func(p *v1alpha1.RetentionPolicy) {
			keep(v1alpha1.KeepPeriod{Months: 1})(p)
			p.Spec.TimeZone = "Pacific/Auckland"
		}},
		"the same month, its clocks changed": {before: "2026-02-28T03:00:00Z", books: func(p *v1alpha1.RetentionPolicy) {
			keep(v1alpha1.KeepPeriod{Months: 1})(p)
			p.Spec.TimeZone = "Europe/Berlin"
		}},
		"a zone that nobody knows": {before: "2016-01-01T00:00:00Z", books: func(p *v1alpha1.RetentionPolicy) { p.Spec.TimeZone = "Mars" }, want: "Mars"},
		"another clock":            {before: "2016-01-01T00:00:00Z", rule: func(r *purge.Rule) { r.Clock.Field = "paid_at" }, want: `their clocks are "paid_at" and "occurred_at"`},
		"another collection":       {before: "2026-03-01T03:00:00Z", rule: func(r *purge.Rule) { r.Collection = "public.carts" }},
		"other records": {before: "2026-03-01T03:00:00Z", rule: func(r *purge.Rule) {
			r.Where = []purge.Filter{{Field: "kind", Operator: "In", Values: []string{"cart"}}}
		}, books: func(p *v1alpha1.RetentionPolicy) {
			p.Spec.Rules[0].Where = []v1alpha1.RecordFilter{filterOf("kind In invoice")}
		}},
		"other fields":                           {before: "2026-03-01T03:00:00Z", rule: anonymizing("name"), books: func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Minimum.Fields = []string{"amount"} }},
		"a field that must be kept":              {before: "2026-03-01T03:00:00Z", rule: anonymizing("amount"), books: func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Minimum.Fields = []string{"amount"} }, want: "at least 10 years"},
		"no minimum":                             {before: "2026-03-01T03:00:00Z", books: func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{} }},
		"a suspended policy still demands it":    {before: "2026-03-01T03:00:00Z", books: func(p *v1alpha1.RetentionPolicy) { p.Spec.State = v1alpha1.PolicySuspended }, want: "at least 10 years"},
		"the run's own policy has a minimum now": {before: "2026-03-01T03:00:00Z", books: func(p *v1alpha1.RetentionPolicy) { p.Name = "events" }, want: `rule "invoices" of RetentionPolicy "events"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := daily(t)
			c := &in.store.Spec.Collections[0]
			c.Ignore = append(c.Ignore, "amount", "name", "kind", "paid_at")
			books := in.policy.DeepCopy()
			books.Name, books.Spec.Rules[0].Name, books.Spec.Rules[0].Keep = "books", "invoices", v1alpha1.KeepPeriod{Years: 12}
			books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
			plan := &purge.Plan{Slot: slot, Rules: []purge.Rule{{Name: "events", Collection: "public.events", Before: at(t, tc.before),
				Clock: purge.Clock{Field: "occurred_at", Unit: "TimestampTZ"}, Action: "Delete"}}}
			if tc.books != nil {
				tc.books(books)
			}
			if tc.rule != nil {
				tc.rule(&plan.Rules[0])
			}
			got := BelowMinimum(plan, []v1alpha1.RetentionPolicy{*books}, in.store)
			if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func anonymizing(field string) func(*purge.Rule) {
	return func(r *purge.Rule) {
		r.Action, r.Fields = "Anonymize", []purge.Anonymize{{Name: field, Strategy: "Null"}}
	}
}

// What the policies' periods allow, a run of any slot may do: the two ways to compare never disagree to the records' harm.
func TestRunsOfPoliciesThatKeepAMinimumMayGoOn(t *testing.T) {
	in := daily(t)
	books := in.policy.DeepCopy()
	books.Name = "books"
	for _, period := range []v1alpha1.KeepPeriod{{Days: 31}, {Months: 1}, {Years: 1}} {
		books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: period, Basis: v1alpha1.LegalBasis{Kind: "Contract"}}
		for _, keep := range []v1alpha1.KeepPeriod{{Days: 30}, {Days: 31}, {Days: 32}, {Days: 367}, {Months: 1}, {Months: 2}, {Months: 12}, {Years: 1}} {
			in.policy.Spec.Rules[0].Keep = keep
			if minimumProblem(in.policy, []v1alpha1.RetentionPolicy{*books}, in.store) != nil {
				continue
			}
			for day := range 366 {
				slot := at(t, "2024-01-01T02:30:00Z").AddDate(0, 0, day)
				plan := &purge.Plan{Slot: slot, Rules: []purge.Rule{{Name: "events", Collection: "public.events", Before: Cutoff(slot, keep, time.UTC),
					Clock: purge.Clock{Field: "occurred_at", Unit: "TimestampTZ"}, Action: "Delete"}}}
				if why := BelowMinimum(plan, []v1alpha1.RetentionPolicy{*books}, in.store); why != "" {
					t.Errorf("keep %s, minimum %s, slot %s: %s", inWords(keep), inWords(period), slot, why)
				}
			}
		}
	}
}
