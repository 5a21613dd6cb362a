package carriersim

import (
	"bytes"
	"encoding/base64"
	"image/gif"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestUPSTokenHasNumbersAsStrings(t *testing.T) {
	s, _ := startSim(t)
	got := upsTokenCall(t, s, upsID, upsSecret, "x-merchant-id", "123456").json(t, 200)
	expect(t, got, "14399", "expires_in")
	expect(t, got, strconv.FormatInt(startTime.UnixMilli(), 10), "issued_at")
	expect(t, got, "Bearer", "token_type")
	expect(t, got, "approved", "status")
	if n := len(got["access_token"].(string)); n < 500 {
		t.Errorf("token has %d characters, want one as long as a real one", n)
	}
	if n := s.Stats().TokensIssued[UPS]; n != 1 {
		t.Errorf("%d tokens issued, want 1", n)
	}
}

func TestUPSTokenRefusals(t *testing.T) {
	s, _ := startSim(t)
	good := basic(upsID, upsSecret)
	for name, c := range map[string]struct {
		body, auth, merchant string
		status               int
		code                 string
	}{
		"credentials in the form": {"grant_type=client_credentials&client_id=" + upsID + "&client_secret=" + upsSecret, "", "", 400, "10400"},
		"no grant type":           {"scope=x", good, "", 400, "10400"},
		"password grant":          {"grant_type=password", good, "", 400, "10400"},
		"unknown client":          {"grant_type=client_credentials", basic("nobody", upsSecret), "", 401, "10401"},
		"wrong secret":            {"grant_type=client_credentials", basic(upsID, "guess"), "", 401, "10401"},
		"other merchant":          {"grant_type=client_credentials", good, "654321", 403, "10403"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Content-Type", formType}
			if c.auth != "" {
				headers = append(headers, "Authorization", c.auth)
			}
			if c.merchant != "" {
				headers = append(headers, "x-merchant-id", c.merchant)
			}
			got := send(t, s, "POST", "https://"+HostUPS+"/security/v1/oauth/token", c.body, headers...).json(t, c.status)
			expect(t, got, c.code, "response", "errors", 0, "code")
		})
	}
}

func TestUPSTokenCalledTooOftenIs429WithoutHeadersUntilTheMinuteIsOver(t *testing.T) {
	s, clock := startSim(t, func(o *Options) { o.Settings.UPSTokenRequestsPerMinute = 2 })
	for range 2 {
		upsToken(t, s)
	}
	refused := upsTokenCall(t, s, upsID, upsSecret)
	expect(t, refused.json(t, 429), "10429", "response", "errors", 0, "code")
	if v := refused.Header.Get("Retry-After"); v != "" {
		t.Errorf("Retry-After %q, UPS sends none", v)
	}
	clock.Step(time.Minute)
	upsToken(t, s)
}

func TestUPSTokenThatIsUnknownExpiredOrRevokedIs401(t *testing.T) {
	s, clock := startSim(t)
	refused := func(authorization string) {
		t.Helper()
		expect(t, upsRate(t, s, authorization).json(t, 401), "250002", "response", "errors", 0, "code")
	}
	refused("Bearer made-up")
	refused(basic(upsID, upsSecret))
	refused(fedexToken(t, s))

	token := upsToken(t, s)
	clock.Step(14398 * time.Second)
	upsRate(t, s, token).json(t, 200)
	clock.Step(time.Second)
	refused(token)

	token = upsToken(t, s)
	upsRate(t, s, token).json(t, 200)
	if n := s.RevokeTokens(UPS, upsID); n != 1 {
		t.Errorf("%d tokens revoked, want 1 (the expired one is gone)", n)
	}
	refused(token)
}

