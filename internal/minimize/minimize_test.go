package minimize

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustCompile(t testing.TB, r Rules) *Program {
	t.Helper()
	p, err := Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		rules   Rules
		in, out string
		removed map[string]int
	}{
		{"nothing to remove passes byte for byte", Rules{Allow: []string{"$.a"}}, " {\n\"a\" : [1, 2] }\n", " {\n\"a\" : [1, 2] }\n", nil},
		{"no rules keep everything", Rules{}, `{"a": 1}`, `{"a": 1}`, nil},
		{"$ allows everything, remove still cuts", Rules{Allow: []string{"$"}, Remove: []string{"$.b"}}, `{"a":1,"b":2}`, `{"a":1}`,
			map[string]int{"$.b": 1}},
		{"below an allowed path all is kept as it is", Rules{Allow: []string{"$.a"}}, `{"a":{ "x" : [ 1 ] },"b":2}`, `{"a":{ "x" : [ 1 ] }}`,
			map[string]int{"$.b": 1}},
		{"remove cuts out of what is allowed", Rules{Allow: []string{"$.a"}, Remove: []string{"$.a.x"}}, `{"a":{"x":1,"y":2}}`, `{"a":{"y":2}}`,
			map[string]int{"$.a.x": 1}},
		{"remove above beats allow below", Rules{Allow: []string{"$.a.b"}, Remove: []string{"$.a"}}, `{"a":{"b":1},"c":2}`, `{}`,
			map[string]int{"$.a": 1, "$.c": 1}},
		{"the floor beats remove", Rules{Remove: []string{"$..phone"}, Require: []string{"$.to.phone"}}, `{"from":{"phone":1,"x":0},"to":{"phone":2}}`,
			`{"from":{"x":0},"to":{"phone":2}}`, map[string]int{"$.from.phone": 1}},
		{"the floor below a removed part stays alone", Rules{Remove: []string{"$.to"}, Require: []string{"$.to.country"}},
			`{"to":{"name":"x","country":"US"}}`, `{"to":{"country":"US"}}`, map[string]int{"$.to.name": 1}},
		{"the floor extends the allow-list", Rules{Allow: []string{"$.a"}, Require: []string{"$.b.c"}}, `{"a":1,"b":{"c":2,"d":3}}`,
			`{"a":1,"b":{"c":2}}`, map[string]int{"$.b.d": 1}},
		{"an exception beats remove and makes no allow-list", Rules{Remove: []string{"$..EMailAddress"}, Exceptions: []string{"$.to.EMailAddress"}},
			`{"to":{"EMailAddress":1},"from":{"EMailAddress":2},"x":3}`, `{"to":{"EMailAddress":1},"x":3}`, map[string]int{"$.from.EMailAddress": 1}},
		{"a removed container counts once", Rules{Allow: []string{"$.a"}}, `{"b":{"c":1,"d":[1,2]},"a":1}`, `{"a":1}`, map[string]int{"$.b": 1}},
		{"a container on the way that ends empty goes", Rules{Allow: []string{"$.a.b.c"}}, `{"a":{"b":{"x":1}}}`, `{}`, map[string]int{"$.a.b.x": 1}},
		{"an empty container on the way goes", Rules{Allow: []string{"$.a.b"}}, `{"a":{}}`, `{}`, map[string]int{"$.a": 1}},
		{"an empty container that is allowed stays", Rules{Allow: []string{"$.a"}}, `{"a":{"b":[]},"x":1}`, `{"a":{"b":[]}}`, map[string]int{"$.x": 1}},
		{"an allowed container that remove empties stays, one inside goes", Rules{Allow: []string{"$.a"}, Remove: []string{"$..x"}},
			`{"a":{"b":{"x":1}}}`, `{"a":{}}`, map[string]int{"$.a.b.x": 1}},
		{"a scalar on the way goes", Rules{Allow: []string{"$.a.b"}}, `{"a":"Jane Roe"}`, `{}`, map[string]int{"$.a": 1}},
		{"each element of a list", Rules{Allow: []string{"$.p[*].w"}}, `{"p":[{"w":1,"n":"x"},{"w":2},{"n":"y"}]}`, `{"p":[{"w":1},{"w":2}]}`,
			map[string]int{"$.p[*].n": 2}},
		{"one in place of many", Rules{Allow: []string{"$.p[*].w"}}, `{"p":{"w":1,"n":"x"}}`, `{"p":{"w":1}}`, map[string]int{"$.p.n": 1}},
		{"many in place of one", Rules{Remove: []string{"$.p.n"}}, `{"p":[{"w":1,"n":"x"}]}`, `{"p":[{"w":1}]}`, map[string]int{"$.p[*].n": 1}},
		{"[*] selects members too", Rules{Allow: []string{"$.p[*].w"}}, `{"p":{"k1":{"w":1,"n":2}}}`, `{"p":{"k1":{"w":1}}}`, map[string]int{"$.p.k1.n": 1}},
		{"[*] at the end of remove empties a list", Rules{Remove: []string{"$.p[*]"}}, `{"p":[1,{"a":2}],"q":0}`, `{"q":0}`, map[string]int{"$.p[*]": 2}},
		{"..name at any depth", Rules{Remove: []string{"$..sig"}}, `{"sig":1,"a":[{"sig":{"image":"x"},"b":{"sig":2,"c":3}}]}`, `{"a":[{"b":{"c":3}}]}`,
			map[string]int{"$.sig": 1, "$.a[*].sig": 1, "$.a[*].b.sig": 1}},
		{"..name.name", Rules{Allow: []string{"$..a.b"}}, `{"x":{"a":{"b":1,"c":2}},"b":3}`, `{"x":{"a":{"b":1}}}`, map[string]int{"$.x.a.c": 1, "$.b": 1}},
		{"names that look like data are not reported", Rules{Allow: []string{"$.a"}}, `{"jane@example.com":1,"5550123":2,"a":3,"x y":4}`, `{"a":3}`,
			map[string]int{"$[?]": 3}},
		{"names of the rules are reported, escaped", Rules{Remove: []string{`$['it\'s']['x\u0001']`}}, `{"it's":{"x\u0001":1,"y":2}}`, `{"it's":{"y":2}}`,
			map[string]int{`$['it\'s']['x\u0001']`: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustCompile(t, c.rules)
			var r Removed
			out, err := p.AppendJSON(nil, []byte(c.in), Redact, &r)
			if err != nil || string(out) != c.out {
				t.Errorf("got %s, %v, want %s", out, err, c.out)
			}
			if c.removed == nil {
				c.removed = map[string]int{}
			}
			if diff := cmp.Diff(c.removed, maps.Collect(r.Paths())); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			checkAgainstOracle(t, p, c.rules, []byte(c.in))
		})
	}
}

