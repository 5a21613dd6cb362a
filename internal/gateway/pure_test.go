package gateway

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestOwnLocation(t *testing.T) {
	tests := map[string]string{
		"/a/b?c=d":                        "/a/b?c=d",
		"https://carrier.example/a":       "/a",
		"https://CARRIER.example/a#b":     "/a#b",
		"https://carrier.example":         "/",
		"relative":                        "relative",
		"//carrier.example/a":             "/a",
		"//evil.example/a":                "",
		"http://carrier.example/a":        "",
		"https://carrier.example:8443/a":  "",
		"https://sub.carrier.example/a":   "",
		"https://carrier.example@evil/a":  "",
		"https://u:p@carrier.example/a":   "",
		"https://carrier.example//evil/a": "",
		"javascript:alert(1)":             "",
		"\x00":                            "",
	}
	for location, want := range tests {
		if got := ownLocation([]string{location}, "carrier.example"); got != want {
			t.Errorf("%q: %q, want %q", location, got, want)
		}
	}
	if got := ownLocation([]string{"/a", "/b"}, "carrier.example"); got != "" {
		t.Errorf("two locations: %q, want none", got)
	}
}

func FuzzOwnLocation(f *testing.F) {
	f.Add("https://carrier.example//evil")
	f.Add("/\\evil")
	f.Fuzz(func(t *testing.T, location string) {
		got := ownLocation([]string{location}, "carrier.example")
		if got == "" {
			return
		}
		base, _ := url.Parse("https://gateway.example/x")
		u, err := base.Parse(got)
		if err != nil || u.Host != "gateway.example" || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") {
			t.Errorf("%q became %q, which leads away from the gateway", location, got)
		}
	})
}

