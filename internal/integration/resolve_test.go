package integration

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// pair is an integration and its profile, all in order.
func pair() (*v1alpha1.CarrierIntegration, *v1alpha1.CarrierProfile) {
	profile := &v1alpha1.CarrierProfile{Name: "acme", Spec: v1alpha1.CarrierProfileSpec{
		Environments: []v1alpha1.Environment{{Name: "Production", Endpoints: []v1alpha1.Endpoint{{Role: v1alpha1.EndpointAPI, URL: "https://api.acme.example"}}}},
		Authentication: v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
			OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{TokenClient: client(v1alpha1.ClientAuthenticationBasic)}},
		Operations: []v1alpha1.Operation{{Name: "rate", Request: v1alpha1.BodyRules{Format: v1alpha1.BodyJSON, Allow: []string{"$.a"}}}},
	}}
	ci := &v1alpha1.CarrierIntegration{Name: "acme", Spec: v1alpha1.CarrierIntegrationSpec{
		ProfileRef: v1alpha1.LocalReference{Name: "acme"}, Environment: "Production",
		Credentials: []v1alpha1.IntegrationCredential{{Name: "main", CredentialRef: v1alpha1.LocalReference{Name: "acme"}}},
		Clients:     []v1alpha1.IntegrationClient{{Name: "checkout", Operations: []string{"rate"}}},
	}}
	return ci, profile
}

