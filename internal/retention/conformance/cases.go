package conformance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

func previewChangesNothing(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Mode = string(v1alpha1.RunPreview)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: s.Rule.Collection, Where: []retention.Filter{retentiontest.In("shop", "shop-1")}}}
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, func(Record) bool { return false }))
	want := v1alpha1.RuleResult{
		Rule: "orders", Collection: s.Rule.Collection, Total: 400, Due: count(all, due), Verification: v1alpha1.VerificationNotApplicable,
		Held:      count(all, func(r Record) bool { return due(r) && r.Shop == "shop-1" }),
		NullClock: count(all, func(r Record) bool { return r.At.IsZero() }), FutureClock: count(all, func(r Record) bool { return r.At.After(retentiontest.Slot) }),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func deletesExactlyWhatIsDue(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, due))
	if n := count(all, due); got.Due != n || got.Done != n || got.Remaining != 0 || got.Inferred != 0 || got.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v, want %d done", got, n)
	}
	e := r.Status.Evidence
	if e.Digest == "" || e.RecordsDigest == "" || e.StoreIdentity == "" || e.SchemaDigest == "" || r.Status.Checkpoint.Batches == 0 {
		t.Errorf("evidence %+v, %d batches", e, r.Status.Checkpoint.Batches)
	}
}

// countsAlone does everything that a driver can do without keys: deleting, hashing and other anonymizing.
func countsAlone(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	held := func(r Record) bool { return r.Shop == "shop-1" }
	for _, fields := range [][]retention.Anonymize{
		{{Name: "email", Strategy: string(v1alpha1.AnonymizeKeyedHash)}},
		{{Name: "email", Strategy: string(v1alpha1.AnonymizeConstant), Value: "removed"}},
		nil, // deleting
	} {
		r := newRun(t, s)
		r.Plan.Records = string(v1alpha1.RecordsCount)
		r.InForce = []retention.Hold{{Name: "case-1", Collection: s.Rule.Collection, Where: []retention.Filter{retentiontest.In("shop", "shop-1")}}}
		if len(fields) > 0 {
			r.Plan.Rules[0].Action, r.Plan.Rules[0].Fields = string(v1alpha1.ActionAnonymize), fields
		}
		got := r.expect(v1alpha1.ReasonCompleted)
		if n := count(all, func(r Record) bool { return due(r) && !held(r) }); got.Done != n || got.Remaining != 0 || got.Verification != v1alpha1.VerificationAgreed {
			t.Errorf("fields %+v: result %+v, want %d done", fields, got, n)
		}
		if e := r.Status.Evidence; e.RecordsDigest != "" || e.Records != v1alpha1.RecordsCount {
			t.Errorf("fields %+v: evidence %+v", fields, e)
		}
	}
	if diff := cmp.Diff(without(all, func(r Record) bool { return due(r) && !held(r) }), s.Left()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func holdByFilter(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: s.Rule.Collection, Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2"), retentiontest.In("email", "person1@example.com", "person2@example.com")}}}
	held := func(r Record) bool {
		return (r.Shop == "shop-1" || r.Shop == "shop-2") && (r.Email == "person1@example.com" || r.Email == "person2@example.com")
	}
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, func(r Record) bool { return due(r) && !held(r) }))
	if n := count(all, func(r Record) bool { return due(r) && held(r) }); got.Held != n || n == 0 || got.Remaining != 0 {
		t.Errorf("result %+v, want %d held", got, n)
	}

	// Released, the records are due again.
	after := newRun(t, s)
	after.expect(v1alpha1.ReasonCompleted)
	after.left(without(all, due))
}

func holdOfTheCollection(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: s.Rule.Collection}}
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, func(Record) bool { return false }))
	if got.Held != got.Due || got.Done != 0 {
		t.Errorf("result %+v", got)
	}
}

func holdInTheMiddle(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	var kept map[string]Record
	r.faulty.Before = func() error {
		if len(r.InForce) > 0 || len(s.Left()) == len(all) {
			return nil
		}
		// The engine may trust the holds that it read for half a second: it reads them anew before the window after that.
		r.InForce = []retention.Hold{{Name: "case-1", Collection: s.Rule.Collection}}
		kept = s.Left()
		return nil
	}
	r.Plan.Throttle.PauseMilliseconds = 600
	r.windows(50)
	r.Clock = retentiontest.NewHurried(retentiontest.Slot) // or a slow machine would have windows of one record, with a pause after each
	got := r.expect(v1alpha1.ReasonCompleted)
	left := s.Left()
	// The window at hand was still decided with the holds from before. A window of Redis may have some more keys than it asks for.
	if gone := len(kept) - len(left); gone > 100 || len(left) <= len(without(all, due)) {
		t.Errorf("%d records went after the hold was made, %d are left", gone, len(left))
	}
	if got.Held == 0 || got.Remaining != 0 {
		t.Errorf("result %+v", got)
	}
}

