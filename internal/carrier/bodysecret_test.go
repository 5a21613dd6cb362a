package carrier

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

const (
	testUser     = `shop "&<>'`
	testPassword = `s3cret\+=; ü`
)

func testCredential() *Credential {
	return NewCredential("main", map[string][]byte{"user": []byte(testUser + "\n"), "password": []byte(testPassword), "key": []byte("k1")})
}

// applied runs a part over a request with a body and returns what is sent.
func applied(t *testing.T, p part, contentType, body string) (string, error) {
	t.Helper()
	media, _, _ := strings.Cut(contentType, ";")
	sent := []byte(body)
	out := &Outgoing{Method: http.MethodPost, Path: "/x", Header: http.Header{}, Body: sent, ContentType: strings.ToLower(media)}
	if contentType != "" {
		out.Header.Set("Content-Type", contentType)
	}
	err := p.apply(out)
	if string(sent) != body {
		t.Error("the body of the request was written into")
	}
	return string(out.Body), err
}

func bodyPart(t *testing.T, format string, fields ...config.BodySecret) part {
	t.Helper()
	p, err := newBodySecrets(&config.BodySecrets{Format: format, Fields: fields}, testCredential())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCredentialInJSONBody(t *testing.T) {
	const user, password = `"shop \"&<>'"`, `"s3cret\\+=; ü"`
	tests := map[string]struct{ body, want string }{
		"an empty object":               {`{}`, `{"ClientInfo":{"UserName":` + user + `,"Password":` + password + `}}`},
		"beside other members":          {`{ "a" : 1.0 , "b":[1e400, -0] }`, `{ "a" : 1.0 , "b":[1e400, -0],"ClientInfo":{"UserName":` + user + `,"Password":` + password + `} }`},
		"in a container that is there":  {`{"ClientInfo":{"Version":"v1"},"z":0}`, `{"ClientInfo":{"Version":"v1","UserName":` + user + `,"Password":` + password + `},"z":0}`},
		"in an empty container":         {`{"ClientInfo":{ }}`, `{"ClientInfo":{"UserName":` + user + `,"Password":` + password + ` }}`},
		"in a null container":           {`{"ClientInfo":null,"a":1}`, `{"ClientInfo":{"UserName":` + user + `,"Password":` + password + `},"a":1}`},
		"instead of the client's own":   {`{"ClientInfo":{"UserName":"eve","Password":"x","Version":"v1"}}`, `{"ClientInfo":{"Version":"v1","UserName":` + user + `,"Password":` + password + `}}`},
		"instead of objects and lists":  {`{"ClientInfo":{"UserName":["eve",{"a":1}],"Password":{"b":2}},"a":1}`, `{"a":1,"ClientInfo":{"UserName":` + user + `,"Password":` + password + `}}`},
		"instead of variants":           {`{"ClientInfo":{"username":"eve","PASSWORD":"x","pass\u0077ord":"y","User\u200bName":"z","V":1}}`, `{"ClientInfo":{"V":1,"UserName":` + user + `,"Password":` + password + `}}`},
		"instead of an escaped name":    {`{"ClientInfo":{"User\u004eame":"eve","V":1}}`, `{"ClientInfo":{"V":1,"UserName":` + user + `,"Password":` + password + `}}`},
		"also in a container's variant": {`{"clientinfo":{"UserName":"eve","V":1}}`, `{"clientinfo":{"V":1},"ClientInfo":{"UserName":` + user + `,"Password":` + password + `}}`},
		"elsewhere nothing goes":        {`{"UserName":"kept","x":{"ClientInfo":{"UserName":"kept"}}}`, `{"UserName":"kept","x":{"ClientInfo":{"UserName":"kept"}},"ClientInfo":{"UserName":` + user + `,"Password":` + password + `}}`},
	}
	p := bodyPart(t, "JSON", config.BodySecret{Path: "$.ClientInfo.UserName", Key: "user"}, config.BodySecret{Path: "$['ClientInfo'].Password", Key: "password"},
		config.BodySecret{Path: "$.ClientInfo.Pin", Key: "pin", Optional: true})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, p, "application/json", tc.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialInForm(t *testing.T) {
	const secrets = "msgUser=shop+%22%26%3C%3E%27&msg+Key=s3cret%5C%2B%3D%3B+%C3%BC"
	tests := map[string]struct{ body, want string }{
		"beside other fields":         {"a=1&b=%20x+y&c", "a=1&b=%20x+y&c&" + secrets},
		"instead of the client's own": {"msgUser=eve&a=1&msg+Key=x", "a=1&" + secrets},
		"instead of all of them":      {"msgUser=eve&msgUser=bob&a=1", "a=1&" + secrets},
		"instead of variants":         {"MSGUSER=eve&msgUser%5B%5D=bob&msg%20key=x&m%73gUser=y&a=1", "a=1&" + secrets},
		"instead of everything":       {"msgUser=eve", secrets},
	}
	p := bodyPart(t, "Form", config.BodySecret{Path: "$.msgUser", Key: "user"}, config.BodySecret{Path: "$['msg Key']", Key: "password"})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, p, "application/x-www-form-urlencoded; charset=UTF-8", tc.body)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("sent %s, want %s", got, tc.want)
			}
		})
	}
}

