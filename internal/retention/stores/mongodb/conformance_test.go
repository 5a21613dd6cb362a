//go:build integration

package mongodb_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/conformance"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mongodb"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) *conformance.Store {
		db := newDatabase(t)
		return &conformance.Store{
			Plan:   retention.Plan{HashKey: true, Store: retention.Store{Name: "orders", Type: string(v1alpha1.StoreMongoDB), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: db.server.ca}},
			Rule:   retention.Rule{Collection: "orders", Key: []string{"_id"}, Clock: retention.Clock{Field: "at", Unit: string(v1alpha1.ClockTimestampTZ)}},
			Driver: func(p *retention.Plan) retention.Driver { return &mongodb.Driver{Dir: db.dir, Plan: p} },
			Fill: func(all []conformance.Record) {
				documents := make([]bson.D, len(all))
				for i, r := range all {
					id, err := strconv.ParseInt(r.ID, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					documents[i] = bson.D{{Key: "_id", Value: id}, {Key: "shop", Value: r.Shop}, {Key: "email", Value: r.Email}}
					if !r.At.IsZero() {
						documents[i] = append(documents[i], bson.E{Key: "at", Value: r.At})
					}
				}
				db.insert("orders", documents...)
			},
			Left:    func() map[string]conformance.Record { return leftInCollection(t, db) },
			Unit:    1,
			Missing: v1alpha1.ReasonTableNotFound,
			Refuse:  func() { db.secret("password", "wrong") },
		}
	})
}

func leftInCollection(t *testing.T, db *database) map[string]conformance.Record {
	t.Helper()
	cursor, err := db.Collection("orders").Find(context.Background(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var found []struct {
		ID          int64 `bson:"_id"`
		Shop, Email string
		At          time.Time
	}
	if err := cursor.All(context.Background(), &found); err != nil {
		t.Fatal(err)
	}
	left := map[string]conformance.Record{}
	for _, f := range found {
		r := conformance.Record{ID: strconv.FormatInt(f.ID, 10), Shop: f.Shop, Email: f.Email}
		if !f.At.IsZero() {
			r.At = f.At.UTC()
		}
		left[r.ID] = r
	}
	return left
}
