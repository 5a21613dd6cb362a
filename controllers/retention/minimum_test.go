package retention

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestRulesThatRemoveBeforeAMinimum(t *testing.T) {
	type policy = v1alpha1.RetentionPolicy
	anonymize := func(fields ...string) v1alpha1.PurgeAction {
		a := v1alpha1.PurgeAction{Type: v1alpha1.ActionAnonymize}
		for _, f := range fields {
			a.Fields = append(a.Fields, v1alpha1.AnonymizeField{Name: f, Strategy: v1alpha1.AnonymizeNull})
		}
		return a
	}
	tests := map[string]struct {
		// early changes the policy that deletes invoices after 30 days; books the one that keeps them for 10 years by law.
		early, books func(*policy)
		want         string // part of the message; empty: both are fine
	}{
		"another policy's minimum": {want: `rule "events" removes records of "public.events" after 30 days, and rule "invoices" of RetentionPolicy "books" keeps them for at least 10 years (LegalObligation)`},
		"what to do":               {want: "keep as long, anonymize only fields that the minimum does not list, or tell the rules' records apart"},
		"kept as long":             {early: func(p *policy) { p.Spec.Rules[0].Keep = v1alpha1.KeepPeriod{Years: 10} }},
		"kept as long in another zone": {early: func(p *policy) { p.Spec.TimeZone, p.Spec.Rules[0].Keep = "Asia/Tokyo", v1alpha1.KeepPeriod{Years: 10} },
			want: "in Asia/Tokyo, and"},
		"kept 3653 days, which may be ten years": {early: func(p *policy) { p.Spec.Rules[0].Keep = v1alpha1.KeepPeriod{Days: 3653} },
			want: "which can be 3653 days and a clock change"},
		"months against days": {early: func(p *policy) { p.Spec.Rules[0].Keep = v1alpha1.KeepPeriod{Months: 1} },
			books: func(p *policy) { p.Spec.Rules[0].Minimum.Keep = v1alpha1.KeepPeriod{Days: 30} }, want: "after 1 month, which can be 28 days and a clock change less"},
		"another clock": {early: func(p *policy) {
			p.Spec.Rules[0].Keep, p.Spec.Rules[0].Clock.Field = v1alpha1.KeepPeriod{Years: 50}, "paid_at"
		},
			want: `from "paid_at", and rule "invoices"`},
		"another unit of the clock": {early: func(p *policy) {
			p.Spec.Rules[0].Keep, p.Spec.Rules[0].Clock.Unit = v1alpha1.KeepPeriod{Years: 50}, v1alpha1.ClockDate
		},
			want: "use the same clock"},
		"another collection": {early: func(p *policy) { p.Spec.Rules[0].Collection = "public.carts" }},
		"another store":      {books: func(p *policy) { p.Spec.StoreRef.Name = "archive" }},
		"no minimum":         {books: func(p *policy) { p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{} }},
		"a suspended policy still demands it": {books: func(p *policy) { p.Spec.State = v1alpha1.PolicySuspended },
			want: "at least 10 years"},
		"the record is split by fields": {early: func(p *policy) { p.Spec.Rules[0].Action = anonymize("name", "street") },
			books: func(p *policy) { p.Spec.Rules[0].Minimum.Fields = []string{"amount", "number"} }},
		"a field in common": {early: func(p *policy) { p.Spec.Rules[0].Action = anonymize("name", "number") },
			books: func(p *policy) { p.Spec.Rules[0].Minimum.Fields = []string{"amount", "number"} }, want: "at least 10 years"},
		"a field inside of one that is kept": {early: func(p *policy) { p.Spec.Rules[0].Action = anonymize("address.street") },
			books: func(p *policy) { p.Spec.Rules[0].Minimum.Fields = []string{"address"} }, want: "at least 10 years"},
		"a field that the map does not know may be misspelled": {early: func(p *policy) { p.Spec.Rules[0].Action = anonymize("name") },
			books: func(p *policy) { p.Spec.Rules[0].Minimum.Fields = []string{"amuont"} }, want: "at least 10 years"},
		"deleting takes all fields": {books: func(p *policy) { p.Spec.Rules[0].Minimum.Fields = []string{"amount"} }, want: "at least 10 years"},
		"anonymizing breaks the minimum of a whole record": {early: func(p *policy) { p.Spec.Rules[0].Action = anonymize("name") },
			want: "at least 10 years"},
		"the records are told apart": {
			early: func(p *policy) { p.Spec.Rules[0].Where = []v1alpha1.RecordFilter{filterOf("kind In cart")} },
			books: func(p *policy) { p.Spec.Rules[0].Where = []v1alpha1.RecordFilter{filterOf("kind In invoice")} }},
		"the records may be the same": {
			early: func(p *policy) { p.Spec.Rules[0].Where = []v1alpha1.RecordFilter{filterOf("kind In cart")} },
			want:  "at least 10 years"},
		"its own minimum": {early: func(p *policy) {
			p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Days: 31}, Basis: v1alpha1.LegalBasis{Kind: "Contract"}}
		}, books: func(p *policy) { p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{} },
			want: `after 30 days, and rule "events" keeps them for at least 31 days (Contract)`},
		"a minimum of another rule of its own": {early: func(p *policy) {
			second := p.Spec.Rules[0]
			second.Name, second.Keep = "late", v1alpha1.KeepPeriod{Days: 60}
			second.Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Days: 60}, Basis: v1alpha1.LegalBasis{Kind: "Contract"}}
			p.Spec.Rules = append(p.Spec.Rules, second)
		}, books: func(p *policy) { p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{} }, want: `and rule "late" keeps them`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := daily(t)
			c := &in.store.Spec.Collections[0]
			c.Ignore = append(c.Ignore, "amount", "number", "name", "street", "address", "address.street", "kind", "paid_at")
			early := in.policy
			books := early.DeepCopy()
			books.Name, books.Spec.Rules[0].Name, books.Spec.Rules[0].Keep = "books", "invoices", v1alpha1.KeepPeriod{Years: 12}
			books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
			for change, p := range map[*func(*policy)]*policy{&tc.early: early, &tc.books: books} {
				if *change != nil {
					(*change)(p)
				}
			}
			stale := early.DeepCopy()
			stale.Spec.Rules = nil
			all := []v1alpha1.RetentionPolicy{*stale, *books}
			p := minimumProblem(early, all, in.store)
			switch {
			case tc.want == "" && p != nil:
				t.Errorf("refused: %s", p.message)
			case tc.want != "" && (p == nil || p.reason != v1alpha1.ReasonBelowMinimum || p.waiting || !strings.Contains(p.message, tc.want)):
				t.Errorf("%+v, want %q", p, tc.want)
			}
			if p := minimumProblem(books, append(all, *early), in.store); p != nil && !strings.HasPrefix(name, "its own") && !strings.HasPrefix(name, "a minimum of") {
				t.Errorf("the policy with the minimum was refused: %s", p.message)
			}
		})
	}
}

// Nobody's run is made while a minimum forbids it, by slot or by request.
func TestNoRunBelowAMinimum(t *testing.T) {
	in := daily(t)
	books := in.policy.DeepCopy()
	books.Name = "books"
	books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	in.policies = []v1alpha1.RetentionPolicy{*in.policy, *books}
	in.policy.Annotations = map[string]string{v1alpha1.AnnotationRunRequestedAt: today}
	if p := decide(in); p.create != nil || p.problem == nil || p.problem.reason != v1alpha1.ReasonBelowMinimum {
		t.Errorf("run %+v, problem %+v", p.create, p.problem)
	}
}
