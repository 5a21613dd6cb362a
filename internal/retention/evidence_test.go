package retention

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func exampleRecord(change func(*Subject, *v1alpha1.PurgeRunStatus)) Record {
	s := Subject{Namespace: "shop", Run: "orders-1", RunUID: "u1", Policy: "orders", PolicyUID: "p1", PolicyGeneration: 3, RulesDigest: "rules",
		Store: "shop-db", Mode: "Purge", Slot: slot,
		Cutoffs: map[string]time.Time{"events": slot.AddDate(0, 0, -30)}, Previous: "sha256:00"}
	status := &v1alpha1.PurgeRunStatus{
		Results: []v1alpha1.RuleResult{{Rule: "events", Collection: "public.\"Évents\"", Total: 10, Due: 3, Done: 2, Held: 1, NullClock: 4, FutureClock: 5,
			Verification: v1alpha1.VerificationAgreed}},
		Checkpoint: v1alpha1.RunCheckpoint{Batches: 7},
		Outcome:    v1alpha1.RunOutcome{Reason: "Completed", Message: "a\n<b>\u2028", FinishedAt: metav1.NewTime(slot.Add(time.Minute))},
		Evidence:   v1alpha1.RunEvidence{RecordsDigest: "rd", StoreIdentity: "1/2", SchemaDigest: "sd"},
	}
	if change != nil {
		change(&s, status)
	}
	return NewRecord(s, status)
}

// The form is fixed: whoever verifies old evidence must get the same bytes from a newer version.
func TestCanonicalRecordIsFixed(t *testing.T) {
	want := `{"batches":7,"cutoffs":{"events":"2026-10-25T03:00:00Z"},"finishedAt":"2026-11-24T03:01:00Z","message":"a\n<b>` + "\u2028" + `","mode":"Purge",` +
		`"namespace":"shop","policy":"orders","policyGeneration":3,"policyUID":"p1","previous":"sha256:00","reason":"Completed","recordsDigest":"rd",` +
		`"results":[{"collection":"public.\"Évents\"","done":2,"due":3,"futureClock":5,"held":1,"inferred":0,"nullClock":4,"remaining":0,"rule":"events","total":10,"verification":"Agreed"}],` +
		`"rulesDigest":"rules","run":"orders-1","runUID":"u1","schemaDigest":"sd","slot":"2026-11-24T03:00:00Z","store":"shop-db","storeIdentity":"1/2","type":"carrier-operator.io/purge-outcome/v1"}`
	got, err := exampleRecord(nil).Canonical()
	if err != nil || string(got) != want {
		t.Errorf("canonical record, error %v\n got %s\nwant %s", err, got, want)
	}
	sum := sha256.Sum256([]byte(want))
	if digest, err := exampleRecord(nil).Digest(); err != nil || digest != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s, error %v", digest, err)
	}
}

func TestEveryFactOfARunIsInItsDigest(t *testing.T) {
	base, err := exampleRecord(nil).Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Subject, *v1alpha1.PurgeRunStatus){
		"previous":  func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.Previous = "sha256:01" },
		"run":       func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.RunUID = "u2" },
		"policy":    func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.PolicyUID = "p2" },
		"rules":     func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.RulesDigest = "other" },
		"version":   func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.PolicyGeneration++ },
		"intent":    func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Evidence.IntentDigest = "sha256:00" },
		"position":  func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].LogPosition = "0/16B3748" },
		"deferred":  func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Deferred++ },
		"cutoff":    func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.Cutoffs["events"] = slot },
		"mode":      func(s *Subject, _ *v1alpha1.PurgeRunStatus) { s.Mode = "Preview" },
		"done":      func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Done++ },
		"inferred":  func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Inferred++ },
		"held":      func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Held++ },
		"remaining": func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Remaining++ },
		"verification": func(_ *Subject, r *v1alpha1.PurgeRunStatus) {
			r.Results[0].Verification = v1alpha1.VerificationDisagreed
		},
		"reason":         func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Outcome.Reason = "CapExceeded" },
		"end":            func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Outcome.FinishedAt = metav1.NewTime(slot) },
		"counted alone":  func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Evidence.Records = v1alpha1.RecordsCount },
		"records digest": func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Evidence.RecordsDigest = "other" },
		"store":          func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Evidence.StoreIdentity = "1/3" },
		"schema":         func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Evidence.SchemaDigest = "other" },
	} {
		if got, err := exampleRecord(change).Digest(); err != nil || got == base {
			t.Errorf("changing %s does not change the digest (error %v)", name, err)
		}
	}
}