func TestForwardedHeaders(t *testing.T) {
	a := config.Authentication{Headers: []config.SecretHeader{{Name: "x-api-key"}}}
	got, err := forwardedHeaders(&config.Operation{Headers: []string{"transId", "X-API-Key"}}, a)
	if diff := cmp.Diff([]string{"Transid"}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, name := range []string{"authorization", "Cookie", "X-Forwarded-For", "x-forwarded-host", "Forwarded", "Host", "Connection",
		"Transfer-Encoding", "Content-Length", "Content-Encoding", "TE", "Via", "X-Original-URL", "Carrier-Gateway", "X-Real-IP"} {
		if _, err := forwardedHeaders(&config.Operation{Name: "x", Headers: []string{name}}, a); err == nil {
			t.Errorf("%s may pass", name)
		}
	}
}

func TestProblemsAreWhole(t *testing.T) {
	p := newProblem(429, ruleLimit, "wait")
	p.retryAfter = 1500 * time.Millisecond
	p.refusal = &limit.Refusal{Limit: "rates", Quota: 3, Length: time.Minute, Wait: p.retryAfter}
	w := httptest.NewRecorder()
	w.Header().Set("X-Carrier", "left over")
	w.Header().Set("Connection", "close")
	p.write(w)
	want := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
		"Carrier-Gateway": {"problem"}, "Retry-After": {"2"}, "Ratelimit": {`"rates";r=0;t=2`}, "Ratelimit-Policy": {`"rates";q=3;w=60`},
		"Content-Length": {"199"}, "Connection": {"close"}}
	got := w.Header().Clone()
	got["Content-Length"] = want["Content-Length"]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	var body problemBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	wantBody := problemBody{Type: "https://carrier-operator.io/problems/limit-exceeded", Title: "A limit is used up", Status: 429, Detail: "wait",
		Rule: "limit-exceeded", Limit: "rates"}
	if diff := cmp.Diff(wantBody, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestVocabularyHidesNamesThatRulesDoNotMention(t *testing.T) {
	v := vocabulary{}
	v.add("$.RateRequest.Shipment.ShipTo", "$..Phone", "$.items[*]['odd name']")
	v["locale"] = true
	for path, want := range map[string]string{
		"$.RateRequest.Shipment.ShipTo.Phone":  "$.RateRequest.Shipment.ShipTo.Phone",
		"$.RateRequest.Shipment.Canarina":      "$.RateRequest.Shipment[?]",
		"$.Canarina.Phone":                     "$[?].Phone",
		"$.items[*]['odd name'][*]":            "$.items[*].odd name[*]",
		"$.items[*][?]":                        "$.items[*][?]",
		"$['Phone']":                           "$.Phone",
		"?locale":                              "?locale",
		"?email":                               "?[?]",
		"?['locale']":                          "?['locale']",
		"$.Phone['@id']['#text']":              "$.Phone[?].#text",
		"$['part[2]']['@filename']":            "$['part[2]'][?]",
		"$.items[*].Phone[*]":                  "$.items[*].Phone[*]",
		"$.*.Phone":                            "$[*].Phone",
		"$.Phone.":                             "$.Phone",
		"$":                                    "$",
		"$.RateRequest[*][*].Shipment.x.y.z.w": "$.RateRequest[*][*].Shipment[?][?][?][?]",
	} {
		if got := v.mask(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestExceptionsEndAtMidnightUTC(t *testing.T) {
	rules := &config.BodyRules{Allow: []string{"$.a", "$..email"}, Require: []string{"$.a"},
		AllowUntil: []config.TemporaryAllow{{Path: "$..email", ExpiresOn: "2026-11-24"}}}
	at := func(now time.Time) (minimize.Rules, time.Time) {
		b := &builder{now: now, next: &snapshot{validUntil: now.Add(48 * time.Hour)}}
		return b.inForce(rules), b.next.validUntil
	}
	midnight := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	r, until := at(noon)
	if !slices.Contains(r.Exceptions, "$..email") || !until.Equal(midnight) {
		t.Errorf("on its last day: %+v, valid until %v", r, until)
	}
	r, _ = at(midnight.Add(-time.Second))
	if !slices.Contains(r.Allow, "$..email") {
		t.Errorf("a second before its end: %+v", r)
	}
	r, _ = at(midnight)
	if diff := cmp.Diff(minimize.Rules{Allow: []string{"$.a"}, Require: []string{"$.a"}}, r); diff != "" {
		t.Errorf("at its end (-want +got):\n%s", diff)
	}
}

func TestAnAllowListOfEndedExceptionsLetsNothingPass(t *testing.T) {
	for _, day := range []string{"2020-01-01", "someday"} {
		b := &builder{inputs: &inputs{config: &config.Config{MaxRequestBytes: 1}}, now: noon, next: &snapshot{vocabulary: vocabulary{}}}
		rules, err := b.compile(&config.BodyRules{Format: "JSON"}, b.inForce(&config.BodyRules{Allow: []string{"$.email"},
			AllowUntil: []config.TemporaryAllow{{Path: "$.email", ExpiresOn: day}}}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := rules.program.Append(nil, minimize.Message{Format: minimize.FormatJSON, Body: []byte(`{"email":"x","other":1}`)}, minimize.Redact, nil)
		if err != nil || string(got) != "{}" {
			t.Errorf("%s: %s, %v; want {}", day, got, err)
		}
	}
}

func TestQueriesWithoutRulesLetNothingPass(t *testing.T) {
	for name, rules := range map[string]*config.QueryRules{"none": nil, "forced only": {Force: []config.QueryParam{{Name: "f", Value: "a b"}}}} {
		got, err := minimize.MinimizeQuery("a=1&b=2&=3&%00=4", queryRules(rules), minimize.Redact, nil)
		want := map[string]string{"none": "", "forced only": "f=a+b"}[name]
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDialOrderTriesFailedAddressesLast(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	d := &dialer{clock: clock}
	a, b, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")
	d.set([]netip.Addr{a, b, c})
	d.failed(b)
	for range 20 {
		if got := d.order(); len(got) != 3 || got[2] != b {
			t.Fatalf("order %v, want %v last", got, b)
		}
	}
	clock.Step(avoidDuration)
	first := map[netip.Addr]bool{}
	for range 200 {
		first[d.order()[0]] = true
	}
	if len(first) != 3 {
		t.Errorf("only %v are ever first", first)
	}
}

func TestParseAddresses(t *testing.T) {
	for _, bad := range [][]string{nil, {"localhost"}, {"192.0.2.1:443"}, {"fe80::1%eth0"}, {""}, {"192.0.2.1", "x"}} {
		if _, err := parseAddresses(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	got, err := parseAddresses([]string{"::ffff:192.0.2.1"})
	if err != nil || got[0].String() != "192.0.2.1" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDecodeBoundsWhatComesOut(t *testing.T) {
	for name, tc := range map[string]struct {
		encoding, body string
		ok             bool
	}{
		"none":          {"", "x", true},
		"identity":      {"identity", "x", true},
		"x-gzip broken": {"x-gzip", "x", false},
		"br":            {"br", "x", false},
		"two":           {"gzip, gzip", "x", false},
	} {
		_, err := decode(http.Header{"Content-Encoding": {tc.encoding}}, []byte(tc.body))
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUpstreamTargetKeepsEveryByteOfThePath(t *testing.T) {
	base, _ := url.Parse("https://carrier.example:8443/api")
	u := &upstream{base: base}
	for _, path := range []string{"/api/a%20b", "/api/%C3%BC", "/api/a:b@c", "/api/a+b!$&'()*,=", "/api/%41"} {
		target, err := u.target(path, "x=%2F&y=a+b")
		if err != nil || target.RequestURI() != path+"?x=%2F&y=a+b" || target.Host != "carrier.example:8443" {
			t.Errorf("%s became %s, %v", path, target, err)
		}
	}
}

func TestAPanicIsAnsweredAndItsValueIsNotLogged(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	g := &Gateway{clock: clocktesting.NewFakeClock(noon), log: logger, access: &accessLog{log: logger}, metrics: newMetrics(), reloader: &reloader{}}
	g.reloader.served.Store(&snapshot{cfg: &config.Config{Listener: config.Listener{Mode: config.ListenerPlaintext}, Clients: []config.Client{{Name: "shop"}}}})
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("GET", "/secret-path?secret=1", nil)) // a snapshot without a router cannot exist: it panics
	if w.Code != 500 || !strings.Contains(w.Body.String(), ruleInternal) {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	if got := log.String(); !strings.Contains(got, "panicked") || !strings.Contains(got, `"status":500`) || strings.Contains(got, "secret-path") {
		t.Errorf("log %s", got)
	}
}
