package config

// Authentication types.
const (
	AuthenticationOAuth2ClientCredentials = "OAuth2ClientCredentials"
	AuthenticationOAuth2Password          = "OAuth2Password"
	AuthenticationOAuth2RefreshToken      = "OAuth2RefreshToken"
	AuthenticationLogin                   = "Login"
	AuthenticationAPIKeyHeaders           = "APIKeyHeaders"
	AuthenticationBasic                   = "Basic"
	AuthenticationBodyCredentials         = "BodyCredentials"
	AuthenticationQueryCredentials        = "QueryCredentials"
	AuthenticationRequestSigning          = "RequestSigning"
	AuthenticationClientCertificate       = "ClientCertificate"
)

// Authentication says how the gateway authenticates. The member that Type names is set; Headers, Basic, Body and Query may stand
// beside any other. All keys are resolved: no defaults are left.
type Authentication struct {
	Type string `json:"type"`
	// OAuth2 serves the three OAuth 2.0 types, Login the type Login.
	OAuth2  *OAuth2         `json:"oauth2,omitempty"`
	Login   *Login          `json:"login,omitempty"`
	Headers []SecretHeader  `json:"headers,omitempty"`
	Basic   *Basic          `json:"basic,omitempty"`
	Body    *BodySecrets    `json:"body,omitempty"`
	Query   []QuerySecret   `json:"query,omitempty"`
	Signing *RequestSigning `json:"signing,omitempty"`
	Chained *ChainedToken   `json:"chained,omitempty"`
}

// OAuth2 are the settings of a grant of RFC 6749.
type OAuth2 struct {
	GrantType string `json:"grantType"`
	// ClientAuthentication is Basic, Form, JSON, Query, PrivateKeyJWT, ClientCertificate or None. Keys that it does not use are empty.
	ClientAuthentication string         `json:"clientAuthentication"`
	ClientIDKey          string         `json:"clientIDKey,omitempty"`
	ClientSecretKey      string         `json:"clientSecretKey,omitempty"`
	PrivateKeyJWT        *PrivateKeyJWT `json:"privateKeyJWT,omitempty"`
	// UsernameKey and PasswordKey are those of the password grant, RefreshTokenKey that of the refresh grant.
	UsernameKey     string `json:"usernameKey,omitempty"`
	PasswordKey     string `json:"passwordKey,omitempty"`
	RefreshTokenKey string `json:"refreshTokenKey,omitempty"`
	// RefreshTokenRotates: the carrier replaces the refresh token at each use.
	RefreshTokenRotates bool            `json:"refreshTokenRotates,omitempty"`
	FieldNames          TokenFieldNames `json:"fieldNames"`
	TokenSettings
}

// TokenSettings are what token requests of all kinds have in common.
type TokenSettings struct {
	Scopes                 []string         `json:"scopes,omitempty"`
	TokenRequestHeaders    []SecretHeader   `json:"tokenRequestHeaders,omitempty"`
	Parameters             []TokenParameter `json:"parameters,omitempty"`
	Response               TokenResponse    `json:"response"`
	Placement              TokenPlacement   `json:"placement"`
	AssumedLifetimeSeconds int32            `json:"assumedLifetimeSeconds"`
}

// TokenFieldNames are the names of the fields of a token request.
type TokenFieldNames struct {
	GrantType    string `json:"grantType"`
	ClientID     string `json:"clientID"`
	ClientSecret string `json:"clientSecret"`
	Scope        string `json:"scope"`
	Username     string `json:"username"`
	Password     string `json:"password"`
	RefreshToken string `json:"refreshToken"`
}

// TokenParameter is a further field of a token request: Value, or the value of Key.
type TokenParameter struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"`
	Key      string `json:"key,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

// PrivateKeyJWT are the settings of a client assertion (RFC 7523); without KeyIDKey it has no kid, without Audience the token
// endpoint's URL is it.
type PrivateKeyJWT struct {
	KeyKey    string `json:"keyKey"`
	KeyIDKey  string `json:"keyIDKey,omitempty"`
	Algorithm string `json:"algorithm"`
	Audience  string `json:"audience,omitempty"`
}

// Units of a token's lifetime.
const (
	ExpirySeconds          = "Seconds"
	ExpiryMilliseconds     = "Milliseconds"
	ExpiryUnixSeconds      = "UnixSeconds"
	ExpiryUnixMilliseconds = "UnixMilliseconds"
	ExpiryRFC3339          = "RFC3339"
)

// TokenResponse says where the answer holds what is needed. Either TokenPath or TokenHeader is set.
type TokenResponse struct {
	Format           string `json:"format"` // JSON or XML
	TokenPath        string `json:"tokenPath,omitempty"`
	TokenHeader      string `json:"tokenHeader,omitempty"`
	ExpiryPath       string `json:"expiryPath"`
	ExpiryUnit       string `json:"expiryUnit"`
	RefreshTokenPath string `json:"refreshTokenPath,omitempty"`
}

// TokenPlacement says where requests carry the token: a header with a prefix, or a place in their XML body.
type TokenPlacement struct {
	Header   string `json:"header,omitempty"`
	Prefix   string `json:"prefix,omitempty"`
	BodyPath string `json:"bodyPath,omitempty"`
}

// Login are the settings of a login endpoint. Format is JSON, Form, Headers or XML; Template and ContentType are for XML.
type Login struct {
	Format      string `json:"format"`
	Template    string `json:"template,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	TokenSettings
}

// ChainedToken is a second token that is asked for with the first one, at a path of the endpoint API.
type ChainedToken struct {
	Path                   string        `json:"path"`
	Template               string        `json:"template"`
	Header                 string        `json:"header"`
	Operations             []string      `json:"operations,omitempty"`
	Response               TokenResponse `json:"response"`
	AssumedLifetimeSeconds int32         `json:"assumedLifetimeSeconds"`
}

// SecretHeader is a header whose value comes from the credential.
type SecretHeader struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Prefix   string `json:"prefix,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

// Basic are the settings of HTTP Basic (RFC 7617); without PasswordKey the password is empty.
type Basic struct {
	UsernameKey string `json:"usernameKey"`
	PasswordKey string `json:"passwordKey,omitempty"`
}

// BodySecrets are credentials in bodies of Format JSON, XML or Form.
type BodySecrets struct {
	Format string       `json:"format"`
	Fields []BodySecret `json:"fields"`
}

// BodySecret is a field of the body whose value comes from the credential.
type BodySecret struct {
	Path     string `json:"path"`
	Key      string `json:"key"`
	Optional bool   `json:"optional,omitempty"`
}

// QuerySecret is a query parameter whose value comes from the credential; with XMLPath it is a place in the parameter's XML.
type QuerySecret struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	XMLPath  string `json:"xmlPath,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

// RequestSigning is a signing scheme; fields and templates as in the API.
type RequestSigning struct {
	Algorithm       string           `json:"algorithm"`
	SecretKey       string           `json:"secretKey,omitempty"`
	StringToSign    string           `json:"stringToSign"`
	URLEncode       bool             `json:"urlEncode,omitempty"`
	Encoding        string           `json:"encoding"`        // Hex, HexUpper or Base64
	TimestampFormat string           `json:"timestampFormat"` // UnixSeconds, UnixMilliseconds or RFC3339
	Headers         []SignedTemplate `json:"headers,omitempty"`
	FormFields      []SignedTemplate `json:"formFields,omitempty"`
}

// SignedTemplate is a header or form field that carries a signature or a part of it.
type SignedTemplate struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
