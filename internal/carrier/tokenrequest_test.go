package carrier

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// secrets are the keys of the credential that these tests use.
var secrets = map[string][]byte{"id": []byte("shop"), "secret": []byte("s&1\n"), "user": []byte("ann@shop"), "password": []byte(`p"w<&>`),
	"refresh": []byte("refresh-0"), "child": []byte("c-1"), "merchant": []byte("123456")}

// settings is a spec of a class that fetches a token, after a change.
func (s *setup) settings(kind string, change func(*config.OAuth2)) Spec {
	spec := s.spec("")
	spec.Credential = NewCredential("main", secrets)
	o := spec.Authentication.OAuth2
	o.ClientAuthentication, o.UsernameKey, o.PasswordKey, o.RefreshTokenKey = clientForm, "user", "password", "refresh"
	if spec.Authentication.Type = kind; kind == config.AuthenticationOAuth2Password {
		o.GrantType = "password"
	}
	if kind == config.AuthenticationOAuth2RefreshToken {
		o.GrantType = "refresh_token"
	}
	if change != nil {
		change(o)
	}
	return spec
}

// loginSpec is a spec of the class Login.
func (s *setup) loginSpec(l config.Login) Spec {
	spec := s.spec("")
	spec.Credential = NewCredential("main", secrets)
	o := withDefaults(config.OAuth2{})
	if l.Response == (config.TokenResponse{}) {
		l.Response = o.Response
	}
	if l.Placement == (config.TokenPlacement{}) {
		l.Placement = o.Placement
	}
	l.AssumedLifetimeSeconds = 300
	spec.Authentication = config.Authentication{Type: config.AuthenticationLogin, Login: &l}
	return spec
}

