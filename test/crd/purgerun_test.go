//go:build envtest

package crd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
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

func TestTableOfPurgeRunsFitsATerminal(t *testing.T) {
	run := merge(t, purgeRuns.base, `metadata: {name: shipments-202611240300}`)
	if err := api.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Delete(context.WithoutCancel(t.Context()), run) })
	status := toJSON(t, `
status:
  conditions:
  - {type: Complete, status: "False", reason: OutsideWorkWindow, message: "it waits", lastTransitionTime: "2026-11-24T02:00:00Z"}
  summary: 1203311/2000000
  progress: {done: 1203311, due: 2000000, percent: 60, recordsPerSecond: 10000, estimatedEnd: "2026-11-24T02:03:00Z"}
`)
	if err := api.Status().Patch(t.Context(), run, client.RawPatch("application/merge-patch+json", status)); err != nil {
		t.Fatal(err)
	}
	width, cells := 0, map[string]string{}
	shown := tableOf(t, "/apis/carrier-operator.io/v1alpha1/namespaces/default/purgeruns/"+run.GetName())
	for i, column := range shown.ColumnDefinitions {
		cell := fmt.Sprint(shown.Rows[0].Cells[i])
		cells[column.Name] = cell
		if column.Priority == 0 {
			width += max(len(column.Name), len(cell)) + 3
		}
	}
	if width > 120 {
		t.Errorf("the table is %d characters wide: %v", width, cells)
	}
	for column, want := range map[string]string{"Done/Due": "1203311/2000000", "Percent": "60", "Records/s": "10000", "Estimated End": "2026-11-24T02:03:00Z"} {
		if cells[column] != want {
			t.Errorf("column %s shows %q, want %q", column, cells[column], want)
		}
	}
}

// tableOf is what kubectl get shows of an object.
func tableOf(t *testing.T, path string) *metav1.Table {
	t.Helper()
	caller, err := rest.HTTPClientFor(server)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(server.Host, "/")+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	table := &metav1.Table{}
	if err := json.NewDecoder(answer.Body).Decode(table); err != nil || len(table.Rows) != 1 {
		t.Fatalf("%s: %d rows, %v", answer.Status, len(table.Rows), err)
	}
	return table
}