func filterNarrows(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Rules[0].Where = []retention.Filter{{Field: "shop", Operator: string(v1alpha1.FilterNotIn), Values: []string{"shop-0", "shop-3"}}}
	r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, func(r Record) bool { return due(r) && r.Shop != "shop-0" && r.Shop != "shop-3" }))
}

func anonymizes(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Rules[0].Action = string(v1alpha1.ActionAnonymize)
	r.Plan.Rules[0].Fields = []retention.Anonymize{{Name: "email", Strategy: string(v1alpha1.AnonymizeConstant), Value: "removed"}}
	got := r.expect(v1alpha1.ReasonCompleted)
	want := map[string]Record{}
	for _, record := range all {
		if due(record) {
			record.Email = "removed"
		}
		want[record.ID] = record
	}
	r.left(want)
	if n := count(all, due); got.Done != n || got.Remaining != 0 {
		t.Errorf("result %+v, want %d done", got, n)
	}
	again := newRun(t, s)
	again.Plan.Rules = r.Plan.Rules
	if got := again.expect(v1alpha1.ReasonNothingDue); got.Done != 0 {
		t.Errorf("anonymized records were anonymized again: %+v", got)
	}
}

func keyedHash(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	var after map[string]Record
	for range 2 {
		r := newRun(t, s)
		r.Plan.Rules[0].Action = string(v1alpha1.ActionAnonymize)
		r.Plan.Rules[0].Fields = []retention.Anonymize{{Name: "email", Strategy: string(v1alpha1.AnonymizeKeyedHash)}}
		if err := r.Try(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]Record{}
		for _, record := range all {
			if due(record) {
				record.Email = r.Hash.Value(record.Email)
			}
			want[record.ID] = record
		}
		r.left(want)
		if after != nil && !cmp.Equal(after, s.Left()) {
			t.Error("the second run changed what the first had hashed")
		}
		after = s.Left()
	}
}

// diesAtEveryReport kills the purger at its first report, its second, and so on, and lets another one go on each time.
func diesAtEveryReport(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	reports, killAt := 0, 1
	r.BeforeReport = func(*v1alpha1.PurgeRunStatus) error {
		if reports++; reports == killAt {
			return fmt.Errorf("%w: killed by the test", retention.ErrGone) // what the engine does not try again
		}
		return nil
	}
	deaths := 0
	for r.Status.Outcome.Reason == "" {
		reports = 0
		err := r.Try(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, retention.ErrGone) || deaths > 100 {
			t.Fatalf("after %d deaths: %v", deaths, err)
		}
		deaths++
		killAt++
	}
	if deaths < 3 {
		t.Errorf("the purger died %d times only", deaths)
	}
	r.left(without(all, due))
	got := r.Status.Results[0]
	if n := count(all, due); r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || got.Done != n || got.Remaining != 0 {
		t.Errorf("outcome %+v, result %+v, want %d done", r.Status.Outcome, got, n)
	}
}

func nothingDueAfterwards(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	newRun(t, s).expect(v1alpha1.ReasonCompleted)
	r := newRun(t, s)
	if got := r.expect(v1alpha1.ReasonNothingDue); got.Done != 0 || got.Due != 0 {
		t.Errorf("result %+v", got)
	}
	r.left(without(all, due))
}

func capStops(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Caps.MaxRows = count(all, due) - 1
	r.expect(v1alpha1.ReasonCapExceeded)
	r.left(without(all, func(Record) bool { return false }))
}

func refusedLogin(t *testing.T, s *Store) {
	s.Fill(records())
	s.Refuse()
	r := newRun(t, s)
	r.expect(v1alpha1.ReasonLoginRefused)
}

func missingCollection(t *testing.T, s *Store) {
	s.Fill(records())
	r := newRun(t, s)
	r.Plan.Rules[0].Collection += "_gone"
	r.expect(s.Missing)
}

func anotherStore(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.ExpectedIdentity = "another"
	r.expect(v1alpha1.ReasonStoreIdentityChanged)
	r.left(without(all, func(Record) bool { return false }))
}