func TestCountThatJSONCannotHoldIsRefused(t *testing.T) {
	record := exampleRecord(func(_ *Subject, r *v1alpha1.PurgeRunStatus) { r.Results[0].Total = 1 << 53 })
	if _, err := record.Digest(); err == nil {
		t.Error("2^53 was written as a number that readers may round")
	}
}

func TestRecordsDigestKeepsOrderAndPartsApart(t *testing.T) {
	digest := func(keys ...[]string) string {
		d := NewHasher([]byte("0123456789abcdef0123456789abcdef")).Records("public.events")
		for _, k := range keys {
			d.Add(k...)
		}
		return d.Sum()
	}
	seen := map[string]string{"": "no record"}
	for name, sum := range map[string]string{
		"1 then 2":     digest([]string{"1"}, []string{"2"}),
		"2 then 1":     digest([]string{"2"}, []string{"1"}),
		"one of (1,2)": digest([]string{"1", "2"}),
		"(a, bc)":      digest([]string{"a", "bc"}),
		"(ab, c)":      digest([]string{"ab", "c"}),
	} {
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[sum] = name
	}
	if digest() != "" {
		t.Error("the digest of no record is not empty")
	}
}

func TestRecordsCountedAloneHaveNoDigest(t *testing.T) {
	w := Window{Rule: &Rule{Collection: "public.events"}, Hasher: NewHasher(nil), CountOnly: true}
	records := w.Records()
	records.Add("1")
	records.AddCount(2)
	if records.Count() != 3 || records.Sum() != "" {
		t.Errorf("%d records, digest %q", records.Count(), records.Sum())
	}
}

func TestKeyedHashIsRecognizedAndNotHashedAgain(t *testing.T) {
	h := NewHasher([]byte("0123456789abcdef0123456789abcdef"))
	value := h.Value("person@example.com")
	if len(value) != HashLength || !IsHashed(value) || value != h.Value("person@example.com") {
		t.Errorf("value %q", value)
	}
	if value == NewHasher(nil).Value("person@example.com") {
		t.Error("another key gives the same value")
	}
	for _, other := range []string{"", HashPrefix, "person@example.com", value[:HashLength-1], value + "0", "x" + value[1:]} {
		if IsHashed(other) {
			t.Errorf("%q passes for a hash", other)
		}
	}
}

// A store that is given the pads comes to the same hash, whatever the length of the key.
func TestPadsComputeTheKeyedHash(t *testing.T) {
	ids := map[string]int{}
	for _, length := range []int{32, 63, 64, 65, 200} {
		h := NewHasher(bytes.Repeat([]byte{0xa5}, length))
		inner, outer := h.Pads()
		sum := sha256.Sum256(append(inner, "person@example.com"...))
		sum = sha256.Sum256(append(outer, sum[:]...))
		if got := HashPrefix + hex.EncodeToString(sum[:]); got != h.Value("person@example.com") {
			t.Errorf("a key of %d bytes: %s", length, got)
		}
		if other, taken := ids[h.KeyID()]; taken {
			t.Errorf("keys of %d and %d bytes have one ID", length, other)
		}
		ids[h.KeyID()] = length
	}
}

func TestHoldBySubjectIsSoundOnlyWithAKey(t *testing.T) {
	h := NewHasher([]byte("0123456789abcdef0123456789abcdef"))
	sound := HeldSubject{Field: "email", KeyID: h.KeyID(), Hashes: []string{h.Value("person@example.com")}}
	for name, change := range map[string]func(*Plan, *HeldSubject){
		"no key":        func(p *Plan, _ *HeldSubject) { p.HashKey = false },
		"no hashes":     func(_ *Plan, s *HeldSubject) { s.Hashes = nil },
		"no field":      func(_ *Plan, s *HeldSubject) { s.Field = "" },
		"a clear value": func(_ *Plan, s *HeldSubject) { s.Hashes = append(s.Hashes, "person@example.com") },
	} {
		p, subject := &Plan{HashKey: true}, sound
		holds := []Hold{{Name: "case-1", Collection: "orders", Subject: &subject}}
		if err := p.checkHolds(holds); err != nil || CheckHoldKeys(holds, h.KeyID()) != nil {
			t.Fatal(err)
		}
		change(p, &subject)
		if err := p.checkHolds(holds); err == nil || strings.Contains(err.Error(), "person@") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
