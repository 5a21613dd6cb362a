package carriersim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

const (
	upsID, upsSecret     = "ups-client", "ups-secret-1"
	fedexID, fedexSecret = "fedex-client", "fedex-secret-1"
)

var startTime = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// startSim runs a server with a fake clock and an account at UPS and FedEx.
func startSim(t *testing.T, change ...func(*Options)) (*Server, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(startTime)
	opts := Options{Clock: clock, Accounts: []Account{
		{Carrier: UPS, ID: upsID, Secret: upsSecret, MerchantID: "123456"},
		{Carrier: FedEx, ID: fedexID, Secret: fedexSecret},
		{Carrier: APIKey, ID: "key-user", Secret: "key-1"},
		{Carrier: Basic, ID: "basic-user", Secret: "basic-1"},
	}}
	for _, c := range change {
		c(&opts)
	}
	return Start(t, opts), clock
}

// answer is a response read in full, as it came.
type answer struct {
	*http.Response
	body []byte
}

// send makes a request without transparent decompression; headers are name, value pairs.
func send(t *testing.T, s *Server, method, target, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header[http.CanonicalHeaderKey(headers[i])] = []string{headers[i+1]}
	}
	client := s.Client()
	client.Transport.(*http.Transport).DisableCompression = true
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read answer: %v", method, target, err)
	}
	return answer{resp, data}
}

// json decodes the answer, gzip undone, and fails on another status.
func (a answer) json(t *testing.T, status int) obj {
	t.Helper()
	body := a.body
	if a.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, body)
	}
	var out obj
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("answer is not JSON: %v: %.200s", err, body)
	}
	return out
}

// at walks a decoded answer: strings are keys, ints are positions.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := v.(obj)
			v = m[key]
		case int:
			l, _ := v.([]any)
			if key >= len(l) {
				t.Fatalf("no element %d in %v", key, path)
			}
			v = l[key]
		}
	}
	return v
}

func expect(t *testing.T, v any, want any, path ...any) {
	t.Helper()
	if got := at(t, v, path...); got != want {
		t.Errorf("%v = %v (%T), want %v (%T)", path, got, got, want, want)
	}
}

func basic(id, secret string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return r.Header.Get("Authorization")
}

const formType = "application/x-www-form-urlencoded"

func upsTokenCall(t *testing.T, s *Server, id, secret string, headers ...string) answer {
	t.Helper()
	return send(t, s, "POST", "https://"+HostUPS+"/security/v1/oauth/token", "grant_type=client_credentials",
		append([]string{"Content-Type", formType, "Authorization", basic(id, secret)}, headers...)...)
}

func fedexTokenCall(t *testing.T, s *Server, id, secret string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	return send(t, s, "POST", "https://"+HostFedEx+"/oauth/token", form.Encode(), "Content-Type", formType)
}

func upsToken(t *testing.T, s *Server) string {
	t.Helper()
	return "Bearer " + upsTokenCall(t, s, upsID, upsSecret).json(t, 200)["access_token"].(string)
}

func fedexToken(t *testing.T, s *Server) string {
	t.Helper()
	return "Bearer " + fedexTokenCall(t, s, fedexID, fedexSecret).json(t, 200)["access_token"].(string)
}

const upsRateBody = `{"RateRequest":{"Request":{"TransactionReference":{"CustomerContext":"ctx-1"}},"Shipment":{
 "Shipper":{"Address":{"PostalCode":"21093","CountryCode":"US"}},
 "ShipTo":{"Address":{"PostalCode":"30005","CountryCode":"US"}},
 "Service":{"Code":"03"},
 "Package":[{"PackageWeight":{"UnitOfMeasurement":{"Code":"LBS"},"Weight":"10"}}]}}}`

const upsShipBody = `{"ShipmentRequest":{"Request":{},"Shipment":{
 "Shipper":{"Name":"Shop","ShipperNumber":"A1B2C3","Address":{"AddressLine":["1 Mill Road"],"City":"Timonium","PostalCode":"21093","CountryCode":"US"}},
 "ShipTo":{"Name":"RECIPIENT SEVEN","Phone":{"Number":"5550107"},"Address":{"AddressLine":"7 Oak Street","City":"Alpharetta","StateProvinceCode":"GA","PostalCode":"30005","CountryCode":"US"}},
 "Service":{"Code":"03"},
 "Package":{"PackageWeight":{"UnitOfMeasurement":{"Code":"KGS"},"Weight":"2"}}},
 "LabelSpecification":{"LabelImageFormat":{"Code":"ZPL"}}}}`

const upsRateURL = "https://" + HostUPS + "/api/rating/v2409/Rate"

func upsRate(t *testing.T, s *Server, authorization string) answer {
	t.Helper()
	return send(t, s, "POST", upsRateURL, upsRateBody, "Content-Type", "application/json", "Authorization", authorization)
}
