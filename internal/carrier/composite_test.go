package carrier

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestATokenGoesIntoTheBodyOfSOAP(t *testing.T) {
	tests := map[string]struct {
		body  string
		holds string // empty: refused
	}{
		"DPD NL": {`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><a><authToken>of the client</authToken></a></s:Header><s:Body/></s:Envelope>`,
			"<authToken>token-1</authToken>"},
		"no XML":  {`{"Envelope":{}}`, ""},
		"no body": {``, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) {
				o.Placement = config.TokenPlacement{BodyPath: "$.Envelope.Header.a.authToken"}
			})
			body := []byte(tc.body)
			out := &Outgoing{Method: "POST", Header: http.Header{}, Body: body, ContentType: "text/xml"}
			_, err := s.auth(spec).Apply(t.Context(), out)
			var f *Failure
			if tc.holds == "" {
				if !errors.As(err, &f) || f.Class != FailureUnsuitableRequest {
					t.Errorf("error %v, want %s", err, FailureUnsuitableRequest)
				}
				return
			}
			if err != nil || !strings.Contains(string(out.Body), tc.holds) || strings.Contains(string(out.Body), "of the client") || len(out.Header) != 0 {
				t.Errorf("body %s, header %v, error %v", out.Body, out.Header, err)
			}
			if string(body) != tc.body {
				t.Error("the bytes of the request were written into")
			}
		})
	}
}

func TestWhatStandsBesideATokenIsOfTheSameContent(t *testing.T) {
	s := newSetup(t)
	nzPost := func(id string) Spec {
		spec := s.spec("x")
		spec.Credential = NewCredential("main", map[string][]byte{"id": []byte(id), "secret": []byte("x")})
		spec.Authentication.Headers = []config.SecretHeader{{Name: "client_id", Key: "id"}}
		return spec
	}
	want := func(a Authenticator, token, id string) {
		t.Helper()
		out := &Outgoing{Header: http.Header{}}
		if _, err := a.Apply(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if got := out.Header.Get("Authorization") + " " + out.Header.Get("client_id"); got != "Bearer "+token+" "+id {
			t.Errorf("got %q, want %q", got, "Bearer "+token+" "+id)
		}
	}
	before := s.auth(nzPost("old"))
	want(before, "token-1", "old")
	s.server.refuse(503)
	spec := nzPost("new")
	spec.Previous = before
	after := s.auth(spec)
	want(after, "token-1", "old")
	settle(after)
	s.server.grant("3600")
	s.clock.Step(2e9)
	want(after, "token-1", "old")
	settle(after)
	want(after, "token-3", "new")
}
