//go:build integration

package mongodb_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

func anonymizeRule(fields ...retention.Anonymize) retention.Rule {
	rule := eventsRule()
	rule.Action, rule.Fields = string(v1alpha1.ActionAnonymize), fields
	return rule
}

func hashOf(value string) string {
	mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
	mac.Write([]byte(value))
	return "kh1-" + hex.EncodeToString(mac.Sum(nil))
}

// anonymized are the documents after their emails were hashed and their shops set to null.
func anonymized(t *testing.T, events []event, held func(event) bool) []string {
	var all []bson.D
	for _, e := range events {
		d := e.document()
		if e.isDue() && (held == nil || !held(e)) {
			d[1].Value = bson.D{{Key: "email", Value: hashOf(e.email)}}
			if e.shop != "" {
				d[len(d)-1].Value = nil
			}
		}
		all = append(all, d)
	}
	return texts(t, all)
}

func TestAnonymizeReplacesOnceAndKeepsEqualValuesEqual(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(200)
	insertEvents(db, events, notDue)
	fields := []retention.Anonymize{{Name: "shop", Strategy: "Null"}, {Name: "customer.email", Strategy: "KeyedHash"}}
	r := newRunner(t, db, anonymizeRule(fields...))
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("customer.email", "person7@example.com", "person8@example.com")}}}
	held := func(e event) bool { return e.email == "person7@example.com" || e.email == "person8@example.com" }

	first := r.Run(v1alpha1.ReasonCompleted).DeepCopy().Results[0]

	if diff := cmp.Diff(anonymized(t, events, held), db.documents("events", bson.D{})); diff != "" {
		t.Error(diff)
	}
	if first.Done == 0 || first.Held == 0 || first.Done+first.Held != first.Due || first.Due != countOf(events, event.isDue) || first.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v", first)
	}
	again := newRunner(t, db, r.Plan.Rules...)
	again.InForce = r.InForce
	if second := again.Run(v1alpha1.ReasonCompleted).Results[0]; second.Done != 0 || second.Due != first.Held { // the held ones are still due
		t.Errorf("a second run: %+v", second)
	}
	again = newRunner(t, db, r.Plan.Rules...) // the holds are released
	if result := again.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != first.Held || result.Held != 0 {
		t.Errorf("after the release: %+v", result)
	}
	if diff := cmp.Diff(anonymized(t, events, nil), db.documents("events", bson.D{})); diff != "" {
		t.Error(diff)
	}
	newRunner(t, db, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
}

func TestEachStrategyMeetsEachValue(t *testing.T) {
	db := newDatabase(t)
	old := bson.NewDateTimeFromTime(slot.AddDate(-1, 0, 0))
	value := func(id int, name string, v any) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "at", Value: old}, {Key: name, Value: v}}
	}
	done := hashOf("done")
	tests := []struct{ before, after bson.D }{
		{value(1, "null", "x"), value(1, "null", nil)},
		{value(2, "null", nil), value(2, "null", nil)},
		{value(3, "null", bson.A{nil, "x"}), value(3, "null", nil)},
		{value(4, "null", bson.D{{Key: "deep", Value: 1}}), value(4, "null", nil)},
		{value(5, "constant", 7), value(5, "constant", "removed")},
		{value(6, "constant", nil), value(6, "constant", "removed")},
		{value(7, "constant", bson.A{"removed", "person"}), value(7, "constant", "removed")},
		{value(8, "constant", "removed"), value(8, "constant", "removed")},
		{value(9, "hash", "person"), value(9, "hash", hashOf("person"))},
		{value(10, "hash", nil), value(10, "hash", nil)},
		{value(11, "hash", done), value(11, "hash", done)},
		{value(12, "hash", done+"\n"), value(12, "hash", hashOf(done+"\n"))},
		{value(13, "hash", ""), value(13, "hash", hashOf(""))},
		{value(14, "a", "no document"), value(14, "a", "no document")},
		{value(15, "a", bson.D{{Key: "b", Value: "x"}, {Key: "c", Value: "y"}}), value(15, "a", bson.D{{Key: "b", Value: hashOf("x")}, {Key: "c", Value: "y"}})},
		{value(16, "a", bson.A{}), value(16, "a", bson.A{})},
		{value(17, "other", "x"), value(17, "other", "x")},
	}
	var want []bson.D
	for _, tc := range tests {
		db.insert("events", tc.before)
		want = append(want, tc.after)
	}
	rule := anonymizeRule(retention.Anonymize{Name: "null", Strategy: "Null"}, retention.Anonymize{Name: "constant", Strategy: "Constant", Value: "removed"},
		retention.Anonymize{Name: "hash", Strategy: "KeyedHash"}, retention.Anonymize{Name: "a.b", Strategy: "KeyedHash"})
	got := newRunner(t, db, rule).Run(v1alpha1.ReasonCompleted).Results[0]
	if diff := cmp.Diff(texts(t, want), db.documents("events", bson.D{})); diff != "" || got.Due != 10 || got.Done != 10 {
		t.Errorf("%+v %s", got, diff)
	}
	newRunner(t, db, rule).Run(v1alpha1.ReasonNothingDue)
}
