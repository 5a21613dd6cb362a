package retention

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// disjoint says whether no record can match both lists of filters: those of one field contradict each other, whatever the field's type.
func disjoint(a, b []v1alpha1.RecordFilter, store v1alpha1.DataStoreType) bool {
	return slices.ContainsFunc(a, func(x v1alpha1.RecordFilter) bool {
		return slices.ContainsFunc(b, func(y v1alpha1.RecordFilter) bool {
			return x.Field == y.Field && (contradict(x, y, store) || contradict(y, x, store))
		})
	})
}

func contradict(a, b v1alpha1.RecordFilter, store v1alpha1.DataStoreType) bool {
	switch {
	case b.Operator == v1alpha1.FilterDoesNotExist:
		return a.Operator != v1alpha1.FilterDoesNotExist // In and NotIn match no null either
	case a.Operator == v1alpha1.FilterIn && b.Operator == v1alpha1.FilterNotIn:
		return !slices.ContainsFunc(a.Values, func(v string) bool { return !slices.Contains(b.Values, v) })
	case a.Operator == v1alpha1.FilterIn && b.Operator == v1alpha1.FilterIn:
		// An array of MongoDB matches In by any of its elements, so it may match both.
		return store != v1alpha1.StoreMongoDB && !slices.ContainsFunc(a.Values, func(v string) bool {
			return slices.ContainsFunc(b.Values, func(w string) bool { return !differ(v, w) })
		})
	default:
		return false
	}
}

var (
	integer = regexp.MustCompile(`^-?[0-9]{1,15}$`)
	word    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	// Words with which stores write truth, and numbers and times without an end, in several ways.
	special = regexp.MustCompile(`^(t(r(ue?)?)?|f(a(l(se?)?)?)?|y(es?)?|no?|on|off?|nan|inf(inity)?|now|today|tomorrow|yesterday|epoch|allballs)$`)
)

// differ says whether two texts are never the same value, whatever the field's type and collation: integers and words only.
func differ(a, b string) bool {
	x, y := canonical(a), canonical(b)
	return x != "" && y != "" && x != y
}

// canonical is the same for all ways to write a value; empty: it is not known.
func canonical(v string) string {
	if integer.MatchString(v) {
		negative, digits := strings.HasPrefix(v, "-"), strings.TrimLeft(v, "-0")
		if digits == "" || !negative {
			return "#" + digits
		}
		return "#-" + digits
	}
	v = strings.ToLower(v)
	if !word.MatchString(v) || special.MatchString(v) {
		return ""
	}
	// A UUID is the same without dashes, and some collations ignore them.
	return strings.NewReplacer("-", "", "_", "").Replace(v)
}
