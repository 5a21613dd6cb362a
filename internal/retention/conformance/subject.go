package conformance

import (
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// holdOf holds people by keyed hash of their e-mail.
func (s *Store) holdOf(people ...string) retention.Hold {
	return retentiontest.HoldOf(s.Rule.Collection, "email", people...)
}

// refusesSubjects says whether the kind of store cannot check whose record it changes; then a run with such a hold changes nothing.
func (r *run) refusesSubjects(all []Record) bool {
	r.T.Helper()
	kind, _ := stores.Of(v1alpha1.DataStoreType(r.Plan.Store.Type))
	if kind.SubjectHolds {
		return false
	}
	r.expect(v1alpha1.ReasonHoldInvalid)
	r.left(without(all, func(Record) bool { return false }))
	return true
}

func isPerson(r Record) bool {
	return r.Email == "person1@example.com" || r.Email == "person2@example.com"
}

func holdBySubject(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.InForce = []retention.Hold{s.holdOf("person1@example.com", "person2@example.com", "nobody@example.com")}
	if r.refusesSubjects(all) {
		return
	}
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, func(r Record) bool { return due(r) && !isPerson(r) }))
	if n := count(all, func(r Record) bool { return due(r) && isPerson(r) }); got.Held != n || n == 0 || got.Remaining != 0 || got.Inferred != 0 {
		t.Errorf("result %+v, want %d held", got, n)
	}

	// With a filter, both must match.
	after := newRun(t, s)
	hold := s.holdOf("person1@example.com", "person2@example.com")
	hold.Where = []retention.Filter{retentiontest.In("shop", "shop-1")}
	after.InForce = []retention.Hold{hold}
	after.expect(v1alpha1.ReasonCompleted)
	after.left(without(all, func(r Record) bool { return due(r) && !(isPerson(r) && r.Shop == "shop-1") }))
}

func holdOfHashedSubject(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	hide := newRun(t, s)
	hide.Plan.Rules[0].Action = string(v1alpha1.ActionAnonymize)
	hide.Plan.Rules[0].Fields = []retention.Anonymize{{Name: "email", Strategy: string(v1alpha1.AnonymizeKeyedHash)}}
	hide.InForce = []retention.Hold{s.holdOf("person2@example.com")}
	if hide.refusesSubjects(all) {
		return
	}
	hide.expect(v1alpha1.ReasonCompleted)
	var hidden []Record
	for _, record := range all {
		if due(record) && record.Email != "person2@example.com" {
			record.Email = hide.Hash.Value(record.Email)
		}
		hidden = append(hidden, record)
	}
	hide.left(without(hidden, func(Record) bool { return false }))

	remove := newRun(t, s)
	remove.InForce = []retention.Hold{s.holdOf("person1@example.com", "person2@example.com")}
	remove.expect(v1alpha1.ReasonCompleted)
	remove.left(without(hidden, func(r Record) bool {
		return due(r) && r.Email != remove.Hash.Value("person1@example.com") && r.Email != "person2@example.com"
	}))
}

func holdOfAnotherKey(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	hold := s.holdOf("person1@example.com")
	hold.Subject.KeyID = "hk1-0123456789abcdef"
	r.InForce = []retention.Hold{hold}
	r.expect(v1alpha1.ReasonHoldKeyMismatch)
	r.left(without(all, func(Record) bool { return false }))
}
