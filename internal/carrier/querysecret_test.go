package carrier

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

func queried(t *testing.T, list []config.QuerySecret, query string) (string, error) {
	t.Helper()
	p, err := newQuerySecrets(list, testCredential())
	if err != nil {
		t.Fatal(err)
	}
	out := &Outgoing{Method: http.MethodGet, Path: "/x", RawQuery: query, Header: http.Header{}}
	err = p.apply(out)
	return out.RawQuery, err
}

func TestCredentialInQuery(t *testing.T) {
	list := []config.QuerySecret{{Name: "client id", Key: "user"}, {Name: "secret", Key: "password"}, {Name: "pin", Key: "pin", Optional: true}}
	const secrets = "client%20id=shop%20%22%26%3C%3E%27&secret=s3cret%5C%2B%3D%3B%20%C3%BC"
	tests := map[string]struct{ query, want string }{
		"an empty query":              {"", secrets},
		"beside other parameters":     {"a=%20x+y&b&c=%2f", "a=%20x+y&b&c=%2f&" + secrets},
		"instead of the client's own": {"client+id=eve&a=1&secret=x", "a=1&" + secrets},
		"instead of all of them":      {"secret=x&a=1&secret=y&s%65cret=z", "a=1&" + secrets},
		"instead of variants":         {"SECRET=x&secret[]=y&secret%5B0%5D=z&a=1&Client%20ID=v", "a=1&" + secrets},
		"also without a value for it": {"pin=1234&PIN=5&a=1", "a=1&" + secrets},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := queried(t, list, tc.query)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("sent %s, want %s", got, tc.want)
			}
			values, err := url.ParseQuery(got)
			if err != nil || values.Get("client id") != testUser || values.Get("secret") != testPassword {
				t.Errorf("a server reads %v, %v", values, err)
			}
		})
	}
}

// DHL Parcel DE takes the credential of its tracking as attributes of an XML document in a parameter.
func TestCredentialInXMLInQuery(t *testing.T) {
	list := []config.QuerySecret{{Name: "xml", XMLPath: "$.data['@appname']", Key: "user"}, {Name: "xml", XMLPath: "$.data.@password", Key: "password"},
		{Name: "xml", XMLPath: "$.data.login.key", Key: "key"}, {Name: "xml", XMLPath: "$.data.@pin", Key: "pin", Optional: true}}
	document := func(attributes, content string) string {
		return `<?xml version="1.0" encoding="UTF-8" standalone="no"?><data ` + attributes + ">" + content + "</data>"
	}
	const secrets = `appname="shop &quot;&amp;&lt;&gt;&apos;" password="s3cret\+=; ü"`
	const login = "<login><key>k1</key></login>"
	tests := map[string]struct{ document, want string }{
		"added":                       {document(`request="get" piece-code="1"`, ""), document(`request="get" piece-code="1" `+secrets, login)},
		"instead of the client's own": {document(`appname="eve" request="get" password="x"`, "<login><key>x</key></login>"), document(`request="get" `+secrets, login)},
		"instead of variants":         {document(`AppName="eve" request="get" PASSWORD="x"`, "<Login><Key>x</Key></Login>"), document(`request="get" `+secrets, login)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := queried(t, list, "a=1&XML=%3Cdata/%3E&xml="+url.QueryEscape(tc.document)+"&b=2")
			if err != nil {
				t.Fatal(err)
			}
			if want := "a=1&b=2&xml=" + strings.ReplaceAll(url.QueryEscape(tc.want), "+", "%20"); got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}

func TestQueriesWithoutPlaceForTheCredentialAreRefused(t *testing.T) {
	list := []config.QuerySecret{{Name: "xml", XMLPath: "$.data.@password", Key: "password"}}
	for name, tc := range map[string]struct{ query, rule string }{
		"no document":          {"a=1", minimize.RuleRequiredMissing},
		"an empty document":    {"xml=", minimize.RuleRequiredMissing},
		"two documents":        {"xml=%3Cdata/%3E&xml=%3Cdata/%3E", minimize.RuleRequiredMissing},
		"another root":         {"xml=%3Cd/%3E", minimize.RuleRequiredMissing},
		"no XML":               {"xml=x", minimize.RuleInvalidXML},
		"a DOCTYPE":            {"xml=%3C!DOCTYPE+data%3E%3Cdata/%3E", minimize.RuleDoctype},
		"a broken escape":      {"xml=%3Cdata/%3E%zz", minimize.RuleInvalidQuery},
		"a broken other":       {"xml=%3Cdata/%3E&a=%z", minimize.RuleInvalidQuery},
		"a semicolon":          {"xml=%3Cdata/%3E;a=1", minimize.RuleInvalidQuery},
		"a raw angle, a blank": {"xml=<data />", minimize.RuleInvalidQuery},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := queried(t, list, tc.query)
			cause, _ := errors.AsType[*minimize.Error](err)
			if cause == nil || cause.Rule != tc.rule || got != tc.query || strings.Contains(cause.Error()+err.Error(), "s3cret") {
				t.Errorf("got %q, %v, want rule %s", got, err, tc.rule)
			}
		})
	}
}

func TestQueryCredentialsThatCannotWorkAreRefusedAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		list []config.QuerySecret
		want string
	}{
		"a missing key":             {[]config.QuerySecret{{Name: "a", Key: "nothing"}}, "no value under the key nothing"},
		"no value at all":           {[]config.QuerySecret{{Name: "a", Key: "nothing", Optional: true}}, "no parameter of the query"},
		"a document without values": {[]config.QuerySecret{{Name: "a", XMLPath: "$.b.c", Key: "nothing", Optional: true}}, "no value for the parameter a"},
		"a parameter twice":         {[]config.QuerySecret{{Name: "a", Key: "key"}, {Name: "a", Key: "user"}}, "a is set twice"},
		"a value and a document":    {[]config.QuerySecret{{Name: "a", Key: "key"}, {Name: "a", XMLPath: "$.b.c", Key: "user"}}, "a is set twice"},
		"a bad path":                {[]config.QuerySecret{{Name: "a", XMLPath: "$.b..c", Key: "user"}}, "$.b..c"},
		"a place twice":             {[]config.QuerySecret{{Name: "a", XMLPath: "$.b.c", Key: "user"}, {Name: "a", XMLPath: "$.b['c']", Key: "key"}}, "two values at one place"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newQuerySecrets(tc.list, testCredential()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
