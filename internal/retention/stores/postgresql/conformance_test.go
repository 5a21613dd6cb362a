//go:build integration

package postgresql_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/conformance"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/postgresql"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) *conformance.Store {
		db := newDatabase(t)
		db.exec("CREATE TABLE orders (id bigint PRIMARY KEY, shop text, email text, at timestamptz) WITH (fillfactor = 10); GRANT SELECT, DELETE, UPDATE ON orders TO " + purgerRole)
		return &conformance.Store{
			Plan: retention.Plan{HashKey: true, Store: retention.Store{Name: "orders", Type: string(v1alpha1.StorePostgreSQL), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: server.ca}},
			Rule: retention.Rule{Collection: "public.orders", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: string(v1alpha1.ClockTimestampTZ)}},
			Driver: func(p *retention.Plan) retention.Driver {
				return postgresql.WithStripe(&postgresql.Driver{Dir: db.dir, Plan: p, Hasher: retention.NewHasher(retentiontest.HashKey)}, 4)
			},
			Shared: true,
			Locks:  true,
			Bucket: newBucket,
			Fill: func(all []conformance.Record) {
				for _, r := range all {
					db.exec("INSERT INTO orders VALUES ($1, $2, $3, $4)", r.ID, r.Shop, r.Email, nullTime(r.At))
				}
			},
			Left:    func() map[string]conformance.Record { return leftInTable(t, db) },
			Unit:    8,
			Missing: v1alpha1.ReasonTableNotFound,
			Refuse:  func() { db.secret("password", "wrong") },
		}
	})
}

func nullTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func leftInTable(t *testing.T, db *database) map[string]conformance.Record {
	t.Helper()
	rows, err := db.conn.Query(context.Background(), "SELECT id::text, shop, email, at FROM orders")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]conformance.Record{}
	var r conformance.Record
	var at *time.Time
	_, err = pgx.ForEachRow(rows, []any{&r.ID, &r.Shop, &r.Email, &at}, func() error {
		r.At = time.Time{}
		if at != nil {
			r.At = at.UTC()
		}
		left[r.ID] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}