func TestRedactAndEnforceDifferOnlyInRefusals(t *testing.T) {
	p := mustCompile(t, Rules{Allow: []string{"$.to.PostalCode"}, Require: []string{"$.to.CountryCode", "$.parcels[*].weight"}})
	for _, c := range []struct{ name, in, redact, enforce string }{
		{"complete", `{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`, `{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`,
			`{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`},
		{"variant of an allowed name", `{"to":{"CountryCode":"US","postalcode":"1"},"parcels":[{"weight":1}]}`,
			`{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`, "!key-variant"},
		{"variant of a name on the way", `{"To":{"CountryCode":"US"},"parcels":[{"weight":1}]}`, `{"parcels":[{"weight":1}]}`, "!key-variant"},
		{"a known name at another place is no variant", `{"postalcode":1,"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`,
			`{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`, `{"to":{"CountryCode":"US"},"parcels":[{"weight":1}]}`},
		{"floor missing", `{"to":{"CountryCode":"US"},"parcels":[]}`, `{"to":{"CountryCode":"US"}}`, "!required-missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for mode, want := range map[Mode]string{Redact: c.redact, Enforce: c.enforce, Report: c.in} {
				if got := verdict(p.AppendJSON(nil, []byte(c.in), mode, nil)); got != want {
					t.Errorf("%v: got %s, want %s", mode, got, want)
				}
			}
		})
	}
}