func TestUPSPriceFollowsFromTheRequest(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	base := Quote{"US", "21093", "US", "30005", grams(10, "LBS"), "03"}
	for name, c := range map[string]struct {
		old, new string
		want     func(q *Quote)
	}{
		"as it is":          {"", "", func(*Quote) {}},
		"another place":     {"30005", "94105", func(q *Quote) { q.ToPostalCode = "94105" }},
		"heavier":           {`"10"`, `"25"`, func(q *Quote) { q.Grams = grams(25, "LBS") }},
		"weight as number":  {`"10"`, `12.5`, func(q *Quote) { q.Grams = grams(12.5, "LBS") }},
		"kilograms":         {"LBS", "KGS", func(q *Quote) { q.Grams = 10_000 }},
		"next day":          {`"03"`, `"01"`, func(q *Quote) { q.Service = "01" }},
		"ship from another": {`"Service"`, `"ShipFrom":{"Address":{"PostalCode":"10001","CountryCode":"US"}},"Service"`, func(q *Quote) { q.FromPostalCode = "10001" }},
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			c.want(&want)
			body := upsRateBody
			if c.old != "" {
				body = strings.ReplaceAll(body, c.old, c.new)
			}
			got := send(t, s, "POST", upsRateURL, body, "Authorization", token).json(t, 200)
			rated := at(t, got, "RateResponse", "RatedShipment", 0)
			expect(t, rated, want.Amount(), "TotalCharges", "MonetaryValue")
			expect(t, rated, want.Service, "Service", "Code")
			expect(t, got, "ctx-1", "RateResponse", "Response", "TransactionReference", "CustomerContext")
			if c.old != "" && want.Cents() == base.Cents() {
				t.Errorf("the price did not change with the request")
			}
		})
	}
}

func TestUPSRateRefusesWhatItCannotPrice(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	for name, c := range map[string]struct{ old, new, message string }{
		"no JSON":         {`{"RateRequest"`, `{"RateRequest`, "not well formed"},
		"no postal code":  {`"30005"`, `""`, "ShipTo/Address/PostalCode"},
		"no country":      {`"PostalCode":"21093","CountryCode":"US"`, `"PostalCode":"21093"`, "Shipper/Address/CountryCode"},
		"no weight":       {`"Weight":"10"`, `"Weight":"0"`, "PackageWeight"},
		"unknown service": {`"03"`, `"99"`, "service"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, s, "POST", upsRateURL, strings.ReplaceAll(upsRateBody, c.old, c.new), "Authorization", token).json(t, 400)
			if m := at(t, got, "response", "errors", 0, "message").(string); !strings.Contains(m, c.message) {
				t.Errorf("message %q does not name %q", m, c.message)
			}
		})
	}
	got := send(t, s, "POST", "https://"+HostUPS+"/api/rating/v2409/Shop", upsRateBody, "Authorization", token).json(t, 200)
	if n := len(at(t, got, "RateResponse", "RatedShipment").([]any)); n != 4 {
		t.Errorf("Shop returned %d services, want 4", n)
	}
	expect(t, send(t, s, "GET", "https://"+HostUPS+"/api/none", "", "Authorization", token).json(t, 404), "10404", "response", "errors", 0, "code")
}

