package carrier

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const soapLogin = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns:getAuth xmlns:ns="http://dpd.com/LoginService/2.0">` +
	`<delisId>{user}</delisId><password a="{password}">{password}</password></ns:getAuth></soap:Body></soap:Envelope>`

func credentials(list ...config.TokenParameter) config.TokenSettings {
	return config.TokenSettings{Parameters: list}
}

func TestLoginsAsCarriersWantThem(t *testing.T) {
	user, password := config.TokenParameter{Name: "username", Key: "user"}, config.TokenParameter{Name: "password", Key: "password"}
	tests := map[string]struct {
		login       config.Login
		contentType string
		header      map[string]string
		body        string
	}{
		"JSON, Asendia": {config.Login{Format: "JSON", TokenSettings: credentials(user, password)},
			"application/json", nil, `{"password":"p\"w\u003c\u0026\u003e","username":"ann@shop"}`},
		"JSON with objects inside": {config.Login{Format: "JSON", TokenSettings: credentials(
			config.TokenParameter{Name: "login.user.name", Key: "user"}, config.TokenParameter{Name: "login.user.type", Value: "shop"},
			config.TokenParameter{Name: "v", Value: "1"})},
			"application/json", nil, `{"login":{"user":{"name":"ann@shop","type":"shop"}},"v":"1"}`},
		"Form": {config.Login{Format: "Form", TokenSettings: credentials(user, password)},
			"application/x-www-form-urlencoded", nil, "password=p%22w%3C%26%3E&username=ann%40shop"},
		"Headers, DPD META": {config.Login{Format: "Headers", TokenRequestHeaders: []config.SecretHeader{
			{Name: "X-DPD-LOGIN", Key: "user"}, {Name: "X-DPD-BUCODE", Key: "child"}}},
			"", map[string]string{"X-Dpd-Login": "ann@shop", "X-Dpd-Bucode": "c-1"}, ""},
		"XML, DPD NL": {config.Login{Format: "XML", Template: soapLogin, ContentType: "text/xml; charset=utf-8"},
			"text/xml; charset=utf-8", map[string]string{"Soapaction": `""`},
			strings.NewReplacer("{user}", "ann@shop", "{password}", "p&#34;w&lt;&amp;&gt;").Replace(soapLogin)},
		"XML that is no SOAP 1.1": {config.Login{Format: "XML", Template: `<login user="{user}"/>`, ContentType: "application/xml"},
			"application/xml", map[string]string{"Soapaction": ""}, `<login user="ann@shop"/>`},
		"scopes": {config.Login{Format: "Form", Scopes: []string{"a", "b"}, Parameters: []config.TokenParameter{user}},
			"application/x-www-form-urlencoded", nil, "scope=a+b&username=ann%40shop"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.want(s.auth(s.loginSpec(tc.login)), "token-1", SourceFresh)
			last := s.server.last
			if diff := cmp.Diff([]string{"POST", tc.contentType, tc.body}, []string{last.Method, last.Header.Get("Content-Type"), s.server.body}); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			for name, want := range tc.header {
				if got := last.Header.Get(name); got != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestLoginsThatCannotWorkAreRefused(t *testing.T) {
	tests := map[string]struct {
		login config.Login
		err   string
	}{
		"an unknown format":             {config.Login{Format: "YAML"}, "unknown"},
		"headers without any":           {config.Login{Format: "Headers"}, "tokenRequestHeaders"},
		"a missing key":                 {config.Login{Format: "JSON", TokenSettings: credentials(config.TokenParameter{Name: "a", Key: "none"})}, "key none"},
		"a template with a missing key": {config.Login{Format: "XML", Template: "<a>{none}</a>"}, "key none"},
		"a template that is no XML":     {config.Login{Format: "XML", Template: "<a>{user}"}, "not an XML document"},
		"a value and an object at once": {config.Login{Format: "JSON", TokenSettings: credentials(
			config.TokenParameter{Name: "a", Value: "1"}, config.TokenParameter{Name: "a.b", Value: "1"})}, "a value itself"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			if _, err := s.broker.New(s.loginSpec(tc.login)); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want one with %q", err, tc.err)
			}
		})
	}
}

func TestATemplateTakesValuesAsTheyAre(t *testing.T) {
	c := NewCredential("main", map[string][]byte{"a": []byte(`{b}<'"&>` + "\tü"), "b": []byte("SECRET"), "broken": {0xff}})
	tests := map[string]struct {
		template string
		escape   func(string) string
		want     string
	}{
		"XML":                 {"<x>{a}</x>", escapeXML, "<x>{b}&lt;&#39;&#34;&amp;&gt;&#x9;ü</x>"},
		"JSON":                {`{"x":{"y":"{a}"}}`, escapeJSON, `{"x":{"y":"{b}\u003c'\"\u0026\u003e\tü"}}`},
		"braces of JSON":      {`{ "x": {} }`, escapeJSON, `{ "x": {} }`},
		"value not in UTF-8":  {"{broken}", escapeXML, ""},
		"key that is missing": {"{c}", escapeXML, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := fill(tc.template, c, tc.escape)
			if got != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("%q, error %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestLoginAnswersInHeaderAndXML(t *testing.T) {
	tests := map[string]struct {
		response config.TokenResponse
		answer   http.HandlerFunc
		life     string
	}{
		"DPD META: a header and an empty body": {config.TokenResponse{TokenHeader: "X-DPD-TOKEN", ExpiryUnit: "Seconds"},
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-DPD-TOKEN", "token-1") }, "5m0s"},
		"a header and status 204": {config.TokenResponse{TokenHeader: "X-Token", ExpiryUnit: "Seconds"},
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Token", "token-1"); w.WriteHeader(204) }, "5m0s"},
		"a header, and the lifetime in the body": {config.TokenResponse{TokenHeader: "X-Token", ExpiryPath: "$.ttl", ExpiryUnit: "Seconds"},
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Token", "token-1")
				fmt.Fprint(w, `{"ttl":"600"}`)
			}, "10m0s"},
		"DPD NL: SOAP with an instant": {config.TokenResponse{Format: "XML", TokenPath: "$.Envelope.Body.getAuthResponse.return.authToken",
			ExpiryPath: "$.Envelope.Body.getAuthResponse.return.authTokenExpires", ExpiryUnit: "RFC3339"},
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil // the instant is compared with our clock
				fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>`+
					`<n:getAuthResponse xmlns:n="urn:n"><return><authToken> token-1 </authToken><authTokenExpires>%s</authTokenExpires></return></n:getAuthResponse>`+
					`</s:Body></s:Envelope>`, epoch.Add(2*60*60*1e9).Format("2006-01-02T15:04:05.000Z07:00"))
			}, "2h0m0s"},
		"an attribute": {config.TokenResponse{Format: "XML", TokenPath: "$.login['@token']", ExpiryUnit: "Seconds"}, text(`<login token="token-1"/>`), "5m0s"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.server.respond(tc.answer)
			l := config.Login{Format: "JSON", TokenSettings: credentials(config.TokenParameter{Name: "u", Key: "user"})}
			l.Response = tc.response
			g := s.want(s.auth(s.loginSpec(l)), "token-1", SourceFresh)
			if got := g.token.Expires.Sub(g.token.IssuedAt).String(); got != tc.life {
				t.Errorf("life %s, want %s", got, tc.life)
			}
		})
	}
}
