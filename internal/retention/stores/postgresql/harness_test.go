//go:build integration

package postgresql_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/postgresql"
)

var slot = retentiontest.Slot

// runner runs a plan against a database.
type runner struct {
	*retentiontest.Runner
	db *database
}

func newRunner(t *testing.T, db *database, rules ...retention.Rule) *runner {
	t.Helper()
	plan := retentiontest.NewPlan(retention.Store{Name: "orders", Type: string(v1alpha1.StorePostgreSQL), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: db.on.ca}, rules...)
	plan.RunUID = "uid-" + db.name // two runs never have one
	return &runner{Runner: retentiontest.NewRunner(t, plan, &postgresql.Driver{Dir: db.dir, Plan: plan, Hasher: retention.NewHasher(retentiontest.HashKey)}), db: db}
}

func deleteRule(name, collection, clock string, unit v1alpha1.ClockUnit, days int) retention.Rule {
	return retention.Rule{Name: name, Collection: collection, Key: []string{"id"}, Clock: retention.Clock{Field: clock, Unit: string(unit)},
		Before: slot.AddDate(0, 0, -days), Action: string(v1alpha1.ActionDelete)}
}

// objectOf is the PurgeRun of a plan, as the operator makes it.
func objectOf(p *retention.Plan, status v1alpha1.PurgeRunStatus) *v1alpha1.PurgeRun {
	run := &v1alpha1.PurgeRun{Namespace: p.Namespace, Name: p.Run, UID: types.UID(p.RunUID), Status: status}
	run.Spec = v1alpha1.PurgeRunSpec{PolicyRef: v1alpha1.LocalReference{Name: p.Policy}, PolicyUID: p.PolicyUID, StoreRef: v1alpha1.LocalReference{Name: p.Store.Name}, Mode: v1alpha1.RunMode(p.Mode),
		Slot: metav1.NewTime(p.Slot), PreviousDigest: p.PreviousDigest}
	for _, rule := range p.Rules {
		run.Spec.Cutoffs = append(run.Spec.Cutoffs, v1alpha1.RuleCutoff{Rule: rule.Name, Before: metav1.NewTime(rule.Before)})
	}
	return run
}
