package minimize

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules           Rules
		in              string
		redact, enforce string
		removed         map[string]int
	}{
		"nothing to remove passes byte for byte": {Rules{Allow: []string{"$.a"}}, "&a=%7e+x&&", "&a=%7e+x&&", "&a=%7e+x&&", nil},
		"kept fields keep bytes and order": {Rules{Allow: []string{"$['a b']", "$.z"}}, "z=%7e&x=1&a+b=2&y", "z=%7e&a+b=2", "z=%7e&a+b=2",
			map[string]int{"$.x": 1, "$.y": 1}},
		"an escaped name is the name": {Rules{Remove: []string{"$.phone"}}, "pho%6ee=1&n=2", "n=2", "n=2", map[string]int{"$.phone": 1}},
		"everything removed":          {Rules{Allow: []string{"$.a"}}, "b=1", "", "", map[string]int{"$.b": 1}},
		"a list that rules expect": {Rules{Allow: []string{"$.p[*]"}}, "p=1&q=2&p=3", "p=1&p=3", "p=1&p=3",
			map[string]int{"$.q": 1}},
		"a repeated field that no rule expects": {Rules{Remove: []string{"$.q"}}, "p=1&q=2&p=3", "p=1&p=3", "!duplicate-key", map[string]int{"$.q": 1}},
		"a removed field given twice":           {Rules{Remove: []string{"$.q"}}, "q=1&p=2&q=3", "p=2", "!duplicate-key", map[string]int{"$.q": 2}},
		"a case variant":                        {Rules{Remove: []string{"$.phone"}}, "PHONE=1&p=2", "p=2", "!key-variant", map[string]int{"$.PHONE": 1}},
		"a homoglyph":                           {Rules{Remove: []string{"$.phone"}}, "%D1%80hone=1&p=2", "p=2", "!key-variant", map[string]int{"$[?]": 1}},
		"brackets behind a known name":          {Rules{Remove: []string{"$.phone"}}, "phone[]=1&phone%5b0%5d=2&p=3", "p=3", "!key-variant", map[string]int{"$[?]": 2}},
		"brackets as the rule has them": {Rules{Remove: []string{"$['to[phone]']"}}, "to[phone]=1&to[zip]=2", "to[zip]=2", "to[zip]=2",
			map[string]int{"$['to[phone]']": 1}},
		"the floor":                    {Rules{Allow: []string{"$.a"}, Require: []string{"$.b"}}, "a=1&b=2&c=3", "a=1&b=2", "a=1&b=2", map[string]int{"$.c": 1}},
		"the floor is missing":         {Rules{Allow: []string{"$.a"}, Require: []string{"$.b"}}, "a=1", "a=1", "!required-missing", nil},
		"data as a name":               {Rules{Allow: []string{"$.a"}}, "jane%40example.com=1", "", "", map[string]int{"$[?]": 1}},
		"a field without a name":       {Rules{Allow: []string{"$.a"}}, "=x&a=1", "a=1", "a=1", map[string]int{"$": 1}},
		"a path on into a plain value": {Rules{Allow: []string{"$.a.b"}}, "a=1", "", "", map[string]int{"$.a": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, c.rules)
			var r Removed
			for mode, want := range map[Mode]string{Redact: c.redact, Enforce: c.enforce, Report: c.in} {
				into := &Removed{}
				if mode == Redact {
					into = &r
				}
				if got := verdict(p.AppendForm(nil, []byte(c.in), mode, into)); got != want {
					t.Errorf("%v: got %s, want %s", mode, got, want)
				}
			}
			if c.removed == nil {
				c.removed = map[string]int{}
			}
			if diff := cmp.Diff(c.removed, maps.Collect(r.Paths())); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			checkForm(t, p, c.rules, []byte(c.in), true)
		})
	}
}

