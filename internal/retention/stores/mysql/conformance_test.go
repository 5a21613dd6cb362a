//go:build integration

package mysql_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/conformance"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
)

const dateTime = "2006-01-02 15:04:05"

// Positions of a table whose records the store numbers are their numbers; others are sealed.
func TestConformance(t *testing.T) {
	testConformance(t, "bigint PRIMARY KEY")
}

func TestConformanceOfNumberedRecords(t *testing.T) {
	testConformance(t, "bigint AUTO_INCREMENT PRIMARY KEY")
}

func testConformance(t *testing.T, key string) {
	conformance.Run(t, func(t *testing.T) *conformance.Store {
		db := newDatabase(t)
		db.exec("CREATE TABLE orders (id " + key + ", shop varchar(40), email varchar(120), at datetime)")
		db.exec("GRANT SELECT, DELETE, UPDATE ON orders TO " + purgerUser)
		return &conformance.Store{
			Plan: retention.Plan{HashKey: true, Store: retention.Store{Name: "orders", Type: string(v1alpha1.StoreMySQL), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: server.ca}},
			Rule: retention.Rule{Collection: "orders", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: string(v1alpha1.ClockTimestamp)}},
			Driver: func(p *retention.Plan) retention.Driver {
				return &mysql.Driver{Dir: db.dir, Plan: p, Hasher: retention.NewHasher(retentiontest.HashKey)}
			},
			Fill: func(all []conformance.Record) {
				for _, r := range all {
					at := sql.NullString{String: r.At.Format(dateTime), Valid: !r.At.IsZero()}
					db.exec("INSERT INTO orders VALUES (?, ?, ?, ?)", r.ID, r.Shop, r.Email, at)
				}
			},
			Left:    func() map[string]conformance.Record { return leftInTable(t, db) },
			Unit:    1,
			Shared:  true,
			Locks:   true,
			Bucket:  newBucket,
			Missing: v1alpha1.ReasonPrivilegeMissing, // the store does not tell apart what is not there and what may not be seen
			Refuse:  func() { db.secret("password", "wrong") },
		}
	})
}

func leftInTable(t *testing.T, db *database) map[string]conformance.Record {
	t.Helper()
	rows, err := db.conn.QueryContext(context.Background(), "SELECT id, shop, email, date_format(at, '%Y-%m-%d %H:%i:%s') FROM orders")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	left := map[string]conformance.Record{}
	for rows.Next() {
		var r conformance.Record
		var at sql.NullString
		if err := rows.Scan(&r.ID, &r.Shop, &r.Email, &at); err != nil {
			t.Fatal(err)
		}
		if at.Valid {
			if r.At, err = time.Parse(dateTime, at.String); err != nil {
				t.Fatal(err)
			}
		}
		left[r.ID] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return left
}
