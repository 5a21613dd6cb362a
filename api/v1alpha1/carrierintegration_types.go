package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IntegrationCredential is one credential that the integration uses, by default for all operations.
type IntegrationCredential struct {
	// name of this use of the credential, unique in the integration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example shipping"
	Name string `json:"name,omitempty"`

	// credentialRef names a CarrierCredential in the same namespace.
	// +required
	CredentialRef LocalReference `json:"credentialRef,omitzero"`

	// operations that use this credential. Omitted: all that no other entry names. An operation belongs to one entry at most.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`
}

// IntegrationClient is an application that may call the carrier through the gateway.
type IntegrationClient struct {
	// name of the client, unique in the integration. Its certificate's Secret is <integration>-client-<name>.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example checkout"
	Name string `json:"name,omitempty"`

	// podSelector selects the client's pods in the same namespace. Only they can connect to the gateway. An empty selector ({}) would
	// select every pod and is refused.
	// +required
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="an empty podSelector would let every pod of the namespace in: select the client's pods by label"
	PodSelector metav1.LabelSelector `json:"podSelector,omitzero"` //nolint:kubeapilinter // the rule above refuses the empty selector

	// operations that the client may call, by the profile's names, at least one.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`

	// limitSharePercent is the share of each of the carrier's limits that this client may use up, in percent, 1 to 100. Default 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	LimitSharePercent int32 `json:"limitSharePercent,omitempty"`
}

