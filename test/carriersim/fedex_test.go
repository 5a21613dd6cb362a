package carriersim

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

const fedexRateBody = `{"accountNumber":{"value":"740561073"},"requestedShipment":{
 "shipper":{"address":{"postalCode":"38116","countryCode":"US"}},
 "recipient":{"address":{"postalCode":"94105","countryCode":"US"}},
 "pickupType":"USE_SCHEDULED_PICKUP","requestedPackageLineItems":[{"weight":{"units":"LB","value":5}}]}}`

const fedexShipBody = `{"accountNumber":{"value":"740561073"},"labelResponseOptions":"LABEL","requestedShipment":{
 "shipper":{"contact":{"companyName":"Shop","phoneNumber":"5550100"},"address":{"streetLines":["1 Mill Road"],"city":"Memphis","postalCode":"38116","countryCode":"US"}},
 "recipients":[{"contact":{"personName":"RECIPIENT EIGHT","phoneNumber":"5550108"},"address":{"streetLines":["8 Oak Street"],"city":"San Francisco","stateOrProvinceCode":"CA","postalCode":"94105","countryCode":"US"}}],
 "serviceType":"FEDEX_GROUND","labelSpecification":{"imageType":"ZPLII"},"requestedPackageLineItems":[{"weight":{"units":"KG","value":1.5}}]}}`

func TestFedExTokenTakesTheFormAndAnswersGzipWithANumber(t *testing.T) {
	s, _ := startSim(t)
	a := fedexTokenCall(t, s, fedexID, fedexSecret)
	if enc := a.Header.Get("Content-Encoding"); enc != "gzip" {
		t.Errorf("content encoding %q, want gzip though nobody asked", enc)
	}
	expect(t, a.json(t, 200), 3600.0, "expires_in")
	expect(t, a.json(t, 200), "bearer", "token_type")

	tokenURL := "https://" + HostFedEx + "/oauth/token"
	got := send(t, s, "POST", tokenURL, "grant_type=client_credentials", "Content-Type", formType, "Authorization", basic(fedexID, fedexSecret))
	expect(t, got.json(t, 401), "NOT.AUTHORIZED.ERROR", "errors", 0, "code")
	expect(t, fedexTokenCall(t, s, fedexID, "guess").json(t, 401), "NOT.AUTHORIZED.ERROR", "errors", 0, "code")
	form := url.Values{"client_id": {fedexID}, "client_secret": {fedexSecret}}
	expect(t, send(t, s, "POST", tokenURL, form.Encode(), "Content-Type", formType).json(t, 400), "BAD.REQUEST.ERROR", "errors", 0, "code")
}

func TestFedExPenaltyBoxOverTLS(t *testing.T) {
	s, clock := startSim(t)
	for range penaltyBurst - 1 {
		fedexToken(t, s)
		clock.Step(100 * time.Millisecond)
	}
	expect(t, fedexTokenCall(t, s, fedexID, fedexSecret).json(t, 403), "FORBIDDEN.ERROR", "errors", 0, "code")
	clock.Step(penaltyTime - time.Second)
	fedexTokenCall(t, s, fedexID, fedexSecret).json(t, 403)
	clock.Step(time.Second)
	fedexToken(t, s)
	if n := s.Stats().Requests["fedex.token"][403]; n != 2 {
		t.Errorf("%d refusals counted, want 2", n)
	}
}

func TestPenaltyBoxRules(t *testing.T) {
	type burst struct {
		hits  int
		every time.Duration
	}
	for name, c := range map[string]struct {
		bursts  []burst
		then    time.Duration
		refused bool
	}{
		"14 at once are let through":                {[]burst{{14, 0}}, 0, false},
		"3 a second for 5 s are boxed":              {[]burst{{15, time.Second / 3}}, 0, true},
		"2 a second for 5 s are not":                {[]burst{{10, time.Second / 2}}, 0, false},
		"1 a second for 2 min is boxed":             {[]burst{{120, time.Second}}, 0, true},
		"1 in 2 s for 4 min is not":                 {[]burst{{120, 2 * time.Second}}, 0, false},
		"free again after 10 min":                   {[]burst{{15, 0}}, 10 * time.Minute, false},
		"not before":                                {[]burst{{15, 0}}, 10*time.Minute - time.Second, true},
		"going on in the box extends it":            {[]burst{{15, 0}, {600, time.Second}}, 9 * time.Minute, true},
		"a single try in the box does not":          {[]burst{{15, 0}, {1, 9 * time.Minute}}, time.Minute, false},
		"the extension too ends 10 min after quiet": {[]burst{{15, 0}, {600, time.Second}}, 10 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			var p penaltyBox
			now := startTime
			for _, b := range c.bursts {
				for range b.hits {
					now = now.Add(b.every)
					p.hit("192.0.2.1", now)
				}
			}
			if got := now.Add(c.then).Before(p.until["192.0.2.1"]); got != c.refused {
				t.Errorf("refused %v after %s, want %v", got, c.then, c.refused)
			}
			if p.hit("192.0.2.2", now.Add(c.then)) {
				t.Error("another address is boxed as well")
			}
		})
	}
}

