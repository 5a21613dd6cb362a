package minimize

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEmbeddedDocuments(t *testing.T) {
	xmlIn := []Embedded{{"$.xml_in", FormatXML}}
	jsonIn := []Embedded{{"$.a.data", FormatJSON}}
	for name, c := range map[string]struct {
		format   Format
		rules    Rules
		in, out  string
		removed  map[string]int
		required string // missing
	}{
		"XML in a form field": {FormatForm, Rules{Allow: []string{"$.xml_in.Shipment.Weight", "$.v"}, Embedded: xmlIn},
			"v=1&xml_in=" + url.QueryEscape(`<?xml version="1.0" encoding="UTF-8"?><Shipment><Name>Jäne</Name><Weight unit="kg">1.0 &amp; 2</Weight></Shipment>`) + "&x=1",
			"v=1&xml_in=" + url.QueryEscape(`<?xml version="1.0" encoding="UTF-8"?><Shipment><Weight unit="kg">1.0 &amp; 2</Weight></Shipment>`),
			map[string]int{"$.xml_in.Shipment.Name": 1, "$.x": 1}, ""},
		"a field that keeps its document keeps its bytes": {FormatForm, Rules{Remove: []string{"$.xml_in.a.b", "$.x"}, Embedded: xmlIn}, "xml_in=<a>%31+</a>&x=1",
			"xml_in=<a>%31+</a>", map[string]int{"$.x": 1}, ""},
		"a field whose document ends empty goes": {FormatForm, Rules{Allow: []string{"$.xml_in.a.b"}, Embedded: xmlIn}, "xml_in=<a><c>1</c></a>", "",
			map[string]int{"$.xml_in.a.c": 1}, ""},
		"a field that is to stay stays empty": {FormatForm, Rules{Remove: []string{"$..a"}, Exceptions: []string{"$.xml_in"}, Embedded: xmlIn}, "xml_in=<a><b/></a>",
			"xml_in=<a><b/></a>", nil, ""},
		"an empty field is no document": {FormatForm, Rules{Allow: []string{"$.xml_in"}, Remove: []string{"$.xml_in.a"}, Embedded: xmlIn}, "xml_in=&x=1", "xml_in=",
			map[string]int{"$.x": 1}, ""},
		"a blank field that is not allowed": {FormatForm, Rules{Allow: []string{"$.xml_in.a"}, Embedded: xmlIn}, "xml_in=+", "", map[string]int{"$.xml_in": 1}, ""},
		"comments inside":                   {FormatForm, Rules{Embedded: xmlIn}, "xml_in=<a><!--+Jane+--></a>", "xml_in=%3Ca%3E%3C%2Fa%3E", map[string]int{"$.xml_in.a['#comment']": 1}, ""},
		"the floor inside": {FormatForm, Rules{Allow: []string{"$.v"}, Require: []string{"$.xml_in.a.b", "$.xml_in.a.d"}, Embedded: xmlIn},
			"xml_in=<a><b/><c/></a>", "xml_in=%3Ca%3E%3Cb%2F%3E%3C%2Fa%3E", map[string]int{"$.xml_in.a.c": 1}, "$.xml_in.a.d"},
		"a document that goes as a whole is not read": {FormatForm, Rules{Remove: []string{"$.xml_in"}, Embedded: xmlIn}, "xml_in=%00"[:7] + "&v=1", "v=1",
			map[string]int{"$.xml_in": 1}, ""},
		"a list of documents": {FormatForm, Rules{Remove: []string{"$.xml_in.a.b"}, Embedded: []Embedded{{"$.xml_in[*]", FormatXML}}}, "xml_in=<a><b/></a>&xml_in=<a><c/></a>",
			"xml_in=<a><c/></a>", map[string]int{"$.xml_in.a.b": 1}, ""},

		"JSON in a JSON string": {FormatJSON, Rules{Remove: []string{"$.a.data.phone"}, Embedded: jsonIn},
			`{"a":{"data":"{\"phone\":\"555\",\"zip\":\"\\u0031\",\"n\":\"a\\n\"}","phone":1}}`, `{"a":{"data":"{\"zip\":\"\\u0031\",\"n\":\"a\\n\"}","phone":1}}`,
			map[string]int{"$.a.data.phone": 1}, ""},
		"JSON strings in a list": {FormatJSON, Rules{Remove: []string{"$.a.data.phone"}, Embedded: jsonIn},
			`{"a":{"data":["{\"phone\":1,\"zip\":2}",{"phone":3,"zip":4},["{\"phone\":5,\"zip\":6}"]]}}`, `{"a":{"data":["{\"zip\":2}",{"zip":4},["{\"zip\":6}"]]}}`,
			map[string]int{"$.a.data[*].phone": 2, "$.a.data[*][*].phone": 1}, ""},
		"strings of the inner document are no documents": {FormatJSON, Rules{Remove: []string{"$.a.data.phone"}, Embedded: jsonIn}, `{"a":{"data":"[\"{\", \"x\"]"}}`,
			`{"a":{"data":"[\"{\", \"x\"]"}}`, nil, ""},
		"a value that is no text": {FormatJSON, Rules{Allow: []string{"$.a.data"}, Remove: []string{"$.a.data.phone"}, Embedded: jsonIn}, `{"a":{"data":{"phone":1,"zip":2.0}}}`,
			`{"a":{"data":{"zip":2.0}}}`, map[string]int{"$.a.data.phone": 1}, ""},
		"a single value inside": {FormatJSON, Rules{Allow: []string{"$.a.data.zip"}, Embedded: jsonIn}, `{"a":{"data":"5550123"}}`, `{}`, map[string]int{"$.a.data": 1}, ""},
		"XML in a JSON string": {FormatJSON, Rules{Remove: []string{"$..phone"}, Embedded: []Embedded{{"$.x", FormatXML}}}, `{"x":"<a><phone/>\u00e9\n<b c=\"1\"/></a>"}`,
			`{"x":"<a>é\n<b c=\"1\"/></a>"}`, map[string]int{"$.x.a.phone": 1}, ""},

		"XML in CDATA": {FormatXML, Rules{Remove: []string{"$.a.data.b.phone"}, Embedded: []Embedded{{"$.a.data", FormatXML}}},
			`<a><data> <![CDATA[<?xml version="1.0"?><b><phone>1</phone>x &amp; y</b>]]> </data></a>`,
			`<a><data>&lt;?xml version="1.0"?&gt;&lt;b&gt;x &amp;amp; y&lt;/b&gt; </data></a>`, map[string]int{"$.a.data.b.phone": 1}, ""},
		"XML escaped in XML": {FormatXML, Rules{Allow: []string{"$.a.data.b.c"}, Embedded: []Embedded{{"$.a.data", FormatXML}}},
			`<a><data x="1">&lt;b>&lt;c/>&lt;d>&amp;lt;&lt;/d>&lt;/b></data></a>`, `<a><data>&lt;b&gt;&lt;c/&gt;&lt;/b&gt;</data></a>`,
			map[string]int{"$.a.data['@x']": 1, "$.a.data.b.d": 1}, ""},
		"an element whose document ends empty goes": {FormatXML, Rules{Allow: []string{"$.a.k", "$.a.data.b.c"}, Embedded: []Embedded{{"$.a.data", FormatXML}}},
			`<a><k/><data>&lt;b/></data></a>`, `<a><k/></a>`, map[string]int{"$.a.data.b": 1}, ""},
		"JSON in an attribute": {FormatXML, Rules{Remove: []string{"$..phone"}, Embedded: []Embedded{{"$.a.@data", FormatJSON}}},
			`<a data='{"phone":1, "zip":"&lt;"}' b="2"/>`, `<a data='{&quot;zip&quot;:&quot;&lt;&quot;}' b="2"/>`, map[string]int{"$.a['@data'].phone": 1}, ""},
		"JSON in XML in a form": {FormatForm, Rules{Remove: []string{"$..phone"}, Embedded: []Embedded{{"$.x", FormatXML}, {"$.x.a.j", FormatJSON}}},
			"x=<a><j>{\"phone\":1,\"zip\":2}</j></a>", "x=" + url.QueryEscape(`<a><j>{"zip":2}</j></a>`), map[string]int{"$.x.a.j.phone": 1}, ""},
		"a variant of the field, in Redact": {FormatForm, Rules{Remove: []string{"$.xml_in.a.b"}, Embedded: xmlIn}, "XML_IN=<a><b/><c/></a>", "XML_IN=%3Ca%3E%3Cc%2F%3E%3C%2Fa%3E",
			map[string]int{"$.XML_IN.a.b": 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, c.rules)
			var r Removed
			out, err := p.Append(nil, Message{Format: c.format, Body: []byte(c.in)}, Redact, &r)
			if err != nil || string(out) != c.out {
				t.Errorf("got  %s, %v\nwant %s", out, err, c.out)
			}
			if c.removed == nil {
				c.removed = map[string]int{}
			}
			if diff := cmp.Diff(c.removed, maps.Collect(r.Paths())); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			if missing := strings.Join(r.Missing, ","); missing != c.required {
				t.Errorf("missing %s, want %s", missing, c.required)
			}
			var report Removed
			if out, err := p.Append(nil, Message{Format: c.format, Body: []byte(c.in)}, Report, &report); err != nil || string(out) != c.in || report.Total != r.Total {
				t.Errorf("Report: %s, %v, %d removed, want %d", out, err, report.Total, r.Total)
			}
		})
	}
}

