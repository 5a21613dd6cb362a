package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EndpointRole says what a carrier's endpoint is for. A carrier may use a different host for each role.
//
// +kubebuilder:validation:Enum=API;Token;Document;Label;Tracking
type EndpointRole string

// Roles of a carrier's endpoints.
const (
	EndpointAPI      EndpointRole = "API"
	EndpointToken    EndpointRole = "Token"
	EndpointDocument EndpointRole = "Document"
	EndpointLabel    EndpointRole = "Label"
	EndpointTracking EndpointRole = "Tracking"
)

// SourceTopic says what part of a profile a source covers.
//
// +kubebuilder:validation:Enum=Endpoints;Authentication;Operations;Fields;Limits
type SourceTopic string

// ProfileSource says where facts of a profile come from and when a person last compared them.
type ProfileSource struct {
	// url of the carrier's own specification or documentation. Only https.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.startsWith('https://')",message="a source is given by its https:// address: write the full URL"
	URL string `json:"url,omitempty"`

	// reviewedOn is the day on which the profile was last compared with the source, as YYYY-MM-DD.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="!format.date().validate(self).hasValue()",message="write the day as YYYY-MM-DD, for example 2026-11-24"
	ReviewedOn string `json:"reviewedOn,omitempty"`

	// covers lists the parts of the profile that the source backs.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	Covers []SourceTopic `json:"covers,omitempty"`
}