func TestFedExRateShipTrack(t *testing.T) {
	s, _ := startSim(t)
	token := fedexToken(t, s)
	call := func(path, body string) answer {
		t.Helper()
		return send(t, s, "POST", "https://"+HostFedEx+path, body, "Authorization", token, "x-customer-transaction-id", "order-1")
	}
	got := call("/rate/v1/rates/quotes", fedexRateBody).json(t, 200)
	q := Quote{"US", "38116", "US", "94105", grams(5, "LB"), "FEDEX_GROUND"}
	expect(t, got, "order-1", "customerTransactionId")
	expect(t, got, float64(q.Cents())/100, "output", "rateReplyDetails", 2, "ratedShipmentDetails", 0, "totalNetCharge")
	expect(t, call("/rate/v1/rates/quotes", strings.ReplaceAll(fedexRateBody, "94105", "")).json(t, 400),
		"recipient.address.postalCode is required. Please modify your request and try again.", "errors", 0, "message")

	for format, start := range map[string]string{"ZPLII": "^XA", "PDF": "%PDF", "PNG": "\x89PNG"} {
		got = call("/ship/v1/shipments", strings.ReplaceAll(fedexShipBody, "ZPLII", format)).json(t, 200)
		document := at(t, got, "output", "transactionShipments", 0, "pieceResponses", 0, "packageDocuments", 0, "encodedLabel")
		if text := decode64(t, document); !strings.HasPrefix(text, start) || format != "PNG" && !strings.Contains(text, "RECIPIENT EIGHT") {
			t.Errorf("the %s label starts with %.8q or lacks the recipient", format, text)
		}
	}
	number := at(t, got, "output", "transactionShipments", 0, "masterTrackingNumber").(string)
	expect(t, call("/ship/v1/shipments", strings.ReplaceAll(fedexShipBody, "5550108", "")).json(t, 400),
		"recipients.contact.phoneNumber is required. Please modify your request and try again.", "errors", 0, "message")

	got = call("/track/v1/trackingnumbers", `{"trackingInfo":[{"trackingNumberInfo":{"trackingNumber":"`+number+
		`"}},{"trackingNumberInfo":{"trackingNumber":"x"}}]}`).json(t, 200)
	first := at(t, got, "output", "completeTrackResults", 0, "trackResults", 0)
	expect(t, first, "RECIPIENT EIGHT", "deliveryDetails", "signedByName")
	expect(t, first, "8 Oak Street", "deliveryDetails", "actualDeliveryAddress", "streetLines", 0)
	expect(t, at(t, got, "output", "completeTrackResults", 1, "trackResults", 0), "TRACKING.TRACKINGNUMBER.NOTFOUND", "error", "code")
	expect(t, call("/none", "").json(t, 404), "NOT.FOUND.ERROR", "errors", 0, "code")
}

func TestFedExDailyQuotaEndsAtMidnightGMT(t *testing.T) {
	s, clock := startSim(t, func(o *Options) { o.Settings.FedExDailyQuota = 1; o.Settings.FedExTokenLifetimeSeconds = 100_000 })
	token := fedexToken(t, s)
	rate := func() answer {
		return send(t, s, "POST", "https://"+HostFedEx+"/rate/v1/rates/quotes", fedexRateBody, "Authorization", token)
	}
	rate().json(t, 200)
	refused := rate()
	message := at(t, refused.json(t, 429), "errors", 0, "message").(string)
	if !strings.Contains(message, "Retry after 12:00AM GMT") || refused.Header.Get("Retry-After") != "" {
		t.Errorf("message %q, Retry-After %q: want the text and no header", message, refused.Header.Get("Retry-After"))
	}
	clock.Step(14 * time.Hour) // 10:00 to midnight
	rate().json(t, 200)
}

func TestFedExTokenExpires(t *testing.T) {
	s, clock := startSim(t)
	token := fedexToken(t, s)
	clock.Step(time.Hour)
	got := send(t, s, "POST", "https://"+HostFedEx+"/rate/v1/rates/quotes", fedexRateBody, "Authorization", token).json(t, 401)
	expect(t, got, "NOT.AUTHORIZED.ERROR", "errors", 0, "code")
}

func TestFedExTrackNeedsItsOwnProject(t *testing.T) {
	s, _ := startSim(t, func(o *Options) {
		o.Accounts = []Account{{Carrier: FedEx, ID: fedexID, Secret: fedexSecret, Operations: []string{"rate", "ship"}}}
	})
	got := send(t, s, "POST", "https://"+HostFedEx+"/track/v1/trackingnumbers",
		`{"trackingInfo":[{"trackingNumberInfo":{"trackingNumber":"123456789012"}}]}`, "Authorization", fedexToken(t, s))
	expect(t, got.json(t, 403), "FORBIDDEN.ERROR", "errors", 0, "code")
}
