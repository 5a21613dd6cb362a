package minimize

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkXML judges one call of AppendXML in every mode by the oracle. valid: the document must be accepted.
func checkXML(t *testing.T, program *Program, rules Rules, src []byte, valid bool) {
	t.Helper()
	var report, removed, strict Removed
	if out, err := program.AppendXML([]byte("prefix"), src, Report, &report); err != nil || string(out) != "prefix"+string(src) {
		t.Fatalf("Report changed the body or failed: %v\nin  %q\nout %q", err, src, out)
	}
	root, comments, decodeErr := decodeXML(src)
	out, err := program.AppendXML([]byte("prefix"), src, Redact, &removed)
	if e, refused := err.(*Error); refused && e.Rule != RuleRootNotAllowed { //nolint:errorlint // the documented type
		if valid {
			t.Fatalf("refused: %v\nin %q", err, src)
		}
		if report.Undecodable != e.Rule || string(out) != "prefix" {
			t.Fatalf("Report recorded %q for %v\nin %q\nout %q", report.Undecodable, err, src, out)
		}
		return
	}
	if decodeErr != nil {
		if err == nil && !unknownLetters(decodeErr, src) {
			t.Fatalf("accepted what encoding/xml refuses: %v\nin %q", decodeErr, src)
		}
		return
	}
	o := newOracle(rules)
	want := o.reduceXML(root, nil)
	if (want == nil) != (err != nil) {
		t.Fatalf("rules %+v\nin %q\nerror %v, want one: %v", rules, src, err, want == nil)
	}
	if err != nil {
		return
	}
	got, left, decodeErr := decodeXML(out[len("prefix"):])
	if decodeErr != nil || left > 0 {
		t.Fatalf("output is not XML or has comments: %v\nin  %q\nout %q", decodeErr, src, out)
	}
	if diff := diffXML(got, want); diff != "" {
		t.Fatalf("rules %+v\nin  %s\nout %s\n%s", rules, src, out, diff)
	}
	if (removed.Total > 0) != (o.removed+comments > 0) || removed.Total == 0 && string(out) != "prefix"+string(src) {
		t.Fatalf("rules %+v\nin  %q\nout %q\nremoved %d, oracle %d and %d comments", rules, src, out, removed.Total, o.removed, comments)
	}
	if removed.Total != report.Total || len(removed.Missing) != len(rules.Require)-len(o.present) {
		t.Fatalf("rules %+v\nin %q\nreport %+v\nremoved %+v\npresent %v", rules, src, report, removed, o.present)
	}
	out2, err := program.AppendXML([]byte("prefix"), src, Enforce, &strict)
	refuse := report.Variants > 0 || len(removed.Missing) > 0
	if (err != nil) != refuse || err == nil && string(out2) != string(out) {
		t.Fatalf("rules %+v\nin %q\nEnforce: %q, %v; want refusal %v, else %q", rules, src, out2, err, refuse, out)
	}
	again, err := program.AppendXML(nil, out[len("prefix"):], Redact, nil)
	if err != nil || string(again) != string(out[len("prefix"):]) {
		t.Fatalf("rules %+v: a second pass changes the result again: %v\nfirst  %s\nsecond %s", rules, err, out, again)
	}
}

// unknownLetters: encoding/xml knows the letters of an older Unicode only, which names may have.
func unknownLetters(err error, src []byte) bool {
	return strings.Contains(err.Error(), "invalid XML name") && !isASCII(src)
}