// badForms are known ways to get something past a filter of forms; deny, allow and enforce are verdicts as in badInputs.
var badForms = []badInput{
	refused("semicolon as a separator", "keep=1;phone=2", RuleInvalidForm),
	refused("fragment", "keep=1#phone=2", RuleInvalidForm),
	refused("space", "keep=1 2", RuleInvalidForm),
	refused("line end", "keep=1\r\n", RuleInvalidForm),
	refused("NUL", "keep=\x00", RuleInvalidForm),
	refused("raw UTF-8", "keep=ü", RuleInvalidForm),
	refused("raw Latin-1", "keep=\xfc", RuleInvalidForm),
	refused("broken escape", "keep=%zz", RuleInvalidForm),
	refused("escape cut off", "keep=%4", RuleInvalidForm),
	refused("percent sign alone", "keep=100%", RuleInvalidForm),
	refused("escape of a Unicode number", "keep=%u0070", RuleInvalidForm),
	refused("broken escape in a removed field", "phone=%zz", RuleInvalidForm),
	refused("escaped NUL in a name", "phone%00=1", RuleInvalidForm),
	refused("escaped NUL in a value", "keep=%00", RuleInvalidForm),
	refused("escaped line end in a name", "keep%0d%0a=1", RuleInvalidForm),
	refused("name that is not UTF-8", "phone%ff=1", RuleInvalidUTF8),
	refused("value that is not UTF-8", "keep=%fc", RuleInvalidUTF8),
	refused("overlong UTF-8", "keep=%c1%b0", RuleInvalidUTF8),
	refused("surrogate in UTF-8", "keep=%ed%a0%80", RuleInvalidUTF8),
	refused("_charset_", "_charset_=utf-16&keep=1", RuleCharset),
	refused("too many fields", manyFields(5000), RuleTooManyMembers),
	{"lines in a value", "keep=a%0D%0Ab%09&phone=1", "keep=a%0D%0Ab%09", "keep=a%0D%0Ab%09", "keep=a%0D%0Ab%09"},
	{"escape once more", "keep=%2570&phon%2565=1", "keep=%2570&phon%2565=1", "keep=%2570", "keep=%2570&phon%2565=1"},
	{"two equals signs", "keep=a=b&phone=c=d", "keep=a=b", "keep=a=b", "keep=a=b"},
	{"ampersand in a value", "keep=a%26phone=1", "keep=a%26phone=1", "keep=a%26phone=1", "keep=a%26phone=1"},
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "keep%d=1&", i)
	}
	return b.String()
}

func TestBadInputForm(t *testing.T) {
	deny, allow := mustCompile(t, Rules{Remove: []string{"$.phone"}}), mustCompile(t, Rules{Allow: []string{"$.keep"}})
	for _, row := range badForms {
		t.Run(row.name, func(t *testing.T) {
			row.check(t, deny.AppendForm, allow.AppendForm)
		})
	}
}

// reduceForm leaves of a form what the rules keep. A field is at once what its name says and an element of a list of that
// name; to Remove, a name with brackets is also the name before them.
func (o *oracle) reduceForm(form url.Values) url.Values {
	left := url.Values{}
	for name, values := range form {
		at := []step{{name: name}, {element: true}}
		base, _, _ := strings.Cut(name, "[")
		cut := anyAtOrAbove(o.remove, at, true) || base != "" && anyAtOrAbove(o.remove, []step{{name: base}, {element: true}}, true)
		if anyAtOrAbove(o.keep, at, false) || !cut && (len(o.allow) == 0 || anyAtOrAbove(o.allow, at, false)) {
			left[name] = values
		} else {
			o.removed += len(values)
		}
		o.meet(at[:1])
		o.meet(at)
	}
	return left
}

