package v1alpha1

// ClientAuthentication is how a token request shows which client it is from.
//
// +kubebuilder:validation:Enum=Basic;Form;JSON;Query;PrivateKeyJWT;ClientCertificate;None
type ClientAuthentication string

// How a token request authenticates its client.
const (
	// ClientAuthenticationBasic uses the Authorization header (RFC 6749, section 2.3.1).
	ClientAuthenticationBasic ClientAuthentication = "Basic"
	// ClientAuthenticationForm uses the form fields client_id and client_secret.
	ClientAuthenticationForm ClientAuthentication = "Form"
	// ClientAuthenticationJSON sends the token request as a JSON object.
	ClientAuthenticationJSON ClientAuthentication = "JSON"
	// ClientAuthenticationQuery sends the token request's fields in the URL's query.
	ClientAuthenticationQuery ClientAuthentication = "Query"
	// ClientAuthenticationPrivateKeyJWT sends an assertion signed with a private key (RFC 7523, section 2.2).
	ClientAuthenticationPrivateKeyJWT ClientAuthentication = "PrivateKeyJWT"
	// ClientAuthenticationClientCertificate sends the client ID alone; the TLS client certificate proves it (RFC 8705, section 2).
	ClientAuthenticationClientCertificate ClientAuthentication = "ClientCertificate"
	// ClientAuthenticationNone sends no client at all.
	ClientAuthenticationNone ClientAuthentication = "None"
)

// TokenClient is the client of a token request.
type TokenClient struct {
	// clientAuthentication says how the token request shows its client: Basic (header), Form, JSON or Query (fields of the request),
	// PrivateKeyJWT (RFC 7523), ClientCertificate (RFC 8705; needs the integration's certificates.carrierClient) or None.
	// +required
	ClientAuthentication ClientAuthentication `json:"clientAuthentication,omitempty"`

	// clientIDKey is the key of the credential's Secret that holds the client ID. Default clientID.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClientIDKey string `json:"clientIDKey,omitempty"`

	// clientSecretKey is the key of the credential's Secret that holds the client secret. Default clientSecret. Not used with
	// PrivateKeyJWT, ClientCertificate and None.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClientSecretKey string `json:"clientSecretKey,omitempty"`

	// privateKeyJWT sets the assertion of clientAuthentication PrivateKeyJWT.
	// +optional
	PrivateKeyJWT PrivateKeyJWT `json:"privateKeyJWT,omitzero"`
}

// PrivateKeyJWT sets the assertion by which a client authenticates (RFC 7523).
//
// +kubebuilder:validation:MinProperties=1
type PrivateKeyJWT struct {
	// keyKey is the key of the credential's Secret that holds the PEM of the private key. Default privateKey.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	KeyKey string `json:"keyKey,omitempty"`

	// keyIDKey is the key of the credential's Secret that holds the key's ID (kid). Omitted: no kid is sent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	KeyIDKey string `json:"keyIDKey,omitempty"`

	// algorithm of the signature: RS256 (default), PS256, ES256, ES384 or EdDSA.
	// +optional
	// +kubebuilder:validation:Enum=RS256;PS256;ES256;ES384;EdDSA
	Algorithm string `json:"algorithm,omitempty"`

	// audience of the assertion. Default the token endpoint's URL.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Audience string `json:"audience,omitempty"`
}

// TokenSettings are what token requests of all kinds have in common.
//
// +kubebuilder:validation:MinProperties=1
type TokenSettings struct {
	// scopes requested, sent space-separated in the field scope. None by default.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Scopes []string `json:"scopes,omitempty"`

	// tokenRequestHeaders are additional headers of the token request whose values come from the credential's Secret.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	TokenRequestHeaders []CredentialHeader `json:"tokenRequestHeaders,omitempty"`

	// parameters are additional fields of the token request.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Parameters []TokenParameter `json:"parameters,omitempty"`

	// fieldNames rename fields of the token request.
	// +optional
	FieldNames TokenFieldNames `json:"fieldNames,omitzero"`

	// response says where the answer holds the token. Default as RFC 6749, section 5.1, has it.
	// +optional
	Response TokenResponse `json:"response,omitzero"`

	// placement says where requests carry the token. Default the header Authorization, as a bearer token (RFC 6750).
	// +optional
	Placement TokenPlacement `json:"placement,omitzero"`

	// assumedLifetimeSeconds is how long a token is used when the response names no lifetime, in seconds, 60 to 2592000. Default 300.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	AssumedLifetimeSeconds int32 `json:"assumedLifetimeSeconds,omitempty"`
}

