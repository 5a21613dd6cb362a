package retention

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// This file is what anonymizing makes of a text, and how the result is recognized: for each strategy that computes, Replace and
// Pattern agree. A replacement's replacement is itself.

// FakeDomain is the domain of invented mail addresses; it never exists (RFC 6761). fakeLocal is the length of what stands before it.
const (
	FakeDomain = "@example.invalid"
	fakeLocal  = 20
)

// Computed are the fields whose replacement the purger computes from their value. The store writes the others by itself.
func Computed(fields []Anonymize) []Anonymize {
	var computed []Anonymize
	for _, f := range fields {
		if f.IsComputed() {
			computed = append(computed, f)
		}
	}
	return computed
}

// IsComputed says whether the replacement depends on the value.
func (a *Anonymize) IsComputed() bool {
	return a.Strategy != string(v1alpha1.AnonymizeNull) && a.Strategy != string(v1alpha1.AnonymizeConstant)
}

// Merges says whether different values get the same replacement, which a unique column does not take.
func (a *Anonymize) Merges() bool {
	switch v1alpha1.AnonymizeStrategy(a.Strategy) {
	case v1alpha1.AnonymizeConstant, v1alpha1.AnonymizeTruncate, v1alpha1.AnonymizeCoarsenPostcode, v1alpha1.AnonymizeCoarsenDate:
		return true
	default:
		return false
	}
}

// Width is how many characters a computed replacement has; 0: never more than the value.
func (a *Anonymize) Width() int {
	switch {
	case a.Strategy == string(v1alpha1.AnonymizeKeyedHash):
		return HashLength
	case a.Strategy == string(v1alpha1.AnonymizeFake) && a.Form == string(v1alpha1.FakeEmail):
		return fakeLocal + len(FakeDomain)
	default:
		return 0
	}
}

// Needs says which column can take a computed replacement.
func (a *Anonymize) Needs() string {
	switch width := a.Width(); {
	case a.Strategy == string(v1alpha1.AnonymizeCoarsenDate):
		return "a date, a time or text"
	case width > 0:
		return fmt.Sprintf("text of %d characters", width)
	default:
		return "text"
	}
}

// Replace returns the computed replacement of a text. It fails with a Failure for a text that has none.
func (a *Anonymize) Replace(h *Hasher, value string) (string, error) {
	switch v1alpha1.AnonymizeStrategy(a.Strategy) {
	case v1alpha1.AnonymizeTruncate:
		return value[:a.kept(value)], nil
	case v1alpha1.AnonymizeCoarsenPostcode:
		n := a.kept(value)
		return value[:n] + strings.Map(coarse, value[n:]), nil
	case v1alpha1.AnonymizeCoarsenDate:
		return a.coarsenDate(value)
	case v1alpha1.AnonymizeFake:
		return a.fake(h, value), nil
	default:
		if IsHashed(value) {
			return value, nil
		}
		return h.Value(value), nil
	}
}

// Punctuation of ASCII, control characters included, and all of it. In the form that every store's regular expressions read.
const (
	asciiRest = `[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]`
	ascii     = `[\x01-\x7f]`
)

// Pattern is a regular expression that a text matches, as a whole, if it is a replacement. It is written so that PostgreSQL, PCRE, ICU and
// RE2 read it alike; a dot stands for any character, line ends included.
func (a *Anonymize) Pattern() string {
	switch v1alpha1.AnonymizeStrategy(a.Strategy) {
	case v1alpha1.AnonymizeTruncate:
		return fmt.Sprintf(".{0,%d}", a.Length)
	case v1alpha1.AnonymizeCoarsenPostcode:
		return fmt.Sprintf(".{0,%d}[-0Xx ]*", a.Length)
	case v1alpha1.AnonymizeCoarsenDate:
		return "([0-9]{4}-" + a.firstDay() + "([Tt]00:00:00([Zz]|[+-][0-9]{2}:[0-9]{2}))?)?"
	case v1alpha1.AnonymizeFake:
		if a.Form == string(v1alpha1.FakeEmail) {
			return fmt.Sprintf("[a-z2-7]{%d}%s", fakeLocal, strings.ReplaceAll(FakeDomain, ".", "[.]"))
		}
		mark := asciiRest + "*([9Qq]"
		return mark + mark + mark + ascii + "*)?" + asciiRest + "*)?" + asciiRest + "*)?" + asciiRest + "*"
	default:
		return HashPrefix + "[0-9a-f]{64}"
	}
}

