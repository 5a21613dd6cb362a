//go:build integration

package s3_test

import (
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

// The store gives objects the time at which they come, so that the tests' runs lie in the future: what is put now is due.
var (
	now    = time.Now().Truncate(time.Second)
	cutoff = now.Add(time.Hour)
	slot   = now.Add(2 * time.Hour)
)

func newRunner(t *testing.T, b *s3test.Bucket, rules ...retention.Rule) *retentiontest.Runner {
	t.Helper()
	plan := retentiontest.NewPlan(retention.Store{Name: "orders", Type: string(v1alpha1.StoreS3), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: b.Server.CA}, rules...)
	plan.Slot = slot
	return retentiontest.NewRunner(t, plan, &s3.Driver{Dir: b.Secret, Plan: plan})
}

func deleteRule(collection string) retention.Rule {
	return retention.Rule{Name: "orders", Collection: collection, Key: []string{"key"}, Clock: retention.Clock{Field: "lastModified", Unit: string(v1alpha1.ClockStoreTime)},
		Before: cutoff, Action: string(v1alpha1.ActionDelete)}
}
