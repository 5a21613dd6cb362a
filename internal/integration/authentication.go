package integration

import (
	"cmp"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// defaultTokenLifetime is used when neither profile nor carrier say how long a token lives, in seconds.
const defaultTokenLifetime = 300

// Authentication is a profile's authentication as a gateway is told it. This is the one place that knows the defaults: the gateway has
// none, and the keys that a Secret must have are read from what is made here.
func Authentication(a *v1alpha1.Authentication) config.Authentication {
	c := config.Authentication{Type: string(a.Type), Headers: secretHeaders(a.APIKeyHeaders.Headers)}
	switch a.Type {
	case v1alpha1.AuthenticationOAuth2ClientCredentials:
		o := &a.OAuth2ClientCredentials
		c.OAuth2 = oauth2(&o.TokenClient, &o.TokenSettings)
		c.OAuth2.GrantType = cmp.Or(o.GrantType, "client_credentials")
	case v1alpha1.AuthenticationOAuth2Password:
		o := &a.OAuth2Password
		c.OAuth2 = oauth2(&o.TokenClient, &o.TokenSettings)
		c.OAuth2.GrantType = "password"
		c.OAuth2.UsernameKey, c.OAuth2.PasswordKey = cmp.Or(o.UsernameKey, "username"), cmp.Or(o.PasswordKey, "password")
	case v1alpha1.AuthenticationOAuth2RefreshToken:
		o := &a.OAuth2RefreshToken
		c.OAuth2 = oauth2(&o.TokenClient, &o.TokenSettings)
		c.OAuth2.GrantType, c.OAuth2.RefreshTokenKey = "refresh_token", cmp.Or(o.RefreshTokenKey, "refreshToken")
		c.OAuth2.RefreshTokenRotates = RotatesRefreshTokens(a)
	case v1alpha1.AuthenticationLogin:
		c.Login = login(&a.Login)
	case v1alpha1.AuthenticationRequestSigning:
		c.Signing = signing(&a.RequestSigning)
	case v1alpha1.AuthenticationAPIKeyHeaders, v1alpha1.AuthenticationBasic, v1alpha1.AuthenticationBodyCredentials,
		v1alpha1.AuthenticationQueryCredentials, v1alpha1.AuthenticationClientCertificate: // these are what may stand beside any type, or nothing
	}
	if a.Basic.UsernameKey != "" {
		c.Basic = &config.Basic{UsernameKey: a.Basic.UsernameKey, PasswordKey: a.Basic.PasswordKey}
	}
	if len(a.BodyCredentials.Fields) > 0 {
		c.Body = &config.BodySecrets{Format: string(a.BodyCredentials.Format)}
		for _, f := range a.BodyCredentials.Fields {
			c.Body.Fields = append(c.Body.Fields, config.BodySecret{Path: f.Path, Key: f.CredentialKey, Optional: optional(f.Presence)})
		}
	}
	for _, p := range a.QueryCredentials.Parameters {
		c.Query = append(c.Query, config.QuerySecret{Name: p.Name, Key: p.CredentialKey, XMLPath: p.XMLPath, Optional: optional(p.Presence)})
	}
	if t := &a.ChainedToken; t.Path != "" {
		c.Chained = &config.ChainedToken{Path: t.Path, Template: t.Template, Header: t.Header, Operations: t.Operations,
			Response: tokenResponse(&t.Response), AssumedLifetimeSeconds: cmp.Or(t.AssumedLifetimeSeconds, defaultTokenLifetime)}
	}
	return c
}

func optional(p v1alpha1.Presence) bool { return p == v1alpha1.PresenceOptional }

func secretHeaders(list []v1alpha1.CredentialHeader) []config.SecretHeader {
	var all []config.SecretHeader
	for _, h := range list {
		all = append(all, config.SecretHeader{Name: h.Name, Key: h.CredentialKey, Prefix: h.Prefix, Optional: optional(h.Presence)})
	}
	return all
}

// oauth2 is what the three grants have in common.
func oauth2(client *v1alpha1.TokenClient, settings *v1alpha1.TokenSettings) *config.OAuth2 {
	o := &config.OAuth2{ClientAuthentication: string(client.ClientAuthentication), TokenSettings: tokenSettings(settings)}
	switch client.ClientAuthentication {
	case v1alpha1.ClientAuthenticationNone:
	case v1alpha1.ClientAuthenticationClientCertificate:
		o.ClientIDKey = cmp.Or(client.ClientIDKey, "clientID")
	case v1alpha1.ClientAuthenticationPrivateKeyJWT:
		jwt := &client.PrivateKeyJWT
		o.ClientIDKey = cmp.Or(client.ClientIDKey, "clientID")
		o.PrivateKeyJWT = &config.PrivateKeyJWT{KeyKey: cmp.Or(jwt.KeyKey, "privateKey"), KeyIDKey: jwt.KeyIDKey,
			Algorithm: cmp.Or(jwt.Algorithm, "RS256"), Audience: jwt.Audience}
	default:
		o.ClientIDKey, o.ClientSecretKey = cmp.Or(client.ClientIDKey, "clientID"), cmp.Or(client.ClientSecretKey, "clientSecret")
	}
	n := &settings.FieldNames
	o.FieldNames = config.TokenFieldNames{
		GrantType: cmp.Or(n.GrantType, "grant_type"), ClientID: cmp.Or(n.ClientID, "client_id"), ClientSecret: cmp.Or(n.ClientSecret, "client_secret"),
		Scope: cmp.Or(n.Scope, "scope"), Username: cmp.Or(n.Username, "username"), Password: cmp.Or(n.Password, "password"),
		RefreshToken: cmp.Or(n.RefreshToken, "refresh_token"),
	}
	return o
}

func tokenSettings(s *v1alpha1.TokenSettings) config.TokenSettings {
	c := config.TokenSettings{
		Scopes: s.Scopes, TokenRequestHeaders: secretHeaders(s.TokenRequestHeaders), Response: tokenResponse(&s.Response),
		Placement: placement(&s.Placement), AssumedLifetimeSeconds: cmp.Or(s.AssumedLifetimeSeconds, defaultTokenLifetime),
	}
	for _, p := range s.Parameters {
		c.Parameters = append(c.Parameters, config.TokenParameter{Name: p.Name, Value: p.Value, Key: p.CredentialKey, Optional: optional(p.Presence)})
	}
	return c
}

func tokenResponse(r *v1alpha1.TokenResponse) config.TokenResponse {
	c := config.TokenResponse{
		Format: cmp.Or(string(r.Format), string(v1alpha1.BodyJSON)), TokenPath: r.TokenPath, TokenHeader: r.TokenHeader,
		ExpiryPath: cmp.Or(r.ExpiryPath, "$.expires_in"), ExpiryUnit: cmp.Or(string(r.ExpiryUnit), config.ExpirySeconds),
		RefreshTokenPath: cmp.Or(r.RefreshTokenPath, "$.refresh_token"),
	}
	if c.TokenHeader == "" {
		c.TokenPath = cmp.Or(c.TokenPath, "$.access_token")
	}
	return c
}

// placement of a token: a bearer token in the header Authorization, alone in another header, or in the body.
func placement(p *v1alpha1.TokenPlacement) config.TokenPlacement {
	if p.BodyPath != "" {
		return config.TokenPlacement{BodyPath: p.BodyPath}
	}
	c := config.TokenPlacement{Header: cmp.Or(p.Header, "Authorization")}
	switch {
	case p.Prefix != nil:
		c.Prefix = *p.Prefix
	case strings.EqualFold(c.Header, "Authorization"):
		c.Prefix = "Bearer "
	}
	return c
}

func login(l *v1alpha1.LoginAuthentication) *config.Login {
	c := &config.Login{Format: string(l.Format), TokenSettings: tokenSettings(&l.TokenSettings)}
	if l.Format == v1alpha1.LoginXML {
		c.Template, c.ContentType = l.Template, cmp.Or(l.ContentType, "text/xml; charset=utf-8")
	}
	return c
}

func signing(s *v1alpha1.RequestSigning) *config.RequestSigning {
	c := &config.RequestSigning{
		Algorithm: string(s.Algorithm), SecretKey: s.SecretKey, StringToSign: s.StringToSign,
		URLEncode:       s.Transform == v1alpha1.SigningTransformURLEncode,
		Encoding:        cmp.Or(string(s.Encoding), string(v1alpha1.SignatureHex)),
		TimestampFormat: cmp.Or(string(s.TimestampFormat), string(v1alpha1.TimestampUnixMilliseconds)),
	}
	for _, h := range s.Headers {
		c.Headers = append(c.Headers, config.SignedTemplate{Name: h.Name, Value: h.Value})
	}
	for _, f := range s.FormFields {
		c.FormFields = append(c.FormFields, config.SignedTemplate{Name: f.Name, Value: f.Value})
	}
	return c
}