func TestReportTellsWhatTheOtherModesWouldDo(t *testing.T) {
	p := mustCompile(t, Rules{Allow: []string{"$.a"}, Require: []string{"$.b.c"}})
	var r Removed
	if _, err := p.AppendJSON(nil, []byte(`{"A":1,"x":{"y":2}}`), Report, &r); err != nil {
		t.Fatal(err)
	}
	if r.Total != 2 || r.Variants != 1 || !cmp.Equal(r.Missing, []string{"$.b.c"}) {
		t.Errorf("got %+v, want 2 removed, 1 variant and $.b.c missing", r)
	}
}

func TestErrorsTellPlaceAndNoValue(t *testing.T) {
	p := mustCompile(t, Rules{Remove: []string{"$..phone"}})
	for in, want := range map[string]string{
		`{"a":[{"b":"Jane","b":"Roe"}]}`:      "duplicate-key at $.a[*].b (byte 18): the object has this name twice",
		`{"a":[{"b":"Jane"},{"jane@x":Roe}]}`: "invalid-json at $.a[*][?] (byte 29): not a JSON value",
		`{"a":{"b":"Jane`:                     "invalid-json at $.a.b (byte 15): the document ends too early",
		`{"to":{"PHONE":"5550123"}}`:          "key-variant at $.to.PHONE (byte 15): ",
		"{\"a\":1}\n{\"name\":\"Jane\"}":      "trailing-data at $ (byte 8): data follows the end of the document: send one document in a body",
		`{"a":"\ud800 Jane"}`:                 "invalid-utf8 at $.a (byte 6): half of a surrogate pair in a string",
		`{"a":{"x":1},"b":["Jane",{"c":1,}]}`: "invalid-json at $.b[*].c (byte 32): expected a name in double quotes",
	} {
		_, err := p.AppendJSON(nil, []byte(in), Enforce, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%s\ngot  %v\nwant %s", in, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	p := mustCompile(t, Rules{Allow: []string{"$.a"}, Limits: Limits{MaxBytes: 1000, MaxDepth: 3, MaxMembers: 40}})
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, c := range []struct{ name, in, rule string }{
		{"depth at the limit", `{"a":[[1]]}`, ""},
		{"depth beyond", `{"a":[[[]]]}`, RuleTooDeep},
		{"depth beyond in a removed part", `{"x":[[[]]]}`, RuleTooDeep},
		{"members at the limit", members(40), ""},
		{"members beyond", members(41), RuleTooManyMembers},
		{"duplicate in a large object", members(39)[:len(members(39))-1] + `,"k3":1}`, RuleDuplicateKey},
		{"bytes beyond", `{"a":"` + strings.Repeat("x", 1000) + `"}`, RuleTooLarge},
	} {
		_, err := p.AppendJSON(nil, []byte(c.in), Redact, nil)
		if got := strings.TrimPrefix(verdict(nil, err), "!"); got != c.rule {
			t.Errorf("%s: got %q, want %q", c.name, got, c.rule)
		}
	}
}

func TestRemovedIsBoundedAndReusable(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, `,"field%d":"Jane Roe"`, i)
	}
	p := mustCompile(t, Rules{Allow: []string{"$.a"}})
	var r Removed
	for range 3 {
		r.Reset()
		if _, err := p.AppendJSON(nil, []byte("{"+b.String()[1:]+"}"), Redact, &r); err != nil {
			t.Fatal(err)
		}
		if listed := len(maps.Collect(r.Paths())); r.Total != 200 || listed != maxReportedPaths || r.Unlisted != 200-maxReportedPaths {
			t.Fatalf("total %d, listed %d, unlisted %d", r.Total, listed, r.Unlisted)
		}
	}
	r.Reset()
	if n := len(maps.Collect(r.Paths())); n != 0 || r.Total != 0 {
		t.Errorf("Reset left %d paths", n)
	}
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	for path, want := range map[string]string{
		"":                               "must start with $",
		"a.b":                            "must start with $",
		"$a":                             "expected .name",
		"$.":                             "expected a name",
		"$.a-b":                          "'-' cannot follow",
		"$.1a":                           "expected a name",
		"$.a[0]":                         "index or slice is not supported: use [*]",
		"$.a[1:2]":                       "index or slice",
		"$.a[-1]":                        "index or slice",
		"$.a[?@.b]":                      "filter is not supported",
		"$['a','b']":                     "union is not supported",
		"$['a'":                          "expected ]",
		"$['a":                           "not closed",
		"$[":                             "[ is not closed",
		"$[a]":                           "expected * or a quoted name",
		"$.['a']":                        "a dot before [",
		"$..*":                           "selects every value",
		"$..[*]":                         "selects every value",
		`$['\x']`:                        `escape "\\x" is not known`,
		`$['\ud800']`:                    "surrogate",
		"$['\x01']":                      "control character",
		"$.\xff":                         "not valid UTF-8",
		"$" + strings.Repeat(".a", 65):   "more than 64 segments",
		"$." + strings.Repeat("a", 2000): "longer than 1024 bytes",
	} {
		_, err := Compile(Rules{Remove: []string{"$.ok", path}})
		if err == nil || !strings.Contains(err.Error(), "remove[1]") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: got %v, want remove[1] and %q", path, err, want)
		}
	}
	if _, err := Compile(Rules{Remove: []string{"$"}, Require: []string{"$"}}); err == nil || !strings.Contains(err.Error(), "require[0]") {
		t.Errorf("$ in remove and require: got %v, want both refused", err)
	}
	if _, err := Compile(Rules{Limits: Limits{MaxDepth: 2000}}); err == nil {
		t.Error("a depth of 2000 was accepted")
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("$..a%d..b..c%d", i, i))
	}
	if _, err := Compile(Rules{Remove: many}); err == nil || !strings.Contains(err.Error(), "too complex") {
		t.Errorf("explosive rules: got %v, want too complex", err)
	}
}