// checkForm judges one call of AppendForm in every mode by the oracle. valid: the form must be accepted.
func checkForm(t *testing.T, program *Program, rules Rules, src []byte, valid bool) {
	t.Helper()
	var report, removed Removed
	if out, err := program.AppendForm([]byte("prefix"), src, Report, &report); err != nil || string(out) != "prefix"+string(src) {
		t.Fatalf("Report changed the body or failed: %v\nin  %q\nout %q", err, src, out)
	}
	out, err := program.AppendForm([]byte("prefix"), src, Redact, &removed)
	if err != nil {
		if valid || report.Undecodable == "" || string(out) != "prefix" {
			t.Fatalf("refused: %v, Report recorded %q\nin %q\nout %q", err, report.Undecodable, src, out)
		}
		return
	}
	form, err := url.ParseQuery(string(src))
	if err != nil {
		t.Fatalf("accepted what net/url refuses: %v\nin %q", err, src)
	}
	o := newOracle(rules)
	want := o.reduceForm(form)
	got, err := url.ParseQuery(string(out[len("prefix"):]))
	if err != nil {
		t.Fatalf("output is no form: %v\nin  %q\nout %q", err, src, out)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("rules %+v\nin  %q\nout %q\n%s", rules, src, out, diff)
	}
	if removed.Total != o.removed || removed.Total == 0 && string(out) != "prefix"+string(src) {
		t.Fatalf("rules %+v\nin  %q\nout %q\nremoved %d, oracle %d", rules, src, out, removed.Total, o.removed)
	}
	if removed.Total != report.Total || len(removed.Missing) != len(rules.Require)-len(o.present) {
		t.Fatalf("rules %+v\nin %q\nreport %+v\nremoved %+v\npresent %v", rules, src, report, removed, o.present)
	}
	strict, err := program.AppendForm([]byte("prefix"), src, Enforce, nil)
	refuse := report.Variants > 0 || len(removed.Missing) > 0
	if (err != nil) != refuse || err == nil && string(strict) != string(out) {
		t.Fatalf("rules %+v\nin %q\nEnforce: %q, %v; want refusal %v, else %q", rules, src, strict, err, refuse, out)
	}
}

func TestRandomFormsAgainstOracle(t *testing.T) {
	names := []string{"a", "%61", "b", "A", "phone", "PHONE", "phone[]", "x+y", "", "%d1%80hone", "a.b"}
	values := []string{"", "=", "=1", "=%C3%A9", "=a+b", "=a%0D%0Ab", "=x=y", "=[]"}
	for seed := range 2000 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		rules := Rules{Allow: randomPaths(r, 3), Remove: randomPaths(r, 2), Require: randomPaths(r, 1), Exceptions: randomPaths(r, 1)}
		var fields []string
		for range r.IntN(40) {
			fields = append(fields, names[r.IntN(len(names))]+values[r.IntN(len(values))])
		}
		checkForm(t, mustCompile(t, rules), rules, []byte(strings.Join(fields, "&")), true)
	}
}

var formFuzzRules = []Rules{
	{Remove: []string{"$.phone", "$..signature", "$.a[*]"}},
	{Allow: []string{"$.keep", "$['a b']", "$.list[*]"}, Require: []string{"$.b"}},
	{Allow: []string{"$"}, Remove: []string{"$.keep"}},
	{},
}

func FuzzForm(f *testing.F) {
	for _, row := range badForms {
		if len(row.body) < 1<<10 {
			f.Add([]byte(row.body), uint8(0))
		}
	}
	for i := range uint8(4) {
		f.Add([]byte("a=1&keep=%7e&a+b=x&list=1&list=2&phone[]=3&PHONE=4&b"), i)
	}
	var programs []*Program
	for _, rules := range formFuzzRules {
		programs = append(programs, mustCompile(f, rules))
	}
	f.Fuzz(func(t *testing.T, src []byte, set uint8) {
		i := int(set) % len(formFuzzRules)
		checkForm(t, programs[i], formFuzzRules[i], src, false)
	})
}

func TestFormEscapesAsOthersRead(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, string(rune(c))...)
	}
	got, err := url.QueryUnescape(string(appendFieldEscaped(nil, all)))
	if err != nil || !slices.Equal([]byte(got), all) {
		t.Errorf("got %q, %v", got, err)
	}
}
