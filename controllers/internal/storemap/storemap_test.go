package storemap

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// storeOf has the collections of a text such as "a>b,c b": a refers to b and c.
func storeOf(text string) *v1alpha1.DataStore {
	store := &v1alpha1.DataStore{Name: "orders"}
	for word := range strings.FieldsSeq(text) {
		name, targets, _ := strings.Cut(word, ">")
		c := v1alpha1.Collection{Name: name, Key: []string{"id"}}
		for _, target := range strings.FieldsFunc(targets, func(r rune) bool { return r == ',' }) {
			c.References = append(c.References, v1alpha1.CollectionReference{Collection: target, Fields: []string{target + "_id"}})
		}
		store.Spec.Collections = append(store.Spec.Collections, c)
	}
	return store
}

func TestOrder(t *testing.T) {
	tests := map[string]struct {
		store, rules string // rules name their collections; a trailing ~ anonymizes
		want         string // empty: a circle
	}{
		"without references the list's order stays":    {"a b c", "b a c", "b a c"},
		"referring collections first":                  {"order line>order", "order line", "line order"},
		"through a collection without a rule":          {"a b>a c>b", "a c", "c a"},
		"grandchildren first, the rest as listed":      {"a b>a c>b d", "d a b c", "d c b a"},
		"two rules of one collection stay in order":    {"a b>a", "a a b", "b a a"},
		"a reference to itself orders nothing":         {"a>a b", "a b", "a b"},
		"a circle of deletions":                        {"a>b b>a", "a b", ""},
		"a circle through a collection without a rule": {"a>x b>a x>b", "a b", ""},
		"a circle that anonymizing breaks":             {"a>b b>a", "a~ b", "a~ b"},
		"anonymized records may still be referred to":  {"a b>a", "a~ b", "a~ b"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var rules []v1alpha1.RetentionRule
			for word := range strings.FieldsSeq(tc.rules) {
				rule := v1alpha1.RetentionRule{Name: word, Collection: strings.TrimSuffix(word, "~"), Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete}}
				if strings.HasSuffix(word, "~") {
					rule.Action.Type = v1alpha1.ActionAnonymize
				}
				rules = append(rules, rule)
			}
			ordered, err := Order(storeOf(tc.store), rules)
			if tc.want == "" {
				if !errors.Is(err, ErrReferenceCycle) {
					t.Fatalf("error %v, order %v", err, ordered)
				}
				return
			}
			var got []string
			for i := range ordered {
				got = append(got, ordered[i].Name)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestEveryWayToDecideAboutAField(t *testing.T) {
	store := storeOf("events>shipments shipments")
	c := &store.Spec.Collections[0]
	c.Ignore = []string{"occurred_at"}
	c.Fields = []v1alpha1.PersonalField{{Name: "place", Category: "user.location"}}
	c.Subject = v1alpha1.SubjectField{Field: "customer_id", Identifies: "CustomerID"}
	if p := CheckFields(store, c, "id", "occurred_at", "place", "customer_id", "shipments_id"); p != nil {
		t.Error(p)
	}
	if p := CheckFields(store, c, "id", "Place"); p == nil || p.Reason != v1alpha1.ReasonFieldNotDecided || !strings.Contains(p.Message, `"Place"`) {
		t.Errorf("a field in another spelling: %v", p)
	}
}

func TestHoldsInForce(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	holdOf := func(name, collection, until string) v1alpha1.LegalHold {
		return v1alpha1.LegalHold{Name: name, Spec: v1alpha1.LegalHoldSpec{
			StoreRef: v1alpha1.LocalReference{Name: "orders"}, Collection: collection, Until: until}}
	}
	tests := map[string]struct {
		holds   []v1alpha1.LegalHold
		want    string
		invalid string // part of the message
	}{
		"by name": {holds: []v1alpha1.LegalHold{holdOf("b", "events", ""), holdOf("a", "events", "")}, want: "a b"},
		"the last day binds, the day before does not": {
			holds: []v1alpha1.LegalHold{holdOf("today", "events", "2026-11-24"), holdOf("yesterday", "events", "2026-11-23")}, want: "today"},
		"unknown collection":                      {holds: []v1alpha1.LegalHold{holdOf("a", "events", ""), holdOf("b", "nothing", "")}, invalid: `"b"`},
		"expired, so its mistake does not matter": {holds: []v1alpha1.LegalHold{holdOf("b", "nothing", "2026-11-23")}},
		"a day that does not exist binds":         {holds: []v1alpha1.LegalHold{holdOf("b", "events", "2026-02-30")}, invalid: "2026-02-30"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			force, p := HoldsInForce(tc.holds, storeOf("events"), now)
			if tc.invalid != "" {
				if p == nil || p.Reason != v1alpha1.ReasonHoldInvalid || !strings.Contains(p.Message, tc.invalid) || force != nil {
					t.Errorf("problem %v, holds %v", p, force)
				}
				return
			}
			var names []string
			for i := range force {
				names = append(names, force[i].Name)
			}
			if p != nil || strings.Join(names, " ") != tc.want {
				t.Errorf("problem %v, holds %v, want %q", p, names, tc.want)
			}
		})
	}
}

// A hold that its store cannot keep stops the store's runs, as one with a field that nobody decided about does.
func TestHoldBySubject(t *testing.T) {
	hold := &v1alpha1.LegalHold{Spec: v1alpha1.LegalHoldSpec{StoreRef: v1alpha1.LocalReference{Name: "orders"}, Collection: "events",
		Subject: v1alpha1.HeldSubject{Field: "customer_id", KeyID: "hk1-0123456789abcdef"}}}
	for name, tc := range map[string]struct {
		kind   v1alpha1.DataStoreType
		ignore []string
		reason string
	}{
		"a table":               {v1alpha1.StorePostgreSQL, []string{"customer_id"}, ""},
		"a table of MySQL":      {v1alpha1.StoreMySQL, []string{"customer_id"}, ""},
		"an undecided field":    {v1alpha1.StorePostgreSQL, []string{"email"}, v1alpha1.ReasonFieldNotDecided},
		"objects have no field": {v1alpha1.StoreS3, []string{"customer_id"}, v1alpha1.ReasonHoldInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			store := storeOf("events")
			store.Spec.Type, store.Spec.Collections[0].Ignore = tc.kind, tc.ignore
			p := CheckHold(hold, store)
			if (p == nil) != (tc.reason == "") || (p != nil && p.Reason != tc.reason) {
				t.Errorf("problem %v, want reason %q", p, tc.reason)
			}
		})
	}
}
