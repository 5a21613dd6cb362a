package placeholder_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/placeholder"
)

type part = placeholder.Part

func TestKeys(t *testing.T) {
	tests := map[string]struct {
		template string
		want     []part
	}{
		"nothing":            {"", nil},
		"text alone":         {"<a/>", []part{{Text: "<a/>"}}},
		"a key alone":        {"{user-name_1.x}", []part{{Name: "user-name_1.x"}}},
		"keys in XML":        {"<u>{user}</u><p>{password}</p>", []part{{Text: "<u>"}, {Name: "user"}, {Text: "</u><p>"}, {Name: "password"}, {Text: "</p>"}}},
		"objects are text":   {`{"roles":[{"crid":"{crid}"}]}`, []part{{Text: `{"roles":[{"crid":"`}, {Name: "crid"}, {Text: `"}]}`}}},
		"empty braces":       {"{}", []part{{Text: "{}"}}},
		"no key of a Secret": {"{a b}", []part{{Text: "{a b}"}}},
		"keys side by side":  {"{a}{b}", []part{{Name: "a"}, {Name: "b"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, placeholder.Keys(tc.template)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSigning(t *testing.T) {
	tests := map[string]struct {
		template string
		want     []part
		err      string
	}{
		"text alone": {template: "hmac", want: []part{{Text: "hmac"}}},
		"all places": {
			template: "{timestamp}\r\n{method} {path}?{query}\r\n{body}{operation}{form:msgData}{credential:api.key}:{signature}",
			want: []part{{Name: "timestamp"}, {Text: "\r\n"}, {Name: "method"}, {Text: " "}, {Name: "path"}, {Text: "?"}, {Name: "query"}, {Text: "\r\n"},
				{Name: "body"}, {Name: "operation"}, {Name: "form", Arg: "msgData"}, {Name: "credential", Arg: "api.key"}, {Text: ":"}, {Name: "signature"}},
		},
		"an unknown place":         {template: "{nonce}", err: "{nonce} is unknown"},
		"a place in another case":  {template: "{Body}", err: "{Body} is unknown"},
		"a key without its name":   {template: "{credential:}", err: "is unknown"},
		"a key without a colon":    {template: "{credential}", err: "is unknown"},
		"a name where none may be": {template: "{body:x}", err: "is unknown"},
		"an open brace":            {template: "ab{body", err: "a brace stands alone at character 3"},
		"a closing brace":          {template: "a}{body}", err: "a brace stands alone at character 2"},
		"a brace in a place":       {template: "{bo{dy}", err: "is unknown"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := placeholder.Signing(tc.template)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got %v, want an error with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
