package carrier

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestCredentialInXMLBody(t *testing.T) {
	const user, password = "shop &quot;&amp;&lt;&gt;&apos;", `s3cret\+=; ü`
	const both = "<UserName>" + user + "</UserName><Password>" + password + "</Password>"
	tests := map[string]struct{ body, want string }{
		"a missing container comes first": {"<Rate><Address>A</Address></Rate>", "<Rate><Login>" + both + "</Login><Address>A</Address></Rate>"},
		"missing fields come last":        {"<Rate><Login><V>1</V></Login></Rate>", "<Rate><Login><V>1</V>" + both + "</Login></Rate>"},
		"fields are filled where they stand": {"<Rate>\n <Login>\n  <UserName/>\n  <V>1</V><Password>x</Password></Login>\n</Rate>",
			"<Rate>\n <Login>\n  <UserName>" + user + "</UserName>\n  <V>1</V><Password>" + password + "</Password></Login>\n</Rate>"},
		"an empty root":             {"<Rate/>", "<Rate><Login>" + both + "</Login></Rate>"},
		"an empty container":        {`<Rate><Login a="/>" /><B/></Rate>`, `<Rate><Login a="/>">` + both + "</Login><B/></Rate>"},
		"declaration and mark stay": {"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Rate/>\n", "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Rate><Login>" + both + "</Login></Rate>\n"},
		"the prefix around is taken over": {`<w:Rate xmlns:w="urn:w"><w:A/></w:Rate>`,
			`<w:Rate xmlns:w="urn:w"><w:Login><w:UserName>` + user + `</w:UserName><w:Password>` + password + `</w:Password></w:Login><w:A/></w:Rate>`},
		"any prefix is the element": {`<w:Rate xmlns:w="urn:w" xmlns:v="urn:v"><v:Login><w:UserName xsi:type="s" xmlns:xsi="urn:i">eve</w:UserName></v:Login></w:Rate>`,
			`<w:Rate xmlns:w="urn:w" xmlns:v="urn:v"><v:Login><w:UserName xsi:type="s" xmlns:xsi="urn:i">` + user + `</w:UserName><v:Password>` + password + `</v:Password></v:Login></w:Rate>`},
		"a field that says it is nil": {`<Rate xmlns:i="urn:i"><Login><UserName i:nil = 'true' a="=>"/><Password i:nil="true"></Password></Login></Rate>`,
			`<Rate xmlns:i="urn:i"><Login><UserName a="=>">` + user + `</UserName><Password>` + password + `</Password></Login></Rate>`},
		"all duplicates go": {"<Rate><Login><UserName>eve</UserName><Password>x</Password><UserName>bob</UserName></Login></Rate>",
			"<Rate><Login>" + both + "</Login></Rate>"},
		"variants go": {"<Rate><Login><username>eve</username><V/><PASSWORD>x</PASSWORD></Login></Rate>",
			"<Rate><Login><V/>" + both + "</Login></Rate>"},
		"elements in the field go": {"<Rate><Login><UserName><x>eve</x></UserName></Login></Rate>", "<Rate><Login>" + both + "</Login></Rate>"},
		"what only looks like it": {"<Rate><A><![CDATA[<Login><UserName>]]></A><B>&lt;Login></B><C><Login><UserName>kept</UserName></Login></C></Rate>",
			"<Rate><Login>" + both + "</Login><A><![CDATA[<Login><UserName>]]></A><B>&lt;Login></B><C><Login><UserName>kept</UserName></Login></C></Rate>"},
		"comments are not read": {"<Rate><!-- <Login/> --><A/></Rate>", "<Rate><Login>" + both + "</Login><A/></Rate>"},
	}
	p := bodyPart(t, "XML", config.BodySecret{Path: "$.Rate.Login.UserName", Key: "user"}, config.BodySecret{Path: "$.Rate.Login.Password", Key: "password"})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, p, "application/soap+xml; charset=utf-8", tc.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialInSOAP(t *testing.T) {
	const body = `<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><t:Track xmlns:t="urn:t"><t:no>1</t:no></t:Track></soap:Body></soap:Envelope>`
	p := bodyPart(t, "XML",
		config.BodySecret{Path: "$.Envelope.Header.Auth.Key", Key: "key"},
		config.BodySecret{Path: "$.Envelope.Header.Auth['@version']", Key: "key"},
		config.BodySecret{Path: "$.Envelope.Body.Track.user", Key: "user"})
	got, err := applied(t, p, "text/xml", body)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Header struct {
			Auth struct {
				Version string `xml:"version,attr"`
				Key     string `xml:"http://schemas.xmlsoap.org/soap/envelope/ Key"`
			}
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Header"`
		Body struct {
			Track struct {
				User string `xml:"urn:t user"`
				No   string `xml:"urn:t no"`
			} `xml:"urn:t Track"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.Unmarshal([]byte(got), &read); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if a := read.Header.Auth; a.Key != "k1" || a.Version != "k1" {
		t.Errorf("the header holds %+v", a)
	}
	if b := read.Body.Track; b.User != testUser || b.No != "1" {
		t.Errorf("the body holds %+v", b)
	}
	if strings.Index(got, "soap:Header") > strings.Index(got, "soap:Body") {
		t.Error("the header comes after the body")
	}
}

func TestTokenInXMLBody(t *testing.T) {
	got, err := setXML([]byte("<a><b><t>client's</t></b></a>"), "$.a.b.t", "t<1")
	if err != nil || string(got) != "<a><b><t>t&lt;1</t></b></a>" {
		t.Errorf("got %s, %v", got, err)
	}
	for name, body := range map[string]string{"nothing": "", "JSON": "{}", "another root": "<c/>"} {
		if got, err := setXML([]byte(body), "$.a.b.t", "t0ken"); err == nil || got != nil || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

// Whatever well-formed document comes in, the credential comes out once, at its place, and the rest means the same.
func FuzzCredentialInXML(f *testing.F) {
	for _, seed := range []string{"<a/>", "<a><b/></a>", "<a><b><c/></b></a>", "<x:a xmlns:x='u'><x:b><C>1</C><c x:nil='1'/></x:b></x:a>", "<a><![CDATA[<b>]]><b >t</b ></a>",
		"<a b='>'><b c=\"/>\"/></a>", "<?xml version='1.0'?><a><!-- b --><b><c>1</c><c>2</c></b></a>"} {
		f.Add(seed)
	}
	p, err := newBodySecrets(&config.BodySecrets{Format: "XML", Fields: []config.BodySecret{{Path: "$.a.b.c", Key: "key"}, {Path: "$.a.b.@d", Key: "user"}}}, testCredential())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		out := &Outgoing{Header: map[string][]string{"Content-Type": {"text/xml"}}, Body: []byte(body)}
		if p.apply(out) != nil {
			return
		}
		var read struct {
			B []struct {
				D []xml.Attr `xml:",any,attr"`
				C []string   `xml:"c"`
			} `xml:"b"`
		}
		if xml.Unmarshal(out.Body, &read) != nil && xml.Unmarshal([]byte(body), new(any)) != nil {
			return // encoding/xml reads less than XML 1.0, already before the change
		}
		keys, users := 0, 0
		for _, b := range read.B {
			for _, c := range b.C {
				if c == "k1" {
					keys++
				}
			}
			for _, d := range b.D {
				if d.Name.Local == "d" && d.Value == testUser {
					users++
				}
			}
		}
		if len(read.B) != 1 || keys != 1 || users != 1 || len(read.B[0].C) != 1 {
			t.Errorf("%q became %q", body, out.Body)
		}
	})
}
