package retention

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// filterOf reads a filter such as "service In a b".
func filterOf(text string) v1alpha1.RecordFilter {
	words := strings.Fields(text)
	return v1alpha1.RecordFilter{Field: words[0], Operator: v1alpha1.FilterOperator(words[1]), Values: words[2:]}
}

func TestFiltersThatContradictEachOther(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b  string
		store v1alpha1.DataStoreType
		want  bool
	}{
		"other words":                      {"service In freight", "service In express letter", v1alpha1.StorePostgreSQL, true},
		"a word in common":                 {"service In freight letter", "service In express letter", v1alpha1.StorePostgreSQL, false},
		"another field":                    {"service In freight", "kind In express", v1alpha1.StorePostgreSQL, false},
		"another case may be the same":     {"service In freight", "service In Freight", v1alpha1.StoreMySQL, false},
		"all of the values left out":       {"service In freight", "service NotIn freight letter", v1alpha1.StorePostgreSQL, true},
		"some of them left out":            {"service In freight express", "service NotIn freight", v1alpha1.StorePostgreSQL, false},
		"left out in another case":         {"service In freight", "service NotIn Freight", v1alpha1.StoreMySQL, false},
		"two lists of what is left out":    {"service NotIn freight", "service NotIn express", v1alpha1.StorePostgreSQL, false},
		"null and not":                     {"paid DoesNotExist", "paid Exists", v1alpha1.StorePostgreSQL, true},
		"a value is not null":              {"paid In a", "paid DoesNotExist", v1alpha1.StorePostgreSQL, true},
		"what is not a value is not null":  {"paid NotIn a", "paid DoesNotExist", v1alpha1.StorePostgreSQL, true},
		"null twice":                       {"paid DoesNotExist", "paid DoesNotExist", v1alpha1.StorePostgreSQL, false},
		"there, with any value":            {"paid Exists", "paid In a", v1alpha1.StorePostgreSQL, false},
		"numbers":                          {"tenant In 1 2", "tenant In 3", v1alpha1.StorePostgreSQL, true},
		"a number with a leading zero":     {"tenant In 7", "tenant In 007", v1alpha1.StorePostgreSQL, false},
		"minus zero":                       {"tenant In 0", "tenant In -0", v1alpha1.StorePostgreSQL, false},
		"numbers beyond what doubles tell": {"tenant In 9007199254740993", "tenant In 9007199254740992", v1alpha1.StorePostgreSQL, false},
		"a fraction may be a number":       {"tenant In 1", "tenant In 1.0", v1alpha1.StorePostgreSQL, false},
		"a truth in two words":             {"paid In t", "paid In yes", v1alpha1.StorePostgreSQL, false},
		"a UUID without its dashes":        {"id In a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "id In a0eebc999c0b4ef8bb6d6bb9bd380a11", v1alpha1.StorePostgreSQL, false},
		"other letters than ASCII's":       {"city In Köln", "city In Koeln", v1alpha1.StorePostgreSQL, false},
		"an array has several":             {"tags In a", "tags In b", v1alpha1.StoreMongoDB, false},
		"an array without one":             {"tags In a", "tags NotIn a", v1alpha1.StoreMongoDB, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := []v1alpha1.RecordFilter{filterOf("region In eu"), filterOf(tc.a)}, []v1alpha1.RecordFilter{filterOf(tc.b)}
			if disjoint(a, b, tc.store) != tc.want || disjoint(b, a, tc.store) != tc.want {
				t.Errorf("disjoint = %t", !tc.want)
			}
		})
	}
}
