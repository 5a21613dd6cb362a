package v1alpha1

// AuthenticationType is the way in which a carrier recognizes its customer.
//
// +kubebuilder:validation:Enum=OAuth2ClientCredentials;OAuth2Password;OAuth2RefreshToken;Login;APIKeyHeaders;Basic;BodyCredentials;QueryCredentials;RequestSigning;ClientCertificate
type AuthenticationType string

// Ways to authenticate to a carrier.
const (
	// AuthenticationOAuth2ClientCredentials fetches a bearer token (RFC 6749, section 4.4).
	AuthenticationOAuth2ClientCredentials AuthenticationType = "OAuth2ClientCredentials"
	// AuthenticationOAuth2Password fetches a bearer token with a user's password (RFC 6749, section 4.3).
	AuthenticationOAuth2Password AuthenticationType = "OAuth2Password"
	// AuthenticationOAuth2RefreshToken fetches a bearer token with a refresh token (RFC 6749, section 6), which the carrier may replace.
	AuthenticationOAuth2RefreshToken AuthenticationType = "OAuth2RefreshToken"
	// AuthenticationLogin fetches a token from a login endpoint of the carrier's own design.
	AuthenticationLogin AuthenticationType = "Login"
	// AuthenticationAPIKeyHeaders sends one or more secret headers.
	AuthenticationAPIKeyHeaders AuthenticationType = "APIKeyHeaders"
	// AuthenticationBasic sends HTTP Basic credentials (RFC 7617).
	AuthenticationBasic AuthenticationType = "Basic"
	// AuthenticationBodyCredentials writes the credential into the request's body.
	AuthenticationBodyCredentials AuthenticationType = "BodyCredentials"
	// AuthenticationQueryCredentials writes the credential into the request's query.
	AuthenticationQueryCredentials AuthenticationType = "QueryCredentials"
	// AuthenticationRequestSigning signs each request, after minimization.
	AuthenticationRequestSigning AuthenticationType = "RequestSigning"
	// AuthenticationClientCertificate relies on the TLS client certificate alone (RFC 8446, section 4.4.2).
	AuthenticationClientCertificate AuthenticationType = "ClientCertificate"
)

// Authentication says how the gateway authenticates to the carrier. The member that type names is set; apiKeyHeaders, basic,
// bodyCredentials and queryCredentials may stand beside any type, for carriers that want two things at once, and chainedToken beside
// those that fetch a token.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'OAuth2ClientCredentials') == has(self.oauth2ClientCredentials)",message="type OAuth2ClientCredentials goes with the field oauth2ClientCredentials: set it for this type and for no other"
// +kubebuilder:validation:XValidation:rule="(self.type == 'OAuth2Password') == has(self.oauth2Password)",message="type OAuth2Password goes with the field oauth2Password: set it for this type and for no other"
// +kubebuilder:validation:XValidation:rule="(self.type == 'OAuth2RefreshToken') == has(self.oauth2RefreshToken)",message="type OAuth2RefreshToken goes with the field oauth2RefreshToken: set it for this type and for no other"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Login') == has(self.login)",message="type Login goes with the field login: set it for this type and for no other"
// +kubebuilder:validation:XValidation:rule="(self.type == 'RequestSigning') == has(self.requestSigning)",message="type RequestSigning goes with the field requestSigning: set it for this type and for no other"
// +kubebuilder:validation:XValidation:rule="self.type != 'APIKeyHeaders' || has(self.apiKeyHeaders)",message="type APIKeyHeaders goes with the field apiKeyHeaders: set it"
// +kubebuilder:validation:XValidation:rule="self.type != 'Basic' || has(self.basic)",message="type Basic goes with the field basic: set it"
// +kubebuilder:validation:XValidation:rule="self.type != 'BodyCredentials' || has(self.bodyCredentials)",message="type BodyCredentials goes with the field bodyCredentials: set it"
// +kubebuilder:validation:XValidation:rule="self.type != 'QueryCredentials' || has(self.queryCredentials)",message="type QueryCredentials goes with the field queryCredentials: set it"
// +kubebuilder:validation:XValidation:rule="!has(self.chainedToken) || self.type in ['OAuth2ClientCredentials', 'OAuth2Password', 'OAuth2RefreshToken', 'Login']",message="a chained token is asked for with a first token: use chainedToken with a type that fetches one"
type Authentication struct {
	// type of authentication; the member of the same name holds its settings. ClientCertificate has none: the certificate is that of the
	// integration's certificates.carrierClient.
	// +required
	Type AuthenticationType `json:"type,omitempty"`

	// oauth2ClientCredentials fetches a bearer token with a client ID and secret (RFC 6749, section 4.4).
	// +optional
	OAuth2ClientCredentials OAuth2ClientCredentials `json:"oauth2ClientCredentials,omitzero"`

	// oauth2Password fetches a bearer token with user name and password (RFC 6749, section 4.3).
	// +optional
	OAuth2Password OAuth2Password `json:"oauth2Password,omitzero"`

	// oauth2RefreshToken fetches a bearer token with a refresh token (RFC 6749, section 6).
	// +optional
	OAuth2RefreshToken OAuth2RefreshToken `json:"oauth2RefreshToken,omitzero"`

	// login fetches a token from a login endpoint of the carrier's own design, at the endpoint of role Token.
	// +optional
	Login LoginAuthentication `json:"login,omitzero"`

	// apiKeyHeaders sends secret headers.
	// +optional
	APIKeyHeaders APIKeyHeaders `json:"apiKeyHeaders,omitzero"`

	// basic sends HTTP Basic credentials (RFC 7617).
	// +optional
	Basic BasicAuthentication `json:"basic,omitzero"`

	// bodyCredentials writes the credential into the request's body.
	// +optional
	BodyCredentials BodyCredentials `json:"bodyCredentials,omitzero"`

	// queryCredentials writes the credential into the request's query.
	// +optional
	QueryCredentials QueryCredentials `json:"queryCredentials,omitzero"`

	// requestSigning signs each request after minimization.
	// +optional
	RequestSigning RequestSigning `json:"requestSigning,omitzero"`

	// chainedToken asks for a second token with the first one.
	// +optional
	ChainedToken ChainedToken `json:"chainedToken,omitzero"`
}

