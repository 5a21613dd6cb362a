package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// signedList is a list of one signed preview, as kubectl prints it, and the file with the key to check it.
func signedList(t *testing.T) (list, keyFile, digest string) { return signedListWith(t, "") }

func signedListWith(t *testing.T, records v1alpha1.RecordsEvidence) (list, keyFile, digest string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := evidence.ParseSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalPKIXPublicKey(public); err != nil {
		t.Fatal(err)
	}
	keyFile = filepath.Join(t.TempDir(), "evidence.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	slot := metav1.NewTime(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))
	run := v1alpha1.PurgeRun{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "PurgeRun",
		Name: "shipments-1", Namespace: "shop", UID: "run-uid",
		Spec: v1alpha1.PurgeRunSpec{PolicyRef: v1alpha1.LocalReference{Name: "shipments"}, PolicyUID: "policy-uid", Mode: v1alpha1.RunPreview, Slot: slot},
		Status: v1alpha1.PurgeRunStatus{
			Results:  []v1alpha1.RuleResult{{Rule: "events", Collection: "public.events", Total: 100, Due: 10}},
			Outcome:  v1alpha1.RunOutcome{Reason: v1alpha1.ReasonCompleted, FinishedAt: slot},
			Evidence: v1alpha1.RunEvidence{Records: records},
		},
	}
	record := retention.NewRecord(retention.SubjectOfRun(&run), &run.Status)
	if run.Status.Evidence.Digest, err = record.Digest(); err != nil {
		t.Fatal(err)
	}
	if run.Status.Evidence.OutcomeEnvelope, err = signer.Sign(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": []v1alpha1.PurgeRun{run}})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded), keyFile, run.Status.Evidence.Digest
}

func TestVerifyOffline(t *testing.T) {
	list, key, digest := signedList(t)
	_, otherKey, _ := signedList(t)
	counted, countedKey, _ := signedListWith(t, v1alpha1.RecordsCount)
	claimed := strings.Replace(counted, `"records":"Count"`, `"records":"Digest"`, 1)
	edited := strings.Replace(list, `"due":10`, `"due":1`, 1)
	verify := func(args ...string) []string { return append([]string{"purge", "verify", "-f", "-"}, args...) }
	for name, tc := range map[string]struct {
		in, out, err string
		args         []string
		code         int
	}{
		"sound":                     {in: list, args: verify("--key", key), out: "Completed   10    0      0      sha256:"},
		"sound, as JSON":            {in: list, args: verify("--key", key, "-o", "json"), out: `"signedBy": "sha256:`},
		"the policy asked for":      {in: list, args: verify("shipments", "--key", key), out: "last digest: " + digest},
		"the last run is there":     {in: list, args: verify("--key", key, "--last", digest), out: "ok"},
		"the last run is not there": {in: list, args: verify("--key", key, "--last", "sha256:00"), code: 1, out: "runs were removed or changed"},
		"records counted alone":     {in: counted, args: verify("--key", countedKey), out: "ok, records counted and not digested"},
		"counts pass for digests":   {in: claimed, args: verify("--key", countedKey), code: 1, out: "does not have the recorded digest: it was edited"},
		"edited":                    {in: edited, args: verify("--key", key), code: 1, out: "shipments-1: its content does not have the recorded digest: it was edited"},
		"edited, digests alone":     {in: edited, args: verify("--unsigned"), code: 1, out: "WRONG"},
		"another key":               {in: list, args: verify("--key", otherKey), code: 1, out: "does not hold with any of the given keys"},
		"no key":                    {in: list, args: verify(), code: 2, err: "--key is missing"},
		"key and unsigned":          {in: list, args: verify("--key", key, "--unsigned"), code: 2, err: "exclude each other"},
		"a key file that is none":   {in: list, args: verify("--key", filepath.Join(t.TempDir(), "none")), code: 2, err: "no such file"},
		"no run":                    {in: "", args: verify("--key", key), code: 2, err: "there are no PurgeRuns to check"},
		"no run of the policy":      {in: list, args: verify("orders", "--key", key), code: 2, err: "there are no PurgeRuns to check"},
		"something else":            {in: "kind: Secret", args: verify("--key", key), code: 2, err: `it holds a "Secret"`},
		"not YAML":                  {in: "\t{", args: verify("--key", key), code: 2, err: "neither YAML nor JSON"},
		"no such output":            {in: list, args: verify("--key", key, "-o", "xml"), code: 2, err: "neither text nor json"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := run(t, tc.in, tc.args...)
			if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errOut, tc.err) {
				t.Errorf("code %d\nout:\n%s\nerr: %s", code, out, errOut)
			}
		})
	}
}
