// Package config is the contract between the operator, which renders a gateway's configuration, and the gateway, which serves it.
//
// The configuration holds no secret: credentials and private keys are mounted from Secrets beside it. It is one JSON document, so a
// gateway never sees half of a change.
package config

// Config is everything that a gateway needs to know besides credentials and certificates.
type Config struct {
	// Revision identifies this configuration together with the credential versions and certificates that go with it.
	Revision string `json:"revision"`
	// Namespace and Integration say whose gateway it is.
	Namespace   string `json:"namespace"`
	Integration string `json:"integration"`
	// Profile and Environment say which carrier it leads to; for logs and metrics.
	Profile     string `json:"profile"`
	Environment string `json:"environment"`

	Listener Listener `json:"listener"`
	Clients  []Client `json:"clients"`
	// TrustBundle is the PEM of the CAs that client and manager certificates are verified with.
	TrustBundle string `json:"trustBundle"`

	Endpoints      []Endpoint     `json:"endpoints"`
	Authentication Authentication `json:"authentication"`
	Credentials    []Credential   `json:"credentials"`
	// CarrierClientCertificate says whether a client certificate is mounted for the carrier; then the gateway never dials without it.
	CarrierClientCertificate bool `json:"carrierClientCertificate,omitempty"`

	Operations []Operation `json:"operations"`
	// ForwardUnknownOperations passes requests that match no operation; only ever with MinimizationMode Report.
	ForwardUnknownOperations bool `json:"forwardUnknownOperations,omitempty"`
	// MinimizationMode is Report, Redact or Enforce.
	MinimizationMode string `json:"minimizationMode"`

	Limits []Limit `json:"limits,omitempty"`
	// Throttling are the carrier's signs that a limit is used up, besides status 429.
	Throttling []ThrottleSignal `json:"throttling,omitempty"`
	// Replicas divides the limits: each replica keeps its share, unless LimitStore is set.
	Replicas int32 `json:"replicas"`
	// LimitStore is the engine in which all replicas count together; nil: none.
	LimitStore *LimitStore `json:"limitStore,omitempty"`

	Callbacks []Callback `json:"callbacks,omitempty"`

	// MaxRequestBytes bounds a request's body, TimeoutSeconds the carrier's answer.
	MaxRequestBytes int64 `json:"maxRequestBytes"`
	TimeoutSeconds  int32 `json:"timeoutSeconds"`
}

// Listener modes.
const (
	ListenerMutualTLS = "MutualTLS"
	ListenerTLS       = "TLS"
	ListenerPlaintext = "Plaintext"
)

// Listener says how clients connect.
type Listener struct {
	Mode string `json:"mode"`
}

// Client is an application that may call the gateway.
type Client struct {
	Name string `json:"name"`
	// URI is the URI subject alternative name of its certificate, see ClientURI.
	URI        string   `json:"uri"`
	Operations []string `json:"operations"`
	// LimitSharePercent bounds the client's share of each of the carrier's limits; 0: all of it.
	LimitSharePercent int32 `json:"limitSharePercent,omitempty"`
}

// Endpoint is a base address of the carrier with the addresses that may be dialed for it.
type Endpoint struct {
	// Role is API, Token, Document, Label or Tracking.
	Role string `json:"role"`
	URL  string `json:"url"`
	// Addresses are the published IP addresses; no other is ever dialed.
	Addresses []string `json:"addresses"`
	// CABundle is the PEM that the endpoint is verified with; empty: the image's public CAs.
	CABundle string `json:"caBundle,omitempty"`
	// Ranges that the carrier publishes. Addresses within them may be dialed as well as Addresses, as soon as they are listed there.
	Ranges []string `json:"ranges,omitempty"`
}

// Credential is one mounted credential: the files of CredentialsDir/<Name>/, one a key.
type Credential struct {
	Name string `json:"name"`
	// Operations that use it; empty: all that no other credential names.
	Operations []string `json:"operations,omitempty"`
}

// Operation is one thing that the carrier does.
type Operation struct {
	Name string `json:"name"`
	// Role of the endpoint that serves it.
	Role     string    `json:"role"`
	Requests []Request `json:"requests"`
	// Headers of the client that pass besides Accept, Accept-Language, Content-Type and Idempotency-Key.
	Headers []string `json:"headers,omitempty"`
	// Request are the rules of the request's body; nil: the operation takes no body.
	Request *BodyRules `json:"request,omitempty"`
	// Consents are further fields of the request that pass for a purpose that the client states in the header Carrier-Purpose.
	Consents []Consent `json:"consents,omitempty"`
	// Query are the rules of the query; nil: no parameter passes.
	Query *QueryRules `json:"query,omitempty"`
	// Response are the rules of the response's body; nil: it passes unchanged.
	Response *BodyRules `json:"response,omitempty"`
}

// Request is a method and a path template below the endpoint's path; {name} matches one segment.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// BodyRules say which fields of a body pass; paths as in the API's BodyRules. Exceptions of the integration are already in Allow,
// each with the instant at which it ends in AllowUntil.
type BodyRules struct {
	Format     string           `json:"format"`
	Allow      []string         `json:"allow,omitempty"`
	AllowUntil []TemporaryAllow `json:"allowUntil,omitempty"`
	Remove     []string         `json:"remove,omitempty"`
	Require    []string         `json:"require,omitempty"`
	// Embedded are fields that are documents themselves.
	Embedded []Embedded `json:"embedded,omitempty"`
}

// Embedded is a field that is a document itself: JSON or XML.
type Embedded struct {
	Path   string `json:"path"`
	Format string `json:"format"`
}

// Consent lets fields pass for a purpose.
type Consent struct {
	Purpose string   `json:"purpose"`
	Allow   []string `json:"allow"`
}

// TemporaryAllow is an exception: Path passes until the end of the day ExpiresOn (YYYY-MM-DD, UTC).
type TemporaryAllow struct {
	Path      string `json:"path"`
	ExpiresOn string `json:"expiresOn"`
}

// QueryRules say which query parameters pass.
type QueryRules struct {
	Allow []string     `json:"allow,omitempty"`
	Force []QueryParam `json:"force,omitempty"`
}

// QueryParam is a query parameter with its value.
type QueryParam struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