// TokenParameter is a field of a token request: a fixed value, or one from the credential's Secret.
//
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.credentialKey)",message="a parameter has either a value or a credentialKey: set one of them"
type TokenParameter struct {
	// name of the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value of the field, for what is no secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Value string `json:"value,omitempty"`

	// credentialKey is the key of the credential's Secret that holds the value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CredentialKey string `json:"credentialKey,omitempty"`

	// presence says whether the Secret must have the key: Required (default) or Optional, then the field is left out without it.
	// +optional
	Presence Presence `json:"presence,omitempty"`
}

// TokenFieldNames are the names that a carrier gives the fields of a token request.
//
// +kubebuilder:validation:MinProperties=1
type TokenFieldNames struct {
	// grantType is the field that holds the grant type. Default grant_type.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	GrantType string `json:"grantType,omitempty"`

	// clientID is the field that holds the client ID. Default client_id.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ClientID string `json:"clientID,omitempty"`

	// clientSecret is the field that holds the client secret. Default client_secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ClientSecret string `json:"clientSecret,omitempty"`

	// scope is the field that holds the scopes. Default scope.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Scope string `json:"scope,omitempty"`

	// username is the field that holds the user name. Default username.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Username string `json:"username,omitempty"`

	// password is the field that holds the password. Default password.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Password string `json:"password,omitempty"`

	// refreshToken is the field that holds the refresh token. Default refresh_token.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	RefreshToken string `json:"refreshToken,omitempty"`
}

// ExpiryUnit is how a token response tells the end of a token's life.
//
// +kubebuilder:validation:Enum=Seconds;Milliseconds;UnixSeconds;UnixMilliseconds;RFC3339
type ExpiryUnit string

// How a token response tells the end of a token's life.
const (
	ExpirySeconds          ExpiryUnit = "Seconds"
	ExpiryMilliseconds     ExpiryUnit = "Milliseconds"
	ExpiryUnixSeconds      ExpiryUnit = "UnixSeconds"
	ExpiryUnixMilliseconds ExpiryUnit = "UnixMilliseconds"
	ExpiryRFC3339          ExpiryUnit = "RFC3339"
)

// TokenResponse says where a token response holds what is needed.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.tokenHeader) || !has(self.tokenPath)",message="the token is in the header or in the body: set tokenHeader or tokenPath"
type TokenResponse struct {
	// format of the body: JSON (default) or XML.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self in ['JSON', 'XML']",message="a token response is JSON or XML"
	Format BodyFormat `json:"format,omitempty"`

	// tokenPath is the place of the token in the body. Default $.access_token.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	TokenPath string `json:"tokenPath,omitempty"`

	// tokenHeader is the header of the response that holds the token; then the body may be empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	TokenHeader string `json:"tokenHeader,omitempty"`

	// expiryPath is the place of the lifetime in the body; a number or a string. Default $.expires_in.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	ExpiryPath string `json:"expiryPath,omitempty"`

	// expiryUnit says what the lifetime is: Seconds (default) or Milliseconds from now, or an instant as UnixSeconds, UnixMilliseconds or
	// RFC3339.
	// +optional
	ExpiryUnit ExpiryUnit `json:"expiryUnit,omitempty"`

	// refreshTokenPath is the place of a new refresh token. Default $.refresh_token.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	RefreshTokenPath string `json:"refreshTokenPath,omitempty"`
}

// TokenPlacement says where requests carry the token.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.bodyPath) || (!has(self.header) && !has(self.prefix))",message="the token is in a header or in the body: set header and prefix, or bodyPath"
type TokenPlacement struct {
	// header that carries the token. Default Authorization.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="a header name has letters, digits and -_.!#$%&*+^|~ only (RFC 9110)"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'content-length', 'content-encoding', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-connection'])",message="this header belongs to the connection itself and cannot carry a credential: use another one"
	Header string `json:"header,omitempty"`

	// prefix is written before the token; empty for the token alone. Default "Bearer " in the header Authorization, none in others.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=64
	Prefix *string `json:"prefix,omitempty"`

	// bodyPath is the place of the token in each request's XML body, for SOAP services that want it there.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('$.') && !self.contains('..') && !self.contains('*')",message="write one place, as $.name.name: no wildcard and no '..'"
	BodyPath string `json:"bodyPath,omitempty"`
}

