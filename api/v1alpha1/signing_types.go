package v1alpha1

// SigningAlgorithm computes a signature from the string to sign.
//
// +kubebuilder:validation:Enum=HMACSHA1;HMACSHA256;HMACSHA512;SHA256;SHA512;MD5
type SigningAlgorithm string

// Algorithms of signatures. The digests are for carriers whose schemes put the secret into the string to sign.
const (
	SigningHMACSHA1   SigningAlgorithm = "HMACSHA1"
	SigningHMACSHA256 SigningAlgorithm = "HMACSHA256"
	SigningHMACSHA512 SigningAlgorithm = "HMACSHA512"
	SigningSHA256     SigningAlgorithm = "SHA256"
	SigningSHA512     SigningAlgorithm = "SHA512"
	SigningMD5        SigningAlgorithm = "MD5"
)

// SignatureEncoding is how a signature is written.
//
// +kubebuilder:validation:Enum=Hex;HexUpper;Base64
type SignatureEncoding string

// Ways to write a signature.
const (
	SignatureHex      SignatureEncoding = "Hex"
	SignatureHexUpper SignatureEncoding = "HexUpper"
	SignatureBase64   SignatureEncoding = "Base64"
)

// TimestampFormat is how the instant of a signature is written, in UTC.
//
// +kubebuilder:validation:Enum=UnixSeconds;UnixMilliseconds;RFC3339
type TimestampFormat string

// Ways to write the instant of a signature.
const (
	TimestampUnixSeconds      TimestampFormat = "UnixSeconds"
	TimestampUnixMilliseconds TimestampFormat = "UnixMilliseconds"
	TimestampRFC3339          TimestampFormat = "RFC3339"
)

// SigningTransform changes the string to sign before it is signed.
//
// +kubebuilder:validation:Enum=None;URLEncode
type SigningTransform string

// Changes of the string to sign.
const (
	SigningTransformNone      SigningTransform = "None"
	SigningTransformURLEncode SigningTransform = "URLEncode"
)

// RequestSigning is a scheme by which each request is signed, as data. Its templates know these places: {timestamp}, {method}, {path},
// {query}, {body} (the bytes that are sent, after minimization), {form:NAME} (a field of a form body), {credential:KEY} (a value of the
// credential's Secret), {operation}, and in headers and formFields also {signature}.
//
// +kubebuilder:validation:XValidation:rule="self.algorithm.startsWith('HMAC') == has(self.secretKey)",message="an HMAC needs the secretKey that it is keyed with; a digest has none, its secret is in stringToSign"
// +kubebuilder:validation:XValidation:rule="has(self.headers) || has(self.formFields)",message="say where the signature goes: headers or formFields"
type RequestSigning struct {
	// algorithm of the signature: HMACSHA1, HMACSHA256, HMACSHA512, or a digest over a string that holds the secret: SHA256, SHA512, MD5.
	// +required
	Algorithm SigningAlgorithm `json:"algorithm,omitempty"`

	// secretKey is the key of the credential's Secret that an HMAC is keyed with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretKey string `json:"secretKey,omitempty"`

	// stringToSign is the template of what is signed, for example "{timestamp}\r\n{method}\r\n{path}\r\n\r\n{body}".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	StringToSign string `json:"stringToSign,omitempty"`

	// transform of the string to sign: None (default) or URLEncode (application/x-www-form-urlencoded).
	// +optional
	Transform SigningTransform `json:"transform,omitempty"`

	// encoding of the signature: Hex (default, lower case), HexUpper or Base64.
	// +optional
	Encoding SignatureEncoding `json:"encoding,omitempty"`

	// timestampFormat of {timestamp}: UnixMilliseconds (default), UnixSeconds or RFC3339.
	// +optional
	TimestampFormat TimestampFormat `json:"timestampFormat,omitempty"` //nolint:kubeapilinter // carriers call it a timestamp

	// headers that are set, as templates.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Headers []SignedHeader `json:"headers,omitempty"`

	// formFields that are set in a form body, as templates.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	FormFields []SignedField `json:"formFields,omitempty"`
}

// SignedHeader is a header that carries a signature or a part of it.
type SignedHeader struct {
	// name of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="a header name has letters, digits and -_.!#$%&*+^|~ only (RFC 9110)"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'content-length', 'content-encoding', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-connection'])",message="this header belongs to the connection itself and cannot carry a signature: use another one"
	Name string `json:"name,omitempty"`

	// value is the template of the header's value, for example "hmac {credential:apiKey}:{timestamp}:{signature}".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
}

// SignedField is a form field that carries a signature or a part of it.
type SignedField struct {
	// name of the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value is the template of the field's value, for example "{signature}".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
}
