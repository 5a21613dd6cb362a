//go:build integration

package gateway

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// A client that gives up while the carrier thinks does not have the gateway wait for the answer.
func TestRequestOfAClientThatLeavesIsGivenUp(t *testing.T) {
	r := newRig(t)
	must(t, r.sim.SetFaults(carriersim.Fault{Path: trackPath, LatencyMilliseconds: 20_000}))
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan error, 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.address()+trackPath, nil)
	must(t, err)
	req.Header.Set("transId", "1")
	req.Header.Set("transactionSrc", "shop")
	go func() {
		res, err := r.client("checkout").Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		over <- err
	}()
	r.eventually("the carrier has the request", func() bool { return r.sim.Faults()[0].Hits > 0 })
	leave()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("the client heard %v", err)
	}
	var got map[string]any
	r.eventually("the request is recorded", func() bool { // well before the carrier answers
		for _, record := range r.log.records() {
			if record["rule"] == ruleClientGone {
				got = record
			}
		}
		return got != nil
	})
	if got["status"] != float64(statusClientGone) {
		t.Errorf("%v", got)
	}
	must(t, r.sim.SetFaults())
	if a := r.do(r.client("checkout"), "GET", trackPath, "", "transId", "1", "transactionSrc", "shop"); a.status != 200 {
		t.Errorf("the next request: %d %s", a.status, a.body)
	}
}