// kept is the place behind the characters that stay.
func (a *Anonymize) kept(value string) int {
	characters := int32(0)
	for i := range value {
		if characters == a.Length {
			return i
		}
		characters++
	}
	return len(value)
}

// coarse keeps the form of a postcode.
func coarse(r rune) rune {
	switch {
	case r == ' ' || r == '-':
		return r
	case r >= '0' && r <= '9':
		return '0'
	case r >= 'a' && r <= 'z':
		return 'x'
	default:
		return 'X'
	}
}

// dateText is a date, or a time with an offset (RFC 3339): year, month, and of a time its T and its offset.
var dateText = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-[0-9]{2}(?:([Tt])[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$`)

// DatePattern matches the texts that CoarsenDate can read, as a whole; see Pattern.
const DatePattern = `([0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?)?`

func (a *Anonymize) firstDay() string {
	if a.Precision == string(v1alpha1.PrecisionYear) {
		return "01-01"
	}
	return "[0-9]{2}-01"
}

func (a *Anonymize) coarsenDate(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	parts := dateText.FindStringSubmatch(value)
	if parts == nil {
		return "", Fail(v1alpha1.ReasonColumnTypeMismatch,
			"field %q of a due record holds neither a date nor a time as in RFC 3339, which CoarsenDate needs: correct the value, or use strategy Null, Constant or Truncate", a.Name)
	}
	year, month, t, offset := parts[1], parts[2], parts[3], parts[4]
	if a.Precision == string(v1alpha1.PrecisionYear) {
		month = "01"
	}
	if t != "" {
		t += "00:00:00"
	}
	return year + "-" + month + "-01" + t + offset, nil
}

// fake is an invented value. The same value gets the same one, in whatever field.
func (a *Anonymize) fake(h *Hasher, value string) string {
	if a.isFake(value) {
		return value
	}
	draw := drawer{h: h, value: value}
	if a.Form == string(v1alpha1.FakeEmail) {
		return strings.ToLower(base32.StdEncoding.EncodeToString(draw.block()))[:fakeLocal] + FakeDomain
	}
	marks := 0
	return strings.Map(func(r rune) rune {
		first, letters := '0', uint16(10)
		switch mark := 'q'; {
		case r > 0 && r < unicode.MaxASCII+1 && !isAlphanumeric(r):
			return r
		case marks < marked:
			marks++
			if r >= '0' && r <= '9' {
				mark = '9'
			} else if unicode.IsUpper(r) {
				mark = 'Q'
			}
			return mark
		case unicode.IsUpper(r):
			first, letters = 'A', 26
		case r < '0' || r > '9':
			first, letters = 'a', 26
		}
		return first + rune(draw.next()%letters)
	}, value)
}

// marked is how many letters and digits of an invented text say that it is one.
const marked = 3

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// isFake says what Pattern says.
func (a *Anonymize) isFake(value string) bool {
	if a.Form == string(v1alpha1.FakeEmail) {
		local, ok := strings.CutSuffix(value, FakeDomain)
		return ok && len(local) == fakeLocal && strings.Trim(local, "abcdefghijklmnopqrstuvwxyz234567") == ""
	}
	marks := 0
	for _, r := range value {
		switch {
		case r == 0 || r > unicode.MaxASCII:
			return false
		case isAlphanumeric(r) && marks < marked:
			if r != '9' && r != 'Q' && r != 'q' {
				return false
			}
			marks++
		}
	}
	return true
}

// drawer draws numbers that depend on a value and the key.
type drawer struct {
	h     *Hasher
	value string
	count uint32
	rest  []byte
}

func (d *drawer) block() []byte {
	mac := d.h.of("fake")
	mac.Write(binary.BigEndian.AppendUint32(nil, d.count))
	mac.Write([]byte(d.value))
	d.count++
	return mac.Sum(nil)
}

func (d *drawer) next() uint16 {
	if len(d.rest) == 0 {
		d.rest = d.block()
	}
	n := binary.BigEndian.Uint16(d.rest)
	d.rest = d.rest[2:]
	return n
}
