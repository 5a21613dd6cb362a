package minimize

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// badInput is one known way to get a field past a filter. A verdict is the output, or ! and the rule of the refusal.
type badInput struct {
	name, body string
	deny       string // Redact with the deny-list below
	allow      string // Redact with the allow-list below
	enforce    string // Enforce with the deny-list
}

var (
	badInputDeny  = Rules{Remove: []string{"$..phone", "$..naïve", "$..['']", "$..['a.b']", "$..['a/b']", "$..['~']", "$..__proto__"}}
	badInputAllow = Rules{Allow: []string{"$.keep"}}
)

func refused(name, body, rule string) badInput {
	return badInput{name, body, "!" + rule, "!" + rule, "!" + rule}
}

var badInputs = []badInput{
	refused("duplicate key, clean first", `{"keep":1,"keep":{"phone":2}}`, RuleDuplicateKey),
	refused("duplicate key, clean last", `{"keep":{"phone":2},"keep":1}`, RuleDuplicateKey),
	refused("duplicate key, one escaped", `{"keep":1,"k\u0065ep":2}`, RuleDuplicateKey),
	refused("duplicate key in a removed part", `{"phone":{"x":1,"x":2},"keep":1}`, RuleDuplicateKey),
	{`key phon\u0065`, `{"phon\u0065":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{`key \u0070hone`, `{"\u0070hone":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{"escaped key that is kept keeps its bytes", `{"phone":1,"k\u0065ep":2}`, `{"k\u0065ep":2}`, `{"k\u0065ep":2}`, `{"k\u0065ep":2}`},
	{"case variant PHONE", `{"PHONE":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"case variant Phone", `{"keep":2,"Phone":{"x":1}}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"case variant of an allowed key", `{"Keep":1,"x":2}`, `{"Keep":1,"x":2}`, `{}`, `{"Keep":1,"x":2}`},
	{"NFC key, as written in the rule", `{"na` + "\u00ef" + `ve":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{"NFD key", `{"nai` + "\u0308" + `ve":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"fullwidth key", `{"ｐｈｏｎｅ":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"zero-width space in key", `{"pho` + "\u200b" + `ne":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"zero-width joiner, escaped", `{"phone\u200d":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"NUL in key", `{"phone\u0000":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"homoglyph key, Cyrillic", `{"р` + `hоne":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"homoglyph key, Greek", `{"phοnε":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"trailing dot in key", `{"phone.":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"trailing space in key", `{"phone ":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, "!" + RuleKeyVariant},
	{"key __proto__", `{"__proto__":{"keep":1},"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{"empty key", `{"":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{"key a.b", `{"a.b":1,"a":{"b":3},"keep":2}`, `{"a":{"b":3},"keep":2}`, `{"keep":2}`, `{"a":{"b":3},"keep":2}`},
	{"key a/b", `{"a/b":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{`key a\/b`, `{"a\/b":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},
	{"key ~", `{"~":1,"keep":2}`, `{"keep":2}`, `{"keep":2}`, `{"keep":2}`},

	refused("BOM", "\xef\xbb\xbf"+`{"phone":1}`, RuleByteOrderMark),
	refused("UTF-16 with BOM", "\xff\xfe{\x00}\x00", RuleByteOrderMark),
	refused("UTF-16 without BOM", "{\x00}\x00", RuleInvalidJSON),
	refused("empty body", "", RuleInvalidJSON),
	refused("leading garbage", `x{"keep":1}`, RuleInvalidJSON),
	refused("leading prefix of an anti-hijacking answer", `)]}',{"keep":1}`, RuleInvalidJSON),
	refused("NDJSON", "{\"keep\":1}\n{\"phone\":1}\n", RuleTrailingData),
	refused("concatenated documents", `{"keep":1}{"phone":1}`, RuleTrailingData),
	refused("trailing bytes", `{"keep":1}x`, RuleTrailingData),
	refused("trailing NUL", "{\"keep\":1}\x00", RuleTrailingData),
	refused("trailing comma", `{"keep":1,}`, RuleInvalidJSON),
	refused("truncated", `{"keep":{"phone":1`, RuleInvalidJSON),
	refused("mismatched brackets", `{"keep":[1}}`, RuleInvalidJSON),
	refused("NaN", `{"keep":NaN}`, RuleInvalidJSON),
	refused("Infinity", `{"keep":-Infinity}`, RuleInvalidJSON),
	refused("line comment", "{\"keep\":1 // x\n}", RuleInvalidJSON),
	refused("block comment", `{/*"*/"keep":1}`, RuleInvalidJSON),
	refused("single quotes", `{'phone':1}`, RuleInvalidJSON),
	refused("unquoted key", `{phone:1}`, RuleInvalidJSON),
	refused("raw control character in a string", "{\"keep\":\"a\nb\"}", RuleInvalidJSON),
	refused("leading zero", `{"keep":01}`, RuleInvalidJSON),
	refused("plus sign", `{"keep":+1}`, RuleInvalidJSON),
	refused("hexadecimal number", `{"keep":0x10}`, RuleInvalidJSON),
	refused("10 000 deep nesting of lists", strings.Repeat("[", 10000)+strings.Repeat("]", 10000), RuleTooDeep),
	refused("10 000 deep nesting of objects", strings.Repeat(`{"a":`, 10000)+"1"+strings.Repeat("}", 10000), RuleTooDeep),
	refused("invalid UTF-8 in a value", "{\"keep\":\"\xc3\x28\"}", RuleInvalidUTF8),
	refused("invalid UTF-8 in a name", "{\"phone\xff\":1}", RuleInvalidUTF8),
	refused("overlong UTF-8", "{\"keep\":\"\xc1\xb0hone\"}", RuleInvalidUTF8),
	refused("surrogate in UTF-8", "{\"keep\":\"\xed\xa0\x80\"}", RuleInvalidUTF8),
	refused("lone high surrogate", `{"keep":"\ud800"}`, RuleInvalidUTF8),
	refused("lone low surrogate", `{"keep":"\udc00x"}`, RuleInvalidUTF8),
	refused("lone surrogate in a name", `{"phone\ud800":1}`, RuleInvalidUTF8),
	{"number 1e400", `{"phone":1,"keep":1e400}`, `{"keep":1e400}`, `{"keep":1e400}`, `{"keep":1e400}`},
	{"number -0", `{"phone":1,"keep":-0}`, `{"keep":-0}`, `{"keep":-0}`, `{"keep":-0}`},
	{"number 1.0", `{"phone":1,"keep":1.0}`, `{"keep":1.0}`, `{"keep":1.0}`, `{"keep":1.0}`},
	{"number of 30 digits", `{"phone":1,"keep":123456789012345678901234567890}`, `{"keep":123456789012345678901234567890}`,
		`{"keep":123456789012345678901234567890}`, `{"keep":123456789012345678901234567890}`},
	{"arrays of arrays", `{"keep":[[{"phone":1,"x":2}],[[{"phone":3}]]]}`, `{"keep":[[{"x":2}]]}`,
		`{"keep":[[{"phone":1,"x":2}],[[{"phone":3}]]]}`, `{"keep":[[{"x":2}]]}`},
	{"arrays of arrays at the root", `[[{"phone":1,"x":2}]]`, `[[{"x":2}]]`, `[]`, `[[{"x":2}]]`},
	{"the same datum in another field", `{"phone":"5550123","ref":"5550123"}`, `{"ref":"5550123"}`, `{}`, `{"ref":"5550123"}`},
	// The next rows are the documented limit: rules know names, not meanings.
	{"the same datum in free text of an allowed field", `{"keep":"call 5550123"}`, `{"keep":"call 5550123"}`, `{"keep":"call 5550123"}`,
		`{"keep":"call 5550123"}`},
	{"JSON inside a JSON string", `{"keep":"{\"phone\":1}"}`, `{"keep":"{\"phone\":1}"}`, `{"keep":"{\"phone\":1}"}`,
		`{"keep":"{\"phone\":1}"}`},
	{"base64", `{"keep":"eyJwaG9uZSI6MX0="}`, `{"keep":"eyJwaG9uZSI6MX0="}`, `{"keep":"eyJwaG9uZSI6MX0="}`, `{"keep":"eyJwaG9uZSI6MX0="}`},
	refused("JSON-P", `callback({"phone":1})`, RuleInvalidJSON),
}

func verdict(out []byte, err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return "!" + e.Rule
	}
	return string(out)
}

func TestBadInputJSON(t *testing.T) {
	deny, allow := mustCompile(t, badInputDeny), mustCompile(t, badInputAllow)
	rows := append(slices.Clone(badInputs), // built here: fuzz workers need no 100 MB each
		refused("100 MB string", `{"keep":"`+strings.Repeat("x", 100<<20)+`"}`, RuleTooLarge))
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			row.check(t, deny.AppendJSON, allow.AppendJSON)
		})
	}
}

type appender func(dst, src []byte, mode Mode, r *Removed) ([]byte, error)

// check compares the verdicts of a row with those of its two programs, and what mode Report records.
func (row *badInput) check(t *testing.T, deny, allow appender) {
	t.Helper()
	body := []byte(row.body)
	for _, c := range []struct {
		name  string
		apply appender
		mode  Mode
		want  string
	}{
		{"deny-list", deny, Redact, row.deny},
		{"allow-list", allow, Redact, row.allow},
		{"deny-list enforced", deny, Enforce, row.enforce},
	} {
		if got := verdict(c.apply(nil, body, c.mode, nil)); got != c.want {
			t.Errorf("%s: got %.200s, want %.200s", c.name, got, c.want)
		}
	}
	var r Removed
	out, err := deny(nil, body, Report, &r)
	if err != nil || string(out) != row.body {
		t.Errorf("Report must pass the body unchanged: %v", err)
	}
	if rule, undecodable := strings.CutPrefix(row.deny, "!"); undecodable != (r.Undecodable != "") || undecodable && r.Undecodable != rule {
		t.Errorf("Report recorded Undecodable %q, want %q", r.Undecodable, row.deny)
	}
}

func TestBadInputHeaders(t *testing.T) {
	for _, row := range []struct{ name, contentType, contentEncoding, want string }{
		{"JSON", "application/json", "", ""},
		{"JSON in capitals", "Application/JSON", "", ""},
		{"JSON with charset", "application/json; charset=utf-8", "", ""},
		{"JSON with quoted charset", `application/json; Charset="UTF-8"`, "", ""},
		{"application/vnd.x+json", "application/vnd.x+json", "", ""},
		{"GLS media type", "application/glsVersion1+json; version=1", "", ""},
		{"identity encoding", "application/json", "Identity", ""},
		{"missing", "", "", RuleContentType},
		{"text/plain", "text/plain", "", RuleContentType},
		{"charset=utf-16", "application/json; charset=utf-16", "", RuleCharset},
		{"charset twice", "application/json; charset=utf-8; charset=utf-16", "", RuleContentType},
		{"charset=utf-7", "application/json; charset=utf-7", "", RuleCharset},
		{"empty charset", `application/json; charset=""`, "", RuleCharset},
		{"RFC 2231 charset", "application/json; charset*=us-ascii''utf-16", "", RuleContentType},
		{"RFC 2231 continued charset", "application/json; charset*0=utf; charset*1=-16", "", RuleContentType},
		{"two headers, joined", "application/json, text/plain", "", RuleContentType},
		{"JSON suffix inside the type", "application/x+json+xml", "", RuleContentType},
		{"multipart", "multipart/form-data; boundary=x", "", RuleContentType},
		{"form-urlencoded", "application/x-www-form-urlencoded", "", RuleContentType},
		{"msgpack", "application/msgpack", "", RuleContentType},
		{"protobuf", "application/protobuf", "", RuleContentType},
		{"octet-stream", "application/octet-stream", "", RuleContentType},
		{"gzip", "application/json", "gzip", RuleContentEncoding},
		{"deflate", "application/json", "deflate", RuleContentEncoding},
		{"br", "application/json", "br", RuleContentEncoding},
		{"zstd", "application/json", "zstd", RuleContentEncoding},
		{"gzip, gzip", "application/json", "gzip, gzip", RuleContentEncoding},
		{"x-gzip", "application/json", "x-gzip", RuleContentEncoding},
		{"unknown encoding", "application/json", "rot13", RuleContentEncoding},
		{"identity before gzip", "application/json", "identity, gzip", RuleContentEncoding},
		{"blank encoding", "application/json", " ", RuleContentEncoding},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			if e := (*Error)(nil); errors.As(Decide(row.contentType, row.contentEncoding, FormatJSON), &e) {
				got = e.Rule
			}
			if got != row.want {
				t.Errorf("Decide(%q, %q) = %q, want %q", row.contentType, row.contentEncoding, got, row.want)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	const soap12 = `application/soap+xml; charset=utf-8; action="urn:rate"`
	for _, row := range []struct {
		name, contentType string
		format            Format
		want              string
	}{
		{"SOAP 1.1", `text/xml; charset="utf-8"`, FormatXML, ""},
		{"SOAP 1.2", soap12, FormatXML, ""},
		{"Canada Post", "application/vnd.cpc.shipment-v8+xml", FormatXML, ""},
		{"XML in capitals", "TEXT/XML", FormatXML, ""},
		{"XML missing", "", FormatXML, RuleContentType},
		{"XML as text", "text/plain", FormatXML, RuleContentType},
		{"XML as JSON", "application/json", FormatXML, RuleContentType},
		{"XML as HTML", "text/html", FormatXML, RuleContentType},
		{"XML suffix inside the type", "application/x+xml+json", FormatXML, RuleContentType},
		{"XML in UTF-16", "application/xml; charset=utf-16", FormatXML, RuleCharset},
		{"XML in UTF-7", "text/xml; charset=utf-7", FormatXML, RuleCharset},
		{"XML, charset twice", "text/xml; charset=utf-8; charset=utf-7", FormatXML, RuleContentType},
		{"XML, two headers", "text/xml, text/plain", FormatXML, RuleContentType},
		{"form", "application/x-www-form-urlencoded", FormatForm, ""},
		{"form with charset", "application/x-www-form-urlencoded; charset=UTF-8", FormatForm, ""},
		{"form in Latin-1", "application/x-www-form-urlencoded; charset=iso-8859-1", FormatForm, RuleCharset},
		{"form as multipart", formType, FormatForm, RuleContentType},
		{"form as text", "text/plain", FormatForm, RuleContentType},
		{"multipart/form-data", formType, FormatMultipart, ""},
		{"multipart/mixed", `multipart/mixed; boundary="b"`, FormatMultipart, ""},
		{"multipart/related", `multipart/related; boundary=b; type="text/xml"; start="<root>"`, FormatMultipart, ""},
		{"multipart/alternative", "multipart/alternative; boundary=b", FormatMultipart, RuleContentType},
		{"multipart/byteranges", "multipart/byteranges; boundary=b", FormatMultipart, RuleContentType},
		{"multipart, boundary twice", "multipart/form-data; boundary=b; boundary=c", FormatMultipart, RuleContentType},
		{"multipart, boundary*", "multipart/form-data; boundary*=utf-8''b", FormatMultipart, RuleContentType},
		{"multipart in UTF-16", formType + "; charset=utf-16", FormatMultipart, RuleCharset},
		{"format without an implementation", "application/yaml", "YAML", RuleFormatUnsupported},
		{"no format", "application/json", "", RuleFormatUnsupported},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := strings.TrimPrefix(verdict(nil, Decide(row.contentType, "", row.format)), "!"); got != row.want {
				t.Errorf("Decide(%q, %s) = %q, want %q", row.contentType, row.format, got, row.want)
			}
		})
	}
	if got := verdict(mustCompile(t, Rules{}).Append(nil, Message{Format: "YAML"}, Redact, nil)); got != "!"+RuleFormatUnsupported {
		t.Errorf("Append of YAML: got %s", got)
	}
	for _, f := range []Format{FormatJSON, FormatXML, FormatForm, FormatMultipart} {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%s) = %s, %v", f, got, err)
		}
	}
	for _, name := range []string{"", "json", "YAML"} {
		if _, err := ParseFormat(name); err == nil {
			t.Errorf("ParseFormat(%q) was accepted", name)
		}
	}
}
