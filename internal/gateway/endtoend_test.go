//go:build integration

package gateway

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

func TestRateReachesTheCarrierMinimizedAndAuthenticated(t *testing.T) {
	r := newRig(t)
	a := r.do(r.client("checkout"), "POST", ratePath, rateBody(),
		"Authorization", "Bearer stolen", "Cookie", "a=b", "X-Forwarded-For", "1.2.3.4", "X-Api-Key", "mine", "transId", "t-1",
		"Host", "169.254.169.254", "Accept", "application/json", "User-Agent", "shop/1.0", "X-Forwarded-Host", "evil")
	if a.status != 200 || a.header.Get(originHeader) != "carrier" || !strings.Contains(a.body, "RateResponse") {
		t.Fatalf("answer %d %v %s", a.status, a.header, a.body)
	}
	got := r.sim.Received(carriersim.Filter{Operation: "rate"})
	if len(got) != 1 {
		t.Fatalf("the carrier received %d rate requests, want 1", len(got))
	}
	var body any
	must(t, json.Unmarshal(got[0].Body, &body))
	want := map[string]any{"RateRequest": map[string]any{
		"Request": map[string]any{"TransactionReference": map[string]any{"CustomerContext": "1"}},
		"Shipment": map[string]any{
			"Shipper": map[string]any{"Address": map[string]any{"PostalCode": "10115", "CountryCode": "DE"}},
			"ShipTo":  map[string]any{"Address": map[string]any{"PostalCode": "75001", "CountryCode": "FR"}},
			"Service": map[string]any{"Code": "03"},
			"Package": []any{map[string]any{"PackageWeight": map[string]any{"UnitOfMeasurement": map[string]any{"Code": "KGS"}, "Weight": "1.50"}}},
		}}}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("body at the carrier (-want +got):\n%s", diff)
	}
	h := got[0].Header.Clone()
	if token := h.Get("Authorization"); !strings.HasPrefix(token, "Bearer ") || token == "Bearer stolen" {
		t.Errorf("Authorization at the carrier is not the gateway's token")
	}
	for _, name := range []string{"Authorization", "Content-Length"} {
		h.Del(name)
	}
	wantHeader := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "Content-Type": {"application/json"},
		"Transid": {"t-1"}, "User-Agent": {"carrier-operator-gateway"}}
	if diff := cmp.Diff(wantHeader, h); diff != "" {
		t.Errorf("header at the carrier (-want +got):\n%s", diff)
	}
	if got[0].Host != "onlinetools.ups.com" || got[0].ServerName != "onlinetools.ups.com" {
		t.Errorf("host %q, SNI %q", got[0].Host, got[0].ServerName)
	}
}

func TestTrackHasItsQueryForcedAndItsAnswerMinimized(t *testing.T) {
	r := newRig(t)
	a := r.do(r.client("returns"), "GET", "/api/track/v1/details/1Z999AA10123456784?locale=en_US&email=a%40b.example&returnSignature=true", "",
		"transId", "1", "transactionSrc", "shop")
	if a.status != 200 || !strings.Contains(a.body, "deliveryPhoto") || strings.Contains(a.body, "receivedBy") {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	got := r.sim.Received(carriersim.Filter{Operation: "track"})
	if len(got) != 1 {
		t.Fatalf("%d track requests, want 1", len(got))
	}
	if diff := cmp.Diff(map[string][]string{"locale": {"en_US"}, "returnSignature": {"false"}}, map[string][]string(got[0].Query)); diff != "" {
		t.Errorf("query at the carrier (-want +got):\n%s", diff)
	}
}

func TestOneTokenServesManyRequests(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	for range 5 {
		if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	if n := r.sim.Stats().TokensIssued[carriersim.UPS]; n != 1 {
		t.Errorf("%d tokens were issued, want 1", n)
	}
}

func TestStatusProvesWhatIsServedToTheOperatorOnly(t *testing.T) {
	r := newRig(t)
	r.ready()
	nonce := strings.Repeat("ab", 16)
	ask := func(c *http.Client, nonce string) (int, config.Status) {
		res, err := c.Get("https://" + r.gateway.admin.Addr().String() + config.StatusPath + "?nonce=" + nonce)
		must(t, err)
		defer res.Body.Close()
		var s config.Status
		data, _ := io.ReadAll(res.Body)
		_ = json.Unmarshal(data, &s)
		return res.StatusCode, s
	}
	manager := r.clientWith(r.ca.issue(t, config.ManagerURI("shop", "ups")))
	code, status := ask(manager, nonce)
	key, _ := hex.DecodeString(nonce)
	want := config.Status{Revision: "1", ServerCertificate: r.gateway.reloader.current().server.fingerprint,
		Credentials: []config.CredentialProof{{Name: "main", Proof: config.CredentialProofOf(key, map[string][]byte{
			"clientID": []byte("shop"), "clientSecret": []byte(plantedSecret)})}}}
	if diff := cmp.Diff(want, status); code != 200 || diff != "" {
		t.Errorf("status %d (-want +got):\n%s", code, diff)
	}
	for name, c := range map[string]*http.Client{"a client": r.client("checkout"),
		"another integration's manager": r.clientWith(r.ca.issue(t, config.ManagerURI("shop", "fedex")))} {
		if code, _ := ask(c, nonce); code != 403 {
			t.Errorf("%s got %d, want 403", name, code)
		}
	}
	if code, _ := ask(manager, "zz"); code != 400 {
		t.Errorf("a bad nonce got %d, want 400", code)
	}
}