func isASCII(src []byte) bool {
	for _, c := range src {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var xmlAlphabet = []string{"a", "b", "c", "A", "phone", "PHONE", "n:a", "n:phone", "N:b", "x-y", "naïve"}

func randomXML(r *rand.Rand, depth int) string {
	name := xmlAlphabet[r.IntN(len(xmlAlphabet))]
	var b strings.Builder
	b.WriteString("<" + name)
	if depth == 5 {
		b.WriteString(` xmlns:n="urn:n" xmlns:N='urn:N'`)
	}
	for _, i := range r.Perm(3)[:r.IntN(3)] {
		fmt.Fprintf(&b, " %s=%s", []string{"id", "n:id", "ID"}[i], []string{`"1"`, `'a&#x41;"'`, `"&lt; &amp;"`}[r.IntN(3)])
	}
	if depth == 0 || r.IntN(6) == 0 {
		b.WriteString([]string{"/>", " />", "></" + name + ">"}[r.IntN(3)])
		return b.String()
	}
	b.WriteString(">")
	texts := []string{"\n\t", " ", "Jane &amp; Roe", "<![CDATA[<phone>1</phone>]]>", "<!-- x -->", "&#32;", "ü", "]] >", "<![CDATA[]]>"}
	for range r.IntN(5) {
		if r.IntN(2) == 0 {
			b.WriteString(texts[r.IntN(len(texts))])
		} else {
			b.WriteString(randomXML(r, depth-1))
		}
	}
	b.WriteString("</" + name + " >")
	return b.String()
}

func randomXMLPaths(r *rand.Rand, most int) (paths []string) {
	names := []string{"a", "b", "c", "phone", "x-y", "@id", "#text", "naïve"}
	for range r.IntN(most + 1) {
		path := "$"
		for range 1 + r.IntN(3) {
			name := names[r.IntN(len(names))]
			path += []string{fmt.Sprintf("['%s']", name), fmt.Sprintf("['%s']", name), "[*]", fmt.Sprintf("..['%s']", name)}[r.IntN(4)]
		}
		paths = append(paths, path)
	}
	return paths
}

func TestRandomXMLAgainstOracle(t *testing.T) {
	for seed := range 3000 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		rules := Rules{Allow: randomXMLPaths(r, 3), Remove: randomXMLPaths(r, 2), Require: randomXMLPaths(r, 1), Exceptions: randomXMLPaths(r, 1)}
		doc := []string{"", `<?xml version="1.0"?>`, "\xef\xbb\xbf<?xml version='1.0' encoding='utf-8' standalone=\"no\" ?>\n"}[r.IntN(3)]
		doc += []string{"", "\n", "<!-- a - b -->"}[r.IntN(3)] + randomXML(r, 5) + []string{"", "\n", "<!---->"}[r.IntN(3)]
		checkXML(t, mustCompile(t, rules), rules, []byte(doc), true)
	}
}

// xmlFuzzRules are sets of rules of different kinds over names that the seeds use.
var xmlFuzzRules = []Rules{
	soapRate,
	{Remove: []string{"$..phone", "$..signature", "$..['@id']", "$.a.b['#text']"}},
	{Allow: []string{"$.a.b", "$.list[*].x", "$..keep", "$.a['@id']"}, Require: []string{"$.a.c"}},
	{Allow: []string{"$.a"}, Remove: []string{"$.a..phone", "$.a.b[*]"}, Exceptions: []string{"$.a.b.phone"}},
	{},
}

func FuzzXML(f *testing.F) {
	soap, err := os.ReadFile("testdata/soap-rate-request.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(soap, uint8(0))
	for _, row := range badXML {
		if len(row.body) < 1<<12 {
			f.Add([]byte(row.body), uint8(1))
		}
	}
	for i := range uint8(5) {
		f.Add([]byte(`<a id="1"><b>x<phone>1</phone></b><b xmlns:p="urn:p" p:id='2'><p:c/> y </b><PHONE><![CDATA[2]]></PHONE><keep/></a>`), i)
	}
	var programs []*Program
	for _, rules := range xmlFuzzRules {
		programs = append(programs, mustCompile(f, rules))
	}
	f.Fuzz(func(t *testing.T, src []byte, set uint8) {
		i := int(set) % len(xmlFuzzRules)
		checkXML(t, programs[i], xmlFuzzRules[i], src, false)
	})
}