// What has no place for the credential, or more than one meaning, is refused before anything is sent.
func TestBodiesWithoutPlaceForTheCredentialAreRefused(t *testing.T) {
	field := func(path string) config.BodySecret { return config.BodySecret{Path: path, Key: "password"} }
	form := "application/x-www-form-urlencoded"
	tests := map[string]struct {
		format, path, contentType, body string
		rule                            string
	}{
		"no body":                     {"JSON", "$.a.b", "application/json", "", minimize.RuleRequiredMissing},
		"no content type":             {"JSON", "$.a.b", "", "{}", minimize.RuleContentType},
		"another format":              {"JSON", "$.a.b", "text/xml", "{}", minimize.RuleContentType},
		"another charset":             {"JSON", "$.a.b", "application/json; charset=utf-16", "{}", minimize.RuleCharset},
		"not JSON":                    {"JSON", "$.a.b", "application/json", "{a:1}", minimize.RuleInvalidJSON},
		"two documents":               {"JSON", "$.a.b", "application/json", "{}{}", minimize.RuleTrailingData},
		"a name twice":                {"JSON", "$.a.b", "application/json", `{"a":{},"a":{}}`, minimize.RuleDuplicateKey},
		"a list of everything":        {"JSON", "$.a.b", "application/json", `[{}]`, minimize.RuleRequiredMissing},
		"a list on the way":           {"JSON", "$.a.b", "application/json", `{"a":[{}]}`, minimize.RuleRequiredMissing},
		"a text on the way":           {"JSON", "$.a.b", "application/json", `{"a":"s"}`, minimize.RuleRequiredMissing},
		"not XML":                     {"XML", "$.a.b", "text/xml", "{}", minimize.RuleInvalidXML},
		"a DOCTYPE":                   {"XML", "$.a.b", "text/xml", "<!DOCTYPE a><a/>", minimize.RuleDoctype},
		"an entity":                   {"XML", "$.a.b", "text/xml", "<a>&x;</a>", minimize.RuleEntity},
		"another root":                {"XML", "$.a.b", "text/xml", "<c><a/></c>", minimize.RuleRequiredMissing},
		"a container twice":           {"XML", "$.a.b.c", "text/xml", "<a><b/><x/><b/></a>", minimize.RuleRequiredMissing},
		"a form with a semicolon":     {"Form", "$.a", form, "x=1;a=2", minimize.RuleInvalidForm},
		"a form with a broken escape": {"Form", "$.a", form, "x=%zz", minimize.RuleInvalidForm},
		"a form in another charset":   {"Form", "$.a", form + "; charset=latin1", "x=1", minimize.RuleCharset},
		"no form":                     {"Form", "$.a", "text/plain", "x=1", minimize.RuleContentType},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, bodyPart(t, tc.format, field(tc.path)), tc.contentType, tc.body)
			cause, _ := errors.AsType[*minimize.Error](err)
			failure, _ := errors.AsType[*Failure](err)
			if cause == nil || failure == nil || cause.Rule != tc.rule || failure.Class != FailureUnsuitableRequest {
				t.Fatalf("got %v, want rule %s", err, tc.rule)
			}
			if got != tc.body {
				t.Errorf("the body became %q", got)
			}
			if strings.Contains(err.Error()+cause.Error(), "s3cret") {
				t.Error("the error holds the credential")
			}
		})
	}
	t.Run("an encoded body", func(t *testing.T) {
		out := &Outgoing{Header: http.Header{"Content-Type": {form}, "Content-Encoding": {"gzip"}}, Body: []byte("x"), ContentType: form}
		if err := bodyPart(t, "Form", field("$.a")).apply(out); err == nil {
			t.Error("accepted")
		}
	})
}

func TestBodyCredentialsThatCannotWorkAreRefusedAtOnce(t *testing.T) {
	one := func(path, key string) []config.BodySecret { return []config.BodySecret{{Path: path, Key: key}} }
	tests := map[string]struct {
		format string
		fields []config.BodySecret
		want   string
	}{
		"a missing key":            {"JSON", one("$.a", "nothing"), "no value under the key nothing"},
		"no value at all":          {"JSON", []config.BodySecret{{Path: "$.a", Key: "nothing", Optional: true}}, "no field of the body"},
		"a wildcard":               {"JSON", one("$.a[*]", "key"), "$.a[*]"},
		"a place in a place":       {"JSON", append(one("$.a", "key"), one("$.a.b", "user")...), "two values at one place"},
		"a place twice":            {"Form", append(one("$.a", "key"), one("$['a']", "user")...), "two values at one place"},
		"another format":           {"Multipart", one("$.a", "key"), "use JSON, XML or Form"},
		"depth in a form":          {"Form", one("$.a.b", "key"), "a form has one level"},
		"the root of XML":          {"XML", one("$.a", "key"), "root element itself"},
		"elements in an attribute": {"XML", one("$.a.@b.c", "key"), "only the last name"},
		"no name of XML":           {"XML", one("$.a['b c']", "key"), "names can be those of XML"},
		"a value that is no text":  {"JSON", one("$.a", "bytes"), "not UTF-8"},
		"a value that is no XML":   {"XML", one("$.a.b", "control"), "cannot stand in XML"},
	}
	credential := NewCredential("main", map[string][]byte{"key": []byte("s3cret"), "user": []byte("u"), "bytes": []byte("s3cret\xff"), "control": []byte("s3cret\u0085x")})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newBodySecrets(&config.BodySecrets{Format: tc.format, Fields: tc.fields}, credential)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v, want an error with %q and without the value", err, tc.want)
			}
		})
	}
}
