//go:build integration

package gateway

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// throttledRig has limits and signals of several carriers' kinds.
func throttledRig(t *testing.T, options ...func(*rig)) *rig {
	return newRig(t, append([]func(*rig){func(r *rig) {
		r.config.Operations[1].Response = nil // faults of all formats pass
		r.config.Limits = []config.Limit{{Name: "tracking", Carrier: true, Operations: []string{"track"}, Requests: 100_000, WindowSeconds: 86400}}
		r.config.Throttling = []config.ThrottleSignal{
			{Name: "slm", Status: 500, BodyContains: "rejected by SLM Monitor", Until: config.ThrottleUntilFixed, WaitSeconds: 60},
			{Name: "daily", Status: 429, BodyContains: "after 12:00AM GMT", Until: config.ThrottleUntilMidnightUTC, WaitSeconds: 60},
			{Name: "account", Status: 403, Until: config.ThrottleUntilHeader, WaitSeconds: 600, Operations: []string{"rate"}},
		}
	}}, options...)...)
}

func TestTheCarriersWordIsKept(t *testing.T) {
	midnight := func() int {
		return int(time.Until(time.Now().UTC().Truncate(24*time.Hour).Add(24*time.Hour)).Seconds()) + 1
	}
	fixed := func(n int) func() int { return func() int { return n } }
	tests := map[string]struct {
		fault carriersim.Fault
		wait  func() int // seconds; 0: nothing waits
		rate  bool       // rate waits, instead of track
	}{
		"429 with Retry-After":                     {carriersim.Fault{Status: 429, Header: map[string]string{"Retry-After": "120"}}, fixed(120), false},
		"429 with x-retry-after":                   {carriersim.Fault{Status: 429, Header: map[string]string{"x-retry-after": "90"}}, fixed(90), false},
		"429 with a draft's header":                {carriersim.Fault{Status: 429, Header: map[string]string{"RateLimit": `"t";r=0;t=45`}}, fixed(45), false},
		"UPS's bare 429":                           {carriersim.Fault{Status: 429}, fixed(60), false},
		"FedEx's daily quota":                      {carriersim.Fault{Status: 429, Body: carriersim.FaultText, Text: `{"errors":[{"message":"Quota exceeded. Retry After 12:00AM GMT"}]}`}, midnight, false},
		"Canada Post's fault":                      {carriersim.Fault{Status: 500, Body: carriersim.FaultText, Text: "<Fault>Rejected by SLM Monitor</Fault>"}, fixed(60), false},
		"another fault":                            {carriersim.Fault{Status: 500, Body: carriersim.FaultText, Text: "<Fault>broken</Fault>"}, fixed(0), false},
		"503 with Retry-After":                     {carriersim.Fault{Status: 503, Header: map[string]string{"Retry-After": "30"}}, fixed(30), false},
		"503 alone":                                {carriersim.Fault{Status: 503}, fixed(0), false},
		"a signal that names operations":           {carriersim.Fault{Status: 403}, fixed(600), true},
		"a lie: a year":                            {carriersim.Fault{Status: 429, Header: map[string]string{"Retry-After": "31536000"}}, fixed(86400), false},
		"a lie: an exponent":                       {carriersim.Fault{Status: 429, Header: map[string]string{"Retry-After": "1e99"}}, fixed(60), false},
		"a lie: zero":                              {carriersim.Fault{Status: 429, Header: map[string]string{"Retry-After": "0"}}, fixed(60), false},
		"a lie: the past":                          {carriersim.Fault{Status: 429, Header: map[string]string{"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}}, fixed(60), false},
		"the text after four kibibytes is not met": {carriersim.Fault{Status: 500, Body: carriersim.FaultText, Text: strings.Repeat(" ", peekBytes) + "Rejected by SLM Monitor"}, fixed(0), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := throttledRig(t)
			tc.fault.Path = "/api/*"
			must(t, r.sim.SetFaults(tc.fault))
			first := r.track()
			if first.status != tc.fault.Status || first.header.Get(originHeader) != "carrier" || tc.fault.Text != "" && first.body != tc.fault.Text {
				t.Fatalf("the carrier's own answer does not pass as it is: %d %v %.80q", first.status, first.header, first.body)
			}
			must(t, r.sim.SetFaults())
			want := tc.wait()
			track := func() answer { r.sim.ClearReceived(); return r.track() }
			rate := func() answer { r.sim.ClearReceived(); return r.do(r.client("checkout"), "POST", ratePath, rateBody()) }
			waiting, other := track, rate
			if tc.rate {
				waiting, other = rate, track
			}
			if a := other(); a.status != 200 {
				t.Errorf("an operation that shares no limit: %d %s", a.status, a.body)
			}
			a := waiting()
			if want == 0 {
				if a.status != 200 {
					t.Errorf("answer %d %s, want it to pass", a.status, a.body)
				}
				return
			}
			r.wantProblem(a, 429, ruleThrottled)
			after := a.header.Get("Retry-After")
			if after != fmt.Sprint(want) && after != fmt.Sprint(want-1) || !strings.HasSuffix(a.header.Get(headerRateLimit), ";r=0;t="+after) ||
				a.header.Get(headerRateLimitPolicy) == "" {
				t.Errorf("header %v, want a wait of %d s", a.header, want)
			}
		})
	}
}

func TestNothingLeftClosesAfterASuccess(t *testing.T) {
	r := throttledRig(t)
	must(t, r.sim.SetFaults(carriersim.Fault{Path: "/api/*", Status: 200, Body: carriersim.FaultText, Text: "{}", ContentType: "application/json",
		Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}}))
	if a := r.track(); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	r.sim.ClearReceived()
	r.wantProblem(r.track(), 429, ruleThrottled)
	r.eventually("it is counted and logged once", func() bool {
		return strings.Count(r.log.String(), "the carrier says that a limit is used up") == 1 &&
			strings.Contains(r.metricsText(), `carrier_gateway_carrier_throttled_total{operation="track",signal="remaining-0"} 1`)
	})
}

func (r *rig) metricsText() string {
	r.Helper()
	res, err := http.Get("http://" + r.gateway.health.Addr().String() + "/metrics")
	must(r, err)
	defer res.Body.Close()
	var b strings.Builder
	must(r, res.Write(&b))
	return b.String()
}

func TestCountsAndClosuresSurviveARestart(t *testing.T) {
	r := throttledRig(t, func(r *rig) {
		r.config.Limits[0].Requests = 3
		r.config.Limits = append(r.config.Limits, config.Limit{Name: "rates", Carrier: true, Operations: []string{"rate"}, Requests: 1000, WindowSeconds: 3600})
	})
	for range 3 {
		if a := r.track(); a.status != 200 {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	must(t, r.sim.SetFaults(carriersim.Fault{Path: "/api/*", Status: 429, Header: map[string]string{"Retry-After": "500"}, Count: 1}))
	client := r.client("checkout")
	r.do(client, "POST", ratePath, rateBody())
	r.stop()
	r.start()
	r.sim.ClearReceived()
	r.wantProblem(r.track(), 429, ruleLimit)
	r.wantProblem(r.do(r.client("checkout"), "POST", ratePath, rateBody()), 429, ruleThrottled)
	status := r.gateway.status(make([]byte, 16))
	if len(status.Usage) != 2 || status.Usage[1].Slots[0].Count != 3 || status.Usage[0].ClosedUntil < time.Now().Unix()+400 {
		t.Errorf("usage in the status: %+v", status.Usage)
	}
}

func TestANewPodKnowsWhatTheOldOnesCounted(t *testing.T) {
	slot := time.Now().Unix() / 1440 * 1440
	r := throttledRig(t, func(r *rig) {
		r.config.Replicas, r.config.Limits[0].Requests = 2, 10
		r.paths.UsageFile = filepath.Join(t.TempDir(), "usage.json")
		must(t, os.WriteFile(r.paths.UsageFile, fmt.Appendf(nil, `[{"limit":"tracking","requests":10,"windowSeconds":86400,"slots":[{"start":%d,"count":6}]}]`, slot), 0o600))
	})
	for i := range 2 { // its part is 5, of which 3 are used up
		if a := r.track(); a.status != 200 {
			t.Fatalf("request %d: %d %s", i, a.status, a.body)
		}
	}
	r.sim.ClearReceived()
	r.wantProblem(r.track(), 429, ruleLimit)
}

func TestABrokenRecordOfUseKeepsNobodyFromStarting(t *testing.T) {
	r := throttledRig(t, func(r *rig) {
		r.paths.UsageFile = filepath.Join(t.TempDir(), "usage.json")
		must(t, os.WriteFile(r.paths.UsageFile, []byte("{"), 0o600))
	})
	if a := r.track(); a.status != 200 {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	if !strings.Contains(r.log.String(), "they begin anew") {
		t.Error("it is not told")
	}
}
