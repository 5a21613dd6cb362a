//go:build envtest

package crd_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// intentIsFixed is the message of the only rule about a change.
const intentIsFixed = "a run's intent is a record and cannot be changed: ask for a new run with the annotation " +
	"carrier-operator.io/run-requested-at on its policy"

var purgeRuns = table{
	kind: "PurgeRun",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: PurgeRun
metadata: {name: shipments-202611240200, namespace: default}
spec:
  policyRef: {name: shipments}
  policyUID: 6f1c2d1e-6c9e-4b8f-9a43-000000000001
  policyGeneration: 1
  rulesDigest: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  storeRef: {name: orders}
  mode: Purge
  trigger: Schedule
  slot: "2026-11-24T02:00:00Z"
  cutoffs: [{rule: events, before: "2026-08-26T02:00:00Z"}]
`,
	rules: []rule{
		{
			name:     "triggers",
			message:  `supported values: "Schedule", "Request"`,
			accepted: []string{`spec: {trigger: Request}`},
			refused:  []string{`spec: {trigger: Person}`},
		},
		{
			name:     "a run has cutoffs",
			message:  "spec.cutoffs",
			accepted: []string{`spec: {cutoffs: [{rule: a, before: "2026-08-26T02:00:00Z"}, {rule: b, before: "2026-08-26T02:00:00Z"}]}`},
			refused:  []string{`spec: {cutoffs: []}`, `spec: {cutoffs: null}`},
		},
		{
			name:     "the rules' digest is a SHA-256",
			message:  "spec.rulesDigest",
			accepted: []string{`spec: {rulesDigest: "0000000000000000000000000000000000000000000000000000000000000000"}`},
			refused:  []string{`spec: {rulesDigest: "00"}`},
		},
	},
}

func TestPurgeRun(t *testing.T) { purgeRuns.run(t) }

func TestPurgeRunKeepsItsIntent(t *testing.T) {
	run := parse(t, purgeRuns.base)
	if err := api.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Delete(t.Context(), run) })

	patch := func(change string) error {
		return api.Patch(t.Context(), run.DeepCopy(), client.RawPatch("application/merge-patch+json", toJSON(t, change)))
	}
	for _, change := range []string{`metadata: {labels: {team: privacy}}`, `spec: {mode: Purge}`} {
		if err := patch(change); err != nil {
			t.Errorf("%s\nis refused: %v", change, err)
		}
	}
	for _, change := range []string{
		`spec: {mode: Preview}`, `spec: {slot: "2026-11-24T03:00:00Z"}`, `spec: {previousDigest: "sha256:0"}`,
		`spec: {cutoffs: [{rule: events, before: "2026-11-24T02:00:00Z"}]}`,
	} {
		wantRefusal(t, patch(change), change, intentIsFixed)
	}
}
