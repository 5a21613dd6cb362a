package config

import "fmt"

// Where the operator mounts what the gateway reads. The gateway's flags default to these paths.
const (
	// ConfigFile is the configuration (a ConfigMap, key config.json).
	ConfigFile = "/etc/carrier/config/config.json"
	// ServerTLSDir holds tls.crt and tls.key of the listener.
	ServerTLSDir = "/etc/carrier/tls"
	// CarrierTLSDir holds tls.crt and tls.key for the carrier, if it demands a client certificate.
	CarrierTLSDir = "/etc/carrier/carrier-tls"
	// CredentialsDir holds one folder a credential.
	CredentialsDir = "/etc/carrier/credentials"
	// StateDir is a memory-backed folder that survives a restart of the container: the token cache lives there.
	StateDir = "/run/carrier"
	// LimitStoreDir holds password and, optionally, username of the limit store.
	LimitStoreDir = "/etc/carrier/limit-store"
	// CallbacksDir holds one folder a callback with what its calls are verified with.
	CallbacksDir = "/etc/carrier/callbacks"
	// RefreshTokensDir holds one file a credential whose refresh token the carrier replaced: the newest one, as JSON of RefreshToken.
	RefreshTokensDir = "/etc/carrier/refresh-tokens"
	// UsageFile is what the operator last heard of the use of long limits, as JSON of []LimitUsage (a ConfigMap, key usage.json).
	UsageFile = "/etc/carrier/usage/usage.json"
)

// Ports of a gateway's pod.
const (
	// PortTLS serves clients with listener MutualTLS or TLS.
	PortTLS = 8443
	// PortPlaintext serves clients with listener Plaintext.
	PortPlaintext = 8080
	// PortAdmin serves the operator (mutual TLS).
	PortAdmin = 9443
	// PortMetrics serves /metrics, /healthz and /readyz.
	PortMetrics = 9090
	// PortCallbacks receives webhooks of the carrier (TLS with the server certificate, no client certificate).
	PortCallbacks = 8444
)

// CallbackPath is where webhooks come in; the callback's name follows.
const CallbackPath = "/callbacks/"

// PurposeHeader is the header in which a client states the purposes of a request, separated by commas. It never reaches the carrier.
const PurposeHeader = "Carrier-Purpose"

// StatusPath is the admin path that answers a Status. The query parameter nonce (hexadecimal, 32 to 128 digits) keys the proofs.
const StatusPath = "/v1/status"

// Status says what a gateway serves right now. Only the operator can read it.
type Status struct {
	// Revision of the configuration that is served.
	Revision string `json:"revision"`
	// ServerCertificate and CarrierCertificate are SHA-256 fingerprints (hexadecimal) of the leaf certificates in use.
	ServerCertificate  string `json:"serverCertificate,omitempty"`
	CarrierCertificate string `json:"carrierCertificate,omitempty"`
	// Credentials prove which content is in use, without revealing it.
	Credentials []CredentialProof `json:"credentials"`
	// Fields are those that minimization removed most often, or would, since the process started; at most 64.
	Fields []FieldCount `json:"fields,omitempty"`
	// Usage is how far the limits of an hour or more are used up in this replica.
	Usage []LimitUsage `json:"usage,omitempty"`
	// LastError says why the newest configuration on disk is not the one served; empty when it is.
	LastError string `json:"lastError,omitempty"`
}

// CredentialProof is CredentialProofOf for one credential.
type CredentialProof struct {
	Name  string `json:"name"`
	Proof string `json:"proof"`
	// Failure says why the newest content of the credential cannot be used, as a class such as InvalidClient or PenaltyBox (see
	// internal/carrier); empty when it can, or has not been tried. Proof is then still that of the content in use: the previous
	// one, as long as its token lives.
	Failure string `json:"failure,omitempty"`
}

// FieldCount counts a removed field of an operation; the path shows names that rules mention only.
type FieldCount struct {
	Operation string `json:"operation"`
	Path      string `json:"path"`
	Count     int64  `json:"count"`
}

// LimitUsage is how far a limit is used up.
type LimitUsage struct {
	// Limit is its name; Requests and WindowSeconds tell whether it is still the same one.
	Limit         string `json:"limit"`
	Requests      int64  `json:"requests"`
	WindowSeconds int32  `json:"windowSeconds"`
	// Slots are counts of the parts of the window that are not over: the start of each (Unix seconds) and its count.
	Slots []UsageSlot `json:"slots,omitempty"`
	// ClosedUntil (Unix seconds) is when the carrier may be asked again after it said that the limit is used up; 0: now.
	ClosedUntil int64 `json:"closedUntil,omitempty"`
}

// UsageSlot is a part of a window.
type UsageSlot struct {
	Start int64 `json:"start"`
	Count int64 `json:"count"`
}

// ProbePath is the admin path that tries to open a TCP connection to the address in the query parameter address (ip:port), which the
// policies forbid, and answers a ProbeResult.
const ProbePath = "/v1/probe"

// Outcomes of a probe.
const (
	// ProbeBlocked: the connection was refused or nothing answered.
	ProbeBlocked = "Blocked"
	// ProbeConnected: the connection was made, so no policy is enforced.
	ProbeConnected = "Connected"
)

// ProbeResult is the outcome of a probe.
type ProbeResult struct {
	Outcome string `json:"outcome"`
}

// RefreshTokensPath is the admin path that answers the refresh tokens that the carrier issued in place of earlier ones, as JSON of
// map[credential]RefreshToken. Only the operator can read it, which keeps them in a Secret.
const RefreshTokensPath = "/v1/refresh-tokens"

// RefreshToken is a refresh token that the carrier issued.
type RefreshToken struct {
	Value string `json:"value"`
	// Origin is a digest of the credential's content that the chain of refresh tokens began with: a changed Secret begins a new one.
	Origin string `json:"origin"`
	// Sequence grows by one with each token of the chain.
	Sequence int64 `json:"sequence"`
}

// trustDomain is the authority of the URIs in certificates.
const trustDomain = "carrier-operator.io"

// ClientURI is the URI subject alternative name of a client's certificate.
func ClientURI(namespace, integration, client string) string {
	return fmt.Sprintf("spiffe://%s/ns/%s/integration/%s/client/%s", trustDomain, namespace, integration, client)
}

// ManagerURI is the URI subject alternative name of the certificate by which a gateway knows the operator.
func ManagerURI(namespace, integration string) string {
	return fmt.Sprintf("spiffe://%s/ns/%s/integration/%s/manager", trustDomain, namespace, integration)
}

// GatewayURI is the URI subject alternative name of the gateway's own certificate.
func GatewayURI(namespace, integration string) string {
	return fmt.Sprintf("spiffe://%s/ns/%s/integration/%s/gateway", trustDomain, namespace, integration)
}
