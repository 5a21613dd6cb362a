//go:build envtest

package crd_test

import (
	"slices"
	"testing"
)

// profileURL is a profile whose API has the address given, operationPath one whose operation has the path.
func profileURL(url string) string {
	return `spec: {environments: [{name: Production, endpoints: [{role: API, url: "` + url + `"}, {role: Token, url: "https://api.example.com/token"}]}]}`
}

func operationPath(path string) string {
	return `spec: {operations: [{name: rate, requests: [{method: POST, path: "` + path + `"}]}]}`
}

func operationWith(member string) string {
	return `spec: {operations: [{name: rate, requests: [{method: POST, path: /rating}], ` + member + `}]}`
}

func apiKeyHeader(name string) string {
	return `spec: {authentication: {type: APIKeyHeaders, oauth2ClientCredentials: null, apiKeyHeaders: {headers: [{name: "` + name + `", credentialKey: key}]}}}`
}

func tokenHeader(name string) string {
	return `spec: {authentication: {oauth2ClientCredentials: {tokenRequestHeaders: [{name: "` + name + `", credentialKey: key}]}}}`
}

var carrierProfiles = table{
	kind: "CarrierProfile",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: CarrierProfile
metadata: {name: example}
spec:
  title: Example
  environments:
  - name: Production
    endpoints:
    - {role: API, url: "https://api.example.com/v1"}
    - {role: Token, url: "https://api.example.com/token"}
  authentication:
    type: OAuth2ClientCredentials
    oauth2ClientCredentials: {clientAuthentication: Basic}
  operations:
  - name: rate
    requests: [{method: POST, path: "/rating/{version}"}]
    request: {format: JSON, allow: [$.weight]}
`,
	rules: slices.Concat(authenticationRules, webhookRules, []rule{
		{
			name:     "the name fits into a label",
			message:  "the name of a profile becomes a label: use at most 63 characters",
			accepted: []string{`metadata: {name: a23456789012345678901234567890123456789012345678901234567890123}`},
			refused:  []string{`metadata: {name: a234567890123456789012345678901234567890123456789012345678901234}`},
		},
		{
			name:    "tokens come from somewhere",
			message: "this authentication needs a token endpoint: add an endpoint of role Token to every environment",
			accepted: []string{
				`spec: {authentication: {type: Basic, oauth2ClientCredentials: null, basic: {usernameKey: username}}, environments: [{name: Sandbox, endpoints: [{role: API, url: "https://a.example.com"}]}]}`,
			},
			refused: []string{`spec: {environments: [{name: Sandbox, endpoints: [{role: API, url: "https://a.example.com"}]}]}`},
		},
		{
			name:     "a limit is for operations of the profile",
			message:  "a limit names an operation that the profile does not have: correct limits[].operations",
			accepted: []string{`spec: {limits: [{name: rating, appliesTo: Requests, operations: [rate], requests: 10, windowSeconds: 1}]}`},
			refused:  []string{`spec: {limits: [{name: rating, appliesTo: Requests, operations: [rat], requests: 10, windowSeconds: 1}]}`},
		},
		{
			name:     "a limit on token requests is for those",
			message:  "a limit on TokenRequests counts token requests only: leave operations out",
			accepted: []string{`spec: {limits: [{name: token, appliesTo: TokenRequests, requests: 10, windowSeconds: 60}]}`},
			refused:  []string{`spec: {limits: [{name: token, appliesTo: TokenRequests, operations: [rate], requests: 10, windowSeconds: 60}]}`},
		},
		{
			name:     "OAuth 2.0 goes with its settings",
			message:  "type OAuth2ClientCredentials goes with the field oauth2ClientCredentials: set it for this type and for no other",
			accepted: []string{`spec: {authentication: {oauth2ClientCredentials: {clientAuthentication: Form, scopes: [ship], assumedLifetimeSeconds: 3600}}}`},
			refused: []string{
				`spec: {authentication: {oauth2ClientCredentials: null}}`,
				`spec: {authentication: {type: Basic, basic: {usernameKey: username}}}`,
			},
		},
		{
			name:     "header names",
			message:  "a header name has letters, digits and -_.!#$%&*+^|~ only (RFC 9110)",
			accepted: []string{apiKeyHeader("x-api_key"), tokenHeader("x-merchant-id")},
			refused:  []string{apiKeyHeader("x api key"), apiKeyHeader("x-key:"), tokenHeader(`x\r\nHost`)},
		},
		{
			name:     "headers of the connection carry no credential",
			message:  "this header belongs to the connection itself and cannot carry a credential: use another one",
			accepted: []string{apiKeyHeader("Authorization"), tokenHeader("x-host")},
			refused:  []string{apiKeyHeader("Host"), apiKeyHeader("Transfer-Encoding"), tokenHeader("content-length")},
		},
		{
			name:     "an environment has an API",
			message:  "an environment needs an endpoint of role API: add one",
			accepted: []string{`spec: {environments: [{name: Sandbox, endpoints: [{role: API, url: "https://a.example.com"}, {role: Token, url: "https://a.example.com/t"}]}]}`},
			refused:  []string{`spec: {environments: [{name: Sandbox, endpoints: [{role: Token, url: "https://a.example.com/t"}]}]}`},
		},
		{
			name:     "carriers are reached over TLS",
			message:  "carriers are reached over TLS only: write the endpoint as https://host/path",
			accepted: []string{profileURL("https://api.example.com/v1/")},
			refused:  []string{profileURL("http://api.example.com"), profileURL("api.example.com")},
		},
		{
			name:     "endpoints are host names",
			message:  "write https://host[:port][/path] with a lower-case host name: no IP address, user info, query or fragment",
			accepted: []string{profileURL("https://api.example.com"), profileURL("https://api-2.example.com:8443/rest/v1")},
			refused: []string{
				profileURL("https://192.0.2.1/"), profileURL("https://[2001:db8::1]/"), profileURL("https://user:secret@api.example.com"),
				profileURL("https://api.example.com/?a=b"), profileURL("https://api.example.com/#a"), profileURL("https://API.example.com"),
				profileURL("https://api.example.com@evil.example.org/"), profileURL("https://-a.example.com"),
			},
		},
		{
			name:     "names of environments",
			message:  "start with a letter and use letters, digits and '-' only, for example Production",
			accepted: []string{`spec: {environments: [{name: Sandbox-2, endpoints: [{role: API, url: "https://a.example.com"}, {role: Token, url: "https://a.example.com/t"}]}]}`},
			refused:  []string{`spec: {environments: [{name: 2nd_one, endpoints: [{role: API, url: "https://a.example.com"}, {role: Token, url: "https://a.example.com/t"}]}]}`},
		},
		{
			name:    "an operation's endpoint is in every environment",
			message: "an operation names an endpoint that not every environment has: add an endpoint of that role to each of them",
			accepted: []string{
				operationWith(`endpoint: API`),
				`spec: {operations: [{name: track, endpoint: Tracking, requests: [{method: GET, path: /t}]}], environments: [{name: Production, endpoints: [{role: API, url: "https://a.example.com"}, {role: Token, url: "https://a.example.com/t"}, {role: Tracking, url: "https://t.example.com"}]}]}`,
			},
			refused: []string{operationWith(`endpoint: Tracking`)},
		},
		{
			name:     "only the gateway asks for tokens",
			message:  "operations are never served from the Token endpoint: only the gateway itself calls it",
			accepted: []string{operationWith(`endpoint: API`)},
			refused:  []string{operationWith(`endpoint: Token`)},
		},
		{
			name:     "names of operations",
			message:  "use lower-case letters, digits and '-', starting with a letter, for example address-validation",
			accepted: []string{`spec: {operations: [{name: address-validation, requests: [{method: POST, path: /a}]}]}`},
			refused:  []string{`spec: {operations: [{name: Rate, requests: [{method: POST, path: /a}]}]}`, `spec: {operations: [{name: rate_v2, requests: [{method: POST, path: /a}]}]}`},
		},
		{
			name:     "body rules do something",
			message:  "give allow (an allow-list), remove (a deny-list) or both: rules with neither do nothing",
			accepted: []string{operationWith(`request: {format: JSON, remove: [$..name]}`), operationWith(`response: {format: JSON, allow: [$.price]}`)},
			refused:  []string{operationWith(`request: {format: JSON}`), operationWith(`response: {format: JSON, require: [$.price]}`)},
		},
		{
			name:     "paths are paths",
			message:  "a path template starts with '/' and has no '//', query or fragment, for example /rating/{version}/{option}",
			accepted: []string{operationPath("/"), operationPath("/rating/{version}/{option}")},
			refused:  []string{operationPath("rating"), operationPath("//rating"), operationPath("/rating?a=b"), operationPath("/rating#a")},
		},
		{
			name:     "a parameter is a whole segment",
			message:  "each segment is either literal or one {name} of letters and digits: write /track/{number}, not /track/x{number}",
			accepted: []string{operationPath("/track/v1/details/{inquiryNumber}"), operationPath("/ship/")},
			refused:  []string{operationPath("/track/x{number}"), operationPath("/track/{}"), operationPath("/track/{number"), operationPath("/track/a b")},
		},
		{
			name:     "reviews have a day",
			message:  "write the day as YYYY-MM-DD, for example 2026-11-24",
			accepted: []string{`spec: {sources: [{url: "https://a.example.com", reviewedOn: "2026-11-24", covers: [Endpoints]}]}`},
			refused:  []string{`spec: {sources: [{url: "https://a.example.com", reviewedOn: "2026-11-31", covers: [Endpoints]}]}`},
		},
		{
			name:     "sources have an address",
			message:  "a source is given by its https:// address: write the full URL",
			accepted: []string{`spec: {sources: [{url: "https://a.example.com/openapi.yaml", reviewedOn: "2026-11-24", covers: [Limits, Fields]}]}`},
			refused:  []string{`spec: {sources: [{url: "http://a.example.com", reviewedOn: "2026-11-24", covers: [Limits]}]}`},
		},
		{
			name:     "what a source covers",
			message:  `supported values: "Endpoints", "Authentication", "Operations", "Fields", "Limits"`,
			accepted: []string{`spec: {sources: [{url: "https://a.example.com", reviewedOn: "2026-11-24", covers: [Endpoints, Authentication, Operations, Fields, Limits]}]}`},
			refused:  []string{`spec: {sources: [{url: "https://a.example.com", reviewedOn: "2026-11-24", covers: [Everything]}]}`},
		},
		{
			name:     "ways to authenticate",
			message:  `supported values: "OAuth2ClientCredentials", "OAuth2Password", "OAuth2RefreshToken", "Login", "APIKeyHeaders", "Basic", "BodyCredentials", "QueryCredentials", "RequestSigning", "ClientCertificate"`,
			accepted: []string{apiKeyHeader("X-API-Key")},
			refused:  []string{`spec: {authentication: {type: None}}`},
		},
		{
			name:     "methods",
			message:  `supported values: "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"`,
			accepted: []string{`spec: {operations: [{name: void, requests: [{method: DELETE, path: /a}]}]}`},
			refused:  []string{`spec: {operations: [{name: void, requests: [{method: CONNECT, path: /a}]}]}`},
		},
		{
			name:     "a limit allows something",
			message:  "requests in body should be greater than or equal to 1",
			accepted: []string{`spec: {limits: [{name: a, appliesTo: Requests, requests: 100000000, windowSeconds: 2678400}]}`},
			refused:  []string{`spec: {limits: [{name: a, appliesTo: Requests, requests: 0, windowSeconds: 1}]}`},
		},
	}),
}

func TestCarrierProfile(t *testing.T) { carrierProfiles.run(t) }
