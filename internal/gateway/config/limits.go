package config

// Limit is a number of requests in a window, over all replicas.
type Limit struct {
	Name string `json:"name"`
	// Carrier: the carrier published the limit, so clients have shares of it.
	Carrier bool `json:"carrier,omitempty"`
	// TokenRequests: the limit counts token requests instead of operations.
	TokenRequests bool `json:"tokenRequests,omitempty"`
	// Client and Operations narrow what is counted; empty: all.
	Client        string   `json:"client,omitempty"`
	Operations    []string `json:"operations,omitempty"`
	Requests      int64    `json:"requests"`
	WindowSeconds int32    `json:"windowSeconds"`
}

// Ends of a wait that a carrier asked for.
const (
	ThrottleUntilHeader      = "Header"
	ThrottleUntilMidnightUTC = "MidnightUTC"
	ThrottleUntilFixed       = "Fixed"
)

// ThrottleSignal is an answer by which the carrier says that a limit is used up. All defaults are filled in.
type ThrottleSignal struct {
	Name         string   `json:"name"`
	Status       int      `json:"status"`
	BodyContains string   `json:"bodyContains,omitempty"`
	Until        string   `json:"until"`
	WaitSeconds  int32    `json:"waitSeconds"`
	Operations   []string `json:"operations,omitempty"`
}

// LimitStore is a Redis or Valkey. User name and password are the files of LimitStoreDir.
type LimitStore struct {
	// Address is host:port with the Service's cluster IP; ServerName is what its certificate is verified for.
	Address    string `json:"address"`
	ServerName string `json:"serverName"`
	// TLS: the connection is encrypted and verified, with CABundle or, if that is empty, the image's public CAs.
	TLS      bool   `json:"tls"`
	CABundle string `json:"caBundle,omitempty"`
	// Prefix of all keys: that of the integration.
	Prefix string `json:"prefix"`
}

// Callback receives a webhook of the carrier at CallbackPath+Name and passes it on. All defaults are filled in.
type Callback struct {
	Name string `json:"name"`
	// Verification is HMAC, RSASHA256, Basic, Bearer or SourceRanges; the rest as in the API's Webhook.
	Verification    string   `json:"verification"`
	SignatureHeader string   `json:"signatureHeader,omitempty"`
	SignaturePrefix string   `json:"signaturePrefix,omitempty"`
	Algorithm       string   `json:"algorithm,omitempty"`
	Encoding        string   `json:"encoding,omitempty"`
	TimestampHeader string   `json:"timestampHeader,omitempty"`
	SignedContent   string   `json:"signedContent,omitempty"`
	IDHeader        string   `json:"idHeader,omitempty"`
	SourceRanges    []string `json:"sourceRanges,omitempty"`
	// TrustForwardedFor: the sender's address is the last one of X-Forwarded-For.
	TrustForwardedFor   bool  `json:"trustForwardedFor,omitempty"`
	ReplayWindowSeconds int32 `json:"replayWindowSeconds"`
	// ForwardTo is http://<service>.<namespace>.svc:port/path, Address the Service's cluster IP and port, which is dialed.
	ForwardTo string `json:"forwardTo"`
	Address   string `json:"address"`
}
