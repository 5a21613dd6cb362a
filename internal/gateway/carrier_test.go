//go:build integration

package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

const trackPath = "/api/track/v1/details/1Z999AA10123456784"

func (r *rig) track(header ...string) answer {
	r.Helper()
	return r.do(r.client("returns"), "GET", trackPath, "", append([]string{"transId", "1", "transactionSrc", "shop"}, header...)...)
}

func bomb() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 12<<20))
	_ = z.Close()
	return b.String()
}

// What a carrier may do to an operation whose answer has rules.
func TestAnswersOfCarriers(t *testing.T) {
	text := func(body string, header ...string) carriersim.Fault {
		f := carriersim.Fault{Body: carriersim.FaultText, Text: body, Header: map[string]string{}}
		for i := 0; i+1 < len(header); i += 2 {
			f.Header[header[i]] = header[i+1]
		}
		return f
	}
	tests := map[string]struct {
		fault  carriersim.Fault
		status int
		rule   string // empty: the carrier's answer
		body   string
	}{
		"a field is removed":           {text(`{"a":1,"receivedBy":"` + plantedName + `"}`), 200, "", `{"a":1}`},
		"gzip is undone":               {text(gzipped(`{"receivedBy":"x","a":[1.50]}`), "Content-Encoding", "gzip"), 200, "", `{"a":[1.50]}`},
		"a duplicate key":              {text(`{"a":1,"a":2}`), 502, ruleResponseUnusable, ""},
		"HTML with a good status":      {carriersim.Fault{Body: carriersim.FaultHTML, Status: 200}, 502, ruleResponseUnusable, ""},
		"HTML with an error status":    {carriersim.Fault{Body: carriersim.FaultHTML, Status: 503}, 503, ruleResponseUnusable, ""},
		"an unknown encoding":          {text(`x`, "Content-Encoding", "br"), 502, ruleResponseUnusable, ""},
		"a broken gzip":                {text(`x`, "Content-Encoding", "gzip"), 502, ruleResponseUnusable, ""},
		"a truncated gzip":             {text(gzipped(strings.Repeat(`x`, 100))[:20], "Content-Encoding", "gzip"), 502, ruleResponseUnusable, ""},
		"a gzip bomb":                  {text(bomb(), "Content-Encoding", "gzip"), 502, ruleResponseUnusable, ""},
		"too large":                    {carriersim.Fault{Body: carriersim.FaultHuge, Bytes: 17 << 20}, 502, ruleCarrierTooLarge, ""},
		"broken off":                   {carriersim.Fault{Body: carriersim.FaultTruncated}, 502, ruleCarrierProtocol, ""},
		"closed":                       {carriersim.Fault{Body: carriersim.FaultClose}, 502, ruleCarrierProtocol, ""},
		"an error in JSON passes":      {text(`{"errors":[{"code":"1"}]}`), 200, "", `{"errors":[{"code":"1"}]}`},
		"an empty answer":              {text(``), 200, "", ``},
		"too slow":                     {carriersim.Fault{LatencyMilliseconds: 3000}, 504, ruleCarrierTimeout, ""},
		"too slow with the body":       {carriersim.Fault{Body: carriersim.FaultSlowDrip, IntervalMilliseconds: 100}, 504, ruleCarrierTimeout, ""},
		"a content type with a suffix": {carriersim.Fault{Body: carriersim.FaultText, ContentType: "application/problem+json", Status: 400, Text: `{"a":1}`}, 400, "", `{"a":1}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig) {
				if tc.rule == ruleCarrierTimeout { // the others must not depend on how busy the machine is
					r.config.TimeoutSeconds = 1
				}
			})
			tc.fault.Path = trackPath
			must(t, r.sim.SetFaults(tc.fault))
			a := r.track()
			if a.status != tc.status || a.rule() != tc.rule || tc.rule == "" && a.body != tc.body {
				t.Errorf("answer %d %q, want %d, rule %q, body %q", a.status, a.body, tc.status, tc.rule, tc.body)
			}
			origin := map[bool]string{true: "carrier", false: "problem"}[tc.rule == ""]
			if got := a.header.Get(originHeader); got != origin {
				t.Errorf("%s: %s, want %s", originHeader, got, origin)
			}
		})
	}
}

func TestHeadersOfCarriersThatDoNotPass(t *testing.T) {
	r := newRig(t)
	must(t, r.sim.SetFaults(carriersim.Fault{Path: trackPath, Body: carriersim.FaultText, Text: `{"a":1,"receivedBy":2}`, Header: map[string]string{
		"Set-Cookie": "a=b", "Alt-Svc": "h3", "Strict-Transport-Security": "max-age=1", "ETag": `"1"`, "Content-MD5": "x", "Digest": "x",
		"X-Private": "1", "Carrier-Gateway": "problem", "X-Request-Id": "r-1", "Connection": "X-Private"}}))
	a := r.track()
	for _, name := range []string{"Set-Cookie", "Alt-Svc", "Strict-Transport-Security", "Etag", "Content-Md5", "Digest", "X-Private"} {
		if a.header.Get(name) != "" {
			t.Errorf("%s passed", name)
		}
	}
	if a.header.Get(originHeader) != "carrier" || a.header.Get("X-Request-Id") != "r-1" {
		t.Errorf("header %v", a.header)
	}
}

func TestRedirectsAreNeverFollowed(t *testing.T) {
	r := newRig(t)
	_, port, _ := net.SplitHostPort(r.sim.Addr())
	for location, want := range map[string]string{
		"https://evil.example/x":                             "",
		"https://sub.onlinetools.ups.com:" + port + "/x":     "",
		"http://onlinetools.ups.com:" + port + "/x":          "",
		"https://onlinetools.ups.com:444/x":                  "",
		"https://onlinetools.ups.com:" + port + "/api/x?a=1": "/api/x?a=1",
		"/api/y":        "/api/y",
		"//evil/x":      "",
		"https:evil":    "",
		"javascript:x":  "",
		"https://a@b/x": "",
	} {
		must(t, r.sim.SetFaults(carriersim.Fault{Path: trackPath, Body: carriersim.FaultRedirect, Status: 307, RedirectTo: "/",
			Header: map[string]string{}}, carriersim.Fault{}))
		must(t, r.sim.SetFaults(carriersim.Fault{Path: trackPath, Body: carriersim.FaultText, Text: "{}", Status: 307,
			Header: map[string]string{"Location": location}}))
		before := len(r.sim.Received())
		a := r.track()
		if got := a.header.Get("Location"); a.status != 307 || got != want {
			t.Errorf("%s: status %d, Location %q, want %q", location, a.status, got, want)
		}
		for _, received := range r.sim.Received()[before:] {
			if received.Path != trackPath && received.Operation != "token" {
				t.Errorf("%s: the redirect was followed to %s", location, received.Path)
			}
		}
	}
}

func TestTLSOfCarriersIsVerified(t *testing.T) {
	tests := map[string]func(*rig){
		"expired":    func(r *rig) { r.certificate(carriersim.CertificateExpired) },
		"wrong name": func(r *rig) { r.certificate(carriersim.CertificateWrongName) },
		"unknown CA": func(r *rig) { r.certificate(carriersim.CertificateUnknownCA) },
		"plain text": func(r *rig) { r.sim.SetPlaintextFirst(true) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if a := r.track(); a.status != 200 {
				t.Fatalf("answer %d %s", a.status, a.body)
			}
			spoil(r)
			r.newConnections()
			a := r.track()
			if a.status != 502 || a.rule() != ruleCarrierTLS {
				t.Errorf("answer %d %s, want 502 %s", a.status, a.body, ruleCarrierTLS)
			}
		})
	}
}

func (r *rig) certificate(kind carriersim.CertificateKind) {
	must(r, r.sim.SetCertificates(map[string]carriersim.CertificateKind{carriersim.AnyHost: kind}))
}

// newConnections makes the next request open one.
func (r *rig) newConnections() {
	for _, u := range r.gateway.reloader.current().upstreams {
		u.transport.CloseIdleConnections()
	}
}

func TestTheSystemsCAsDoNotVouchForAPrivateOne(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.Endpoints[0].CABundle = "" })
	if a := r.track(); a.rule() != ruleCarrierTLS {
		t.Errorf("answer %d %s, want %s", a.status, a.body, ruleCarrierTLS)
	}
}

func TestOnlyPublishedAddressesAreDialed(t *testing.T) {
	// Nobody listens at the first two; the third is the carrier.
	r := newRig(t, func(r *rig) { r.config.Endpoints[0].Addresses = []string{"127.0.0.2", "127.0.0.3", "127.0.0.1"} })
	for range 10 {
		r.newConnectionsWhenReady()
		if a := r.track(); a.status != 200 {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	r.config.Endpoints[0].Addresses, r.config.Revision = []string{"127.0.0.2"}, "2"
	r.writeConfig()
	r.revision("2")
	a := r.track()
	if a.status != 502 || a.rule() != ruleCarrierAddress {
		t.Errorf("answer %d %s, want %s although the carrier listens elsewhere", a.status, a.body, ruleCarrierAddress)
	}
}

func (r *rig) newConnectionsWhenReady() { r.ready(); r.newConnections() }

func TestTheClientCertificateIsPresented(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.CarrierClientCertificate = true
		mount(r, r.paths.CarrierTLSDir, r.ca.issue(r, ""))
		must(r, r.sim.SetClientAuth(carriersim.ClientAuth{CAPEM: r.ca.pem()}))
	})
	if a := r.track(); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	first := r.sim.Received(carriersim.Filter{Operation: "track"})[0].ClientCertSHA256
	if first != r.gateway.status(make([]byte, 16)).CarrierCertificate {
		t.Errorf("the carrier saw %q", first)
	}
	mount(t, r.paths.CarrierTLSDir, r.ca.issue(t, ""))
	r.eventually("the new certificate serves", func() bool { return r.gateway.status(make([]byte, 16)).CarrierCertificate != first })
	if a := r.track(); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	if second := r.sim.Received(carriersim.Filter{Operation: "track"})[1].ClientCertSHA256; second == first {
		t.Error("the carrier still sees the old certificate")
	}
}

// FedEx compresses unasked, takes its credentials in a form, and has a penalty box.
func TestFedEx(t *testing.T) {
	r := newRig(t, func(r *rig) {
		_, port, _ := net.SplitHostPort(r.sim.Addr())
		base := "https://apis.fedex.com:" + port
		for i, path := range []string{"", "/oauth/token"} {
			r.config.Endpoints[i].URL = base + path
		}
		r.config.Authentication.OAuth2.ClientAuthentication = "Form"
		r.config.Operations = []config.Operation{{Name: "rate", Role: "API", Requests: []config.Request{{Method: "POST", Path: "/rate/v1/rates/quotes"}},
			Request: &config.BodyRules{Format: "JSON", Remove: []string{"$..contact"}}}}
	})
	body := `{"accountNumber":{"value":"1"},"requestedShipment":{"shipper":{"address":{"postalCode":"10115","countryCode":"DE"}},
 "recipient":{"contact":{"personName":"` + plantedName + `"},"address":{"postalCode":"75001","countryCode":"FR"}},
 "requestedPackageLineItems":[{"weight":{"units":"KG","value":1.5}}]}}`
	for _, accept := range []string{"", "gzip", "gzip;q=0"} {
		a := r.do(r.client("checkout"), "POST", "/rate/v1/rates/quotes", body, "Accept-Encoding", accept)
		if zipped := a.header.Get("Content-Encoding") == "gzip"; zipped != (accept == "gzip") || !zipped && !strings.HasPrefix(a.body, "{") {
			t.Errorf("Accept-Encoding %q: answer %d %v %.60q", accept, a.status, a.header, a.body)
		}
	}
	for _, received := range r.sim.Received(carriersim.Filter{Operation: "rate"}) {
		if strings.Contains(string(received.Body), plantedName) {
			t.Error("the name reached the carrier")
		}
	}
}

func TestStaticCredentials(t *testing.T) {
	for name, tc := range map[string]struct {
		host           string
		authentication config.Authentication
	}{
		"keys": {carriersim.HostAPIKey, config.Authentication{Type: config.AuthenticationAPIKeyHeaders,
			Headers: []config.SecretHeader{{Name: "X-API-Key", Key: "clientSecret"}, {Name: "X-API-Uid", Key: "clientID"}}}},
		"Basic": {carriersim.HostBasic, config.Authentication{Type: config.AuthenticationBasic,
			Basic: &config.Basic{UsernameKey: "clientID", PasswordKey: "clientSecret"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				_, port, _ := net.SplitHostPort(r.sim.Addr())
				r.config.Endpoints = r.config.Endpoints[:1]
				r.config.Endpoints[0].URL = "https://" + tc.host + ":" + port
				r.config.Authentication = tc.authentication
				r.config.Operations = []config.Operation{{Name: "track", Role: "API", Headers: []string{"X-API-Key"},
					Requests: []config.Request{{Method: "GET", Path: "/v1/parcels/{number}"}}}}
				r.config.Clients[0].Operations, r.config.Clients[1].Operations = nil, []string{"track"}
			})
			a := r.do(r.client("returns"), "GET", "/v1/parcels/1", "", "X-API-Key", "the client's own", "X-Api-Uid", "x", "Authorization", "Basic eDp5")
			if a.status != 200 {
				t.Errorf("answer %d %s", a.status, a.body)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.Replicas = 2
		r.config.Limits = []config.Limit{
			{Name: "all", Requests: 100, WindowSeconds: 60},
			{Name: "tokens", TokenRequests: true, Requests: 1, WindowSeconds: 60},
			{Name: "checkout-rates", Client: "checkout", Operations: []string{"rate"}, Requests: 6, WindowSeconds: 60}}
	})
	client := r.client("checkout")
	for i := range 3 {
		if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
			t.Fatalf("request %d: %d %s", i, a.status, a.body)
		}
	}
	r.config.Revision = "2"
	r.writeConfig()
	r.revision("2") // a reload does not reset the count
	r.sim.ClearReceived()
	a := r.do(client, "POST", ratePath, rateBody())
	r.wantProblem(a, 429, ruleLimit)
	if after := a.header.Get("Retry-After"); after != "60" && after != "61" {
		t.Errorf("Retry-After %q, want a minute", after)
	}
	if got := a.header.Get(headerRateLimitPolicy); got != `"checkout-rates";q=3;w=60` {
		t.Errorf("%s %s", headerRateLimitPolicy, got)
	}
	if a := r.track(); a.status != 200 {
		t.Errorf("another client's request: %d %s", a.status, a.body)
	}
}

func TestATokenEndpointThatFails(t *testing.T) {
	r := newRig(t, func(r *rig) { must(r, r.sim.SetFaults(carriersim.Fault{Path: "/security/*", Status: 403})) })
	client := r.client("returns")
	for range 5 {
		a := r.do(client, "GET", trackPath, "")
		r.wantProblem(a, 503, ruleAuthentication)
		if !strings.Contains(a.body, `"failure":"PenaltyBox"`) || a.header.Get("Retry-After") == "" {
			t.Errorf("answer %v %s", a.header, a.body)
		}
	}
	if n := len(r.sim.Received(carriersim.Filter{Operation: "token"})); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestNothingPersonalAndNoSecretShows(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode = "Enforce" })
	client := r.client("checkout")
	header := []string{"Authorization", "Bearer " + plantedSecret, "Cookie", plantedSecret, "X-Name", plantedName, "User-Agent", plantedName}
	var answers []answer
	ask := func(method, path, body string) {
		answers = append(answers, r.do(client, method, path, body, header...))
	}
	ask("POST", ratePath, rateBody())
	ask("POST", ratePath, strings.Replace(rateBody(), `"Name"`, `"`+plantedPhone+`":1,"`+plantedName+`":2,"Canarina":3,"Name"`, 1))
	ask("POST", ratePath, `{"`+plantedName+`":1,"`+plantedName+`":2}`)
	ask("POST", ratePath, `{"RateRequest":{"Shipment":{"ShipTo":{"`+plantedPhone+`":`)
	ask("GET", "/api/track/v1/details/"+strings.ReplaceAll(plantedName, " ", "%20")+"?phone="+strings.ReplaceAll(plantedPhone, "+", "%2B"), "")
	ask("GET", "/api/"+strings.ReplaceAll(plantedName, " ", "%20"), "")
	ask("PUT", "/api/"+plantedPhone, "")
	must(t, r.sim.SetFaults(carriersim.Fault{Body: carriersim.FaultText, Text: "{\"" + plantedName + "\":", Path: "/api/track/*"}))
	ask("GET", "/api/track/v1/details/"+plantedPhone, "")
	r.eventually("all is recorded", func() bool { return len(r.log.records()) == len(answers) })

	res, err := http.Get("http://" + r.gateway.health.Addr().String() + "/metrics")
	must(t, err)
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	must(t, err)
	texts := map[string]string{"log": r.log.String(), "metrics": string(metrics)}
	for i, a := range answers {
		if a.header.Get(originHeader) == "problem" {
			texts["problem "+a.rule()+string(rune('0'+i))] = a.body
		}
	}
	issued := r.gateway.reloader.current()
	h := http.Header{}
	if _, err := issued.credential["main"].auth.Apply(t.Context(), &carrier.Outgoing{Header: h}); err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(h.Get("Authorization"), "Bearer ")
	for name, text := range texts {
		for _, canary := range []string{plantedSecret, plantedName, plantedPhone, "Canarina", "canary", token} {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows %q:\n%s", name, canary, text)
			}
		}
	}
	for _, want := range []string{`carrier_gateway_requests_total{client="checkout",code="2xx",operation="rate"}`,
		`carrier_gateway_token_requests_total{result="success"} 1`, `carrier_gateway_minimized_fields_total{operation="rate",path="$.RateRequest.Shipment.ShipTo.Phone"}`} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
	if state, _ := filepath.Glob(filepath.Join(r.paths.StateDir, "*")); len(state) == 0 {
		t.Error("no token is kept")
	}
}
