package evidence

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

var start = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func privatePEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func newSigner(t *testing.T) (*Signer, Keys) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParseSigner(privatePEM(t, private))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(publicPEM(t, public))
	if err != nil {
		t.Fatal(err)
	}
	return signer, keys
}

// signedRuns are n runs of a policy as operator and purger leave them, each a day after the one before.
func signedRuns(t *testing.T, signer *Signer, n int) []v1alpha1.PurgeRun {
	t.Helper()
	var runs []v1alpha1.PurgeRun
	previous := ""
	for i := range n {
		slot := start.AddDate(0, 0, i)
		run := v1alpha1.PurgeRun{
			Name: fmt.Sprintf("orders-%d", i), Namespace: "shop", UID: types.UID(fmt.Sprintf("uid-%d", i)),
			Spec: v1alpha1.PurgeRunSpec{
				PolicyRef: v1alpha1.LocalReference{Name: "orders"}, PolicyUID: "policy-uid", PolicyGeneration: 1, RulesDigest: strings.Repeat("a", 64),
				StoreRef: v1alpha1.LocalReference{Name: "shop-db"}, Mode: v1alpha1.RunPurge, Slot: metav1.NewTime(slot), PreviousDigest: previous,
				Cutoffs: []v1alpha1.RuleCutoff{{Rule: "events", Before: metav1.NewTime(slot.AddDate(0, 0, -30))}},
			},
			Status: v1alpha1.PurgeRunStatus{
				Results: []v1alpha1.RuleResult{{Rule: "events", Collection: "public.events", Total: 100, Due: 10, Held: 1}},
				Outcome: v1alpha1.RunOutcome{Reason: v1alpha1.ReasonCompleted, FinishedAt: metav1.NewTime(slot.Add(time.Minute))},
				Evidence: v1alpha1.RunEvidence{
					Previous: previous, StoreIdentity: "7301/16384", SchemaDigest: "sd", RecordsDigest: "rd",
				},
			},
		}
		sign(t, signer, &run)
		previous = run.Status.Evidence.Digest
		runs = append(runs, run)
	}
	return runs
}

// sign signs a run as the engine does.
func sign(t *testing.T, signer *Signer, run *v1alpha1.PurgeRun) {
	t.Helper()
	subject, e := retention.SubjectOfRun(run), &run.Status.Evidence
	intent := retention.NewIntent(subject, &run.Status, []retention.Hold{{Name: "lawsuit"}}, start)
	var err error
	if e.IntentDigest, err = intent.Digest(); err != nil {
		t.Fatal(err)
	}
	if e.IntentEnvelope, err = signer.Sign(t.Context(), intent); err != nil {
		t.Fatal(err)
	}
	run.Status.Results[0].Done = 9
	run.Status.Results[0].Verification = v1alpha1.VerificationAgreed
	outcome := retention.NewRecord(subject, &run.Status)
	if e.Digest, err = outcome.Digest(); err != nil {
		t.Fatal(err)
	}
	if e.OutcomeEnvelope, err = signer.Sign(t.Context(), outcome); err != nil {
		t.Fatal(err)
	}
}

// found is everything that Check finds wrong, joined.
func found(chains []Chain) string {
	var all []string
	for _, c := range chains {
		for _, r := range c.Runs {
			for _, p := range r.Problems {
				all = append(all, r.Name+": "+p)
			}
		}
		all = append(all, c.Problems...)
	}
	return strings.Join(all, "\n")
}

func TestSoundRunsPassInAnyOrderOfTheFile(t *testing.T) {
	signer, keys := newSigner(t)
	runs := signedRuns(t, signer, 4)
	slices.Reverse(runs)
	chains := Check(t.Context(), runs, keys)
	if problems := found(chains); problems != "" || len(chains) != 1 || !chains[0].Sound() {
		t.Fatalf("%d chains, problems:\n%s", len(chains), problems)
	}
	var order []string
	for _, r := range chains[0].Runs {
		order = append(order, r.Name)
		if r.SignedBy == "" || r.Totals != (Totals{Due: 10, Done: 9, Held: 1}) {
			t.Errorf("run %s: signed by %q, totals %+v", r.Name, r.SignedBy, r.Totals)
		}
	}
	if diff := cmp.Diff([]string{"orders-0", "orders-1", "orders-2", "orders-3"}, order); diff != "" {
		t.Error(diff)
	}
	if last := chains[0].Last; !chains[0].Holds(last) || last != runs[0].Status.Evidence.Digest {
		t.Errorf("last digest %q", last)
	}
}

func TestOldestRunsMayBeGone(t *testing.T) {
	signer, keys := newSigner(t)
	runs := signedRuns(t, signer, 4)
	chains := Check(t.Context(), runs[2:], keys)
	if problems := found(chains); problems != "" {
		t.Error(problems)
	}
	if chains[0].After != runs[1].Status.Evidence.Digest {
		t.Errorf("the chain begins after %q", chains[0].After)
	}
}

