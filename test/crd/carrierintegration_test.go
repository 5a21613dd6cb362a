//go:build envtest

package crd_test

import "testing"

func callback(name, path string) string {
	return `spec: {callbacks: [{name: ` + name + `, webhook: tracking, secretRef: {name: webhook}, forwardTo: {service: tracker, port: 80, path: "` + path +
		`"}, from: {namespace: ingress, podLabels: {app: ingress}}}]}`
}

func carrierClient(members string) string {
	return `spec: {certificates: {carrierClient: {` + members + `}}}`
}

var carrierIntegrations = table{
	kind: "CarrierIntegration",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: CarrierIntegration
metadata: {name: ups, namespace: default}
spec:
  profileRef: {name: ups}
  environment: Production
  credentials:
  - {name: shipping, credentialRef: {name: ups-shipping}}
  clients:
  - {name: checkout, podSelector: {matchLabels: {app: checkout}}, operations: [rate]}
  - {name: fulfillment, podSelector: {matchLabels: {app: fulfillment}}, operations: [rate, label]}
  certificates:
    issuerRef: {group: cert-manager.io, kind: ClusterIssuer, name: carrier-ca}
  minimization: {mode: Enforce}
`,
	rules: []rule{
		{
			name:     "names of callbacks",
			message:  "use lower-case letters, digits and '-', starting with a letter, for example tracking",
			accepted: []string{callback("tracking", "/events")},
			refused:  []string{callback("Tracking", "/events")},
		},
		{
			name:     "paths that callbacks go to",
			message:  "a path starts with '/' and has no query or fragment",
			accepted: []string{callback("tracking", "/")},
			refused:  []string{callback("tracking", "events"), callback("tracking", "/events?a=b")},
		},
		{
			name:    "a certificate for the carrier is issued or given",
			message: "the certificate is either issued (issuerRef and commonName) or given (secretRef): set one of them",
			accepted: []string{
				carrierClient(`secretRef: {name: bnsf-client}`), carrierClient(`issuerRef: {group: cert-manager.io, kind: Issuer, name: a}, commonName: shop`),
			},
			refused: []string{carrierClient(`commonName: shop`), carrierClient(`secretRef: {name: a}, issuerRef: {group: cert-manager.io, kind: Issuer, name: a}, commonName: shop`)},
		},
		{
			name:     "an issued certificate for the carrier has a name",
			message:  "an issued certificate needs issuerRef and commonName, a given one neither",
			accepted: []string{carrierClient(`issuerRef: {group: cert-manager.io, kind: Issuer, name: a}, commonName: shop`)},
			refused:  []string{carrierClient(`issuerRef: {group: cert-manager.io, kind: Issuer, name: a}`), carrierClient(`secretRef: {name: a}, commonName: shop`)},
		},
		{
			name:     "a CA bundle verifies",
			message:  "a CA bundle goes with tls Verify: leave one of them out",
			accepted: []string{`spec: {limitStore: {redis: {service: redis, tls: Verify, caBundleRef: {kind: ConfigMap, name: a, key: ca.crt}}}}`, `spec: {limitStore: {redis: {service: redis, tls: Plaintext}}}`},
			refused:  []string{`spec: {limitStore: {redis: {service: redis, tls: Plaintext, caBundleRef: {kind: ConfigMap, name: a, key: ca.crt}}}}`},
		},
		{
			name:    "the name fits into a Service's name",
			message: "the name becomes part of a Service's name: use a letter first, then lower-case letters, digits and '-', 40 characters at most",
			accepted: []string{
				`metadata: {name: u}`, `metadata: {name: ups-2}`, `metadata: {name: a234567890123456789012345678901234567890}`,
			},
			refused: []string{
				`metadata: {name: 2-ups}`, `metadata: {name: ups.shop}`, `metadata: {name: a2345678901234567890123456789012345678901}`,
			},
		},
		{
			name:     "unknown operations pass only while nothing is minimized",
			message:  "unknownOperations Forward would pass bodies that no rule covers: use it with minimization mode Report only",
			accepted: []string{`spec: {unknownOperations: Forward, minimization: {mode: Report}}`, `spec: {unknownOperations: Refuse}`},
			refused:  []string{`spec: {unknownOperations: Forward}`, `spec: {unknownOperations: Forward, minimization: {mode: Redact}}`},
		},
		{
			name:    "a listener that cannot tell clients apart has one",
			message: "listeners TLS and Plaintext cannot tell clients apart: use MutualTLS, or one integration a client",
			accepted: []string{
				`spec: {gateway: {listener: MutualTLS}}`,
				`spec: {gateway: {listener: TLS}, clients: [{name: checkout, podSelector: {matchLabels: {app: checkout}}, operations: [rate]}]}`,
			},
			refused: []string{`spec: {gateway: {listener: TLS}}`, `spec: {gateway: {listener: Plaintext}}`},
		},
		{
			name:     "a limit is for a client of the integration",
			message:  "a limit names a client that the integration does not have: correct limits[].client",
			accepted: []string{`spec: {limits: [{name: share, client: checkout, requests: 20, windowSeconds: 1}, {name: all, requests: 50, windowSeconds: 1}]}`},
			refused:  []string{`spec: {limits: [{name: share, client: checkuot, requests: 20, windowSeconds: 1}]}`},
		},
		{
			name:    "one credential serves what no other does",
			message: "only one credential can serve all other operations: give operations to the others",
			accepted: []string{
				`spec: {credentials: [{name: rating, credentialRef: {name: a}, operations: [rate]}, {name: rest, credentialRef: {name: b}}]}`,
			},
			refused: []string{`spec: {credentials: [{name: rating, credentialRef: {name: a}}, {name: rest, credentialRef: {name: b}}]}`},
		},
		{
			name:    "an operation has one credential",
			message: "an operation is served by one credential: name it in one entry of credentials only",
			accepted: []string{
				`spec: {credentials: [{name: rating, credentialRef: {name: a}, operations: [rate]}, {name: rest, credentialRef: {name: b}, operations: [label]}]}`,
			},
			refused: []string{
				`spec: {credentials: [{name: rating, credentialRef: {name: a}, operations: [rate]}, {name: rest, credentialRef: {name: b}, operations: [label, rate]}]}`,
			},
		},
		{
			name:     "names of credentials",
			message:  "use lower-case letters, digits and '-', starting with a letter, for example shipping",
			accepted: []string{`spec: {credentials: [{name: shipping-2, credentialRef: {name: a}}]}`},
			refused: []string{
				`spec: {credentials: [{name: Shipping, credentialRef: {name: a}}]}`, `spec: {credentials: [{name: 2nd, credentialRef: {name: a}}]}`,
				`spec: {credentials: [{name: ../../etc, credentialRef: {name: a}}]}`,
			},
		},
		{
			name:     "names of clients",
			message:  "use lower-case letters, digits and '-', starting with a letter, for example checkout",
			accepted: []string{`spec: {clients: [{name: checkout-2, podSelector: {matchLabels: {app: checkout}}, operations: [rate]}]}`},
			refused: []string{
				`spec: {clients: [{name: check_out, podSelector: {matchLabels: {app: checkout}}, operations: [rate]}]}`,
				`spec: {clients: [{name: checkout-, podSelector: {matchLabels: {app: checkout}}, operations: [rate]}]}`,
			},
		},
		{
			name:    "a client is told from other pods",
			message: "an empty podSelector would let every pod of the namespace in: select the client's pods by label",
			accepted: []string{
				`spec: {clients: [{name: checkout, podSelector: {matchExpressions: [{key: app, operator: In, values: [checkout]}]}, operations: [rate]}]}`,
			},
			refused: []string{
				`spec: {clients: [{name: checkout, podSelector: {}, operations: [rate]}]}`,
				`spec: {clients: [{name: checkout, podSelector: {matchLabels: {}}, operations: [rate]}]}`,
				`spec: {clients: [{name: checkout, podSelector: {matchExpressions: []}, operations: [rate]}]}`,
			},
		},
		{
			name:     "a client may call something",
			message:  "operations in body should have at least 1 items",
			accepted: []string{`spec: {clients: [{name: checkout, podSelector: {matchLabels: {app: checkout}}, operations: [track]}]}`},
			refused:  []string{`spec: {clients: [{name: checkout, podSelector: {matchLabels: {app: checkout}}, operations: []}]}`},
		},
		{
			name:     "there is a client",
			message:  "spec.clients in body should have at least 1 items",
			accepted: []string{`spec: {clients: [{name: a, podSelector: {matchLabels: {app: a}}, operations: [rate]}]}`},
			refused:  []string{`spec: {clients: []}`},
		},
		{
			name:    "clients differ in name",
			message: `Duplicate value: {"name":"checkout"}`,
			accepted: []string{
				`spec: {clients: [{name: a, podSelector: {matchLabels: {app: a}}, operations: [rate]}, {name: b, podSelector: {matchLabels: {app: a}}, operations: [rate]}]}`,
			},
			refused: []string{
				`spec: {clients: [{name: checkout, podSelector: {matchLabels: {app: a}}, operations: [rate]}, {name: checkout, podSelector: {matchLabels: {app: b}}, operations: [rate]}]}`,
			},
		},
		{
			name:     "an exception ends on a day of the calendar",
			message:  "write the day as YYYY-MM-DD, for example 2027-03-31",
			accepted: []string{`spec: {minimization: {exceptions: [{operation: label, path: $..EMailAddress, reason: notice bought, expiresOn: "2028-02-29"}]}}`},
			refused: []string{
				`spec: {minimization: {exceptions: [{operation: label, path: $..EMailAddress, reason: notice bought, expiresOn: "31.03.2027"}]}}`,
				`spec: {minimization: {exceptions: [{operation: label, path: $..EMailAddress, reason: notice bought, expiresOn: "2027-02-29"}]}}`,
			},
		},
		{
			name:     "an exception ends",
			message:  "expiresOn: Required value",
			accepted: []string{`spec: {minimization: {exceptions: [{operation: label, path: $.a, reason: needed, expiresOn: "2027-03-31"}]}}`},
			refused:  []string{`spec: {minimization: {exceptions: [{operation: label, path: $.a, reason: needed}]}}`},
		},
		{
			name:     "an exception's path starts at the root",
			message:  "a path starts at the root: write it as $.name.name, for example $..EMailAddress",
			accepted: []string{`spec: {minimization: {exceptions: [{operation: label, path: "$['a'].b", reason: needed, expiresOn: "2027-03-31"}]}}`},
			refused:  []string{`spec: {minimization: {exceptions: [{operation: label, path: EMailAddress, reason: needed, expiresOn: "2027-03-31"}]}}`},
		},
		{
			name:     "an exception is for something",
			message:  "an exception for everything switches minimization off: name the fields that are needed",
			accepted: []string{`spec: {minimization: {exceptions: [{operation: label, path: "$.a[*]", reason: needed, expiresOn: "2027-03-31"}]}}`},
			refused: []string{
				`spec: {minimization: {exceptions: [{operation: label, path: "$.*", reason: needed, expiresOn: "2027-03-31"}]}}`,
				`spec: {minimization: {exceptions: [{operation: label, path: "$..*", reason: needed, expiresOn: "2027-03-31"}]}}`,
				`spec: {minimization: {exceptions: [{operation: label, path: "$[*]", reason: needed, expiresOn: "2027-03-31"}]}}`,
			},
		},
		{
			name:     "exceptions for addresses are ranges",
			message:  "write each range as address/bits, for example 203.0.113.0/24",
			accepted: []string{`spec: {network: {exceptionCIDRs: [203.0.113.0/24, "2001:db8::/32", "::1/128"]}}`},
			refused:  []string{`spec: {network: {exceptionCIDRs: [203.0.113.7]}}`, `spec: {network: {exceptionCIDRs: [10.0.0.0/33]}}`, `spec: {network: {exceptionCIDRs: [private]}}`},
		},
		{
			name:     "ranges have bounds",
			message:  "the range is too wide: use at least /8 for IPv4 and /32 for IPv6",
			accepted: []string{`spec: {network: {exceptionCIDRs: [10.0.0.0/8, "fd00:1::/32"]}}`},
			refused: []string{
				`spec: {network: {exceptionCIDRs: [0.0.0.0/0]}}`, `spec: {network: {exceptionCIDRs: [10.0.0.0/7]}}`,
				`spec: {network: {exceptionCIDRs: ["::/0"]}}`, `spec: {network: {exceptionCIDRs: [10.0.0.0/8, "fd00::/31"]}}`,
			},
		},
		{
			name:     "modes of minimization",
			message:  `supported values: "Report", "Redact", "Enforce"`,
			accepted: []string{`spec: {minimization: {mode: Report}}`, `spec: {minimization: {mode: Redact}}`},
			refused:  []string{`spec: {minimization: {mode: "Off"}}`},
		},
		{
			name:     "minimization is decided",
			message:  `spec.minimization: Required value`,
			accepted: []string{`spec: {minimization: {mode: Report}}`},
			refused:  []string{`spec: {minimization: null}`},
		},
		{
			name:     "clients' egress",
			message:  `supported values: "Unmanaged", "ClusterOnly"`,
			accepted: []string{`spec: {network: {clientEgress: ClusterOnly}}`},
			refused:  []string{`spec: {network: {clientEgress: Denied}}`},
		},
		{
			name:     "verification of the carrier is never off",
			message:  `spec.tls in body should have at least 1 properties`,
			accepted: []string{`spec: {tls: {caBundleRef: {kind: ConfigMap, name: ups-ca, key: ca.crt}, endpoints: [{role: Token, caBundleRef: {kind: Secret, name: t, key: ca.crt}}]}}`},
			refused:  []string{`spec: {tls: {}}`},
		},
		{
			name:     "a renewal leaves time",
			message:  `spec.certificates.renewBeforePercent in body should be less than or equal to 90`,
			accepted: []string{`spec: {certificates: {renewBeforePercent: 90, durationHours: 1}}`},
			refused:  []string{`spec: {certificates: {renewBeforePercent: 91}}`},
		},
		{
			name:     "gateways have replicas",
			message:  `spec.gateway.replicas in body should be greater than or equal to 1`,
			accepted: []string{`spec: {gateway: {replicas: 1}}`, `spec: {gateway: {replicas: 20}}`},
			refused:  []string{`spec: {gateway: {replicas: 0}}`},
		},
	},
}

func TestCarrierIntegration(t *testing.T) { carrierIntegrations.run(t) }