func TestUPSShipTrackVoid(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	shipURL := "https://" + HostUPSSandbox + "/api/shipments/v2409/ship"
	got := send(t, s, "POST", shipURL, upsShipBody, "Authorization", token).json(t, 200)
	results := at(t, got, "ShipmentResponse", "ShipmentResults")
	id := at(t, results, "ShipmentIdentificationNumber").(string)
	if !upsTrackable.MatchString(id) || !strings.HasPrefix(id, "1ZA1B2C303") {
		t.Errorf("shipment number %q is no 1Z number of the shipper", id)
	}
	expect(t, results, Quote{"US", "21093", "US", "30005", 2000, "03"}.Amount(), "ShipmentCharges", "TotalCharges", "MonetaryValue")
	zpl := decode64(t, at(t, results, "PackageResults", 0, "ShippingLabel", "GraphicImage"))
	if !strings.HasPrefix(zpl, "^XA") || !strings.Contains(zpl, "RECIPIENT SEVEN") || !strings.Contains(zpl, "7 Oak Street") {
		t.Errorf("the ZPL label does not show the recipient in clear text:\n%s", zpl)
	}

	got = send(t, s, "POST", shipURL, strings.ReplaceAll(upsShipBody, "ZPL", "GIF"), "Authorization", token).json(t, 200)
	picture := decode64(t, at(t, got, "ShipmentResponse", "ShipmentResults", "PackageResults", 0, "ShippingLabel", "GraphicImage"))
	if _, err := gif.Decode(bytes.NewReader([]byte(picture))); err != nil {
		t.Errorf("the GIF label is no GIF: %v", err)
	}
	got = send(t, s, "POST", shipURL, strings.ReplaceAll(upsShipBody, "RECIPIENT SEVEN", ""), "Authorization", token).json(t, 400)
	expect(t, got, "Missing/Illegal ShipTo/Name", "response", "errors", 0, "message")

	trackURL := "https://" + HostUPS + "/api/track/v1/details/" + id
	got = send(t, s, "GET", trackURL, "", "Authorization", token, "transId", "t1", "transactionSrc", "test").json(t, 200)
	expect(t, got, "RECIPIENT SEVEN", "trackResponse", "shipment", 0, "package", 0, "packageAddress", 1, "name")

	voidURL := "https://" + HostUPS + "/api/shipments/v2409/void/cancel/"
	expect(t, send(t, s, "DELETE", voidURL+id, "", "Authorization", token).json(t, 200), "Voided",
		"VoidShipmentResponse", "SummaryResult", "Status", "Description")
	expect(t, send(t, s, "DELETE", voidURL+id, "", "Authorization", token).json(t, 400), "190117", "response", "errors", 0, "code")
	expect(t, send(t, s, "DELETE", voidURL+"1Z0", "", "Authorization", token).json(t, 400), "190102", "response", "errors", 0, "code")
}

func TestUPSNumberHasThePublishedCheckDigit(t *testing.T) {
	// 1Z5R89390357567127 is the number that carriers' documentation and parcel libraries use as an example.
	if got := upsNumber("5R8939", "03", 5756712); got != "1Z5R89390357567127" {
		t.Errorf("upsNumber = %s", got)
	}
}

func TestUPSTrackNeedsItsHeadersAndSignsUnlessForbidden(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	url := "https://" + HostUPS + "/api/track/v1/details/1Z5R89390357567127"
	for _, headers := range [][]string{{}, {"transId", "t1"}, {"transactionSrc", "test"}} {
		send(t, s, "GET", url, "", append([]string{"Authorization", token}, headers...)...).json(t, 400)
	}
	headers := []string{"Authorization", token, "transId", "t1", "transactionSrc", "test"}
	for query, want := range map[string]struct{ signature, pod bool }{
		"":                                       {true, false},
		"?returnSignature=true&returnPOD=true":   {true, true},
		"?returnSignature=false&returnPOD=false": {false, false},
	} {
		got := send(t, s, "GET", url+query, "", headers...).json(t, 200)
		info := at(t, got, "trackResponse", "shipment", 0, "package", 0, "deliveryInformation")
		if (at(t, info, "signature") != nil) != want.signature || (at(t, info, "pod") != nil) != want.pod {
			t.Errorf("%q: delivery information %v, want %+v", query, info, want)
		}
		if at(t, info, "receivedBy") == nil || at(t, info, "deliveryPhoto", "photo") == nil {
			t.Errorf("%q: receivedBy and deliveryPhoto must always come, for a gateway to remove", query)
		}
	}
	expect(t, send(t, s, "GET", "https://"+HostUPS+"/api/track/v1/details/12345678", "", headers...).json(t, 404),
		"TW0001", "response", "errors", 0, "code")
}

func decode64(t *testing.T, v any) string {
	t.Helper()
	text, _ := v.(string)
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(out) == 0 {
		t.Fatalf("not base64: %v", v)
	}
	return string(out)
}
