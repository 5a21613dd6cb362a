//go:build envtest

package crd_test

// authentication is a profile that authenticates in another way than the base does; tokens is one whose OAuth 2.0 settings have more members.
func authentication(members string) string {
	return `spec: {authentication: {oauth2ClientCredentials: null, ` + members + `}}`
}

func tokens(members string) string {
	return `spec: {authentication: {oauth2ClientCredentials: {clientAuthentication: Form, ` + members + `}}}`
}

func chained(members string) string {
	return `spec: {authentication: {chainedToken: {template: "{}", header: X-Second-Token, ` + members + `}}}`
}

func webhook(members string) string {
	return `spec: {webhooks: [{name: tracking, ` + members + `}]}`
}

const (
	signing  = `algorithm: HMACSHA256, secretKey: secret, stringToSign: "{body}"`
	onePlace = "write one place, as $.name.name: no wildcard and no '..'"
)

var authenticationRules = []rule{
	{
		name:     "the password grant goes with its settings",
		message:  "type OAuth2Password goes with the field oauth2Password: set it for this type and for no other",
		accepted: []string{authentication(`type: OAuth2Password, oauth2Password: {clientAuthentication: Form, usernameKey: user}`)},
		refused: []string{
			authentication(`type: OAuth2Password`),
			authentication(`type: Basic, basic: {usernameKey: user}, oauth2Password: {clientAuthentication: Form}`),
		},
	},
	{
		name:     "the refresh grant goes with its settings",
		message:  "type OAuth2RefreshToken goes with the field oauth2RefreshToken: set it for this type and for no other",
		accepted: []string{authentication(`type: OAuth2RefreshToken, oauth2RefreshToken: {clientAuthentication: None, rotation: EachUse}`)},
		refused:  []string{authentication(`type: OAuth2RefreshToken`)},
	},
	{
		name:    "a login goes with its settings",
		message: "type Login goes with the field login: set it for this type and for no other",
		accepted: []string{
			authentication(`type: Login, login: {format: JSON, parameters: [{name: username, credentialKey: user}, {name: kind, value: api}], response: {tokenPath: $.id_token}}`),
		},
		refused: []string{authentication(`type: Login`)},
	},
	{
		name:     "signing goes with its settings",
		message:  "type RequestSigning goes with the field requestSigning: set it for this type and for no other",
		accepted: []string{authentication(`type: RequestSigning, requestSigning: {` + signing + `, headers: [{name: X-Signature, value: "{signature}"}]}`)},
		refused:  []string{authentication(`type: RequestSigning`)},
	},
	{
		name:    "API keys may stand beside another type",
		message: "type APIKeyHeaders goes with the field apiKeyHeaders: set it",
		accepted: []string{
			apiKeyHeader("X-API-Key"), `spec: {authentication: {apiKeyHeaders: {headers: [{name: X-API-Key, credentialKey: key}]}}}`,
		},
		refused: []string{authentication(`type: APIKeyHeaders`)},
	},
	{
		name:    "Basic may stand beside another type",
		message: "type Basic goes with the field basic: set it",
		accepted: []string{
			authentication(`type: Basic, basic: {usernameKey: username, passwordKey: password}`),
			authentication(`type: QueryCredentials, basic: {usernameKey: id}, queryCredentials: {parameters: [{name: xml, credentialKey: password, xmlPath: "$.data['@password']"}]}`),
		},
		refused: []string{authentication(`type: Basic`)},
	},
	{
		name:     "body credentials go with their settings",
		message:  "type BodyCredentials goes with the field bodyCredentials: set it",
		accepted: []string{authentication(`type: BodyCredentials, bodyCredentials: {format: XML, fields: [{path: $.Envelope.Header.User, credentialKey: user}]}`)},
		refused:  []string{authentication(`type: BodyCredentials`)},
	},
	{
		name:     "query credentials go with their settings",
		message:  "type QueryCredentials goes with the field queryCredentials: set it",
		accepted: []string{authentication(`type: QueryCredentials, queryCredentials: {parameters: [{name: key, credentialKey: key, presence: Optional}]}`)},
		refused:  []string{authentication(`type: QueryCredentials`)},
	},
	{
		name:     "a chained token follows a first one",
		message:  "a chained token is asked for with a first token: use chainedToken with a type that fetches one",
		accepted: []string{chained(`path: /payments/v3/payment-authorization, operations: [rate]`)},
		refused:  []string{authentication(`type: ClientCertificate, chainedToken: {path: /a, template: "{}", header: X-Second-Token}`)},
	},
	{
		name:     "a chained token's path",
		message:  "a path starts with '/' and has no '//', query or fragment",
		accepted: []string{chained(`path: /a`)},
		refused:  []string{chained(`path: a`), chained(`path: //a`), chained(`path: "/a?b"`)},
	},
	{
		name:     "a parameter has one source",
		message:  "a parameter has either a value or a credentialKey: set one of them",
		accepted: []string{tokens(`parameters: [{name: child_Key, credentialKey: childKey, presence: Optional}, {name: a, value: b}]`)},
		refused: []string{
			tokens(`parameters: [{name: a}]`), tokens(`parameters: [{name: a, value: b, credentialKey: c}]`),
			authentication(`type: OAuth2Password, oauth2Password: {clientAuthentication: Form, parameters: [{name: a}]}`),
			authentication(`type: OAuth2RefreshToken, oauth2RefreshToken: {clientAuthentication: Form, parameters: [{name: a}]}`),
			authentication(`type: Login, login: {format: JSON, parameters: [{name: a}]}`),
		},
	},
	{
		name:    "a token is in the header or in the body of the answer",
		message: "the token is in the header or in the body: set tokenHeader or tokenPath",
		accepted: []string{
			tokens(`response: {tokenHeader: X-DPD-TOKEN}`), tokens(`response: {tokenPath: $.accessToken, expiryPath: $.expiresIn, expiryUnit: Milliseconds}`),
		},
		refused: []string{
			tokens(`response: {tokenHeader: X-DPD-TOKEN, tokenPath: $.a}`), chained(`path: /a, response: {tokenHeader: X-A, tokenPath: $.a}`),
		},
	},
	{
		name:     "formats of a token response",
		message:  "a token response is JSON or XML",
		accepted: []string{tokens(`response: {format: XML, tokenPath: $.Envelope.Body.authToken}`)},
		refused:  []string{tokens(`response: {format: Form}`), chained(`path: /a, response: {format: Multipart}`)},
	},
	{
		name:    "a token is in the header or in the body of requests",
		message: "the token is in a header or in the body: set header and prefix, or bodyPath",
		accepted: []string{
			tokens(`placement: {header: x-amz-access-token}`), tokens(`placement: {prefix: ""}`), tokens(`placement: {bodyPath: $.Envelope.Header.authToken}`),
		},
		refused: []string{tokens(`placement: {header: X-Token, bodyPath: $.a}`), tokens(`placement: {prefix: "T ", bodyPath: $.a}`)},
	},
	{
		name:     "places of a secret",
		message:  onePlace,
		accepted: []string{authentication(`type: BodyCredentials, bodyCredentials: {format: JSON, fields: [{path: $.apikey, credentialKey: key}]}`)},
		refused: []string{
			tokens(`placement: {bodyPath: $..a}`), tokens(`placement: {bodyPath: "$.a[*]"}`),
			authentication(`type: BodyCredentials, bodyCredentials: {format: JSON, fields: [{path: $..apikey, credentialKey: key}]}`),
		},
	},
	{
		name:     "places of a secret in the XML of a parameter",
		message:  "write one place, as $.name['@attribute']: no wildcard and no '..'",
		accepted: []string{authentication(`type: QueryCredentials, queryCredentials: {parameters: [{name: xml, credentialKey: key, xmlPath: $.data}]}`)},
		refused:  []string{authentication(`type: QueryCredentials, queryCredentials: {parameters: [{name: xml, credentialKey: key, xmlPath: $..data}]}`)},
	},
	{
		name:     "bodies that a secret can be written into",
		message:  "credentials cannot be written into multipart bodies: use JSON, XML or Form",
		accepted: []string{authentication(`type: BodyCredentials, bodyCredentials: {format: Form, fields: [{path: $.user, credentialKey: user}]}`)},
		refused:  []string{authentication(`type: BodyCredentials, bodyCredentials: {format: Multipart, fields: [{path: $.user, credentialKey: user}]}`)},
	},
	{
		name:     "a login in XML has a template",
		message:  "format XML goes with a template, and no other format does",
		accepted: []string{authentication(`type: Login, login: {format: XML, template: "<login user='{user}'/>"}`)},
		refused: []string{
			authentication(`type: Login, login: {format: XML}`),
			authentication(`type: Login, login: {format: JSON, parameters: [{name: a, value: b}], template: "<a/>"}`),
		},
	},
	{
		name:     "a login in JSON has parameters",
		message:  "a JSON or Form login needs parameters: add those for user name and password",
		accepted: []string{authentication(`type: Login, login: {format: Form, parameters: [{name: user, credentialKey: user}]}`)},
		refused:  []string{authentication(`type: Login, login: {format: JSON}`), authentication(`type: Login, login: {format: Form}`)},
	},
	{
		name:     "a login by headers has some",
		message:  "a login by headers needs tokenRequestHeaders: add those for user name and password",
		accepted: []string{authentication(`type: Login, login: {format: Headers, tokenRequestHeaders: [{name: X-DPD-LOGIN, credentialKey: user}]}`)},
		refused:  []string{authentication(`type: Login, login: {format: Headers}`)},
	},
	{
		name:    "what a signature is keyed with",
		message: "an HMAC needs the secretKey that it is keyed with; a digest has none, its secret is in stringToSign",
		accepted: []string{
			authentication(`type: RequestSigning, requestSigning: {algorithm: MD5, transform: URLEncode, encoding: Base64, stringToSign: "{form:msgData}{timestamp}{credential:checkWord}", formFields: [{name: msgDigest, value: "{signature}"}]}`),
		},
		refused: []string{
			authentication(`type: RequestSigning, requestSigning: {algorithm: HMACSHA256, stringToSign: "{body}", headers: [{name: X-A, value: "{signature}"}]}`),
			authentication(`type: RequestSigning, requestSigning: {algorithm: SHA256, secretKey: a, stringToSign: "{body}", headers: [{name: X-A, value: "{signature}"}]}`),
		},
	},
	{
		name:     "a signature goes somewhere",
		message:  "say where the signature goes: headers or formFields",
		accepted: []string{authentication(`type: RequestSigning, requestSigning: {` + signing + `, formFields: [{name: sig, value: "{signature}"}]}`)},
		refused:  []string{authentication(`type: RequestSigning, requestSigning: {` + signing + `}`)},
	},
	{
		name:     "headers of the connection carry no signature",
		message:  "this header belongs to the connection itself and cannot carry a signature: use another one",
		accepted: []string{authentication(`type: RequestSigning, requestSigning: {` + signing + `, headers: [{name: Authorization, value: "{signature}"}]}`)},
		refused:  []string{authentication(`type: RequestSigning, requestSigning: {` + signing + `, headers: [{name: Host, value: "{signature}"}]}`)},
	},
}

