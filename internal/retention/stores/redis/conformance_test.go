//go:build integration

package redis_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/conformance"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/redis"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) *conformance.Store {
		s := newServer(t)
		return &conformance.Store{
			Plan:   retention.Plan{HashKey: true, Store: retention.Store{Name: "orders", Type: string(v1alpha1.StoreRedis), TLSMode: string(v1alpha1.StoreTLSDisable)}},
			Locks:  true, // the tests' login may use CLIENT LIST
			Rule:   retention.Rule{Collection: "order:*", Key: []string{"key"}, Clock: retention.Clock{Field: "at", Unit: string(v1alpha1.ClockEpochSeconds)}},
			Driver: func(p *retention.Plan) retention.Driver { return &redis.Driver{Dir: s.secret, Plan: p} },
			Fill: func(all []conformance.Record) {
				hashes := map[string]map[string]string{}
				for _, r := range all {
					hash := map[string]string{"shop": r.Shop, "email": r.Email}
					if !r.At.IsZero() {
						hash["at"] = strconv.FormatInt(r.At.Unix(), 10)
					}
					hashes["order:"+r.ID] = hash
				}
				s.fill(hashes)
			},
			Left: func() map[string]conformance.Record {
				left := map[string]conformance.Record{}
				for key, hash := range s.hashes() {
					r := conformance.Record{ID: strings.TrimPrefix(key, "order:"), Shop: hash["shop"], Email: hash["email"]}
					if at, err := strconv.ParseInt(hash["at"], 10, 64); err == nil {
						r.At = time.Unix(at, 0).UTC()
					}
					left[r.ID] = r
				}
				return left
			},
			Unit:    1,
			Missing: v1alpha1.ReasonNothingDue, // a pattern exists whether or not a key matches it: the run warns
			Refuse:  func() { s.write("password", "wrong") },
		}
	})
}
