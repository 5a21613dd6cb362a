package v1alpha1

// WebhookVerification is how a webhook of a carrier is told from a forged one.
//
// +kubebuilder:validation:Enum=HMAC;RSASHA256;Basic;Bearer;SourceRanges
type WebhookVerification string

// Ways to verify a webhook. All compare in constant time, over the bytes as received.
const (
	// WebhookHMAC verifies an HMAC over the raw body.
	WebhookHMAC WebhookVerification = "HMAC"
	// WebhookRSASHA256 verifies an RSA signature (PKCS #1 v1.5, SHA-256) over the raw body.
	WebhookRSASHA256 WebhookVerification = "RSASHA256"
	// WebhookBasic compares HTTP Basic credentials.
	WebhookBasic WebhookVerification = "Basic"
	// WebhookBearer compares a secret header.
	WebhookBearer WebhookVerification = "Bearer"
	// WebhookSourceRanges relies on the sender's address alone.
	WebhookSourceRanges WebhookVerification = "SourceRanges"
)

// Webhook is a kind of call that the carrier makes, and how it is verified.
//
// +kubebuilder:validation:XValidation:rule="!(self.verification in ['HMAC', 'RSASHA256']) || has(self.signatureHeader)",message="a signed webhook needs the signatureHeader that carries the signature"
// +kubebuilder:validation:XValidation:rule="self.verification == 'HMAC' || (!has(self.algorithm) && !has(self.encoding))",message="algorithm and encoding are for verification HMAC: leave them out"
// +kubebuilder:validation:XValidation:rule="self.verification != 'SourceRanges' || has(self.sourceRanges)",message="verification SourceRanges needs the ranges the carrier calls from"
// +kubebuilder:validation:XValidation:rule="!has(self.timestampHeader) || self.verification in ['HMAC', 'RSASHA256']",message="a timestampHeader proves nothing unless it is signed: use it with verification HMAC or RSASHA256"
type Webhook struct {
	// name of the webhook, as integrations refer to it, for example tracking.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example tracking"
	Name string `json:"name,omitempty"`

	// verification says how a call is told from a forged one: HMAC, RSASHA256, Basic, Bearer or SourceRanges.
	// +required
	Verification WebhookVerification `json:"verification,omitempty"`

	// signatureHeader carries the signature; for Bearer, the secret (default Authorization).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	SignatureHeader string `json:"signatureHeader,omitempty"`

	// signaturePrefix is written before the signature or secret, for example "sha256=". None by default, "Bearer " for Bearer.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	SignaturePrefix string `json:"signaturePrefix,omitempty"`

	// algorithm of an HMAC: HMACSHA256 (default), HMACSHA512 or HMACSHA1.
	// +optional
	// +kubebuilder:validation:Enum=HMACSHA1;HMACSHA256;HMACSHA512
	Algorithm SigningAlgorithm `json:"algorithm,omitempty"` //nolint:kubeapilinter // fewer values than the type has

	// encoding of an HMAC: Hex (default, either case) or Base64.
	// +optional
	// +kubebuilder:validation:Enum=Hex;Base64
	Encoding SignatureEncoding `json:"encoding,omitempty"` //nolint:kubeapilinter // fewer values than the type has

	// timestampHeader carries the instant of the signature: RFC 3339, or Unix time in seconds or milliseconds.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	TimestampHeader string `json:"timestampHeader,omitempty"` //nolint:kubeapilinter // carriers call it a timestamp

	// signedContent is the template of what is signed. Its places: {body}, {timestamp} (the header's value), {header:NAME}. Default {body}.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.contains('{body}')",message="a signature that does not cover the body proves nothing: use {body}"
	SignedContent string `json:"signedContent,omitempty"`

	// idHeader carries a number of the call by which a repeated one is known. Omitted: a repeated call is known by its signature.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	IDHeader string `json:"idHeader,omitempty"`

	// sourceRanges are the addresses that the carrier calls from; checked in addition to any verification.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="write each range as address/bits, for example 203.0.113.0/24"
	SourceRanges []string `json:"sourceRanges,omitempty"`
}

// Callback receives one of the carrier's webhooks and passes it on to a Service.
type Callback struct {
	// name of the callback, unique in the integration; the carrier calls https://<your host>/callbacks/<name>.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example tracking"
	Name string `json:"name,omitempty"`

	// webhook of the profile that says how calls are verified.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Webhook string `json:"webhook,omitempty"`

	// secretRef names the Secret (same namespace) that calls are verified with: key secret for HMAC and Bearer, publicKey (PEM, several
	// while keys rotate) for RSASHA256, username and password for Basic. For HMAC and Bearer, keys that start with secret are all
	// accepted, so that a secret can be rotated. Not used with SourceRanges.
	// +optional
	SecretRef LocalReference `json:"secretRef,omitzero"`

	// forwardTo is the Service that verified calls are passed on to.
	// +required
	ForwardTo CallbackTarget `json:"forwardTo,omitzero"`

	// from says which pods may connect: those of your ingress controller.
	// +required
	From CallbackSource `json:"from,omitzero"`

	// replayWindowSeconds is how old a call may be, and how long its repetition is refused, in seconds, 30 to 86400. Default 300.
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ReplayWindowSeconds int32 `json:"replayWindowSeconds,omitempty"`
}

// CallbackTarget is the Service that a verified webhook is passed on to.
type CallbackTarget struct {
	// service is the name of a Service with a selector, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service,omitempty"`

	// port of the Service, 1 to 65535.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// path that the call is sent to. Default /.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.contains('?') && !self.contains('#')",message="a path starts with '/' and has no query or fragment"
	Path string `json:"path,omitempty"`
}

// CallbackSource selects the pods that webhooks come in through.
type CallbackSource struct {
	// namespace of the pods, by name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// podLabels of the pods, at least one.
	// +required
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	PodLabels map[string]string `json:"podLabels,omitempty"`

	// trustForwardedFor says whether the last address of X-Forwarded-For, which the ingress controller adds, is the sender's address:
	// Never (default) or LastHop. Source ranges are checked against it.
	// +optional
	// +kubebuilder:validation:Enum=Never;LastHop
	TrustForwardedFor string `json:"trustForwardedFor,omitempty"`
}
