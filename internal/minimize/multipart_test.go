package minimize

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const formType = "multipart/form-data; boundary=b"

// crlf makes the line ends of a literal those of MIME.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// formPart is a part of multipart/form-data with the delimiter before it.
func formPart(disposition, more, body string) string {
	return crlf("--b\nContent-Disposition: form-data; "+disposition+"\n"+more+"\n") + body + "\r\n"
}

const formEnd = "--b--\r\n"

func TestMultipartRules(t *testing.T) {
	photo := formPart(`name="photo"; filename="Jane Roe.jpg"`, "Content-Type: image/jpeg\n", "\xff\xd8\x00")
	for name, c := range map[string]struct {
		contentType     string
		rules           Rules
		in              string
		redact, enforce string
		removed         map[string]int
	}{
		"nothing to remove passes byte for byte": {formType, Rules{Allow: []string{"$.a"}},
			"\r\n" + formPart(`name=a`, "content-type:  text/plain\nContent-Length: 1\n", "1") + "--b--\r\n\r\n", "=", "=", nil},
		"parts by name": {formType, Rules{Allow: []string{"$.a"}}, formPart(`name="a"`, "", "1") + formPart(`name="b"`, "", "Jane") + formEnd,
			formPart(`name="a"`, "", "1") + formEnd, "", map[string]int{"$.b": 1}},
		"everything removed": {formType, Rules{Allow: []string{"$.a"}}, formPart(`name="b"`, "", "Jane") + formEnd, formEnd, "", map[string]int{"$.b": 1}},
		"no part":            {formType, Rules{Allow: []string{"$.a"}}, formEnd, "=", "=", nil},
		"the file name goes": {formType, Rules{Allow: []string{"$.photo"}}, photo + formEnd,
			formPart(`name="photo"`, "Content-Type: image/jpeg\n", "\xff\xd8\x00") + formEnd, "", map[string]int{"$.photo['@filename']": 1}},
		"the file name goes without an allow-list": {formType, Rules{Remove: []string{"$.x"}}, photo + formEnd,
			formPart(`name="photo"`, "Content-Type: image/jpeg\n", "\xff\xd8\x00") + formEnd, "", map[string]int{"$.photo['@filename']": 1}},
		"the file name stays by its own path": {formType, Rules{Allow: []string{"$.photo", "$.photo['@filename']"}}, photo + formEnd, "=", "=", nil},
		"the file name stays by an exception": {formType, Rules{Remove: []string{"$.x"}, Exceptions: []string{"$..@filename"}}, photo + formEnd, "=", "=", nil},
		"an extended file name goes always": {formType, Rules{Allow: []string{"$.a", "$.a.@filename"}},
			formPart("name=a; filename=\"J.pdf\"; filename*=utf-8''J%C3%A4ne.pdf", "", "1") + formEnd, formPart(`name=a; filename="J.pdf"`, "", "1") + formEnd, "",
			map[string]int{"$.a['@filename']": 1}},
		"other headers and parameters go": {formType, Rules{Allow: []string{"$.a"}},
			formPart(`name="a"; size=3`, "Content-Type: text/plain; charset=utf-8; name=\"Jane.txt\"\nX-Customer: Jane\nContent-ID: <jane@example.com>\n", "1") + formEnd,
			formPart(`name="a"`, "Content-Type: text/plain; charset=utf-8\n", "1") + formEnd, "",
			map[string]int{"$.a['@size']": 1, "$.a['@name']": 1, "$.a['@x-customer']": 1, "$.a['@content-id']": 1}},
		"parameters inside quotes are none": {formType, Rules{Allow: []string{`$['a; filename=x']`}}, formPart(`name="a; filename=x"; filename=x`, "", "1") + formEnd,
			formPart(`name="a; filename=x"`, "", "1") + formEnd, "", map[string]int{"$['a; filename=x']['@filename']": 1}},
		"preamble and epilogue": {formType, Rules{}, "Jane\r\n" + formPart(`name="a"`, "", "1") + formEnd + "Roe", formPart(`name="a"`, "", "1") + formEnd, "",
			map[string]int{"$['#preamble']": 1, "$['#epilogue']": 1}},
		"a list that rules expect": {formType, Rules{Allow: []string{"$.p[*]"}}, formPart("name=p", "", "1") + formPart("name=p", "", "2") + formEnd, "=", "=", nil},
		"a repeated part that no rule expects": {formType, Rules{Allow: []string{"$.p"}}, formPart("name=p", "", "1") + formPart("name=p", "", "2") + formEnd,
			"=", "!duplicate-key", nil},
		"a variant": {formType, Rules{Remove: []string{"$.phone"}}, formPart(`name="PHONE[]"`, "", "1") + formPart("name=p", "", "2") + formEnd,
			formPart("name=p", "", "2") + formEnd, "!key-variant", map[string]int{"$[?]": 1}},
		"the floor": {formType, Rules{Allow: []string{"$.a"}, Require: []string{"$.b"}}, formPart("name=a", "", "1") + formEnd, "=", "!required-missing", nil},
		"an XML part of a related body": {`multipart/related; boundary="b"; type="application/xop+xml"; start="<root>"`,
			Rules{Allow: []string{"$.root.Envelope.Body.id", "$['part[2]']"}, Embedded: []Embedded{{"$.root", FormatXML}}},
			crlf("--b\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\nContent-Transfer-Encoding: binary\nContent-ID: <root>\n\n" +
				"<Envelope><Body><id>1</id><name>Jane</name></Body></Envelope>\n--b\nContent-Type: application/pdf\nContent-ID: <4711@example>\n\n%PDF\n--b--\n"),
			crlf("--b\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\nContent-Transfer-Encoding: binary\nContent-ID: <root>\n\n" +
				"<Envelope><Body><id>1</id></Body></Envelope>\n--b\nContent-Type: application/pdf\nContent-ID: <4711@example>\n\n%PDF\n--b--\n"), "",
			map[string]int{"$.root.Envelope.Body.name": 1}},
		"parts of a mixed body by position": {"multipart/mixed; boundary=b", Rules{Allow: []string{"$['part[1]']"}}, crlf("--b\n\n1\n--b\nContent-Type: text/plain\n\nJane\n--b--\n"),
			crlf("--b\n\n1\n--b--\n"), "", map[string]int{"$['part[2]']": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, c.rules)
			var r Removed
			if c.enforce == "" {
				c.enforce = c.redact
			}
			for mode, want := range map[Mode]string{Redact: c.redact, Enforce: c.enforce, Report: "="} {
				into := &Removed{}
				if mode == Redact {
					into = &r
				}
				if want == "=" {
					want = c.in
				}
				if got := verdict(p.AppendMultipart(nil, []byte(c.in), c.contentType, mode, into)); got != want {
					t.Errorf("%v: got\n%s\nwant\n%s", mode, got, want)
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

func TestPartsThatGetShorterLoseTheirLength(t *testing.T) {
	p := mustCompile(t, Rules{Remove: []string{"$.meta.phone"}, Embedded: []Embedded{{"$.meta", FormatJSON}}})
	in := formPart("name=meta", "Content-Length: 25\nContent-Type: text/plain\n", `{"phone":"555","zip":1.0}`) + formEnd
	want := formPart("name=meta", "Content-Type: text/plain\n", `{"zip":1.0}`) + formEnd
	if got := verdict(p.AppendMultipart(nil, []byte(in), formType, Enforce, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// badMultiparts are known ways to get something past a filter of parts; verdicts as in badInputs.
var badMultiparts = []badInput{
	refused("empty body", "", RuleInvalidMultipart),
	refused("another boundary", crlf("--c\nContent-Disposition: form-data; name=keep\n\n1\n--c--\n"), RuleInvalidMultipart),
	refused("missing final boundary", formPart("name=keep", "", "1"), RuleInvalidMultipart),
	refused("final boundary cut off", formPart("name=keep", "", "1")+"--b-", RuleInvalidMultipart),
	refused("final boundary that goes on", formPart("name=keep", "", "1")+"--b--x", RuleInvalidMultipart),
	refused("parts behind the final boundary", formPart("name=keep", "", "1")+formEnd+formPart("name=phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("boundary inside headers", crlf("--b\nContent-Disposition: form-data; name=keep\n--b\n\n1\n--b--\n"), RuleInvalidMultipart),
	refused("boundary inside a line", formPart("name=keep", "", "x--b\r\nContent-Disposition: form-data; name=phone\r\n\r\n2")+formEnd, RuleInvalidMultipart),
	refused("boundary as the beginning of a longer one", formPart("name=keep", "", "1\r\n--bb")+formEnd, RuleInvalidMultipart),
	refused("boundary followed by blanks", crlf("--b  \nContent-Disposition: form-data; name=keep\n\n1\n--b--\n"), RuleInvalidMultipart),
	refused("boundary after a bare line feed", "--b\r\nContent-Disposition: form-data; name=keep\r\n\r\n1\n--b\nContent-Disposition: form-data; name=phone\n\n2\r\n--b--",
		RuleInvalidMultipart),
	refused("bare line feeds", "--b\nContent-Disposition: form-data; name=keep\n\n1\n--b--\n", RuleInvalidMultipart),
	refused("preamble in the line of the boundary", "x"+formPart("name=keep", "", "1")+formEnd, RuleInvalidMultipart),
	refused("part without headers", crlf("--b\n\n1\n--b--\n"), RuleInvalidMultipart),
	refused("part without an empty line", crlf("--b\nContent-Disposition: form-data; name=keep\n--b--\n"), RuleInvalidMultipart),
	refused("folded header", crlf("--b\nContent-Disposition: form-data;\n name=keep\n\n1\n--b--\n"), RuleInvalidMultipart),
	refused("header without a colon", formPart("name=keep", "phone\n", "1")+formEnd, RuleInvalidMultipart),
	refused("blank before a colon", formPart("name=keep", "X-A : 1\n", "1")+formEnd, RuleInvalidMultipart),
	refused("NUL in a header", formPart("name=keep", "X-A: \x00\n", "1")+formEnd, RuleInvalidMultipart),
	refused("bare carriage return in a header", formPart("name=keep", "X-A: 1\rX-B: 2\n", "1")+formEnd, RuleInvalidMultipart),
	refused("header that is not UTF-8", formPart("name=keep", "X-A: \xff\n", "1")+formEnd, RuleInvalidMultipart),
	refused("duplicate headers", formPart("name=keep", "Content-Type: text/plain\ncontent-type: image/png\n", "1")+formEnd, RuleInvalidMultipart),
	refused("duplicate Content-Disposition", formPart("name=keep", "Content-Disposition: form-data; name=phone\n", "1")+formEnd, RuleInvalidMultipart),
	refused("duplicate parameter", formPart("name=keep; name=phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("duplicate parameter in another case", formPart("name=keep; NAME=phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("name*", formPart("name*=utf-8''phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("name* beside name", formPart("name=keep; name*=utf-8''phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("name*0", formPart("name*0=pho; name*1=ne", "", "1")+formEnd, RuleInvalidMultipart),
	refused("name* in capitals", formPart("name=keep; NAME*=utf-8''phone", "", "1")+formEnd, RuleInvalidMultipart),
	refused("charset*", formPart("name=keep", "Content-Type: text/plain; charset*=utf-8''utf-16\n", "1")+formEnd, RuleInvalidMultipart),
	refused("backslash in a name", formPart(`name="ph\one"`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("escaped quote in a file name", formPart(`filename="a\"; name="phone"; name="keep"`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("name in single quotes", formPart(`name='phone'`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("quoted name that does not end", formPart(`name="keep`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("name without a value", formPart(`name=`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("text behind a quoted name", formPart(`name="keep"x`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("part without a name", formPart(`filename="keep"`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("attachment in a form", crlf("--b\nContent-Disposition: attachment; name=keep\n\n1\n--b--\n"), RuleInvalidMultipart),
	refused("name of a position", formPart(`name="part[1]"`, "", "1")+formEnd, RuleInvalidMultipart),
	refused("nested multipart", formPart("name=keep", "Content-Type: multipart/mixed; boundary=c\n", "--c\r\n\r\nphone\r\n--c--")+formEnd, RuleContentType),
	refused("message in a part", formPart("name=keep", "Content-Type: message/rfc822\n", "x")+formEnd, RuleContentType),
	refused("malformed type of a part", formPart("name=keep", "Content-Type: text/plain; charset\n", "x")+formEnd, RuleInvalidMultipart),
	refused("base64 of a text part", formPart("name=keep", "Content-Transfer-Encoding: base64\n", "NTU1")+formEnd, RuleContentEncoding),
	refused("quoted-printable of a JSON part", formPart("name=keep", "Content-Type: application/json\nContent-Transfer-Encoding: Quoted-Printable\n", "=35")+formEnd,
		RuleContentEncoding),
	refused("unknown transfer encoding", formPart("name=keep", "Content-Type: image/png\nContent-Transfer-Encoding: x-uuencode\n", "x")+formEnd, RuleContentEncoding),
	refused("gzip in a part", formPart("name=keep", "Content-Encoding: gzip\n", "x")+formEnd, RuleContentEncoding),
	refused("wrong length", formPart("name=keep", "Content-Length: 1\n", "1\r\nphone")+formEnd, RuleInvalidMultipart),
	refused("_charset_", formPart("name=_charset_", "", "utf-16")+formEnd, RuleCharset),
	refused("long headers", formPart("name=keep", "X-A: "+strings.Repeat("x", 10000)+"\n", "1")+formEnd, RuleInvalidMultipart),
	refused("many headers", formPart("name=keep", "A: 1\nB: 1\nC: 1\nD: 1\nE: 1\nF: 1\nG: 1\nH: 1\nI: 1\nJ: 1\nK: 1\nL: 1\nM: 1\nN: 1\nO: 1\nP: 1\n", "1")+formEnd,
		RuleInvalidMultipart),
	{"base64 of an opaque part", formPart("name=keep", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", "iVBO") + formPart("name=phone", "", "1") + formEnd,
		formPart("name=keep", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", "iVBO") + formEnd,
		formPart("name=keep", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", "iVBO") + formEnd,
		formPart("name=keep", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", "iVBO") + formEnd},
	{"hyphens inside a part", formPart("name=phone", "", "--") + formPart("name=keep", "", "--a\r\n--") + formEnd, formPart("name=keep", "", "--a\r\n--") + formEnd,
		formPart("name=keep", "", "--a\r\n--") + formEnd, formPart("name=keep", "", "--a\r\n--") + formEnd},
}

func TestBadInputMultipart(t *testing.T) {
	deny, allow := mustCompile(t, Rules{Remove: []string{"$.phone"}}), mustCompile(t, Rules{Allow: []string{"$.keep"}})
	of := func(p *Program, contentType string) appender {
		return func(dst, src []byte, mode Mode, r *Removed) ([]byte, error) {
			return p.AppendMultipart(dst, src, contentType, mode, r)
		}
	}
	for _, row := range badMultiparts {
		t.Run(row.name, func(t *testing.T) {
			row.check(t, of(deny, formType), of(allow, formType))
		})
	}
	body := formPart("name=keep", "", "1") + formEnd
	for name, contentType := range map[string]string{
		"no boundary":           "multipart/form-data",
		"empty boundary":        `multipart/form-data; boundary=""`,
		"boundary twice":        "multipart/form-data; boundary=b; boundary=c",
		"boundary with a blank": `multipart/form-data; boundary="b "`,
		"boundary*":             "multipart/form-data; boundary*=utf-8''b",
		"long boundary":         "multipart/form-data; boundary=" + strings.Repeat("b", 71),
		"boundary with a CR":    "multipart/form-data; boundary=\"b\r\"",
	} {
		t.Run(name, func(t *testing.T) {
			row := refused(name, body, RuleContentType)
			row.check(t, of(deny, contentType), of(allow, contentType))
		})
	}
	related := "multipart/related; boundary=b"
	for _, row := range []badInput{
		refused("two names of a part", crlf("--b\nContent-Disposition: attachment; name=x\nContent-ID: <keep>\n\n1\n--b\nContent-Disposition: inline; name=x\n"+
			"Content-ID: <phone>\n\n1\n--b--\n"), RuleInvalidMultipart),
		refused("Content-ID without brackets", crlf("--b\nContent-ID: keep\n\n1\n--b--\n"), RuleInvalidMultipart),
		{"Content-ID that is a variant", crlf("--b\nContent-ID: <PHONE>\n\n1\n--b\nContent-ID: <keep>\n\n2\n--b--\n"), crlf("--b\nContent-ID: <keep>\n\n2\n--b--\n"),
			crlf("--b\nContent-ID: <keep>\n\n2\n--b--\n"), "!" + RuleKeyVariant},
		{"Content-ID that is a position", crlf("--b\nContent-ID: <part[2]>\n\n1\n--b\nContent-ID: <keep>\n\n2\n--b--\n"),
			crlf("--b\nContent-ID: <part[2]>\n\n1\n--b\nContent-ID: <keep>\n\n2\n--b--\n"), crlf("--b\nContent-ID: <keep>\n\n2\n--b--\n"),
			crlf("--b\nContent-ID: <part[2]>\n\n1\n--b\nContent-ID: <keep>\n\n2\n--b--\n")},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.check(t, of(deny, related), of(allow, related))
		})
	}
}
