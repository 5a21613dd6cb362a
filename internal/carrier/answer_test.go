package carrier

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestTokenResponsesOfCarriers(t *testing.T) {
	paths := func(token, expiry, unit string) func(*config.TokenResponse) {
		return func(r *config.TokenResponse) { r.TokenPath, r.ExpiryPath, r.ExpiryUnit = token, expiry, unit }
	}
	xml := func(token, expiry, unit string) func(*config.TokenResponse) {
		return func(r *config.TokenResponse) {
			r.Format, r.TokenPath, r.ExpiryPath, r.ExpiryUnit = "XML", token, expiry, unit
		}
	}
	in := func(d time.Duration) string { return epoch.Add(d).Format(time.RFC3339) }
	tests := map[string]struct {
		change func(*config.TokenResponse)
		body   string
		life   time.Duration // 0: refused
	}{
		"camelCase, Teleship":      {paths("$.accessToken", "$.expiresIn", "Seconds"), `{"accessToken":"a","expiresIn":60}`, time.Minute},
		"nested":                   {paths("$.data['a.b']", "$.data.ttl", "Seconds"), `{"data":{"a.b":"a","ttl":"60"}}`, time.Minute},
		"milliseconds":             {paths("$.token", "$.ttl", "Milliseconds"), `{"token":"a","ttl":60000}`, time.Minute},
		"Unix seconds":             {paths("$.token", "$.exp", "UnixSeconds"), `{"token":"a","exp":` + unix(time.Hour) + `}`, time.Hour},
		"Unix seconds in a string": {paths("$.token", "$.exp", "UnixSeconds"), `{"token":"a","exp":"` + unix(time.Hour) + `"}`, time.Hour},
		"Unix milliseconds":        {paths("$.token", "$.exp", "UnixMilliseconds"), `{"token":"a","exp":` + unix(time.Hour) + `500}`, time.Hour + 500*time.Millisecond},
		"an instant":               {paths("$.token", "$.exp", "RFC3339"), `{"token":"a","exp":"` + in(time.Hour) + `"}`, time.Hour},
		"an instant without zone, the earliest counts": {paths("$.token", "$.exp", "RFC3339"),
			`{"token":"a","exp":"` + epoch.Add(24*time.Hour).UTC().Format("2006-01-02T15:04:05.000") + `"}`, 10 * time.Hour},
		"an instant that has passed":  {paths("$.token", "$.exp", "RFC3339"), `{"token":"a","exp":"` + in(-time.Hour) + `"}`, 5 * time.Minute},
		"Unix seconds that passed":    {paths("$.token", "$.exp", "UnixSeconds"), `{"token":"a","exp":1}`, 5 * time.Minute},
		"no instant":                  {paths("$.token", "$.exp", "RFC3339"), `{"token":"a","exp":"tomorrow"}`, 5 * time.Minute},
		"a month at most":             {paths("$.token", "$.exp", "RFC3339"), `{"token":"a","exp":"9999-12-31T23:59:59Z"}`, maxLifetime},
		"no path of the lifetime":     {paths("$.id_token", "", "Seconds"), `{"id_token":"a","expires_in":60}`, 5 * time.Minute},
		"a token of 16 KiB":           {nil, `{"access_token":"` + strings.Repeat("a", 16<<10) + `","expires_in":60}`, time.Minute},
		"a name in another case":      {nil, `{"Access_Token":"a"}`, 0},
		"the path leads to an object": {paths("$.data", "", "Seconds"), `{"data":{}}`, 0},
		"the path leads through text": {paths("$.data.token", "", "Seconds"), `{"data":"a"}`, 0},
		"XML":                         {xml("$.r.token", "$.r.ttl", "Seconds"), `<r><token>a</token><ttl>60</ttl></r>`, time.Minute},
		"XML in namespaces":           {xml("$.r.token", "", "Seconds"), `<x:r xmlns:x="urn:x"><x:token><![CDATA[a]]></x:token></x:r>`, 5 * time.Minute},
		"XML, the first counts":       {xml("$.r.token", "", "Seconds"), `<r><token>a</token><token>b</token></r>`, 5 * time.Minute},
		"XML with a DOCTYPE":          {xml("$.r.token", "", "Seconds"), `<!DOCTYPE r [<!ENTITY e "a">]><r><token>a</token></r>`, 0},
		"XML with an entity":          {xml("$.r.token", "", "Seconds"), `<r><token>&e;</token></r>`, 0},
		"XML that is cut off":         {xml("$.r.token", "", "Seconds"), `<r><token>a</token>`, 0},
		"two XML documents":           {xml("$.r.token", "", "Seconds"), `<r><token>a</token></r><r/>`, 0},
		"XML in UTF-16":               {xml("$.r.token", "", "Seconds"), `<?xml version="1.0" encoding="UTF-16"?><r><token>a</token></r>`, 0},
		"XML that is too deep":        {xml("$.r.token", "", "Seconds"), `<r><token>a</token>` + strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70) + `</r>`, 0},
		"JSON where XML is expected":  {xml("$.r.token", "", "Seconds"), `{"r":{"token":"a"}}`, 0},
		"a token with a line break":   {xml("$.r.token", "", "Seconds"), "<r><token>a\nb</token></r>", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			token, _, err := reader(t, tc.change).read(&answer{body: []byte(tc.body), requested: epoch, received: epoch})
			if tc.life == 0 {
				if err == nil {
					t.Errorf("accepted %q", token.Value)
				}
				return
			}
			if err != nil || strings.Trim(token.Value, "a") != "" || token.Expires.Sub(epoch) != tc.life {
				t.Errorf("token %+v, error %v; want a life of %v", token, err, tc.life)
			}
		})
	}
}

