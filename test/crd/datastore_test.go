//go:build envtest

package crd_test

import "testing"

var dataStores = table{
	kind: "DataStore",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: DataStore
metadata: {name: orders, namespace: default}
spec:
  type: PostgreSQL
  connection: {secretRef: {name: orders-purger}}
  collections:
  - name: public.shipments
    key: [id]
    fields: [{name: recipient_name, category: user.name}]
    ignore: [id, delivered_at]
`,
	rules: []rule{
		{
			name:    "references stay in the store",
			message: "a reference names a collection that the store does not list: add it to collections or correct the name",
			accepted: []string{
				`spec: {collections: [{name: a, key: [id]}, {name: b, key: [id], references: [{collection: a, fields: [a_id]}]}]}`,
				`spec: {collections: [{name: tree, key: [id], references: [{collection: tree, fields: [parent_id]}]}]}`,
			},
			refused: []string{`spec: {collections: [{name: b, key: [id], references: [{collection: a, fields: [a_id]}]}]}`},
		},
		{
			name:     "categories are dotted names",
			message:  "a category is a dotted name in lower case, for example user.contact.email",
			accepted: []string{`spec: {collections: [{name: a, key: [id], fields: [{name: phone, category: user.contact.phone_number}]}]}`},
			refused: []string{
				`spec: {collections: [{name: a, key: [id], fields: [{name: phone, category: Phone}]}]}`,
				`spec: {collections: [{name: a, key: [id], fields: [{name: phone, category: user.}]}]}`,
			},
		},
		{
			name:     "without TLS there is nothing to verify",
			message:  "mode Disable verifies nothing: leave caBundleRef out or choose VerifyFull",
			accepted: []string{`spec: {connection: {tls: {mode: Disable}}}`, `spec: {connection: {tls: {mode: VerifyFull, caBundleRef: {kind: Secret, name: ca, key: ca.crt}}}}`},
			refused:  []string{`spec: {connection: {tls: {mode: Disable, caBundleRef: {kind: Secret, name: ca, key: ca.crt}}}}`},
		},
		{
			name:     "without TLS there is no certificate to show",
			message:  "mode Disable shows no certificate: leave clientCertificateRef out or choose VerifyFull",
			accepted: []string{`spec: {connection: {tls: {mode: VerifyFull, clientCertificateRef: {name: orders-purger-tls}}}}`},
			refused:  []string{`spec: {connection: {tls: {mode: Disable, clientCertificateRef: {name: orders-purger-tls}}}}`},
		},
		{
			name:     "kinds of stores",
			message:  `supported values: "PostgreSQL"`,
			accepted: []string{`spec: {type: PostgreSQL}`},
			refused:  []string{`spec: {type: Oracle}`},
		},
		{
			name:     "a record has a key",
			message:  "key in body should have at least 1 items",
			accepted: []string{`spec: {collections: [{name: a, key: [tenant, id]}]}`},
			refused:  []string{`spec: {collections: [{name: a, key: []}]}`},
		},
		{
			name:     "a field is decided once",
			message:  `Duplicate value: {"name":"phone"}`,
			accepted: []string{`spec: {collections: [{name: a, key: [id], fields: [{name: phone, category: user.contact}, {name: mail, category: user.contact}]}]}`},
			refused:  []string{`spec: {collections: [{name: a, key: [id], fields: [{name: phone, category: user.contact}, {name: phone, category: user.name}]}]}`},
		},
	},
}

func TestDataStore(t *testing.T) { dataStores.run(t) }