func TestResolveExplainsWhatTheAuthenticationLacks(t *testing.T) {
	type change = func(*v1alpha1.CarrierIntegration, *v1alpha1.CarrierProfileSpec)
	rotating := func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
		p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2RefreshToken, OAuth2RefreshToken: v1alpha1.OAuth2RefreshToken{
			TokenClient: client(v1alpha1.ClientAuthenticationForm), Rotation: v1alpha1.RefreshTokenRotationEachUse}}
		ci.Spec.Gateway.Replicas = 1
	}
	signed := func(text string) change {
		return func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationRequestSigning, RequestSigning: v1alpha1.RequestSigning{
				Algorithm: v1alpha1.SigningSHA256, StringToSign: text, Headers: []v1alpha1.SignedHeader{{Name: "X-Signature", Value: "{signature}"}}}}
		}
	}
	login := func(format v1alpha1.LoginFormat, template string) change {
		return func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationLogin, Login: v1alpha1.LoginAuthentication{Format: format, Template: template}}
		}
	}
	chained := func(template string, operations ...string) change {
		return func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.ChainedToken = v1alpha1.ChainedToken{Path: "/p", Header: "X-P", Template: template, Operations: operations}
		}
	}
	body := func(format v1alpha1.BodyFormat, paths ...string) change {
		return func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.BodyCredentials.Format = format
			for _, path := range paths {
				p.Authentication.BodyCredentials.Fields = append(p.Authentication.BodyCredentials.Fields, v1alpha1.BodyCredential{Path: path, CredentialKey: "k"})
			}
		}
	}
	tests := map[string]struct {
		change change
		reason string // empty: resolved
		want   string
	}{
		"all in order": {change: func(*v1alpha1.CarrierIntegration, *v1alpha1.CarrierProfileSpec) {}},
		"no client certificate": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationClientCertificate}
		}, v1alpha1.ReasonAuthenticationIncomplete, "set spec.certificates.carrierClient"},
		"no client certificate for the token endpoint": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.OAuth2ClientCredentials.ClientAuthentication = v1alpha1.ClientAuthenticationClientCertificate
		}, v1alpha1.ReasonAuthenticationIncomplete, "set spec.certificates.carrierClient"},
		"a given client certificate": {change: func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationClientCertificate}
			ci.Spec.Certificates.CarrierClient.SecretRef.Name = "bnsf"
		}},
		"an issued client certificate": {change: func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationClientCertificate}
			ci.Spec.Certificates.CarrierClient.CommonName = "shop"
		}},
		"a rotating refresh token": {change: rotating},
		"a rotating refresh token, replicas left out": {func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			rotating(ci, p)
			ci.Spec.Gateway.Replicas = 0
		}, v1alpha1.ReasonAuthenticationIncomplete, "2 replicas would invalidate each other's: set spec.gateway.replicas to 1"},
		"a rotating refresh token, used twice": {func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			rotating(ci, p)
			ci.Spec.Credentials = append(ci.Spec.Credentials, v1alpha1.IntegrationCredential{Name: "track", CredentialRef: v1alpha1.LocalReference{Name: "acme"}, Operations: []string{"rate"}})
		}, v1alpha1.ReasonAuthenticationIncomplete, `"main" and "track"`},
		"a refresh token that stays": {change: func(ci *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			rotating(ci, p)
			ci.Spec.Gateway.Replicas, p.Authentication.OAuth2RefreshToken.Rotation = 3, v1alpha1.RefreshTokenRotationNever
		}},
		"a scheme":                      {change: signed("{timestamp}{credential:key}{body}")},
		"a scheme with unknown place":   {signed("{nonce}"), v1alpha1.ReasonRulesInvalid, "the place {nonce} is unknown"},
		"a scheme that signs itself":    {signed("{signature}"), v1alpha1.ReasonRulesInvalid, "cannot hold the {signature}"},
		"a SOAP login":                  {change: login(v1alpha1.LoginXML, "<a xmlns='urn:a'><u>{user}</u></a>")},
		"a login that is no XML":        {login(v1alpha1.LoginXML, "<a><u>{user}</a>"), v1alpha1.ReasonRulesInvalid, "not an XML document"},
		"a chained token":               {change: chained(`{"id":"{id}"}`, "rate")},
		"a chained token, no JSON":      {chained(`{"id":{id}}`), v1alpha1.ReasonRulesInvalid, "each {key} inside of a string"},
		"a chained token, no operation": {chained(`{}`, "rate", "label"), v1alpha1.ReasonOperationNotFound, `chainedToken, names operation "label"`},
		"a signal, no operation": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Throttling = []v1alpha1.ThrottleSignal{{Name: "daily", Status: 403, Operations: []string{"label"}}}
		}, v1alpha1.ReasonOperationNotFound, `throttling signal daily, names operation "label"`},
		"a body":                 {change: body(v1alpha1.BodyJSON, "$.a.b", "$.a.c")},
		"a body, places overlap": {body(v1alpha1.BodyJSON, "$.a", "$.a.c"), v1alpha1.ReasonRulesInvalid, "two values at one place"},
		"a form of two levels":   {body(v1alpha1.BodyForm, "$.a.c"), v1alpha1.ReasonRulesInvalid, "one level"},
		"a query, bad path": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.QueryCredentials.Parameters = []v1alpha1.QueryCredential{{Name: "xml", XMLPath: "$.a.@b.c", CredentialKey: "k"}}
		}, v1alpha1.ReasonRulesInvalid, "parameter xml"},
		"a token response, bad path": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.OAuth2ClientCredentials.Response.TokenPath = "$.a[0]"
		}, v1alpha1.ReasonRulesInvalid, "$.a[0]"},
		"a token placement, bad path": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Authentication.OAuth2ClientCredentials.Placement.BodyPath = "$.a"
		}, v1alpha1.ReasonRulesInvalid, "token placement"},
		"a consent, bad path": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Operations[0].Consents = []v1alpha1.Consent{{Purpose: "notice", Allow: []string{"$..*"}}}
		}, v1alpha1.ReasonRulesInvalid, "consent notice"},
		"an embedded document, bad path": {func(_ *v1alpha1.CarrierIntegration, p *v1alpha1.CarrierProfileSpec) {
			p.Operations[0].Request.Embedded = []v1alpha1.EmbeddedDocument{{Path: "$", Format: v1alpha1.BodyXML}}
		}, v1alpha1.ReasonRulesInvalid, "embedded"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ci, profile := pair()
			tc.change(ci, &profile.Spec)
			_, p := Resolve(ci, profile)
			if p == nil {
				p = &Problem{}
			}
			if p.Reason != tc.reason || !strings.Contains(p.Message, tc.want) {
				t.Errorf("%s: %s, want reason %q and a message with %q", p.Reason, p.Message, tc.reason, tc.want)
			}
		})
	}
}
