package minimize

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// soapRate is the allow-list of a rating request: places and parcels, no persons.
var soapRate = Rules{
	Allow: []string{
		"$.Envelope.Header.RequestContext.Version", "$.Envelope.Body.RateRequest.Shipment.Shipper['@account']",
		"$.Envelope.Body.RateRequest.Shipment.Shipper.Address.PostalCode", "$.Envelope.Body.RateRequest.Shipment.Shipper.Address.CountryCode",
		"$.Envelope.Body.RateRequest.Shipment.Receiver.Address.PostalCode", "$.Envelope.Body.RateRequest.Shipment.Receiver.Address.CountryCode",
		"$.Envelope.Body.RateRequest.Shipment.Receiver.Address.@residential", "$.Envelope.Body.RateRequest.Shipment.Package[*]",
	},
	Remove:  []string{"$..Description"},
	Require: []string{"$.Envelope.Body.RateRequest.Shipment.Receiver.Address.CountryCode"},
}

func TestXMLRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules   Rules
		in, out string
		removed map[string]int
	}{
		"nothing to remove passes byte for byte": {Rules{Allow: []string{"$.a"}}, "<?xml version='1.0' ?>\r\n<a  x = 'y' >\n<b></b ></a>\n",
			"<?xml version='1.0' ?>\r\n<a  x = 'y' >\n<b></b ></a>\n", nil},
		"a BOM of UTF-8 passes": {Rules{Remove: []string{"$.a.b"}}, "\xef\xbb\xbf<a><b/><c/></a>", "\xef\xbb\xbf<a><c/></a>", map[string]int{"$.a.b": 1}},
		"the root is the first name": {Rules{Allow: []string{"$.Envelope.Body.x"}}, `<s:Envelope xmlns:s="u"><s:Header>1</s:Header><s:Body><x>1</x></s:Body></s:Envelope>`,
			`<s:Envelope xmlns:s="u"><s:Body><x>1</x></s:Body></s:Envelope>`, map[string]int{"$.Envelope.Header": 1}},
		"attributes": {Rules{Allow: []string{"$.a.@id", "$.a.b['@x']"}}, `<a id="1" name="Jane"><b x='2' y='3'>Jane</b></a>`, `<a id="1"><b x='2'></b></a>`,
			map[string]int{"$.a['@name']": 1, "$.a.b['@y']": 1, "$.a.b['#text']": 1}},
		"text beside elements": {Rules{Allow: []string{"$.a.b"}}, `<a>Jane <b>1</b> Roe</a>`, `<a><b>1</b></a>`, map[string]int{"$.a['#text']": 1}},
		"text by its own path": {Rules{Allow: []string{"$.a.#text"}}, `<a x="1">Jane <b>1</b> Roe</a>`, `<a>Jane  Roe</a>`,
			map[string]int{"$.a.b": 1, "$.a['@x']": 1}},
		"text cut out": {Rules{Remove: []string{"$.a.#text"}}, `<a x="1">Jane</a>`, `<a x="1"></a>`, map[string]int{"$.a['#text']": 1}},
		"white space goes with what it precedes": {Rules{Remove: []string{"$.a.b"}}, "<a>\n  <b/>\n  <c/>\n  <b/>\n</a>", "<a>\n  <c/>\n</a>",
			map[string]int{"$.a.b": 2}},
		"one or many": {Rules{Allow: []string{"$.a.p[*].w"}}, `<a><p><w>1</w><n>x</n></p><p><w>2</w></p><p><n>y</n></p></a>`,
			`<a><p><w>1</w></p><p><w>2</w></p></a>`, map[string]int{"$.a.p.n": 2}},
		"[*] at the end of remove": {Rules{Remove: []string{"$.a.p[*]"}}, `<a><p><w/></p><p x="1"/><q/></a>`, `<a><q/></a>`,
			map[string]int{"$.a.p.w": 1, "$.a.p['@x']": 1}},
		"a container that ends empty goes": {Rules{Allow: []string{"$.a.b.c", "$.a.d"}}, `<a><b><x/></b><d/></a>`, `<a><d/></a>`, map[string]int{"$.a.b.x": 1}},
		"a root that is on the way stays":  {Rules{Allow: []string{"$.a.b"}}, `<a><x/></a>`, `<a></a>`, map[string]int{"$.a.x": 1}},
		"a root that remove empties stays": {Rules{Remove: []string{"$..phone"}}, `<a><phone/></a>`, `<a></a>`, map[string]int{"$.a.phone": 1}},
		"..name":                           {Rules{Remove: []string{"$..sig"}}, `<a><sig/><b><sig>1</sig><c/></b></a>`, `<a><b><c/></b></a>`, map[string]int{"$.a.sig": 1, "$.a.b.sig": 1}},
		"comments": {Rules{}, `<a><!-- x --><b>y<!-- z --></b></a><!-- w -->`, `<a><b>y</b></a>`,
			map[string]int{"$.a['#comment']": 1, "$.a.b['#comment']": 1, "$['#comment']": 1}},
		"declarations stay": {Rules{Allow: []string{"$.a.b"}}, `<a xmlns="u" xmlns:n="v" n:x="1"><b n:y="2"/></a>`, `<a xmlns="u" xmlns:n="v"><b n:y="2"/></a>`,
			map[string]int{"$.a['@x']": 1}},
		"a self-closing element keeps its form": {Rules{Remove: []string{"$.a.b.@x"}}, `<a><b x="1" y="2" /></a>`, `<a><b y="2"/></a>`, map[string]int{"$.a.b['@x']": 1}},
		"the floor beats remove": {Rules{Remove: []string{"$.a.to"}, Require: []string{"$.a.to.country"}}, `<a><to><name>x</name><country>US</country></to></a>`,
			`<a><to><country>US</country></to></a>`, map[string]int{"$.a.to.name": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, c.rules)
			var r Removed
			out, err := p.AppendXML(nil, []byte(c.in), Redact, &r)
			if err != nil || string(out) != c.out {
				t.Errorf("got %s, %v, want %s", out, err, c.out)
			}
			if c.removed == nil {
				c.removed = map[string]int{}
			}
			if diff := cmp.Diff(c.removed, maps.Collect(r.Paths())); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			checkXML(t, p, c.rules, []byte(c.in), true)
		})
	}
}

