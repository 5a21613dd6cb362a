package conformance

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// texts are values of all forms, among them replacements, almost replacements, and what regular expressions and collations are tripped by.
var texts = []string{
	"", " ", "a", "A", "9", "Qq", "99", "Q-q 9 and more", "9-9", "10115", "10000", "SW1A 2AA", "SW0X 0XX", "sw1a 2aa", "+49 (170) 123-4567", "+99 (917) 123-4567",
	"Jean-Pierre O'Neil", "Zoë Müller", "qqé", "山田太郎", "\U0001F600", "two\nlines", "9\n9\n9\n", "\t", "50%_of\\it", "'quoted' \"too\" `or so`", "$1 ?1 :a",
	"person@example.com", "abcdefghijklmnopqrst@example.invalid", "ABCDEFGHIJKLMNOPQRST@example.invalid", "abcdefghijklmnopqrst@example.invalid\n",
	"kh1-" + strings.Repeat("0", 64), "KH1-" + strings.Repeat("0", 64), "kh1-" + strings.Repeat("0", 64) + "\n", strings.Repeat("ä1", 50),
}

var dates = []string{
	"", "1987-05-17", "1987-05-01", "1987-01-01", "0001-12-31", "2026-05-17T23:30:11.123456+02:00", "2026-05-01T00:00:00+02:00", "2026-05-01T00:00:00.5Z",
	"2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2024-02-29T00:00:01-11:30",
}

// strategies are all ways to compute a replacement.
func strategies() map[string]retention.Anonymize {
	fields := map[string]retention.Anonymize{
		"Truncate":             {Strategy: string(v1alpha1.AnonymizeTruncate), Length: 3},
		"CoarsenPostcode":      {Strategy: string(v1alpha1.AnonymizeCoarsenPostcode), Length: 2},
		"CoarsenDate to Month": {Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(v1alpha1.PrecisionMonth)},
		"CoarsenDate to Year":  {Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(v1alpha1.PrecisionYear)},
		"Fake of Email":        {Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeEmail)},
		"Fake of Text":         {Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeText)},
		"KeyedHash":            {Strategy: string(v1alpha1.AnonymizeKeyedHash)},
	}
	for name, f := range fields {
		f.Name = "email"
		fields[name] = f
	}
	return fields
}

// replacesOnce anonymizes values of all forms: each record of which something is due gets what Replace says, and a run after that finds
// nothing to do.
func replacesOnce(t *testing.T, s *Store, field retention.Anonymize) {
	values := texts
	if field.Precision != "" {
		values = dates
	}
	all := records()
	for i := range all {
		all[i].Email = values[i%len(values)]
	}
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Rules[0].Action, r.Plan.Rules[0].Fields = string(v1alpha1.ActionAnonymize), []retention.Anonymize{field}
	want, changed := map[string]Record{}, int64(0)
	for _, record := range all {
		if due(record) {
			replaced, err := field.Replace(r.Hash, record.Email)
			if err != nil {
				t.Fatal(err)
			}
			if replaced != record.Email {
				changed++
			}
			record.Email = replaced
		}
		want[record.ID] = record
	}
	if got := r.expect(v1alpha1.ReasonCompleted); got.Due != changed || got.Done != changed || got.Remaining != 0 {
		t.Errorf("result %+v, want %d done", got, changed)
	}
	r.left(want)
	again := newRun(t, s)
	again.Plan.Rules = r.Plan.Rules
	if got := again.expect(v1alpha1.ReasonNothingDue); got.Done != 0 {
		t.Errorf("replacements were replaced again: %+v", got)
	}
}

// noDate has one text that CoarsenDate cannot read: the run says so, and the next one again.
func noDate(t *testing.T, s *Store) {
	all := records()
	for i := range all {
		all[i].Email = "1987-05-17"
	}
	all[399].Email = "17.05.1987" // the oldest
	s.Fill(all)
	for range 2 {
		r := newRun(t, s)
		r.Plan.Rules[0].Action = string(v1alpha1.ActionAnonymize)
		r.Plan.Rules[0].Fields = []retention.Anonymize{{Name: "email", Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(v1alpha1.PrecisionYear)}}
		r.expect(v1alpha1.ReasonColumnTypeMismatch)
		if strings.Contains(r.Status.Outcome.Message, "1987") || !strings.Contains(r.Status.Outcome.Message, "RFC 3339") {
			t.Errorf("message %q", r.Status.Outcome.Message)
		}
		if left := s.Left()["400"]; left.Email != "17.05.1987" {
			t.Errorf("the text became %q", left.Email)
		}
	}
}
