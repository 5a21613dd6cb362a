//go:build integration

package redis_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/redis"
)

var slot = retentiontest.Slot

func newRunner(t *testing.T, s *server, rules ...retention.Rule) *retentiontest.Runner {
	t.Helper()
	plan := retentiontest.NewPlan(retention.Store{Name: "orders", Type: string(v1alpha1.StoreRedis), TLSMode: string(v1alpha1.StoreTLSDisable)}, rules...)
	return retentiontest.NewRunner(t, plan, &redis.Driver{Dir: s.secret, Plan: plan})
}

func deleteRule(collection, clock string, unit v1alpha1.ClockUnit, days int) retention.Rule {
	return retention.Rule{Name: "orders", Collection: collection, Key: []string{"key"}, Clock: retention.Clock{Field: clock, Unit: string(unit)},
		Before: slot.AddDate(0, 0, -days), Action: string(v1alpha1.ActionDelete)}
}

func anonymizeRule(fields ...retention.Anonymize) retention.Rule {
	rule := deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 90)
	rule.Action, rule.Fields = string(v1alpha1.ActionAnonymize), fields
	return rule
}

func hashOf(value string) string {
	mac := hmac.New(sha256.New, retentiontest.HashKey)
	mac.Write([]byte(value))
	return "kh1-" + hex.EncodeToString(mac.Sum(nil))
}
