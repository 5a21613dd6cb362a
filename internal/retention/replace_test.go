package retention

import (
	"regexp"
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

var testHasher = NewHasher([]byte("0123456789abcdef0123456789abcdef"))

// computed are all strategies that compute, with parameters of some kinds.
var computed = []Anonymize{
	{Strategy: string(v1alpha1.AnonymizeKeyedHash)},
	{Strategy: string(v1alpha1.AnonymizeTruncate), Length: 1},
	{Strategy: string(v1alpha1.AnonymizeTruncate), Length: 255},
	{Strategy: string(v1alpha1.AnonymizeCoarsenPostcode), Length: 2},
	{Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(v1alpha1.PrecisionMonth)},
	{Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(v1alpha1.PrecisionYear)},
	{Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeEmail)},
	{Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeText)},
}

func TestReplacements(t *testing.T) {
	truncate := func(n int32) Anonymize { return Anonymize{Strategy: string(v1alpha1.AnonymizeTruncate), Length: n} }
	postcode := func(n int32) Anonymize {
		return Anonymize{Strategy: string(v1alpha1.AnonymizeCoarsenPostcode), Length: n}
	}
	date := func(p v1alpha1.DatePrecision) Anonymize {
		return Anonymize{Strategy: string(v1alpha1.AnonymizeCoarsenDate), Precision: string(p)}
	}
	for _, tc := range []struct {
		field       Anonymize
		value, want string
	}{
		{truncate(3), "Berlin", "Ber"},
		{truncate(3), "Köln am Rhein", "Köl"},
		{truncate(9), "Köln", "Köln"},
		{truncate(1), "", ""},
		{postcode(2), "10115", "10000"},
		{postcode(4), "SW1A 2AA", "SW1A 0XX"},
		{postcode(2), "1012 ab", "1000 xx"},
		{postcode(3), "902-0005", "902-0000"},
		{postcode(2), "10\n_é", "10XXX"},
		{postcode(2), "1", "1"},
		{date(v1alpha1.PrecisionMonth), "1987-05-17", "1987-05-01"},
		{date(v1alpha1.PrecisionYear), "1987-05-17", "1987-01-01"},
		{date(v1alpha1.PrecisionMonth), "2026-05-17T23:30:11.123+02:00", "2026-05-01T00:00:00+02:00"},
		{date(v1alpha1.PrecisionYear), "2026-05-17t23:30:11z", "2026-01-01t00:00:00z"},
		{date(v1alpha1.PrecisionYear), "", ""},
	} {
		if got, err := tc.field.Replace(testHasher, tc.value); err != nil || got != tc.want {
			t.Errorf("%s of %q is %q (%v), want %q", tc.field.Strategy, tc.value, got, err, tc.want)
		}
	}
	for _, value := range []string{"17.05.1987", "1987-05-17T23:30:11", "1987-05", " 1987-05-17", "1987-05-17\n"} {
		field := date(v1alpha1.PrecisionMonth)
		if got, err := field.Replace(testHasher, value); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%q became %q: %v", value, got, err)
		}
	}
}

func TestFakesKeepTheFormAndNothingElse(t *testing.T) {
	text := Anonymize{Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeText)}
	for value, form := range map[string]string{
		"+49 (170) 123-4567":     `^\+99 \(9[0-9]{2}\) [0-9]{3}-[0-9]{4}$`,
		"Jean-Pierre O'Neil":     `^Qqq[a-z]-[A-Z][a-z]{5} [A-Z]'[A-Z][a-z]{3}$`,
		"Zoë Müller":             `^Qqq [A-Z][a-z]{5}$`,
		"DE89 3704 0044 0532 01": `^QQ9[0-9]( [0-9]{4}){3} [0-9]{2}$`,
		"ÅB":                     `^QQ$`,
		"Li":                     `^Qq$`,
		"- / -":                  `^- / -$`,
		"山田太郎":                   `^qqq[a-z]$`,
	} {
		got, err := text.Replace(testHasher, value)
		if err != nil || !regexp.MustCompile(form).MatchString(got) {
			t.Errorf("%q became %q (%v)", value, got, err)
		}
	}
	email := Anonymize{Strategy: string(v1alpha1.AnonymizeFake), Form: string(v1alpha1.FakeEmail)}
	seen := map[string]bool{}
	for i := range 10_000 {
		got, _ := email.Replace(testHasher, strings.Repeat("a", i)+"@example.com")
		if seen[got] || !strings.HasSuffix(got, "@example.invalid") || len(got) != email.Width() {
			t.Fatalf("address %q", got)
		}
		seen[got] = true
	}
	again, _ := email.Replace(testHasher, "@example.com")
	other, _ := email.Replace(NewHasher([]byte("another key, with 32 bytes in it")), "@example.com")
	if !seen[again] || seen[other] {
		t.Error("an address depends on more, or on less, than value and key")
	}
}

// What stores recognize by Pattern is what Replace leaves alone, whatever the text: else a record would be due for ever, or never.
func FuzzReplacementsAreRecognized(f *testing.F) {
	for _, seed := range []string{"", "a", "10115", "SW1A 0XX", "1987-05-01", "1987-01-01T00:00:00Z", "99-9", "Qq 9 x", "9\n9\n9\n", "é", "\x00", "\xff9",
		"kh1-" + strings.Repeat("0", 64), "abcdefghijklmnopqrst@example.invalid", "abcdefghijklmnopqrst@example.invalid\n", strings.Repeat("ü", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, field := range computed {
			pattern := regexp.MustCompile(`(?s)^(?:` + field.Pattern() + `)\z`)
			got, err := field.Replace(testHasher, value)
			if err != nil {
				if regexp.MustCompile(`(?s)^(?:` + DatePattern + `)\z`).MatchString(value) {
					t.Errorf("%q is a date and was refused: %v", value, err)
				}
				continue
			}
			if again, err := field.Replace(testHasher, got); again != got || err != nil || !pattern.MatchString(got) {
				t.Errorf("%s of %q is %q, then %q (%v), recognized: %t", field.Strategy, value, got, again, err, pattern.MatchString(got))
			}
			if pattern.MatchString(value) != (got == value) {
				t.Errorf("%s: %q is recognized: %t, and becomes %q", field.Strategy, value, pattern.MatchString(value), got)
			}
		}
	})
}
