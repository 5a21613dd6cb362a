package carrier

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsNameOnePlace(t *testing.T) {
	tests := map[string]struct {
		path string
		want []string // nil: refused
	}{
		"one name":             {"$.access_token", []string{"access_token"}},
		"several names":        {"$.Envelope.Body.token", []string{"Envelope", "Body", "token"}},
		"a name in brackets":   {"$['a-b.c'].d", []string{"a-b.c", "d"}},
		"double quotes":        {`$.a["b"]`, []string{"a", "b"}},
		"an attribute":         {"$.login.@token", []string{"login", "@token"}},
		"attribute in bracket": {"$.data['@password']", []string{"data", "@password"}},
		"not ASCII":            {"$.größe", []string{"größe"}},
		"nothing":              {"", nil},
		"the document":         {"$", nil},
		"no dollar":            {"a.b", nil},
		"a descendant":         {"$..a", nil},
		"a wildcard":           {"$.*", nil},
		"a list":               {"$.a[*].b", nil},
		"an index":             {"$.a[0]", nil},
		"a union":              {"$['a','b']", nil},
		"an open bracket":      {"$['a'", nil},
		"a dot at the end":     {"$.a.", nil},
		"an empty name":        {"$['']", nil},
		"two names run on":     {"$.a'b'", nil},
		"too long":             {"$." + strings.Repeat("a", 600), nil},
		"too deep":             {"$" + strings.Repeat(".a", 65), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parsePath(tc.path)
			if (err != nil) != (tc.want == nil) {
				t.Fatalf("error %v, want names %q", err, tc.want)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