// Endpoint is one base address of a carrier.
type Endpoint struct {
	// role of the endpoint. API carries the operations, Token issues access tokens; Document, Label and Tracking are for operations
	// that live on hosts of their own.
	// +required
	Role EndpointRole `json:"role,omitempty"`

	// url is the base address: https, a host name (no IP address, no user info), optionally a port and a path prefix; no query, no
	// fragment. For role Token it is the whole address of the token endpoint.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('https://')",message="carriers are reached over TLS only: write the endpoint as https://host/path"
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[^?#]*)?$') && !self.matches('^https://[0-9.]+(:[0-9]+)?(/.*)?$')",message="write https://host[:port][/path] with a lower-case host name: no IP address, user info, query or fragment"
	URL string `json:"url,omitempty"`

	// staticCIDRs are address ranges that the carrier publishes for the host. The policy then allows the ranges as a whole, so that it
	// need not follow the name's answers; the gateway still dials only addresses that the name resolves to.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="self.all(c, isCIDR(c))",message="write each range as address/bits, for example 198.51.100.0/24"
	// +kubebuilder:validation:XValidation:rule="self.all(c, !isCIDR(c) || (cidr(c).ip().family() == 4 ? cidr(c).prefixLength() >= 12 : cidr(c).prefixLength() >= 32))",message="the range is too wide: use at least /12 for IPv4 and /32 for IPv6"
	StaticCIDRs []string `json:"staticCIDRs,omitempty"`
}

// Environment is one deployment of the carrier's API, such as Production or Sandbox.
type Environment struct {
	// name of the environment, as integrations refer to it, for example Production.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9-]*$')",message="start with a letter and use letters, digits and '-' only, for example Production"
	Name string `json:"name,omitempty"`

	// endpoints of the environment, one a role. API is required.
	// +required
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:XValidation:rule="self.exists(e, e.role == 'API')",message="an environment needs an endpoint of role API: add one"
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}

// HTTPMethod is the method of an operation's request.
//
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;PATCH;DELETE
type HTTPMethod string

// RequestMatch is one method and path template by which the gateway knows an operation.
type RequestMatch struct {
	// method of the request.
	// +required
	Method HTTPMethod `json:"method,omitempty"`

	// path template below the endpoint's own path. {name} matches one segment; everything else matches literally and case-sensitively.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && !self.contains('//') && !self.contains('?') && !self.contains('#')",message="a path template starts with '/' and has no '//', query or fragment, for example /rating/{version}/{option}"
	// +kubebuilder:validation:XValidation:rule="self.matches('^(/([A-Za-z0-9._~!$&()*+,;=:@%-]+|[{][A-Za-z][A-Za-z0-9]*[}])?)+$')",message="each segment is either literal or one {name} of letters and digits: write /track/{number}, not /track/x{number}"
	Path string `json:"path,omitempty"`
}

// BodyFormat is the format of a body that rules apply to.
//
// +kubebuilder:validation:Enum=JSON;XML;Form;Multipart
type BodyFormat string

// Formats of bodies.
const (
	// BodyJSON is application/json or a media type with the suffix +json (RFC 6839).
	BodyJSON BodyFormat = "JSON"
	// BodyXML is text/xml, application/xml, application/soap+xml or a media type with the suffix +xml (RFC 7303).
	BodyXML BodyFormat = "XML"
	// BodyForm is application/x-www-form-urlencoded.
	BodyForm BodyFormat = "Form"
	// BodyMultipart is multipart/form-data, multipart/mixed or multipart/related (RFC 2046, RFC 7578).
	BodyMultipart BodyFormat = "Multipart"
)

// EmbeddedDocument is a field of a body that is a document itself, such as XML in a form field.
type EmbeddedDocument struct {
	// path of the field. Paths of the rules go on into the document: $.xml_in.Shipment.Name.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	Path string `json:"path,omitempty"`

	// format of the document: JSON or XML.
	// +required
	// +kubebuilder:validation:XValidation:rule="self in ['JSON', 'XML']",message="an embedded document is JSON or XML"
	Format BodyFormat `json:"format,omitempty"`
}

// Consent lets fields pass for a purpose that the client states.
type Consent struct {
	// purpose that the client states in the header Carrier-Purpose, for example delivery-notice.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example delivery-notice"
	Purpose string `json:"purpose,omitempty"`

	// allow lists the fields of the request's body that pass for this purpose.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Allow []string `json:"allow,omitempty"`
}

// BodyRules say which fields of a body pass. Paths are a subset of JSONPath (RFC 9535): $, .name, ['name'], [*] and ..name. In XML a
// name is an element's local name, the root's first, ['@name'] an attribute; in forms and multipart bodies it is a field or part.
//
// +kubebuilder:validation:XValidation:rule="has(self.allow) || has(self.remove)",message="give allow (an allow-list), remove (a deny-list) or both: rules with neither do nothing"
type BodyRules struct {
	// format of the body.
	// +required
	Format BodyFormat `json:"format,omitempty"`

	// allow lists the fields that pass; everything below an allowed field passes with it and everything else is removed. Omitted: all
	// fields pass but those under remove.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Allow []string `json:"allow,omitempty"`

	// remove lists fields that are removed even below an allowed field.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Remove []string `json:"remove,omitempty"`

	// require is the floor: fields without which the carrier refuses the operation. They are never removed, whatever else is configured.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Require []string `json:"require,omitempty"`

	// embedded lists fields that are documents themselves: a form field, part, JSON string or XML text. None by default.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Embedded []EmbeddedDocument `json:"embedded,omitempty"`
}

// QueryParameter is a query parameter with its value.
type QueryParameter struct {
	// name of the parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value of the parameter, may be empty.
	// +required
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=512
	Value *string `json:"value,omitempty"`
}

// QueryRules say which query parameters pass. Without rules an operation takes no query parameters.
//
// +kubebuilder:validation:MinProperties=1
type QueryRules struct {
	// allow lists the parameters that pass as the client sent them; others are removed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Allow []string `json:"allow,omitempty"`

	// force sets parameters whatever the client sent, for example returnSignature=false.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Force []QueryParameter `json:"force,omitempty"`
}

// Operation is one thing that a carrier does, such as rating a parcel.
type Operation struct {
	// name of the operation, as clients of an integration refer to it, for example rate, label, track.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example address-validation"
	Name string `json:"name,omitempty"`

	// endpoint is the role of the endpoint that serves the operation. Default API.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self != 'Token'",message="operations are never served from the Token endpoint: only the gateway itself calls it"
	Endpoint EndpointRole `json:"endpoint,omitempty"`

	// requests by which the operation is known, at least one.
	// +required
	// +listType=map
	// +listMapKey=method
	// +listMapKey=path
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Requests []RequestMatch `json:"requests,omitempty"`

	// headers lists the request headers of the client that pass to the carrier, for example transId. Accept, Accept-Language,
	// Content-Type and Idempotency-Key always pass; credentials and forwarding headers never do.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Headers []string `json:"headers,omitempty"`

	// request says which fields of the request's body pass. Omitted: the operation takes no body.
	// +optional
	Request BodyRules `json:"request,omitzero"`

	// consents let further fields of the request's body pass when the client states a purpose. None by default.
	// +optional
	// +listType=map
	// +listMapKey=purpose
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Consents []Consent `json:"consents,omitempty"`

	// query says which query parameters pass. Omitted: none does.
	// +optional
	Query QueryRules `json:"query,omitzero"`

	// response says which fields of the response's body reach the client. Omitted: all do.
	// +optional
	Response BodyRules `json:"response,omitzero"`
}

// LimitTarget says which requests a limit counts.
//
// +kubebuilder:validation:Enum=Requests;TokenRequests
type LimitTarget string

// What a limit counts.
const (
	LimitRequests      LimitTarget = "Requests"
	LimitTokenRequests LimitTarget = "TokenRequests"
)

// ProfileLimit is a limit that the carrier publishes.
//
// +kubebuilder:validation:XValidation:rule="self.appliesTo == 'Requests' || !has(self.operations)",message="a limit on TokenRequests counts token requests only: leave operations out"
type ProfileLimit struct {
	// name of the limit, unique in the profile.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// appliesTo says what is counted: Requests to operations, or TokenRequests to the token endpoint.
	// +required
	AppliesTo LimitTarget `json:"appliesTo,omitempty"`

	// operations that the limit counts together. Omitted: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`

	// requests allowed in each window, 1 to 100000000.
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

// ThrottleUntil says when a carrier that throttled may be asked again.
//
// +kubebuilder:validation:Enum=Header;MidnightUTC;Fixed
type ThrottleUntil string

// When a carrier that throttled may be asked again.
const (
	// ThrottleUntilHeader is what Retry-After, x-retry-after or RateLimit-Reset say, else waitSeconds.
	ThrottleUntilHeader ThrottleUntil = "Header"
	// ThrottleUntilMidnightUTC is the next midnight GMT.
	ThrottleUntilMidnightUTC ThrottleUntil = "MidnightUTC"
	// ThrottleUntilFixed is waitSeconds from now.
	ThrottleUntilFixed ThrottleUntil = "Fixed"
)

// ThrottleSignal is an answer by which a carrier says that a limit is used up. A 429 and every answer with Retry-After count without one.
type ThrottleSignal struct {
	// name of the signal, unique in the profile.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// status of the answer, 200 to 599.
	// +required
	// +kubebuilder:validation:Minimum=200
	// +kubebuilder:validation:Maximum=599
	Status int32 `json:"status,omitempty"`

	// bodyContains is a text in the first 4 KiB of the answer's body, compared without regard to case. Omitted: the status is enough.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=128
	BodyContains string `json:"bodyContains,omitempty"`

	// until says when the carrier may be asked again: Header (default), MidnightUTC or Fixed.
	// +optional
	Until ThrottleUntil `json:"until,omitempty"`

	// waitSeconds is how long nothing is sent where nothing says more, in seconds, 1 to 86400. Default 60.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	WaitSeconds int32 `json:"waitSeconds,omitempty"`

	// operations that then wait. Omitted: those that share a limit with the refused one, or that one alone.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`
}

// CarrierProfileSpec says what a carrier is.
//
// +kubebuilder:validation:XValidation:rule="!(self.authentication.type in ['OAuth2ClientCredentials', 'OAuth2Password', 'OAuth2RefreshToken', 'Login']) || self.environments.all(e, e.endpoints.exists(p, p.role == 'Token'))",message="this authentication needs a token endpoint: add an endpoint of role Token to every environment"
// +kubebuilder:validation:XValidation:rule="self.operations.all(o, !has(o.endpoint) || self.environments.all(e, e.endpoints.exists(p, p.role == o.endpoint)))",message="an operation names an endpoint that not every environment has: add an endpoint of that role to each of them"
// +kubebuilder:validation:XValidation:rule="!has(self.limits) || self.limits.all(l, !has(l.operations) || l.operations.all(o, self.operations.exists(p, p.name == o)))",message="a limit names an operation that the profile does not have: correct limits[].operations"
type CarrierProfileSpec struct {
	// title is the carrier's name as people know it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Title string `json:"title,omitempty"`

	// sources that the facts of this profile come from, with the day of the last review.
	// +optional
	// +listType=map
	// +listMapKey=url
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Sources []ProfileSource `json:"sources,omitempty"`

	// environments of the carrier's API, at least one.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Environments []Environment `json:"environments,omitempty"`

	// authentication says how the gateway authenticates to the carrier.
	// +required
	Authentication Authentication `json:"authentication,omitzero"`

	// operations that the carrier offers, at least one.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Operations []Operation `json:"operations,omitempty"`

	// limits that the carrier publishes. The gateway keeps all of them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Limits []ProfileLimit `json:"limits,omitempty"`

	// throttling lists answers by which the carrier says that a limit is used up, besides status 429.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Throttling []ThrottleSignal `json:"throttling,omitempty"`

	// webhooks that the carrier sends.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Webhooks []Webhook `json:"webhooks,omitempty"`
}

// CarrierProfile says what a parcel carrier is: where its API lives, how one authenticates, what operations it offers and which fields
// each of them needs. It is cluster-scoped and holds no secret. Presets are shipped; anyone who may create it can add one.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=cprof,categories=carriers
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.title`
// +kubebuilder:printcolumn:name="Authentication",type=string,JSONPath=`.spec.authentication.type`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name of a profile becomes a label: use at most 63 characters"
type CarrierProfile struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says what the carrier is.
	// +required
	Spec CarrierProfileSpec `json:"spec,omitzero"`
}

// CarrierProfileList is a list of CarrierProfile.
//
// +kubebuilder:object:root=true
type CarrierProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []CarrierProfile `json:"items"`
}