// OAuth2ClientCredentials are the settings of the client credentials grant.
//
// +kubebuilder:validation:MinProperties=1
type OAuth2ClientCredentials struct {
	TokenClient   `json:",inline"`
	TokenSettings `json:",inline"`

	// grantType is the grant type that is sent. Default client_credentials.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	GrantType string `json:"grantType,omitempty"`
}

// OAuth2Password are the settings of the resource owner password grant.
//
// +kubebuilder:validation:MinProperties=1
type OAuth2Password struct {
	TokenClient   `json:",inline"`
	TokenSettings `json:",inline"`

	// usernameKey is the key of the credential's Secret that holds the user name. Default username.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	UsernameKey string `json:"usernameKey,omitempty"`

	// passwordKey is the key of the credential's Secret that holds the password. Default password.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PasswordKey string `json:"passwordKey,omitempty"`
}

// RefreshTokenRotation says whether a carrier replaces the refresh token each time it is used.
//
// +kubebuilder:validation:Enum=Never;EachUse
type RefreshTokenRotation string

// Whether a carrier replaces refresh tokens.
const (
	RefreshTokenRotationNever   RefreshTokenRotation = "Never"
	RefreshTokenRotationEachUse RefreshTokenRotation = "EachUse"
)

// OAuth2RefreshToken are the settings of the refresh token grant.
//
// +kubebuilder:validation:MinProperties=1
type OAuth2RefreshToken struct {
	TokenClient   `json:",inline"`
	TokenSettings `json:",inline"`

	// refreshTokenKey is the key of the credential's Secret that holds the refresh token. Default refreshToken.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	RefreshTokenKey string `json:"refreshTokenKey,omitempty"`

	// rotation says whether the carrier replaces the refresh token at each use: Never (default) or EachUse. With EachUse the operator
	// keeps the newest one in a Secret of its own, and the gateway has one replica: two would invalidate each other's token.
	// +optional
	Rotation RefreshTokenRotation `json:"rotation,omitempty"`
}

// LoginFormat is how a login request carries user name and password.
//
// +kubebuilder:validation:Enum=JSON;Form;Headers;XML
type LoginFormat string

// How a login request carries user name and password.
const (
	LoginJSON    LoginFormat = "JSON"
	LoginForm    LoginFormat = "Form"
	LoginHeaders LoginFormat = "Headers"
	LoginXML     LoginFormat = "XML"
)

// LoginAuthentication are the settings of a login endpoint: parameters and tokenRequestHeaders carry the credential, response says where the token is.
//
// +kubebuilder:validation:XValidation:rule="(self.format == 'XML') == has(self.template)",message="format XML goes with a template, and no other format does"
// +kubebuilder:validation:XValidation:rule="!(self.format in ['JSON', 'Form']) || has(self.parameters)",message="a JSON or Form login needs parameters: add those for user name and password"
// +kubebuilder:validation:XValidation:rule="self.format != 'Headers' || has(self.tokenRequestHeaders)",message="a login by headers needs tokenRequestHeaders: add those for user name and password"
type LoginAuthentication struct {
	// format of the login request: JSON (an object of the parameters; a '.' in a name makes objects inside), Form, Headers (no body) or XML (template).
	// +required
	Format LoginFormat `json:"format,omitempty"`

	TokenSettings `json:",inline"`

	// template of an XML login request, SOAP for example. {key} stands for the value of that key of the credential's Secret, escaped.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Template string `json:"template,omitempty"`

	// contentType of an XML login request. Default text/xml; charset=utf-8.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ContentType string `json:"contentType,omitempty"`
}

// ChainedToken is a second token that is asked for with the first one.
type ChainedToken struct {
	// path of the request below the API endpoint's own path; its method is POST.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.contains('//') && !self.contains('?') && !self.contains('#')",message="a path starts with '/' and has no '//', query or fragment"
	Path string `json:"path,omitempty"`

	// template of the request's JSON body. {key} stands for the value of that key of the credential's Secret, escaped.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Template string `json:"template,omitempty"`

	// header that carries the second token.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="a header name has letters, digits and -_.!#$%&*+^|~ only (RFC 9110)"
	Header string `json:"header,omitempty"`

	// operations that need it. Omitted: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`

	// response says where the answer holds the second token.
	// +optional
	Response TokenResponse `json:"response,omitzero"`

	// assumedLifetimeSeconds is how long the second token is used when the response names no lifetime, in seconds, 60 to 2592000. Default 300.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	AssumedLifetimeSeconds int32 `json:"assumedLifetimeSeconds,omitempty"`
}