func TestTokenRequestsOfTheGrants(t *testing.T) {
	const cc, ropc, refresh = config.AuthenticationOAuth2ClientCredentials, config.AuthenticationOAuth2Password, config.AuthenticationOAuth2RefreshToken
	tests := map[string]struct {
		kind   string
		change func(*config.OAuth2)
		query  string
		auth   string
		body   string
	}{
		"client credentials, Query": {cc, func(o *config.OAuth2) { o.ClientAuthentication = clientQuery },
			"client_id=shop&client_secret=s%261&grant_type=client_credentials", "", ""},
		"client credentials, ClientCertificate": {cc, func(o *config.OAuth2) { o.ClientAuthentication, o.ClientSecretKey = clientCertificate, "" },
			"", "", "client_id=shop&grant_type=client_credentials"},
		"client credentials, None": {cc, func(o *config.OAuth2) { o.ClientAuthentication, o.ClientIDKey, o.ClientSecretKey = clientNone, "", "" },
			"", "", "grant_type=client_credentials"},
		"FedEx's grant type and child": {cc, func(o *config.OAuth2) {
			o.GrantType = "csp_credentials"
			o.Parameters = []config.TokenParameter{{Name: "child_Key", Key: "child"}, {Name: "child_secret", Key: "none", Optional: true}}
		}, "", "", "child_Key=c-1&client_id=shop&client_secret=s%261&grant_type=csp_credentials"},
		"Teleship's field names in JSON": {cc, func(o *config.OAuth2) {
			o.ClientAuthentication, o.FieldNames = clientJSON, config.TokenFieldNames{GrantType: "grantType", ClientID: "clientId", ClientSecret: "clientSecret"}
		}, "", "", `{"clientId":"shop","clientSecret":"s\u00261","grantType":"client_credentials"}`},
		"a fixed parameter and scopes": {cc, func(o *config.OAuth2) {
			o.Scopes, o.FieldNames.Scope = []string{"a", "b"}, "scopes"
			o.Parameters = []config.TokenParameter{{Name: "audience", Value: "https://api"}}
		}, "", "", "audience=https%3A%2F%2Fapi&client_id=shop&client_secret=s%261&grant_type=client_credentials&scopes=a+b"},
		"DHL's password grant in a form": {ropc, nil, "", "",
			"client_id=shop&client_secret=s%261&grant_type=password&password=p%22w%3C%26%3E&username=ann%40shop"},
		"password grant, Basic": {ropc, func(o *config.OAuth2) { o.ClientAuthentication = clientBasic }, "", "Basic c2hvcDpzJTI2MQ==",
			"grant_type=password&password=p%22w%3C%26%3E&username=ann%40shop"},
		"password grant in JSON under other names": {ropc, func(o *config.OAuth2) {
			o.ClientAuthentication, o.FieldNames.Username, o.FieldNames.Password = clientJSON, "user", "pass"
		}, "", "", `{"client_id":"shop","client_secret":"s\u00261","grant_type":"password","pass":"p\"w\u003c\u0026\u003e","user":"ann@shop"}`},
		"Amazon's refresh grant": {refresh, nil, "", "",
			"client_id=shop&client_secret=s%261&grant_type=refresh_token&refresh_token=refresh-0"},
		"refresh grant in the query": {refresh, func(o *config.OAuth2) { o.ClientAuthentication, o.FieldNames.RefreshToken = clientQuery, "rt" },
			"client_id=shop&client_secret=s%261&grant_type=refresh_token&rt=refresh-0", "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			spec := s.settings(tc.kind, tc.change)
			spec.ClientCertificate = []byte("some certificate")
			s.want(s.auth(spec), "token-1", SourceFresh)
			last := s.server.last
			got := []string{last.Method, last.URL.RawQuery, last.Header.Get("Authorization"), s.server.body}
			if diff := cmp.Diff([]string{"POST", tc.query, tc.auth, tc.body}, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAQueryOfTheTokenURLStays(t *testing.T) {
	s := newSetup(t)
	spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) { o.ClientAuthentication = clientQuery })
	spec.TokenURL, _ = url.Parse(s.server.URL + "/as/token?tenant=1")
	s.want(s.auth(spec), "token-1", SourceFresh)
	if got := s.server.last.URL.RawQuery; got != "tenant=1&client_id=shop&client_secret=s%261&grant_type=client_credentials" {
		t.Errorf("query %q", got)
	}
}

func TestTokensGoWhereTheCarrierWantsThem(t *testing.T) {
	tests := map[string]struct {
		placement config.TokenPlacement
		want      http.Header
	}{
		"as a bearer token":     {config.TokenPlacement{Header: "Authorization", Prefix: "Bearer "}, http.Header{"Authorization": {"Bearer token-1"}}},
		"raw, as BoxKnight's":   {config.TokenPlacement{Header: "Authorization"}, http.Header{"Authorization": {"token-1"}}},
		"in Amazon's header":    {config.TokenPlacement{Header: "x-amz-access-token"}, http.Header{"X-Amz-Access-Token": {"token-1"}}},
		"with another prefix":   {config.TokenPlacement{Header: "X-Auth", Prefix: "Token "}, http.Header{"X-Auth": {"Token token-1"}}},
		"where nothing is said": {config.TokenPlacement{}, http.Header{"Authorization": {"Bearer token-1"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) { o.Placement = tc.placement })
			out := &Outgoing{Header: http.Header{}}
			if _, err := s.auth(spec).Apply(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, out.Header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			for name := range tc.want {
				if names := SecretHeaders(spec.Authentication); len(names) != 1 || http.CanonicalHeaderKey(names[0]) != name {
					t.Errorf("SecretHeaders is %v, want %s alone", names, name)
				}
			}
		})
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	const cc, ropc, refresh = config.AuthenticationOAuth2ClientCredentials, config.AuthenticationOAuth2Password, config.AuthenticationOAuth2RefreshToken
	tests := map[string]struct {
		kind   string
		change func(*config.OAuth2)
		err    string
	}{
		"an unknown client authentication": {cc, func(o *config.OAuth2) { o.ClientAuthentication = "Magic" }, "unknown"},
		"no client ID":                     {cc, func(o *config.OAuth2) { o.ClientIDKey = "none" }, "key none"},
		"no client secret":                 {cc, func(o *config.OAuth2) { o.ClientSecretKey = "none" }, "key none"},
		"no parameter":                     {cc, func(o *config.OAuth2) { o.Parameters = []config.TokenParameter{{Name: "x", Key: "none"}} }, "key none"},
		"no header": {cc, func(o *config.OAuth2) { o.TokenRequestHeaders = []config.SecretHeader{{Name: "x", Key: "none"}} },
			"key none"},
		"no user name":                {ropc, func(o *config.OAuth2) { o.UsernameKey = "none" }, "key none"},
		"no password":                 {ropc, func(o *config.OAuth2) { o.PasswordKey = "none" }, "key none"},
		"no refresh token":            {refresh, func(o *config.OAuth2) { o.RefreshTokenKey = "none" }, "key none"},
		"no settings of an assertion": {cc, func(o *config.OAuth2) { o.ClientAuthentication = clientPrivateKey }, "needs its settings"},
		"no assumed lifetime":         {cc, func(o *config.OAuth2) { o.AssumedLifetimeSeconds = 0 }, "assumedLifetimeSeconds"},
		"token in two places":         {cc, func(o *config.OAuth2) { o.Placement = config.TokenPlacement{Header: "a", BodyPath: "$.b"} }, "placement"},
		"a path with a wildcard":      {cc, func(o *config.OAuth2) { o.Placement = config.TokenPlacement{BodyPath: "$.a[*]"} }, "path"},
		"an unknown unit": {cc, func(o *config.OAuth2) {
			o.Response = config.TokenResponse{TokenPath: "$.a", ExpiryUnit: "Fortnights"}
		}, "expiryUnit"},
		"no place of the token": {cc, func(o *config.OAuth2) { o.Response = config.TokenResponse{ExpiryUnit: "Seconds"} }, "tokenPath"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			if _, err := s.broker.New(s.settings(tc.kind, tc.change)); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want one with %q", err, tc.err)
			}
			s.wantRequests(0)
		})
	}
	t.Run("no token endpoint", func(t *testing.T) {
		s := newSetup(t)
		spec := s.settings(cc, nil)
		spec.TokenURL = nil
		if _, err := s.broker.New(spec); err == nil || !strings.Contains(err.Error(), "role Token") {
			t.Errorf("error %v", err)
		}
	})
}