// unix is an instant after the epoch of these tests as Unix time.
func unix(d time.Duration) string { return unixOf(epoch.Add(d)) }

func unixOf(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func TestAnInstantIsOfTheCarriersClock(t *testing.T) {
	p := reader(t, func(r *config.TokenResponse) { r.ExpiryUnit = config.ExpiryUnixSeconds })
	for name, skew := range map[string]time.Duration{"carrier ahead": 10 * time.Minute, "carrier behind": -10 * time.Minute, "the same": 0} {
		t.Run(name, func(t *testing.T) {
			carrier := epoch.Add(skew)
			token, _, err := p.read(&answer{requested: epoch, received: epoch, header: http.Header{"Date": {carrier.UTC().Format(http.TimeFormat)}},
				body: []byte(`{"access_token":"a","expires_in":` + unixOf(carrier.Add(time.Hour)) + `}`)})
			if err != nil || token.Expires.Sub(epoch) != time.Hour {
				t.Errorf("token %+v, error %v; want a life of an hour", token, err)
			}
		})
	}
}

func TestSignsByWhichCarriersTellFailuresApart(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	ups := func(code, message string) string {
		return `{"response":{"errors":[{"code":"` + code + `","message":"` + message + `"}]}}`
	}
	tests := map[string]struct {
		status int
		header http.Header
		body   string
		class  FailureClass
		after  time.Duration
	}{
		"FedEx: 403 without a word":               {403, nil, ``, FailurePenaltyBox, 0},
		"FedEx: 401":                              {401, nil, `{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"The given client credentials were not valid."}]}`, FailureInvalidClient, 0},
		"UPS: 429 code 10429":                     {429, nil, ups("10429", "Too Many Requests"), FailureQuotaExceeded, 0},
		"UPS: code 10429 under another status":    {400, nil, ups("10429", "Too Many Requests"), FailureQuotaExceeded, 0},
		"UPS: a number as the code":               {400, nil, `{"response":{"errors":[{"code":10429}]}}`, FailureQuotaExceeded, 0},
		"UPS: bare 429":                           {429, nil, ``, FailureQuotaExceeded, 0},
		"UPS: 250002":                             {401, nil, ups("250002", "Invalid Authentication Information."), FailureInvalidClient, 0},
		"UPS: 250002, the product is not enabled": {401, nil, ups("250002", "API product not enabled for this app"), FailureProductNotEnabled, 0},
		"UPS: Blocked Merchant":                   {403, nil, ups("10403", "Blocked Merchant"), FailurePenaltyBox, 0},
		"UPS: the wrong account":                  {400, nil, ups("10400", "Invalid Merchant Id"), FailureWrongAccount, 0},
		"OAuth: invalid_client with 400":          {400, nil, `{"error":"invalid_client"}`, FailureInvalidClient, 0},
		"OAuth: invalid_grant":                    {400, nil, `{"error":"invalid_grant","error_description":"refresh token expired"}`, FailureInvalidGrant, 0},
		"OAuth: unauthorized_client":              {400, nil, `{"error":"unauthorized_client"}`, FailureProductNotEnabled, 0},
		"OAuth: access_denied with 403":           {403, nil, `{"error":"access_denied"}`, FailureProductNotEnabled, 0},
		"OAuth: invalid_request":                  {400, nil, `{"error":"invalid_request"}`, FailureInvalidRequest, 0},
		"GLS: an error in a header, no body":      {400, header("error", "invalid_grant"), ``, FailureInvalidGrant, 0},
		"GLS: a message in a header, no body":     {401, header("message", "Account number unknown"), ``, FailureWrongAccount, 0},
		"GLS: quota in a fault":                   {429, nil, `{"fault":{"faultstring":"Rate limit","detail":{"errorcode":"policies.ratelimit.QuotaViolation"}}}`, FailureQuotaExceeded, 0},
		"Apigee: quota with 500":                  {500, nil, `{"fault":{"detail":{"errorcode":"policies.ratelimit.QuotaViolation"}}}`, FailureQuotaExceeded, 0},
		"DHL: too many invalid logins":            {400, nil, `{"error":"x","error_description":"Too many invalid logins"}`, FailurePenaltyBox, 0},
		"404":                                     {404, nil, `<html>`, FailureEndpointRetired, 0},
		"410":                                     {410, nil, ``, FailureEndpointRetired, 0},
		"421: no longer on this host":             {421, nil, ``, FailureEndpointRetired, 0},
		"301: moved for good":                     {301, nil, ``, FailureEndpointRetired, 0},
		"308: moved for good":                     {308, nil, ``, FailureEndpointRetired, 0},
		"307: moved for a while":                  {307, nil, ``, FailureRedirected, 0},
		"SOAP: the sender's fault":                {500, nil, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>s:Client.Auth</faultcode></s:Fault></s:Body></s:Envelope>`, FailureInvalidClient, 0},
		"SOAP 1.2: the sender's fault":            {500, nil, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault></s:Body></s:Envelope>`, FailureInvalidClient, 0},
		"SOAP: the server's fault":                {500, nil, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body></s:Envelope>`, FailureUnavailable, 0},
		"RateLimit-Reset in seconds":              {429, header("RateLimit-Reset", "90"), ``, FailureQuotaExceeded, 90 * time.Second},
		"X-RateLimit-Reset as Unix time":          {429, header("X-RateLimit-Reset", unixOf(epoch.Add(time.Hour))), ``, FailureQuotaExceeded, time.Hour},
		"X-RateLimit-Reset in milliseconds":       {429, header("X-RateLimit-Reset", unixOf(epoch.Add(time.Hour))+"000"), ``, FailureQuotaExceeded, time.Hour},
		"Retry-After before RateLimit-Reset":      {429, header("Retry-After", "5", "RateLimit-Reset", "90"), ``, FailureQuotaExceeded, 5 * time.Second},
		"a reset beyond a day":                    {429, header("RateLimit-Reset", "900000000"), ``, FailureQuotaExceeded, 24 * time.Hour},
		"a reset that is no number":               {429, header("RateLimit-Reset", "NaN"), ``, FailureQuotaExceeded, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := classify(tc.status, tc.header, []byte(tc.body), epoch)
			if f.Class != tc.class || f.RetryAt.Sub(epoch) != tc.after || f.Status != tc.status || f.Detail == "" {
				t.Errorf("%+v, retry after %v; want %s, %v", f, f.RetryAt.Sub(epoch), tc.class, tc.after)
			}
		})
	}
}

func FuzzXMLTokenResponse(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="x"><s:Body><r><token>a</token><ttl>60</ttl></r></s:Body></s:Envelope>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><r><token>&b;</token></r>`))
	p := reader(f, func(r *config.TokenResponse) {
		r.Format, r.TokenPath, r.ExpiryPath, r.ExpiryUnit = "XML", "$.Envelope.Body.r.token", "$.Envelope.Body.r.ttl", "RFC3339"
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		token, _, err := p.read(&answer{body: body, requested: epoch, received: epoch})
		if err != nil {
			return
		}
		if life := token.Expires.Sub(epoch); life <= 0 || life > maxLifetime || strings.ContainsAny(token.Value, "\r\n \x00") || token.Value == "" {
			t.Errorf("token %q, life %v", token.Value, life)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(400, "Retry-After", "5", []byte(`{"response":{"errors":[{"code":10429,"message":"x"}]}}`))
	f.Add(500, "RateLimit-Reset", "1e300", []byte(`<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>`))
	f.Fuzz(func(t *testing.T, status int, name, value string, body []byte) {
		f := classify(status, http.Header{http.CanonicalHeaderKey(name): {value}}, body, epoch)
		if wait := f.RetryAt.Sub(epoch); f.Detail == "" || backOff[f.Class][0] == 0 || wait < 0 || wait > 24*time.Hour {
			t.Errorf("%+v, retry after %v", f, wait)
		}
	})
}
