//go:build integration

package mongodb_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func doc(pairs ...any) (d bson.D) {
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// Fields that only newer records have are found, nested ones and those in lists too; a decision about an object covers what is in it.
func TestRunTellsOfFieldsWithoutADecision(t *testing.T) {
	db := newDatabase(t)
	for i := range 500 {
		order := doc("at", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), "to", doc("email", "a@example.com", "zip", "04109"), "items", bson.A{doc("sku", "x"), doc("sku", "y", "gift_for", "Anna")})
		if i >= 490 {
			order = append(order, bson.E{Key: "recipientPhone", Value: "+49 341 1234567"})
		}
		db.insert("orders", order)
	}
	db.insert("followers", doc("by", doc("anna schmidt", true)), doc("by", doc("max mueller", 1)))
	db.insert("customers", doc("full_name", "Anna Schmidt", "rating", 5), doc("full_name", "Max Müller", "rating", nil))
	r := newRunner(t, db, deleteRule("orders", "orders", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Store.Decided = map[string][]string{"orders": {"_id", "at", "to", "items.sku"}, "followers": {"_id"}}

	got := r.Run(v1alpha1.ReasonCompleted)

	want := v1alpha1.RunDiscovery{Looked: true, Undecided: 4, Fields: []v1alpha1.UndecidedField{
		{Collection: "customers", Field: "full_name", LooksLike: "user.name"},
		{Collection: "orders", Field: "recipientPhone", LooksLike: "user.contact.phone_number"},
		{Collection: "followers", Field: "by.*"},
		{Collection: "orders", Field: "items.gift_for"},
	}}
	if diff := cmp.Diff(want, got.Discovery); diff != "" {
		t.Error(diff)
	}
}
