//go:build integration

package gateway

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestFieldsPassForAStatedPurpose(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.Operations[0].Consents = []config.Consent{
			{Purpose: "delivery-notice", Allow: []string{"$.RateRequest.Shipment.ShipTo.Phone"}},
			{Purpose: "age-check", Allow: []string{"$.RateRequest.Shipment.ShipTo.Name"}},
		}
	})
	client := r.client("checkout")
	tests := map[string]struct {
		path        string
		purposes    []string
		status      int
		rule        string
		phone, name bool
	}{
		"no purpose":                    {ratePath, nil, 200, "", false, false},
		"one purpose":                   {ratePath, []string{"delivery-notice"}, 200, "", true, false},
		"the other purpose":             {ratePath, []string{"age-check"}, 200, "", false, true},
		"both, in one header":           {ratePath, []string{"age-check, delivery-notice"}, 200, "", true, true},
		"both, in two headers":          {ratePath, []string{"age-check", "delivery-notice"}, 200, "", true, true},
		"one purpose twice":             {ratePath, []string{"age-check,age-check"}, 200, "", false, true},
		"an unknown purpose":            {ratePath, []string{"marketing"}, 400, rulePurposeUnknown, false, false},
		"an unknown one beside another": {ratePath, []string{"age-check, marketing"}, 400, rulePurposeUnknown, false, false},
		"an empty purpose":              {ratePath, []string{""}, 400, rulePurposeUnknown, false, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var header []string
			for _, p := range tc.purposes {
				header = append(header, config.PurposeHeader, p)
			}
			r.sim.ClearReceived()
			got := r.do(client, "POST", tc.path, rateBody(), header...)
			if got.status != tc.status || got.rule() != tc.rule {
				t.Fatalf("status %d rule %q, want %d %q: %s", got.status, got.rule(), tc.status, tc.rule, got.body)
			}
			sent := ""
			for _, request := range r.sim.Received() {
				if strings.HasPrefix(request.Path, ratePath) {
					sent = string(request.Body)
					if request.Header.Get(config.PurposeHeader) != "" {
						t.Error("the carrier got the purpose")
					}
				}
			}
			if diff := cmp.Diff([]bool{tc.phone, tc.name}, []bool{strings.Contains(sent, plantedPhone), strings.Contains(sent, plantedName)}); diff != "" {
				t.Errorf("the carrier got phone and name (-want +got):\n%s\n%s", diff, sent)
			}
		})
	}
	r.stop() // which writes all records
	if !strings.Contains(r.log.String(), `"purposes":["age-check","delivery-notice"]`) {
		t.Error("the stated purposes are not recorded")
	}
}
