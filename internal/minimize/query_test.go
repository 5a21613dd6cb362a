package minimize

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMinimizeQuery(t *testing.T) {
	track := QueryRules{Force: map[string]string{"returnSignature": "false", "returnPOD": "false"}}
	allow := QueryRules{Allow: []string{"locale", "a b"}}
	deny := QueryRules{Remove: []string{"email"}}
	for _, c := range []struct {
		name            string
		rules           QueryRules
		raw             string
		redact, enforce string
		removed         map[string]int
	}{
		{"forced flags are added", track, "", "returnPOD=false&returnSignature=false", "returnPOD=false&returnSignature=false", nil},
		{"a forced flag overrides", track, "returnSignature=true&x=1", "x=1&returnPOD=false&returnSignature=false",
			"x=1&returnPOD=false&returnSignature=false", map[string]int{"?returnSignature": 1}},
		{"a forced flag that is right stays", track, "returnSignature=false&returnPOD=false", "returnSignature=false&returnPOD=false",
			"returnSignature=false&returnPOD=false", nil},
		{"an escaped name is the name", track, "return%53ignature=true", "returnPOD=false&returnSignature=false",
			"returnPOD=false&returnSignature=false", map[string]int{"?returnSignature": 1}},
		{"a variant of a forced flag", track, "RETURNSIGNATURE=true", "returnPOD=false&returnSignature=false", "!key-variant",
			map[string]int{"?RETURNSIGNATURE": 1}},
		{"brackets after a forced flag", track, "returnSignature[]=true", "returnPOD=false&returnSignature=false", "!key-variant", map[string]int{"?[?]": 1}},
		{"right, then wrong", track, "returnSignature=false&returnSignature=true", "returnSignature=false&returnPOD=false", "!duplicate-key",
			map[string]int{"?returnSignature": 1}},
		{"allow-list keeps bytes and order", allow, "a+b=%7e&x=1&locale=de_DE", "a+b=%7e&locale=de_DE", "a+b=%7e&locale=de_DE", map[string]int{"?x": 1}},
		{"parameter without a value", allow, "locale&y", "locale", "locale", map[string]int{"?y": 1}},
		{"data as a name is not reported", allow, "jane%40example.com=1", "", "", map[string]int{"?[?]": 1}},
		{"deny-list", deny, "email=j%40example.com&Email=x&n=1", "n=1", "!key-variant", map[string]int{"?email": 1, "?Email": 1}},
		{"repeated parameter", deny, "n=1&n=2", "n=1&n=2", "!duplicate-key", nil},
		{"semicolon", deny, "n=1;email=x", "!invalid-query", "!invalid-query", nil},
		{"broken escape", deny, "n=%zz", "!invalid-query", "!invalid-query", nil},
		{"space", deny, "n=1 x", "!invalid-query", "!invalid-query", nil},
		{"name that is not UTF-8", deny, "%ff=1", "!invalid-utf8", "!invalid-utf8", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Removed
			for mode, want := range map[Mode]string{Redact: c.redact, Enforce: c.enforce, Report: c.raw} {
				into := &Removed{}
				if mode == Redact {
					into = &r
				}
				got, err := MinimizeQuery(c.raw, &c.rules, mode, into)
				if got := verdict([]byte(got), err); got != want {
					t.Errorf("%v: got %s, want %s", mode, got, want)
				}
				if undecodable := strings.HasPrefix(c.redact, "!"); mode == Report && undecodable != (into.Undecodable != "") {
					t.Errorf("Report recorded Undecodable %q", into.Undecodable)
				}
			}
			if c.removed == nil {
				c.removed = map[string]int{}
			}
			if diff := cmp.Diff(c.removed, maps.Collect(r.Paths())); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
		})
	}
}
