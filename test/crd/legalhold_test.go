//go:build envtest

package crd_test

import "testing"

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