// IssuerReference names a cert-manager issuer.
//
// +structType=atomic
type IssuerReference struct {
	// group of the issuer, cert-manager.io or that of an external issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`

	// kind of the issuer, for example Issuer or ClusterIssuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// name of the issuer. An ACME issuer is refused: public CAs no longer issue client certificates.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// CarrierClientCertificate is the certificate that the gateway presents to a carrier that demands mutual TLS: issued by cert-manager, or
// one that you got from elsewhere.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != has(self.issuerRef)",message="the certificate is either issued (issuerRef and commonName) or given (secretRef): set one of them"
// +kubebuilder:validation:XValidation:rule="has(self.issuerRef) == has(self.commonName)",message="an issued certificate needs issuerRef and commonName, a given one neither"
type CarrierClientCertificate struct {
	// issuerRef names the cert-manager issuer whose CA the carrier trusts.
	// +optional
	IssuerRef IssuerReference `json:"issuerRef,omitzero"`

	// commonName of the certificate, as agreed with the carrier.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	CommonName string `json:"commonName,omitempty"`

	// secretRef names a Secret of type kubernetes.io/tls with a certificate from a CA that the carrier approved. It is bound to the
	// carrier's hosts by the annotation carrier-operator.io/allowed-hosts, as credentials are.
	// +optional
	SecretRef LocalReference `json:"secretRef,omitzero"`
}

// IntegrationCertificates says who issues the certificates of an integration.
type IntegrationCertificates struct {
	// issuerRef names the cert-manager issuer of the gateway's server certificate and of one client certificate an entry of clients.
	// +required
	IssuerRef IssuerReference `json:"issuerRef,omitzero"`

	// durationHours is the lifetime asked for, in hours, 1 to 43800. Default 2160 (90 days).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=43800
	DurationHours int32 `json:"durationHours,omitempty"`

	// renewBeforePercent is the share of the lifetime that is left when a certificate is renewed, in percent, 5 to 90. Default 33.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=90
	RenewBeforePercent int32 `json:"renewBeforePercent,omitempty"`

	// trustBundleRef names the CA certificates that gateway and clients verify each other with. Omitted: the CAs of the issued
	// certificates, old and new ones while a CA rotates; in both cases clients find the bundle in the ConfigMap <integration>-trust.
	// +optional
	TrustBundleRef BundleReference `json:"trustBundleRef,omitzero"`

	// carrierClient asks for a client certificate towards the carrier. Omitted: none is presented.
	// +optional
	CarrierClient CarrierClientCertificate `json:"carrierClient,omitzero"`
}

// EndpointTLS sets the CA bundle of one endpoint.
type EndpointTLS struct {
	// role of the endpoint.
	// +required
	Role EndpointRole `json:"role,omitempty"`

	// caBundleRef names the CA certificates that the endpoint is verified with.
	// +required
	CABundleRef BundleReference `json:"caBundleRef,omitzero"`
}

// CarrierTLS says how the carrier's certificate is verified. Verification cannot be switched off.
//
// +kubebuilder:validation:MinProperties=1
type CarrierTLS struct {
	// caBundleRef names the CA certificates that all endpoints are verified with, for a carrier with a private chain. Omitted: the
	// public CAs of the gateway's image.
	// +optional
	CABundleRef BundleReference `json:"caBundleRef,omitzero"`

	// endpoints with a CA bundle of their own.
	// +optional
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	Endpoints []EndpointTLS `json:"endpoints,omitempty"`
}

// MinimizationMode says what the gateway does with fields that an operation does not need.
//
// +kubebuilder:validation:Enum=Report;Redact;Enforce
type MinimizationMode string

// Modes of minimization.
const (
	// MinimizationReport passes bodies unchanged and counts what would be removed.
	MinimizationReport MinimizationMode = "Report"
	// MinimizationRedact removes what is not allowed.
	MinimizationRedact MinimizationMode = "Redact"
	// MinimizationEnforce removes what is not allowed and refuses what is ambiguous.
	MinimizationEnforce MinimizationMode = "Enforce"
)

// MinimizationException lets a field pass that the profile does not allow.
type MinimizationException struct {
	// operation that the exception is for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Operation string `json:"operation,omitempty"`

	// path of the field in the request's body, as in a profile's allow-list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('$.') || self.startsWith('$[')",message="a path starts at the root: write it as $.name.name, for example $..EMailAddress"
	// +kubebuilder:validation:XValidation:rule="!(self in ['$.*', '$..*', '$[*]'])",message="an exception for everything switches minimization off: name the fields that are needed"
	Path string `json:"path,omitempty"`

	// reason why the field is needed, for the people who review it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// expiresOn is the last day (UTC) on which the exception holds, as YYYY-MM-DD. Exceptions always end.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="!format.date().validate(self).hasValue()",message="write the day as YYYY-MM-DD, for example 2027-03-31"
	ExpiresOn string `json:"expiresOn,omitempty"`
}

// Minimization says how payloads are cut to what an operation needs.
type Minimization struct {
	// mode of minimization: Report counts and changes nothing, Redact removes what is not allowed, Enforce also refuses what is
	// ambiguous (case variants of a field's name, a missing required field). Start with Report to see what would go.
	// +required
	Mode MinimizationMode `json:"mode,omitempty"`

	// exceptions let single fields pass, each with a reason and a last day.
	// +optional
	// +listType=map
	// +listMapKey=operation
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Exceptions []MinimizationException `json:"exceptions,omitempty"`
}

// IntegrationLimit is a limit that this integration keeps in addition to the carrier's own.
type IntegrationLimit struct {
	// name of the limit, unique in the integration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// client whose requests are counted. Omitted: those of all clients together.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Client string `json:"client,omitempty"`

	// operations that are counted together. Omitted: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`

	// requests allowed in each window over all replicas, 1 to 100000000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	Requests int64 `json:"requests,omitempty"`

	// windowSeconds is the length of the window in seconds, 1 to 2678400 (31 days).
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2678400
	WindowSeconds int32 `json:"windowSeconds,omitempty"`
}

// LimitStore is an engine that all replicas count their requests in, so that limits hold exactly and survive everything.
type LimitStore struct {
	// redis is a Redis or Valkey.
	// +required
	Redis RedisLimitStore `json:"redis,omitzero"`
}

// LimitStoreTLS says how the connection to a limit store is protected.
//
// +kubebuilder:validation:Enum=Verify;Plaintext
type LimitStoreTLS string

// How the connection to a limit store is protected.
const (
	LimitStoreTLSVerify    LimitStoreTLS = "Verify"
	LimitStoreTLSPlaintext LimitStoreTLS = "Plaintext"
)

// RedisLimitStore is a Redis or Valkey, version 6 or later, in the same namespace. It holds counts and times, no personal data.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caBundleRef) || !has(self.tls) || self.tls == 'Verify'",message="a CA bundle goes with tls Verify: leave one of them out"
type RedisLimitStore struct {
	// service is the name of its Service, with a selector and a cluster IP.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service,omitempty"`

	// port of the Service, 1 to 65535. Default 6379.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// tls of the connection: Verify (default) or Plaintext, which is for clusters whose network is encrypted.
	// +optional
	TLS LimitStoreTLS `json:"tls,omitempty"`

	// caBundleRef names the CA certificates that the server is verified with. Omitted: the public CAs of the gateway's image.
	// +optional
	CABundleRef BundleReference `json:"caBundleRef,omitzero"`

	// secretRef names the Secret with the keys password and, optionally, username. Omitted: no authentication.
	// +optional
	SecretRef LocalReference `json:"secretRef,omitzero"`
}

// UnknownOperationPolicy says what happens to a request that matches no operation of the profile.
//
// +kubebuilder:validation:Enum=Refuse;Forward
type UnknownOperationPolicy string

// What happens to requests that match no operation.
const (
	UnknownOperationsRefuse  UnknownOperationPolicy = "Refuse"
	UnknownOperationsForward UnknownOperationPolicy = "Forward"
)

// ClientEgress says whether the operator limits what client pods can reach besides the gateway.
//
// +kubebuilder:validation:Enum=Unmanaged;ClusterOnly
type ClientEgress string

// What client pods can reach besides the gateway.
const (
	// ClientEgressUnmanaged leaves the clients' egress alone.
	ClientEgressUnmanaged ClientEgress = "Unmanaged"
	// ClientEgressClusterOnly lets clients reach pods of the cluster and DNS, nothing outside.
	ClientEgressClusterOnly ClientEgress = "ClusterOnly"
)

// IntegrationNetwork sets the network rules of an integration.
//
// +kubebuilder:validation:MinProperties=1
type IntegrationNetwork struct {
	// clientEgress says what client pods can reach besides the gateway: Unmanaged (default) or ClusterOnly.
	// +optional
	ClientEgress ClientEgress `json:"clientEgress,omitempty"`

	// exceptionCIDRs are ranges of private or special addresses that the carrier's names may resolve to all the same, for example a
	// carrier behind a private line. Without an entry such an answer is refused. Ranges: IPv4 /8 to /32, IPv6 /32 to /128.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="write each range as address/bits, for example 203.0.113.0/24"
	// +kubebuilder:validation:XValidation:rule="self.all(c, !isCIDR(c) || (cidr(c).ip().family() == 4 ? cidr(c).prefixLength() >= 8 : cidr(c).prefixLength() >= 32))",message="the range is too wide: use at least /8 for IPv4 and /32 for IPv6"
	ExceptionCIDRs []string `json:"exceptionCIDRs,omitempty"`
}

// ListenerMode says how clients connect to the gateway.
//
// +kubebuilder:validation:Enum=MutualTLS;TLS;Plaintext
type ListenerMode string

// How clients connect to the gateway.
const (
	// ListenerMutualTLS demands the certificate of an entry of spec.clients; it says which client it is.
	ListenerMutualTLS ListenerMode = "MutualTLS"
	// ListenerTLS encrypts without client certificates: for applications that cannot present one. Needs exactly one client.
	ListenerTLS ListenerMode = "TLS"
	// ListenerPlaintext is HTTP without TLS: for applications that can do no better. Needs exactly one client.
	ListenerPlaintext ListenerMode = "Plaintext"
)

// GatewaySpec sets size and listener of the gateway.
//
// +kubebuilder:validation:MinProperties=1
type GatewaySpec struct {
	// replicas of the gateway, 1 to 20. Default 2.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	Replicas int32 `json:"replicas,omitempty"`

	// listener says how clients connect: MutualTLS (default), TLS or Plaintext. TLS and Plaintext cannot tell clients apart and are
	// allowed with exactly one client.
	// +optional
	Listener ListenerMode `json:"listener,omitempty"`

	// maxRequestBytes is the largest request body that is taken, in bytes, 1024 to 33554432. Default 1048576 (1 MiB).
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=33554432
	MaxRequestBytes int32 `json:"maxRequestBytes,omitempty"`

	// timeoutSeconds is how long a request may take at the carrier, in seconds, 1 to 300. Default 60.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=300
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
}

// CarrierIntegrationSpec says that a team uses a carrier, and how.
//
// +kubebuilder:validation:XValidation:rule="!has(self.gateway) || !has(self.gateway.listener) || self.gateway.listener == 'MutualTLS' || size(self.clients) == 1",message="listeners TLS and Plaintext cannot tell clients apart: use MutualTLS, or one integration a client"
// +kubebuilder:validation:XValidation:rule="!has(self.limits) || self.limits.all(l, !has(l.client) || self.clients.exists(c, c.name == l.client))",message="a limit names a client that the integration does not have: correct limits[].client"
// +kubebuilder:validation:XValidation:rule="self.credentials.filter(c, !has(c.operations)).size() <= 1",message="only one credential can serve all other operations: give operations to the others"
// +kubebuilder:validation:XValidation:rule="self.credentials.all(a, self.credentials.all(b, a.name == b.name || !has(a.operations) || !has(b.operations) || !sets.intersects(a.operations, b.operations)))",message="an operation is served by one credential: name it in one entry of credentials only"
type CarrierIntegrationSpec struct {
	// profileRef names the CarrierProfile (cluster-scoped) of the carrier.
	// +required
	ProfileRef LocalReference `json:"profileRef,omitzero"`

	// environment of the profile that is used, for example Production.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Environment string `json:"environment,omitempty"`

	// credentials that the gateway authenticates with, at least one. A carrier may need several, split by operations.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Credentials []IntegrationCredential `json:"credentials,omitempty"`

	// clients that may call the carrier through the gateway, at least one.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Clients []IntegrationClient `json:"clients,omitempty"`

	// certificates says who issues the integration's certificates.
	// +required
	Certificates IntegrationCertificates `json:"certificates,omitzero"`

	// tls says how the carrier's certificate is verified. Omitted: with the public CAs of the gateway's image.
	// +optional
	TLS CarrierTLS `json:"tls,omitzero"`

	// minimization says how payloads are cut to what an operation needs.
	// +required
	Minimization Minimization `json:"minimization,omitzero"`

	// limits that this integration keeps in addition to the carrier's own.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Limits []IntegrationLimit `json:"limits,omitempty"`

	// limitStore is an engine in which all replicas count together. Omitted: the limits are divided among the replicas, and those of an
	// hour or more are remembered over restarts, give or take 5 minutes.
	// +optional
	LimitStore LimitStore `json:"limitStore,omitzero"`

	// callbacks receive webhooks of the carrier.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Callbacks []Callback `json:"callbacks,omitempty"`

	// unknownOperations says what happens to a request that matches no operation of the profile: Refuse (default) or Forward, which
	// passes it unminimized and is for finding out what an application needs. Forward works with minimization mode Report only.
	// +optional
	UnknownOperations UnknownOperationPolicy `json:"unknownOperations,omitempty"`

	// network sets the network rules of the integration.
	// +optional
	Network IntegrationNetwork `json:"network,omitzero"`

	// gateway sets size and listener of the gateway.
	// +optional
	Gateway GatewaySpec `json:"gateway,omitzero"`
}

// CertificateStatus describes one issued certificate.
type CertificateStatus struct {
	// name of the certificate and of its Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// fingerprint is the SHA-256 of the leaf certificate, in hexadecimal.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`

	// serialNumber of the leaf certificate, in hexadecimal.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	SerialNumber string `json:"serialNumber,omitempty"`

	// notAfter is when the certificate expires.
	// +optional
	NotAfter metav1.Time `json:"notAfter,omitzero"`

	// renewalTime is when cert-manager renews the certificate.
	// +optional
	RenewalTime metav1.Time `json:"renewalTime,omitzero"`
}

// CertificatesStatus describes the certificates of an integration.
type CertificatesStatus struct {
	// earliestExpiry is when the first of the certificates expires.
	// +optional
	EarliestExpiry metav1.Time `json:"earliestExpiry,omitzero"`

	// issued lists the certificates.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Issued []CertificateStatus `json:"issued,omitempty"`
}

// CredentialStatus says which version of a credential the gateway is to serve.
type CredentialStatus struct {
	// name of the entry of spec.credentials.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name,omitempty"`

	// secretName is the Secret behind it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// version of the Secret's content, see CarrierCredential's status.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
}

// HostStatus is the address set of one host of the carrier.
type HostStatus struct {
	// host name, and :port if it is not 443.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=259
	Host string `json:"host,omitempty"`

	// addresses that the gateway may dial, sorted. The same set is in the NetworkPolicy.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=45
	Addresses []string `json:"addresses,omitempty"`

	// retiring are addresses that the name no longer resolves to and that are kept for a while.
	// +optional
	// +listType=map
	// +listMapKey=address
	// +kubebuilder:validation:MaxItems=128
	Retiring []RetiringAddress `json:"retiring,omitempty"`
}

// RetiringAddress is an address that is about to leave the set.
type RetiringAddress struct {
	// address that left the name's answers.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=45
	Address string `json:"address,omitempty"`

	// until is when it leaves the set.
	// +required
	Until metav1.Time `json:"until,omitzero"`
}

// NetworkStatus is the published address set of an integration.
type NetworkStatus struct {
	// hosts of the carrier with their addresses.
	// +optional
	// +listType=map
	// +listMapKey=host
	// +kubebuilder:validation:MaxItems=16
	Hosts []HostStatus `json:"hosts,omitempty"`
}

// GatewayStatus says what the gateway serves, not what was asked for.
type GatewayStatus struct {
	// address that clients call: scheme, service name and port.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Address string `json:"address,omitempty"`

	// replicas that are wanted.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`

	// servingReplicas are replicas that are ready and acknowledged the current revision.
	// +optional
	ServingReplicas int32 `json:"servingReplicas,omitempty"`

	// summary is servingReplicas/replicas, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Summary string `json:"summary,omitempty"`

	// revision of configuration, credentials and certificates that all replicas are to serve.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`
}

// FieldCount counts a field that minimization removed, or would remove in mode Report.
type FieldCount struct {
	// operation that the field was in.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Operation string `json:"operation,omitempty"`

	// path of the field. Names that no rule mentions show as [?].
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Path string `json:"path,omitempty"`

	// count of the field since the gateway's pods started.
	// +required
	// +kubebuilder:validation:Minimum=0
	Count *int64 `json:"count,omitempty"`
}

// MinimizationStatus says what minimization removed, or would remove in mode Report.
type MinimizationStatus struct {
	// observedAt is when the counts were read; they are read anew every 5 minutes at most.
	// +optional
	ObservedAt metav1.Time `json:"observedAt,omitzero"`

	// fields with the highest counts, at most 64; all are in the metric carrier_gateway_minimized_fields_total.
	// +optional
	// +listType=map
	// +listMapKey=operation
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=64
	Fields []FieldCount `json:"fields,omitempty"`
}

// CarrierIntegrationStatus is what the operator observed.
type CarrierIntegrationStatus struct {
	// conditions of the integration: Ready, Reconciling, Stalled, and one of each concern: ProfileResolved, CertificatesReady,
	// CredentialsReady, NetworkReady, NetworkEnforced, GatewayReady.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// certificates of the integration.
	// +optional
	Certificates CertificatesStatus `json:"certificates,omitzero"`

	// credentials that the gateway is to serve.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Credentials []CredentialStatus `json:"credentials,omitempty"`

	// network is the published address set.
	// +optional
	Network NetworkStatus `json:"network,omitzero"`

	// gateway says what the gateway serves.
	// +optional
	Gateway GatewayStatus `json:"gateway,omitzero"`

	// minimization says what was removed, or would be.
	// +optional
	Minimization MinimizationStatus `json:"minimization,omitzero"`
}

// CarrierIntegration gives a namespace one private gateway to one carrier: the only way out, with certificates, credentials that
// applications never see, payloads cut to what is needed, and the carrier's limits kept.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ci,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.profileRef.name`
// +kubebuilder:printcolumn:name="Carrier",type=string,JSONPath=`.spec.profileRef.name`
// +kubebuilder:printcolumn:name="Env",type=string,JSONPath=`.spec.environment`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Gateway",type=string,JSONPath=`.status.gateway.summary`
// +kubebuilder:printcolumn:name="Certificate Until",type=string,JSONPath=`.status.certificates.earliestExpiry`
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=`.spec.minimization.mode`
// +kubebuilder:printcolumn:name="Client Egress",type=string,priority=1,JSONPath=`.spec.network.clientEgress`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$') && size(self.metadata.name) <= 40",message="the name becomes part of a Service's name: use a letter first, then lower-case letters, digits and '-', 40 characters at most"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.unknownOperations) || self.spec.unknownOperations != 'Forward' || self.spec.minimization.mode == 'Report'",message="unknownOperations Forward would pass bodies that no rule covers: use it with minimization mode Report only"
type CarrierIntegration struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says how the carrier is used.
	// +required
	Spec CarrierIntegrationSpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status CarrierIntegrationStatus `json:"status,omitzero"`
}

// CarrierIntegrationList is a list of CarrierIntegration.
//
// +kubebuilder:object:root=true
type CarrierIntegrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []CarrierIntegration `json:"items"`
}