func TestXMLErrorsTellPlaceAndNoValue(t *testing.T) {
	p := mustCompile(t, Rules{Remove: []string{"$..phone"}, Limits: Limits{MaxDepth: 3, MaxMembers: 30}})
	many := `<a` + strings.Repeat(` x="Jane"`, 31) + `/>`
	unique := many
	for i := range 31 {
		unique = strings.Replace(unique, ` x=`, " x"+strings.Repeat("y", i)+"=", 1)
	}
	for in, want := range map[string]string{
		`<a><b x="Jane" x="Roe"/></a>`:   "duplicate-key at $.a.b (byte 24): the element has an attribute twice",
		`<a><b>Jane</a>`:                 "invalid-xml at $.a.b (byte 12): the end tag is not that of the open element",
		`<a><b>Jane`:                     "invalid-xml at $.a.b (byte 10): the document ends too early",
		`<a><PHONE>Jane</PHONE></a>`:     "key-variant at $.a.PHONE (byte 9): ",
		`<a><b><c><d>Jane</d></c></b>`:   "too-deep at $.a.b.c (byte 9): more than 3 nested elements",
		unique:                           "too-many-members at $.a (byte ",
		many[:len(many)-11] + `/>`:       "duplicate-key at $.a (byte ",
		`<a>&Jane;</a>`:                  "entity at $.a (byte 3): ",
		`<a/><b>Jane</b>`:                "trailing-data at $ (byte 4): ",
		`<a><b>x<![CDATA[Jane]]</b></a>`: "invalid-xml at $.a.b (byte 30): the document ends too early",
	} {
		_, err := p.AppendXML(nil, []byte(in), Enforce, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%s\ngot  %v\nwant %s", in, err, want)
		}
	}
}

func TestSOAPRateKeepsPlacesAndParcelsOnly(t *testing.T) {
	src, err := os.ReadFile("testdata/soap-rate-request.xml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := mustCompile(t, soapRate).AppendXML(nil, src, Enforce, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"Jane", "John", "555", "@example", "Street", "Avenue", "Apt", "000-00-0000", "Metropolis", "4711", "medicine"} {
		if strings.Contains(string(out), personal) {
			t.Errorf("%q passed", personal)
		}
	}
	for _, needed := range []string{"<r:PostalCode>10001<", "<r:CountryCode>US<", `<r:Weight unit="LB">4.50<`, "<r:Width>5.50<", `account="X9X9X9"`,
		`residential="true"`, "<r:Version>2.2<", `encoding="UTF-8"`} {
		if !strings.Contains(string(out), needed) {
			t.Errorf("%s is gone from %s", needed, out)
		}
	}
}
