package minimize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readPart is a part as mime/multipart reads it: headers without order, disposition split.
type readPart struct {
	Name   string
	Params map[string]string // of the disposition, beside the name
	Header map[string][]string
	Body   string
}

// decodeMultipart reads all parts. An end without the final boundary is an error, and what follows it is not looked at.
func decodeMultipart(src []byte) (parts []readPart, _ error) {
	r := multipart.NewReader(bytes.NewReader(src), "b")
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		if err != nil {
			return nil, err
		}
		name := params["name"]
		delete(params, "name")
		header := maps.Clone(map[string][]string(p.Header))
		delete(header, "Content-Disposition")
		parts = append(parts, readPart{Name: name, Params: params, Header: header, Body: string(body)})
	}
}

// reducePart leaves of a part what the rules keep: a body that is JSON by embedded is judged like a document there, of the
// headers only those without which it is not the same, and what has a path of its own.
func (o *oracle) reducePart(t *testing.T, p readPart, embedded string) *readPart {
	at := []step{{name: p.Name}}
	o.meet(at)
	if o.expectsList(at) {
		at = append(at, step{element: true})
		o.meet(at)
	}
	own := func(name string) bool {
		here := append(slices.Clip(at), step{name: name})
		o.meet(here)
		cut := anyAtOrAbove(o.remove, here, true)
		pass := anySelects(named(o.keep), here, false) || !cut && anySelects(named(o.allow), here, false)
		if !pass {
			o.removed++
		}
		return pass
	}
	left := p
	shorter := false
	doc, err := decodeStrict([]byte(p.Body))
	document := embedded != "" && foldParameter(p.Name) == embedded && p.Body != ""
	if document && err != nil && p.Name == embedded {
		t.Fatalf("accepted what jsontext refuses: %v in %q", err, p.Body)
	}
	if document && err == nil {
		before := o.removed
		rest := o.reduce(doc, at)
		if rest == nil {
			return nil
		}
		if shorter = o.removed > before; shorter {
			left.Body = rest.String()
		}
	} else if base, _, _ := strings.Cut(p.Name, "["); !o.keeps(at) || base != "" && base != p.Name &&
		anyAtOrAbove(o.remove, []step{{name: base}, {element: true}}, true) && !anyAtOrAbove(o.keep, at, false) {
		o.removed++
		return nil
	}
	left.Header = map[string][]string{}
	for name, values := range p.Header {
		switch name {
		case "Content-Length":
			if shorter {
				continue
			}
		case "Content-Type", "Content-Transfer-Encoding":
		default:
			if !own("@" + strings.ToLower(name)) {
				continue
			}
		}
		left.Header[name] = values
	}
	left.Params = map[string]string{}
	for name, value := range p.Params {
		if own("@" + name) {
			left.Params[name] = value
		}
	}
	return &left
}

// expectsList says whether a path goes on with [*] from here.
func (o *oracle) expectsList(at []step) bool {
	expects := func(paths [][]segment, fold bool) bool {
		for _, path := range paths {
			for i := range path {
				if path[i].wildcard && selects(path[:i], at, fold) {
					return true
				}
			}
		}
		return false
	}
	return expects(o.allow, false) || expects(o.keep, false) || expects(o.remove, true)
}

// named are the paths that end in the name of a header or parameter.
func named(paths [][]segment) (left [][]segment) {
	for _, path := range paths {
		if len(path) > 0 && strings.HasPrefix(path[len(path)-1].name, "@") {
			left = append(left, path)
		}
	}
	return left
}

