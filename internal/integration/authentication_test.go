package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

var (
	standardNames = config.TokenFieldNames{GrantType: "grant_type", ClientID: "client_id", ClientSecret: "client_secret", Scope: "scope",
		Username: "username", Password: "password", RefreshToken: "refresh_token"}
	standardResponse = config.TokenResponse{Format: "JSON", TokenPath: "$.access_token", ExpiryPath: "$.expires_in", ExpiryUnit: "Seconds",
		RefreshTokenPath: "$.refresh_token"}
	bearer           = config.TokenPlacement{Header: "Authorization", Prefix: "Bearer "}
	standardSettings = config.TokenSettings{Response: standardResponse, Placement: bearer, AssumedLifetimeSeconds: 300}
)

func client(c v1alpha1.ClientAuthentication) v1alpha1.TokenClient {
	return v1alpha1.TokenClient{ClientAuthentication: c}
}

// Every type with all that may be omitted left out, and with all of it set.
func TestAuthenticationIsRenderedWithItsDefaults(t *testing.T) {
	tests := map[string]struct {
		from v1alpha1.Authentication
		want config.Authentication
		keys []config.Key
	}{
		"client credentials": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
				OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{TokenClient: client(v1alpha1.ClientAuthenticationBasic)}},
			config.Authentication{Type: "OAuth2ClientCredentials", OAuth2: &config.OAuth2{GrantType: "client_credentials", ClientAuthentication: "Basic",
				ClientIDKey: "clientID", ClientSecretKey: "clientSecret", FieldNames: standardNames, TokenSettings: standardSettings}},
			[]config.Key{{Name: "clientID"}, {Name: "clientSecret"}},
		},
		"client credentials with everything": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
				OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{
					TokenClient: v1alpha1.TokenClient{ClientAuthentication: v1alpha1.ClientAuthenticationJSON, ClientIDKey: "id", ClientSecretKey: "secret"},
					GrantType:   "csp_credentials",
					TokenSettings: v1alpha1.TokenSettings{
						Scopes:              []string{"a", "b"},
						TokenRequestHeaders: []v1alpha1.CredentialHeader{{Name: "x-merchant-id", CredentialKey: "merchant", Prefix: "M ", Presence: v1alpha1.PresenceOptional}},
						Parameters: []v1alpha1.TokenParameter{{Name: "audience", Value: "api"}, {Name: "child_Key", CredentialKey: "child"},
							{Name: "merchant", CredentialKey: "merchant"}},
						FieldNames: v1alpha1.TokenFieldNames{ClientID: "clientId", ClientSecret: "clientSecret"},
						Response:   v1alpha1.TokenResponse{TokenHeader: "X-DPD-TOKEN", ExpiryPath: "$.end", ExpiryUnit: v1alpha1.ExpiryRFC3339},
						Placement:  v1alpha1.TokenPlacement{Header: "x-amz-access-token"}, AssumedLifetimeSeconds: 60,
					},
				}},
			config.Authentication{Type: "OAuth2ClientCredentials", OAuth2: &config.OAuth2{GrantType: "csp_credentials", ClientAuthentication: "JSON",
				ClientIDKey: "id", ClientSecretKey: "secret",
				FieldNames: config.TokenFieldNames{GrantType: "grant_type", ClientID: "clientId", ClientSecret: "clientSecret", Scope: "scope",
					Username: "username", Password: "password", RefreshToken: "refresh_token"},
				Scopes:              []string{"a", "b"},
				TokenRequestHeaders: []config.SecretHeader{{Name: "x-merchant-id", Key: "merchant", Prefix: "M ", Optional: true}},
				Parameters:          []config.TokenParameter{{Name: "audience", Value: "api"}, {Name: "child_Key", Key: "child"}, {Name: "merchant", Key: "merchant"}},
				Response: config.TokenResponse{Format: "JSON", TokenHeader: "X-DPD-TOKEN", ExpiryPath: "$.end", ExpiryUnit: "RFC3339",
					RefreshTokenPath: "$.refresh_token"},
				Placement: config.TokenPlacement{Header: "x-amz-access-token"}, AssumedLifetimeSeconds: 60}},
			[]config.Key{{Name: "id"}, {Name: "secret"}, {Name: "merchant"}, {Name: "child"}},
		},
		"private key": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials, OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{
				TokenClient: v1alpha1.TokenClient{ClientAuthentication: v1alpha1.ClientAuthenticationPrivateKeyJWT,
					PrivateKeyJWT: v1alpha1.PrivateKeyJWT{KeyIDKey: "kid", Audience: "https://issuer"}}}},
			config.Authentication{Type: "OAuth2ClientCredentials", OAuth2: &config.OAuth2{GrantType: "client_credentials", ClientAuthentication: "PrivateKeyJWT",
				ClientIDKey: "clientID", PrivateKeyJWT: &config.PrivateKeyJWT{KeyKey: "privateKey", KeyIDKey: "kid", Algorithm: "RS256", Audience: "https://issuer"},
				FieldNames: standardNames, TokenSettings: standardSettings}},
			[]config.Key{{Name: "clientID"}, {Name: "privateKey"}, {Name: "kid"}},
		},
		"client certificate at the token endpoint, token alone in Authorization": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials, OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{
				TokenClient:   client(v1alpha1.ClientAuthenticationClientCertificate),
				TokenSettings: v1alpha1.TokenSettings{Placement: v1alpha1.TokenPlacement{Header: "authorization", Prefix: new("")}}}},
			config.Authentication{Type: "OAuth2ClientCredentials", OAuth2: &config.OAuth2{GrantType: "client_credentials", ClientAuthentication: "ClientCertificate",
				ClientIDKey: "clientID", FieldNames: standardNames, Response: standardResponse,
				Placement: config.TokenPlacement{Header: "authorization"}, AssumedLifetimeSeconds: 300}},
			[]config.Key{{Name: "clientID"}},
		},
		"password": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2Password, OAuth2Password: v1alpha1.OAuth2Password{
				TokenClient: client(v1alpha1.ClientAuthenticationForm)}},
			config.Authentication{Type: "OAuth2Password", OAuth2: &config.OAuth2{GrantType: "password", ClientAuthentication: "Form", ClientIDKey: "clientID",
				ClientSecretKey: "clientSecret", UsernameKey: "username", PasswordKey: "password", FieldNames: standardNames, TokenSettings: standardSettings}},
			[]config.Key{{Name: "clientID"}, {Name: "clientSecret"}, {Name: "username"}, {Name: "password"}},
		},
		"refresh token without a client": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2RefreshToken, OAuth2RefreshToken: v1alpha1.OAuth2RefreshToken{
				TokenClient: client(v1alpha1.ClientAuthenticationNone), Rotation: v1alpha1.RefreshTokenRotationEachUse}},
			config.Authentication{Type: "OAuth2RefreshToken", OAuth2: &config.OAuth2{GrantType: "refresh_token", ClientAuthentication: "None",
				RefreshTokenKey: "refreshToken", RefreshTokenRotates: true, FieldNames: standardNames, TokenSettings: standardSettings}},
			[]config.Key{{Name: "refreshToken"}},
		},
		"login by SOAP, token in the body": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationLogin, Login: v1alpha1.LoginAuthentication{Format: v1alpha1.LoginXML,
				Template: "<login><u>{user}</u><p>{pass.word}</p></login>", TokenSettings: v1alpha1.TokenSettings{
					Response:  v1alpha1.TokenResponse{Format: v1alpha1.BodyXML, TokenPath: "$.a.token"},
					Placement: v1alpha1.TokenPlacement{BodyPath: "$.Envelope.Header.token"}}}},
			config.Authentication{Type: "Login", Login: &config.Login{Format: "XML", Template: "<login><u>{user}</u><p>{pass.word}</p></login>",
				ContentType: "text/xml; charset=utf-8",
				Response:    config.TokenResponse{Format: "XML", TokenPath: "$.a.token", ExpiryPath: "$.expires_in", ExpiryUnit: "Seconds", RefreshTokenPath: "$.refresh_token"},
				Placement:   config.TokenPlacement{BodyPath: "$.Envelope.Header.token"}, AssumedLifetimeSeconds: 300}},
			[]config.Key{{Name: "user"}, {Name: "pass.word"}},
		},
		"login in JSON with a chained token and a header beside": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationLogin, Login: v1alpha1.LoginAuthentication{Format: v1alpha1.LoginJSON,
				TokenSettings: v1alpha1.TokenSettings{Parameters: []v1alpha1.TokenParameter{{Name: "user.name", CredentialKey: "user"}}}},
				APIKeyHeaders: v1alpha1.APIKeyHeaders{Headers: []v1alpha1.CredentialHeader{{Name: "client_id", CredentialKey: "app"}}},
				ChainedToken: v1alpha1.ChainedToken{Path: "/payments", Header: "X-Payment", Template: `{"roles":[{"CRID":"{crid}","account":"{account}"}]}`,
					Operations: []string{"label"}}},
			config.Authentication{Type: "Login", Login: &config.Login{Format: "JSON",
				Parameters: []config.TokenParameter{{Name: "user.name", Key: "user"}}, Response: standardResponse, Placement: bearer, AssumedLifetimeSeconds: 300},
				Headers: []config.SecretHeader{{Name: "client_id", Key: "app"}},
				Chained: &config.ChainedToken{Path: "/payments", Header: "X-Payment", Template: `{"roles":[{"CRID":"{crid}","account":"{account}"}]}`,
					Operations: []string{"label"}, Response: standardResponse, AssumedLifetimeSeconds: 300}},
			[]config.Key{{Name: "user"}, {Name: "app"}, {Name: "crid"}, {Name: "account"}},
		},
		"Basic beside a query": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationQueryCredentials, Basic: v1alpha1.BasicAuthentication{UsernameKey: "user", PasswordKey: "password"},
				QueryCredentials: v1alpha1.QueryCredentials{Parameters: []v1alpha1.QueryCredential{
					{Name: "xml", XMLPath: "$.data['@appname']", CredentialKey: "app"}, {Name: "key", CredentialKey: "key", Presence: v1alpha1.PresenceOptional}}}},
			config.Authentication{Type: "QueryCredentials", Basic: &config.Basic{UsernameKey: "user", PasswordKey: "password"},
				Query: []config.QuerySecret{{Name: "xml", XMLPath: "$.data['@appname']", Key: "app"}, {Name: "key", Key: "key", Optional: true}}},
			[]config.Key{{Name: "user"}, {Name: "password"}, {Name: "app"}, {Name: "key", Optional: true}},
		},
		"body": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationBodyCredentials, BodyCredentials: v1alpha1.BodyCredentials{Format: v1alpha1.BodyXML,
				Fields: []v1alpha1.BodyCredential{{Path: "$.Rate.user", CredentialKey: "user"}, {Path: "$.Rate.pin", CredentialKey: "pin", Presence: v1alpha1.PresenceOptional}}}},
			config.Authentication{Type: "BodyCredentials", Body: &config.BodySecrets{Format: "XML",
				Fields: []config.BodySecret{{Path: "$.Rate.user", Key: "user"}, {Path: "$.Rate.pin", Key: "pin", Optional: true}}}},
			[]config.Key{{Name: "user"}, {Name: "pin", Optional: true}},
		},
		"signing": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationRequestSigning, RequestSigning: v1alpha1.RequestSigning{Algorithm: v1alpha1.SigningHMACSHA256,
				SecretKey: "secret", StringToSign: "{timestamp}{body}{credential:salt}",
				Headers: []v1alpha1.SignedHeader{{Name: "Authorization", Value: "hmac {credential:key}:{signature}"}}}},
			config.Authentication{Type: "RequestSigning", Signing: &config.RequestSigning{Algorithm: "HMACSHA256", SecretKey: "secret",
				StringToSign: "{timestamp}{body}{credential:salt}", Encoding: "Hex", TimestampFormat: "UnixMilliseconds",
				Headers: []config.SignedTemplate{{Name: "Authorization", Value: "hmac {credential:key}:{signature}"}}}},
			[]config.Key{{Name: "secret"}, {Name: "salt"}, {Name: "key"}},
		},
		"signing with everything": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationRequestSigning, RequestSigning: v1alpha1.RequestSigning{Algorithm: v1alpha1.SigningMD5,
				StringToSign: "{form:a}{credential:word}", Transform: v1alpha1.SigningTransformURLEncode, Encoding: v1alpha1.SignatureBase64,
				TimestampFormat: v1alpha1.TimestampUnixSeconds, FormFields: []v1alpha1.SignedField{{Name: "digest", Value: "{signature}"}}}},
			config.Authentication{Type: "RequestSigning", Signing: &config.RequestSigning{Algorithm: "MD5", StringToSign: "{form:a}{credential:word}",
				URLEncode: true, Encoding: "Base64", TimestampFormat: "UnixSeconds", FormFields: []config.SignedTemplate{{Name: "digest", Value: "{signature}"}}}},
			[]config.Key{{Name: "word"}},
		},
		"client certificate": {
			v1alpha1.Authentication{Type: v1alpha1.AuthenticationClientCertificate},
			config.Authentication{Type: "ClientCertificate"}, nil,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Authentication(&tc.from)); diff != "" {
				t.Errorf("rendered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.keys, Keys(&tc.from)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}
