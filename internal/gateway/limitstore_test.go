//go:build integration

package gateway

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/redisserver"
)

// withStore makes a gateway one of two that count tracking together.
func withStore(server *redisserver.Server) func(*rig) {
	return func(r *rig) {
		r.config.Replicas = 2
		r.config.Limits = []config.Limit{{Name: "tracking", Carrier: true, Operations: []string{"track"}, Requests: 40, WindowSeconds: 3600}}
		r.config.LimitStore = &config.LimitStore{Address: server.Address, ServerName: redisserver.Name, TLS: true, CABundle: string(server.CAPEM),
			Prefix: "carrier-operator:shop/ups:"}
		r.paths.LimitStoreDir = filepath.Join(r.TempDir(), "limit-store")
		mount(r, r.paths.LimitStoreDir, map[string]string{"password": server.Password + "\n"})
	}
}

// connect makes the gateway's connections to the store, which takes longer than a request may wait where everything is slow.
func (r *rig) connect() {
	r.Helper()
	r.ready()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := r.gateway.counting.store.Take(r.Context(), nil, 0); err != nil {
				r.Error(err)
			}
		})
	}
	all.Wait()
}

func TestTwoGatewaysShareALimitExactly(t *testing.T) {
	server := redisserver.Start(t)
	rigs := []*rig{newRig(t, withStore(server)), newRig(t, withStore(server))}
	var passed, refused atomic.Int64
	var all sync.WaitGroup
	for i, r := range rigs {
		r.connect()
		for range 4 + 4*i { // uneven, which divided limits could not follow
			all.Go(func() {
				client := r.client("returns")
				for range 8 {
					switch a := r.do(client, "GET", trackPath, "", "transId", "1", "transactionSrc", "shop"); {
					case a.status == 200:
						passed.Add(1)
					case a.status == 429 && a.rule() == ruleLimit:
						refused.Add(1)
					default:
						t.Errorf("answer %d %s", a.status, a.body)
					}
				}
			})
		}
	}
	all.Wait()
	for i, r := range rigs {
		if strings.Contains(r.log.String(), "the limit store is not used") {
			t.Logf("gateway %d fell back for a while: this machine is slow", i)
		}
	}
	if passed.Load() != 40 || refused.Load() != 96-40 {
		t.Errorf("%d requests pass and %d are refused, want 40 and 56", passed.Load(), refused.Load())
	}
}

func TestTheStoreStopsAndComesBack(t *testing.T) {
	server := redisserver.Start(t)
	r := newRig(t, withStore(server))
	r.connect()
	if a := r.track(); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	if !strings.Contains(r.metricsText(), "carrier_gateway_limit_store_connected 1") {
		t.Error("the metric does not tell that the store is used")
	}
	server.Stop()
	passed := 1
	for range 30 { // its own part is 20
		if a := r.track(); a.status == 200 {
			passed++
		}
	}
	if passed != 20 {
		t.Errorf("%d requests passed without the store, want this replica's part", passed)
	}
	status := r.gateway.status(make([]byte, 16))
	if !strings.Contains(status.LastError, "keeps its part of the limits") || !strings.Contains(r.metricsText(), "carrier_gateway_limit_store_connected 0") {
		t.Errorf("status and metric do not tell that the store is gone: %q", status.LastError)
	}
	if n := strings.Count(r.log.String(), "the limit store is not used"); n != 1 {
		t.Errorf("the log tells it %d times, want once", n)
	}
	if strings.Contains(r.log.String()+status.LastError, server.Password) {
		t.Error("the password shows")
	}
	server.Run() // with nothing in it
	r.eventually("the store is used again, without traffic", func() bool { return r.gateway.status(make([]byte, 16)).LastError == "" })
	if a := r.track(); a.status != 429 {
		t.Errorf("answer %d: a store that forgot lets more through than the limit", a.status)
	}
}

func TestTheStoresPasswordIsReloaded(t *testing.T) {
	server := redisserver.Start(t)
	r := newRig(t, withStore(server), func(r *rig) { mount(r, r.paths.LimitStoreDir, map[string]string{"password": "wrong"}) })
	r.ready()
	if a := r.track(); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	r.eventually("the refusal is told", func() bool { return strings.Contains(r.gateway.status(make([]byte, 16)).LastError, "WRONGPASS") })
	mount(r, r.paths.LimitStoreDir, map[string]string{"password": server.Password})
	r.eventually("the store is used", func() bool { r.track(); return r.gateway.counting.Failure() == nil })
}