// Whoever edits an object and computes its digests anew is still found out by the signature.
func TestEveryForgeryIsFound(t *testing.T) {
	signer, keys := newSigner(t)
	forger, _ := newSigner(t)
	redigest := func(run *v1alpha1.PurgeRun) {
		digest, err := retention.NewRecord(retention.SubjectOfRun(run), &run.Status).Digest()
		if err != nil {
			t.Fatal(err)
		}
		run.Status.Evidence.Digest = digest
	}
	for name, tc := range map[string]struct {
		forge func([]v1alpha1.PurgeRun) []v1alpha1.PurgeRun
		want  string
	}{
		"a count edited": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[1].Status.Results[0].Done++; return r }, "it was edited"},
		"the progress edited": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[1].Status.Progress = retention.Tally(r[1].Status.Results)
			r[1].Status.Progress.Done++
			return r
		}, "its progress is not that of its results"},
		"a count edited and the digest made anew": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[2].Status.Results[0].Done++
			redigest(&r[2])
			return r
		}, "what was signed is not what the object says"},
		"a message edited": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[0].Status.Outcome.Message = "x"; return r }, "it was edited"},
		"a cutoff edited": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[0].Spec.Cutoffs[0].Before = metav1.NewTime(start)
			return r
		}, "cutoffs is not that of the object"},
		"a log position edited":    {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[0].Status.Results[0].LogPosition = "0/1"; return r }, "it was edited"},
		"a run in between removed": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { return slices.Delete(r, 1, 2) }, "a run before it is missing"},
		"two runs changed places":  {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[1].Spec, r[2].Spec = r[2].Spec, r[1].Spec; return r }, "different previous runs"},
		"a run inserted": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			copied := r[1]
			copied.Name = "copy"
			return append(r, copied)
		}, "one of them is a copy"},
		"signed by someone else": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { sign(t, forger, &r[2]); return r }, "does not hold with any of the given keys"},
		"the outcome not signed": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[1].Status.Evidence.OutcomeEnvelope = ""; return r }, "outcome: it is not signed"},
		"the intent not signed":  {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[1].Status.Evidence.IntentEnvelope = ""; return r }, "intent: it is not signed"},
		"another run's signature": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[1].Status.Evidence.OutcomeEnvelope = r[0].Status.Evidence.OutcomeEnvelope
			return r
		}, "belongs to another run"},
		"another run's intent": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[1].Status.Evidence.IntentEnvelope = r[0].Status.Evidence.IntentEnvelope
			return r
		}, "it was replaced"},
		"the outcome as the intent": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[1].Status.Evidence.IntentEnvelope = r[1].Status.Evidence.OutcomeEnvelope
			return r
		}, `purge-outcome/v1"`},
		"an intent without an outcome": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[2].Status.Outcome, r[2].Status.StopReason = v1alpha1.RunOutcome{}, v1alpha1.ReasonJobFailed
			r[2].Status.Evidence = v1alpha1.RunEvidence{IntentDigest: r[2].Status.Evidence.IntentDigest, IntentEnvelope: r[2].Status.Evidence.IntentEnvelope}
			return r
		}, "never what it did"},
		"evidence removed": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[2].Status.Evidence = v1alpha1.RunEvidence{}
			return r
		}, "without evidence"},
		"the payload edited": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			e := &r[1].Status.Evidence
			var envelope map[string]any
			if err := json.Unmarshal([]byte(e.OutcomeEnvelope), &envelope); err != nil {
				t.Fatal(err)
			}
			payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
			if err != nil {
				t.Fatal(err)
			}
			envelope["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"done":9`, `"done":8`, 1)))
			edited, err := json.Marshal(envelope)
			if err != nil {
				t.Fatal(err)
			}
			e.OutcomeEnvelope = string(edited)
			return r
		}, "does not hold with any of the given keys"},
		"an envelope that is none": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun { r[1].Status.Evidence.OutcomeEnvelope = "{"; return r }, "no DSSE envelope"},
		"a run's own clock set back": {func(r []v1alpha1.PurgeRun) []v1alpha1.PurgeRun {
			r[2].Status.Outcome.FinishedAt = metav1.NewTime(start)
			r[2].Status.Results[0].Done = 0
			sign(t, signer, &r[2])
			return r
		}, "ended before"},
	} {
		t.Run(name, func(t *testing.T) {
			chains := Check(t.Context(), tc.forge(signedRuns(t, signer, 3)), keys)
			if problems := found(chains); !strings.Contains(problems, tc.want) {
				t.Errorf("problems: %q, want %q among them", problems, tc.want)
			}
			if chains[0].Sound() {
				t.Error("the chain passes for sound")
			}
		})
	}
}

func TestUncheckedSignaturesAreNotReported(t *testing.T) {
	signer, _ := newSigner(t)
	chains := Check(t.Context(), signedRuns(t, signer, 2), nil)
	if problems := found(chains); problems != "" || chains[0].Runs[0].SignedBy != "" {
		t.Errorf("signed by %q, problems %q", chains[0].Runs[0].SignedBy, problems)
	}
}

func TestEachPolicyHasItsOwnChain(t *testing.T) {
	signer, keys := newSigner(t)
	runs := signedRuns(t, signer, 2)
	other := signedRuns(t, signer, 1)
	other[0].Spec.PolicyUID, other[0].Name = "other-uid", "other-0"
	other[0].Status.Results[0].Done = 0
	sign(t, signer, &other[0])
	chains := Check(t.Context(), append(runs, other...), keys)
	if len(chains) != 2 || found(chains) != "" {
		t.Errorf("%d chains, problems %q", len(chains), found(chains))
	}
}

func TestKeysThatCannotSignOrVerifyAreExplained(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ private, public, want string }{
		"no PEM":             {private: "secret", want: "no PEM block"},
		"another algorithm":  {private: string(privatePEM(t, curve)), want: "signed with Ed25519"},
		"not PKCS #8":        {private: "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", want: "no private key in PKCS #8"},
		"public: no PEM":     {public: "key", want: "no PEM block"},
		"public: algorithm":  {public: string(publicPEM(t, &curve.PublicKey)), want: "signed with Ed25519"},
		"public: private":    {public: string(privatePEM(t, curve)), want: `is a "PRIVATE KEY"`},
		"public: broken DER": {public: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", want: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if tc.private != "" {
				_, err = ParseSigner([]byte(tc.private))
			} else {
				_, err = ParseKeys([]byte(tc.public))
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
