//go:build envtest

package crd_test

import (
	"strings"
	"testing"
)

const keyedHash = "kh1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var legalHolds = table{
	kind: "LegalHold",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: LegalHold
metadata: {name: case-4711, namespace: default}
spec:
  storeRef: {name: orders}
  collection: public.shipments
  reason: litigation 4711
`,
	rules: []rule{
		{
			name:     "a hold ends on a day of the calendar",
			message:  "write the day as YYYY-MM-DD, for example 2028-01-01",
			accepted: []string{`spec: {until: "2028-02-29"}`},
			refused:  []string{`spec: {until: "01.01.2028"}`, `spec: {until: "2027-02-29"}`, `spec: {until: "2028-13-01"}`},
		},
		{
			name:     "a hold has a reason",
			message:  "spec.reason",
			accepted: []string{`spec: {reason: case 4711}`},
			refused:  []string{`spec: {reason: ""}`, `spec: {reason: null}`},
		},
		{
			name:    "hashes of a subject have the form of keyed hashes",
			message: "a hash is kh1- and 64 digits 0-9a-f: kubectl carrier hold hash computes it",
			accepted: []string{
				`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + keyedHash + `]}}`,
				`spec: {where: [{field: id, operator: Exists}], subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + keyedHash + `]}}`,
			},
			refused: []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + strings.ToUpper(keyedHash) + `]}}`},
		},
		{
			name:     "a subject names no person",
			message:  "spec.subject.hashes[0]",
			accepted: []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + keyedHash + `]}}`},
			refused:  []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [ada@example.com]}}`},
		},
		{
			name:     "a subject says of which key its hashes are",
			message:  "a key ID is hk1- and 16 digits 0-9a-f: kubectl carrier hold hash prints it",
			accepted: []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + keyedHash + `]}}`},
			refused:  []string{`spec: {subject: {field: email, keyID: hk2-0123456789abcdef, hashes: [` + keyedHash + `]}}`},
		},
		{
			name:     "a subject has hashes",
			message:  "spec.subject.hashes",
			accepted: []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: [` + keyedHash + `]}}`},
			refused:  []string{`spec: {subject: {field: email, keyID: hk1-0123456789abcdef}}`, `spec: {subject: {field: email, keyID: hk1-0123456789abcdef, hashes: []}}`},
		},
		filterRule(func(filter string) string { return `spec: {where: [` + filter + `]}` }),
		filterOperators(func(filter string) string { return `spec: {where: [` + filter + `]}` }),
	},
}

func TestLegalHold(t *testing.T) { legalHolds.run(t) }

// filterRule is what holds and retention rules demand of a record filter; at puts a filter into the object.
func filterRule(at func(filter string) string) rule {
	return rule{
		name:    "filters have values as their operator wants them",
		message: "operators In and NotIn need at least one value; Exists and DoesNotExist take none: add or remove values",
		accepted: []string{
			at(`{field: id, operator: In, values: ["7"]}`), at(`{field: id, operator: NotIn, values: ["7", ""]}`),
			at(`{field: id, operator: Exists}`), at(`{field: id, operator: DoesNotExist, values: []}`),
		},
		refused: []string{
			at(`{field: id, operator: In}`), at(`{field: id, operator: NotIn, values: []}`),
			at(`{field: id, operator: Exists, values: ["7"]}`), at(`{field: id, operator: DoesNotExist, values: ["7"]}`),
		},
	}
}

func filterOperators(at func(filter string) string) rule {
	return rule{
		name:     "operators of filters",
		message:  `supported values: "In", "NotIn", "Exists", "DoesNotExist"`,
		accepted: []string{at(`{field: id, operator: Exists}`)},
		refused:  []string{at(`{field: id, operator: Like, values: ["7%"]}`)},
	}
}