// Presence says whether a key must exist in the credential's Secret.
//
// +kubebuilder:validation:Enum=Required;Optional
type Presence string

// Whether a key of the credential must exist.
const (
	PresenceRequired Presence = "Required"
	PresenceOptional Presence = "Optional"
)

// CredentialHeader is a header whose value comes from the credential's Secret.
type CredentialHeader struct {
	// name of the header, for example x-merchant-id. Framing and hop-by-hop headers (Host, Content-Length, Connection, ...) are refused.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="a header name has letters, digits and -_.!#$%&*+^|~ only (RFC 9110)"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'content-length', 'content-encoding', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-connection'])",message="this header belongs to the connection itself and cannot carry a credential: use another one"
	Name string `json:"name,omitempty"`

	// credentialKey is the key of the credential's Secret that holds the value.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CredentialKey string `json:"credentialKey,omitempty"`

	// prefix is written before the value, for example "Bearer " with its space. None by default.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Prefix string `json:"prefix,omitempty"`

	// presence says whether the Secret must have the key: Required (default) or Optional, then the header is left out without it.
	// +optional
	Presence Presence `json:"presence,omitempty"`
}

// APIKeyHeaders are the settings of authentication by secret headers.
type APIKeyHeaders struct {
	// headers that are set on each request, at least one.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Headers []CredentialHeader `json:"headers,omitempty"`
}

// BasicAuthentication are the settings of HTTP Basic.
//
// +kubebuilder:validation:MinProperties=1
type BasicAuthentication struct {
	// usernameKey is the key of the credential's Secret that holds the user name, for example username.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	UsernameKey string `json:"usernameKey,omitempty"`

	// passwordKey is the key of the credential's Secret that holds the password. Omitted: the password is empty, as carriers want it
	// that take an API key as the user name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PasswordKey string `json:"passwordKey,omitempty"`
}

// BodyCredentials are the settings of credentials in the body of each request.
type BodyCredentials struct {
	// format of the bodies: JSON, XML (SOAP included) or Form.
	// +required
	// +kubebuilder:validation:XValidation:rule="self != 'Multipart'",message="credentials cannot be written into multipart bodies: use JSON, XML or Form"
	Format BodyFormat `json:"format,omitempty"`

	// fields that are set, at least one. What a client sends there never reaches the carrier.
	// +required
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Fields []BodyCredential `json:"fields,omitempty"`
}

// BodyCredential is a field of the body whose value comes from the credential's Secret.
type BodyCredential struct {
	// path of the field: names only, for example $.ClientInfo.UserName. Containers that are missing are made, in XML with the prefix of
	// the element around them.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('$.') && !self.contains('..') && !self.contains('*')",message="write one place, as $.name.name: no wildcard and no '..'"
	Path string `json:"path,omitempty"`

	// credentialKey is the key of the credential's Secret that holds the value.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CredentialKey string `json:"credentialKey,omitempty"`

	// presence says whether the Secret must have the key: Required (default) or Optional, then the field is left out without it.
	// +optional
	Presence Presence `json:"presence,omitempty"`
}

// QueryCredentials are the settings of credentials in the query of each request. Queries never appear in logs.
type QueryCredentials struct {
	// parameters that are set, at least one. What a client sends there never reaches the carrier.
	// +required
	// +listType=map
	// +listMapKey=name
	// +listMapKey=credentialKey
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Parameters []QueryCredential `json:"parameters,omitempty"`
}

// QueryCredential is a query parameter whose value comes from the credential's Secret.
type QueryCredential struct {
	// name of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// credentialKey is the key of the credential's Secret that holds the value.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CredentialKey string `json:"credentialKey,omitempty"`

	// xmlPath is the place of the value where the parameter, which the client sends, is an XML document, for example $.data['@password'].
	// Omitted: the value is the whole parameter.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('$.') && !self.contains('..') && !self.contains('*')",message="write one place, as $.name['@attribute']: no wildcard and no '..'"
	XMLPath string `json:"xmlPath,omitempty"`

	// presence says whether the Secret must have the key: Required (default) or Optional, then the parameter is left out without it.
	// +optional
	Presence Presence `json:"presence,omitempty"`
}