var webhookRules = []rule{
	{
		name:     "a signature is somewhere",
		message:  "a signed webhook needs the signatureHeader that carries the signature",
		accepted: []string{webhook(`verification: HMAC, signatureHeader: X-Signature`), webhook(`verification: Basic`)},
		refused:  []string{webhook(`verification: HMAC`), webhook(`verification: RSASHA256`)},
	},
	{
		name:     "knobs of an HMAC",
		message:  "algorithm and encoding are for verification HMAC: leave them out",
		accepted: []string{webhook(`verification: HMAC, signatureHeader: X-Signature, algorithm: HMACSHA512, encoding: Base64`)},
		refused:  []string{webhook(`verification: Bearer, algorithm: HMACSHA256`), webhook(`verification: RSASHA256, signatureHeader: X-S, encoding: Base64`)},
	},
	{
		name:     "sources are ranges",
		message:  "verification SourceRanges needs the ranges the carrier calls from",
		accepted: []string{webhook(`verification: SourceRanges, sourceRanges: [20.65.16.22/31]`)},
		refused:  []string{webhook(`verification: SourceRanges`)},
	},
	{
		name:     "an instant is signed",
		message:  "a timestampHeader proves nothing unless it is signed: use it with verification HMAC or RSASHA256",
		accepted: []string{webhook(`verification: HMAC, signatureHeader: X-S, timestampHeader: X-T, signedContent: "{timestamp}.{body}"`)},
		refused:  []string{webhook(`verification: Bearer, timestampHeader: X-T`)},
	},
	{
		name:     "names of webhooks",
		message:  "use lower-case letters, digits and '-', starting with a letter, for example tracking",
		accepted: []string{`spec: {webhooks: [{name: track-2, verification: Basic}]}`},
		refused:  []string{`spec: {webhooks: [{name: Track, verification: Basic}]}`},
	},
	{
		name:     "a signature covers the body",
		message:  "a signature that does not cover the body proves nothing: use {body}",
		accepted: []string{webhook(`verification: HMAC, signatureHeader: X-S, signedContent: "{header:X-A}{body}"`)},
		refused:  []string{webhook(`verification: HMAC, signatureHeader: X-S, signedContent: "{timestamp}"`)},
	},
	{
		name:     "ranges that a webhook comes from",
		message:  "write each range as address/bits, for example 203.0.113.0/24",
		accepted: []string{webhook(`verification: Basic, sourceRanges: ["2001:db8::/48"]`)},
		refused:  []string{webhook(`verification: Basic, sourceRanges: [203.0.113.1]`)},
	},
	{
		name:     "ranges that a carrier publishes",
		message:  "write each range as address/bits, for example 198.51.100.0/24",
		accepted: []string{staticRange("198.51.100.0/24")},
		refused:  []string{staticRange("198.51.100.0")},
	},
	{
		name:     "ranges that a carrier publishes are not the Internet",
		message:  "the range is too wide: use at least /12 for IPv4 and /32 for IPv6",
		accepted: []string{staticRange("198.48.0.0/12"), staticRange("2600::/32")},
		refused:  []string{staticRange("198.0.0.0/8"), staticRange("2000::/3")},
	},
	{
		name:     "documents inside of bodies",
		message:  "an embedded document is JSON or XML",
		accepted: []string{operationWith(`request: {format: Form, allow: [$.xml_in.Shipment], embedded: [{path: $.xml_in, format: XML}]}`)},
		refused: []string{
			operationWith(`request: {format: Form, allow: [$.a], embedded: [{path: $.a, format: Form}]}`),
			operationWith(`response: {format: Multipart, remove: [$.a], embedded: [{path: $.a, format: Multipart}]}`),
		},
	},
	{
		name:     "names of purposes",
		message:  "use lower-case letters, digits and '-', starting with a letter, for example delivery-notice",
		accepted: []string{operationWith(`request: {format: JSON, allow: [$.a]}, consents: [{purpose: delivery-notice, allow: [$.email]}]`)},
		refused:  []string{operationWith(`request: {format: JSON, allow: [$.a]}, consents: [{purpose: Delivery Notice, allow: [$.email]}]`)},
	},
}

func staticRange(cidr string) string {
	return `spec: {environments: [{name: Production, endpoints: [{role: API, url: "https://api.example.com", staticCIDRs: ["` + cidr +
		`"]}, {role: Token, url: "https://api.example.com/token"}]}]}`
}