func TestPathSpellings(t *testing.T) {
	for _, path := range []string{"$.phone", "$['phone']", `$["phone"]`, `$[ "ph\u006fne" ]`, "$..phone", "$..['phone']"} {
		p := mustCompile(t, Rules{Remove: []string{path}})
		if got := verdict(p.AppendJSON(nil, []byte(`{"phone":1,"x":2}`), Redact, nil)); got != `{"x":2}` {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func TestUPSRateKeepsPlacesAndParcelsOnly(t *testing.T) {
	src, err := os.ReadFile("testdata/ups-rate-request.json")
	if err != nil {
		t.Fatal(err)
	}
	var r Removed
	p := mustCompile(t, upsRate)
	out, err := p.AppendJSON(nil, src, Enforce, &r)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"Jane", "555", "@example", "Street", "Avenue", "Apt", "000-00-0000", "Metropolis", "4711"} {
		if strings.Contains(string(out), personal) {
			t.Errorf("%q passed", personal)
		}
	}
	for _, needed := range []string{`"PostalCode":"10001"`, `"CountryCode":"US"`, `"Weight":"2.0"`, `"Height":"4.50"`, `"ShipperNumber":"X9X9X9"`} {
		if !strings.Contains(string(out), needed) {
			t.Errorf("%s is gone from %s", needed, out)
		}
	}
	checkAgainstOracle(t, p, upsRate, src)
}

func TestOneProgramServesManyRequestsAtOnce(t *testing.T) {
	p := mustCompile(t, Rules{Remove: []string{"$..phone"}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			var r Removed
			for i := range 200 {
				r.Reset()
				in := fmt.Sprintf(`{"a%d":{"phone":[%d]},"\u0062":"%d"}`, g, i, g*i)
				want := fmt.Sprintf(`{"\u0062":"%d"}`, g*i)
				if got, err := p.AppendJSON(nil, []byte(in), Enforce, &r); err != nil || string(got) != want || r.Total != 1 {
					t.Errorf("%s: got %s, %v, %d removed, want %s", in, got, err, r.Total, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestModeNames(t *testing.T) {
	for _, m := range []Mode{Report, Redact, Enforce} {
		if got, err := ParseMode(m.String()); got != m || err != nil {
			t.Errorf("ParseMode(%s) = %v, %v", m, got, err)
		}
	}
	if _, err := ParseMode("enforce"); err == nil {
		t.Error("a name in lower case was accepted")
	}
}