func TestBadEmbeddedDocuments(t *testing.T) {
	deep := `1`
	for range maxLevel + 1 {
		deep = string(appendEscaped([]byte(`{"d":"`), []byte(deep))) + `"}`
	}
	for name, c := range map[string]struct {
		format   Format
		embedded Embedded
		in, want string
	}{
		"not XML":                         {FormatForm, Embedded{"$.x", FormatXML}, "x=1&phone=2", "invalid-xml at $.x (byte 0): "},
		"entity in the inner document":    {FormatForm, Embedded{"$.x", FormatXML}, "v=1&x=<a>%26b%3b</a>", "entity at $.x.a (byte 4): "},
		"DOCTYPE in the inner document":   {FormatForm, Embedded{"$.x", FormatXML}, "x=<!DOCTYPE+a><a/>", "doctype at $.x (byte 0): "},
		"UTF-16 said inside":              {FormatJSON, Embedded{"$.x", FormatXML}, `{"x":"<?xml version='1.0' encoding='utf-16'?><a/>"}`, "charset at $.x (byte 50): "},
		"byte order mark inside":          {FormatJSON, Embedded{"$.x", FormatXML}, `{"x":"\ufeff<a/>"}`, "byte-order-mark at $.x (byte 17): "},
		"duplicate key inside":            {FormatJSON, Embedded{"$.x", FormatJSON}, `{"x":"{\"a\":1,\"a\":2}"}`, "duplicate-key at $.x.a (byte 24): "},
		"two documents":                   {FormatJSON, Embedded{"$.x", FormatJSON}, `{"x":"{}{\"phone\":1}"}`, "trailing-data at $.x (byte 22): "},
		"variant inside":                  {FormatJSON, Embedded{"$.x", FormatJSON}, `{"x":"{\"PHONE\":1}"}`, "key-variant at $.x.PHONE (byte 20): "},
		"elements beside the document":    {FormatXML, Embedded{"$.a", FormatXML}, `<a>&lt;phone/><b/></a>`, "invalid-xml at $.a (byte 18): "},
		"documents inside documents":      {FormatJSON, Embedded{"$..d", FormatJSON}, deep, "too-deep at $.d.d.d.d.d (byte "},
		"base64 is no document of a rule": {FormatForm, Embedded{"$.x", FormatJSON}, "x=eyJwaG9uZSI6MX0%3D", "invalid-json at $.x (byte 0): "},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, Rules{Remove: []string{"$..phone"}, Embedded: []Embedded{c.embedded}})
			m := Message{Format: c.format, Body: []byte(c.in)}
			out, err := p.Append([]byte("prefix"), m, Enforce, nil)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || string(out) != "prefix" {
				t.Errorf("got %v and %s, want %s", err, out, c.want)
			}
			var r Removed
			if out, err := p.Append(nil, m, Report, &r); err != nil || string(out) != c.in || r.Undecodable == "" && r.Variants == 0 {
				t.Errorf("Report: %s, %v, recorded %q", out, err, r.Undecodable)
			}
		})
	}
}

func TestEmbeddedIsChecked(t *testing.T) {
	for want, e := range map[string]Embedded{
		`embedded[0] "$.x": a document inside another is JSON or XML, not "Form"`: {"$.x", FormatForm},
		`embedded[0] "x": must start with $`:                                      {"x", FormatXML},
		`embedded[0] "$": $ alone`:                                                {"$", FormatXML},
	} {
		if _, err := Compile(Rules{Embedded: []Embedded{e}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
