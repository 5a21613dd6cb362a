//go:build integration

package mysql_test

import (
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
)

var slot = retentiontest.Slot

// runner runs a plan against a database.
type runner struct {
	*retentiontest.Runner
	db *database
}

func newRunner(t *testing.T, db *database, rules ...retention.Rule) *runner {
	t.Helper()
	plan := retentiontest.NewPlan(retention.Store{Name: "orders", Type: string(v1alpha1.StoreMySQL), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: server.ca}, rules...)
	plan.RunUID = "uid-" + db.name // two runs never have one
	return &runner{Runner: retentiontest.NewRunner(t, plan, &mysql.Driver{Dir: db.dir, Plan: plan, Hasher: retention.NewHasher(retentiontest.HashKey)}), db: db}
}

func deleteRule(name, collection, clock string, unit v1alpha1.ClockUnit, days int) retention.Rule {
	return retention.Rule{Name: name, Collection: collection, Key: []string{"id"}, Clock: retention.Clock{Field: clock, Unit: string(unit)},
		Before: slot.AddDate(0, 0, -days), Action: string(v1alpha1.ActionDelete)}
}