// checkMultipart judges one call of AppendMultipart in every mode by the oracle. valid: the body must be accepted.
func checkMultipart(t *testing.T, program *Program, rules Rules, src []byte, valid bool) {
	t.Helper()
	appendTo := func(dst string, src []byte, mode Mode, r *Removed) (string, error) {
		out, err := program.AppendMultipart([]byte(dst), src, formType, mode, r)
		return string(out), err
	}
	var report, removed Removed
	if out, err := appendTo("prefix", src, Report, &report); err != nil || out != "prefix"+string(src) {
		t.Fatalf("Report changed the body or failed: %v\nin  %q\nout %q", err, src, out)
	}
	out, err := appendTo("prefix", src, Redact, &removed)
	if err != nil {
		if valid || report.Undecodable == "" || out != "prefix" {
			t.Fatalf("refused: %v, Report recorded %q\nin %q\nout %q", err, report.Undecodable, src, out)
		}
		return
	}
	parts, err := decodeMultipart(src)
	if err != nil {
		t.Fatalf("accepted what mime/multipart refuses: %v\nin %q", err, src)
	}
	if slices.ContainsFunc(parts, func(p readPart) bool { return strings.Contains(fmt.Sprint(p.Header), ";") }) {
		return // parameters of Content-Type are in the tables
	}
	if bytes.Contains(src, []byte("*")) {
		return // so are extended parameters, which mime takes for the plain ones
	}
	o := newOracle(rules)
	for _, outside := range []string{string(src[:bytes.Index(src, []byte("--b"))]), string(src[bytes.LastIndex(src, []byte("--b--"))+len("--b--"):])} {
		if strings.Trim(outside, "\r\n") != "" {
			o.removed++
		}
	}
	embedded := ""
	if len(rules.Embedded) > 0 {
		embedded = strings.TrimPrefix(rules.Embedded[0].Path, "$.")
	}
	var want []readPart
	for _, p := range parts {
		if left := o.reducePart(t, p, embedded); left != nil {
			want = append(want, *left)
		}
	}
	got, err := decodeMultipart([]byte(out[len("prefix"):]))
	if err != nil {
		t.Fatalf("output is no multipart body: %v\nin  %q\nout %q", err, src, out)
	}
	for i := range got { // JSON in one form
		if doc, err := decodeStrict([]byte(got[i].Body)); foldParameter(got[i].Name) == embedded && err == nil && i < len(want) {
			if other, err := decodeStrict([]byte(want[i].Body)); err == nil {
				got[i].Body, want[i].Body = doc.String(), other.String()
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("rules %+v\nin  %q\nout %q\n%s", rules, src, out, diff)
	}
	if (removed.Total > 0) != (o.removed > 0) || removed.Total == 0 && out != "prefix"+string(src) {
		t.Fatalf("rules %+v\nin  %q\nout %q\nremoved %d, oracle %d", rules, src, out, removed.Total, o.removed)
	}
	if removed.Total != report.Total || len(removed.Missing) != len(rules.Require)-len(o.present) {
		t.Fatalf("rules %+v\nin %q\nreport %+v\nremoved %+v\npresent %v", rules, src, report, removed, o.present)
	}
	strict, err := appendTo("prefix", src, Enforce, nil)
	refuse := report.Variants > 0 || len(removed.Missing) > 0
	if (err != nil) != refuse || err == nil && strict != out {
		t.Fatalf("rules %+v\nin %q\nEnforce: %q, %v; want refusal %v, else %q", rules, src, strict, err, refuse, out)
	}
	again, err := appendTo("", []byte(out[len("prefix"):]), Redact, nil)
	if err != nil || again != out[len("prefix"):] {
		t.Fatalf("rules %+v: a second pass changes the result again: %v\nfirst  %q\nsecond %q", rules, err, out, again)
	}
}

func TestRandomMultipartsAgainstOracle(t *testing.T) {
	names := []string{"a", "b", "A", "phone", "PHONE", "phone[]", "x y", "", "a.b"}
	more := []string{"", "", "Content-Type: image/png\n", "X-Id: Jane\n", "Content-Transfer-Encoding: binary\nContent-Type: application/json\n"}
	for seed := range 1500 {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		rules := Rules{Allow: randomPaths(r, 3), Remove: randomPaths(r, 2), Require: randomPaths(r, 1), Exceptions: randomPaths(r, 1)}
		if r.IntN(3) == 0 {
			rules.Exceptions = append(rules.Exceptions, []string{"$.a['@filename']", "$..['@x-id']", "$['a']['@FILENAME']"}[r.IntN(3)])
		}
		if r.IntN(2) == 0 {
			rules.Embedded = []Embedded{{"$.a", FormatJSON}}
			rules.Allow = append(rules.Allow, "$.a.b")
		}
		var body strings.Builder
		for range r.IntN(6) {
			name := names[r.IntN(len(names))]
			disposition := fmt.Sprintf("name=%q", name)
			if r.IntN(3) == 0 {
				disposition += `; filename="Jane, Roe.pdf"`
			}
			text := []string{"", "1", "--\r\n-b", "\xff\r\n\r\n", "\n--"}[r.IntN(5)]
			headers := more[r.IntN(len(more))]
			if foldName(name) == "a" && rules.Embedded != nil {
				text, headers = randomDocument(r, 4), strings.ReplaceAll(headers, "image/png", "text/plain")
			}
			body.WriteString(formPart(disposition, headers, text))
		}
		checkMultipart(t, mustCompile(t, rules), rules, []byte(body.String()+formEnd), true)
	}
}

var multipartFuzzRules = []Rules{
	{Remove: []string{"$.phone", "$..signature", "$.a[*]"}},
	{Allow: []string{"$.keep", "$['x y']", "$.list[*]", "$.keep['@filename']"}, Require: []string{"$.b"}},
	{Allow: []string{"$.keep.a", "$.photo"}, Embedded: []Embedded{{"$.keep", FormatJSON}}},
	{},
}

func FuzzMultipart(f *testing.F) {
	for _, row := range badMultiparts {
		if len(row.body) < 1<<10 {
			f.Add([]byte(row.body), uint8(0))
		}
	}
	for i := range uint8(4) {
		f.Add([]byte("\r\n"+formPart(`name="a"`, "", "1")+formPart(`name="keep"; filename="x"`, "Content-Type: application/json\nX-A: 1\n", `{"a": 1,"b":2}`)+
			formPart("name=list", "Content-Length: 1\n", "1")+formPart("name=list", "", "2")+formPart(`name="phone[]"`, "", "3")+formEnd), i)
	}
	var programs []*Program
	for _, rules := range multipartFuzzRules {
		programs = append(programs, mustCompile(f, rules))
	}
	f.Fuzz(func(t *testing.T, src []byte, set uint8) {
		i := int(set) % len(multipartFuzzRules)
		checkMultipart(t, programs[i], multipartFuzzRules[i], src, false)
	})
}
