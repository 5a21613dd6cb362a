package carrier

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func testConfig() *config.Config {
	return &config.Config{
		Endpoints: []config.Endpoint{{Role: "API", URL: "https://a.example/api"}, {Role: "Tracking", URL: "https://t.example/"}},
		Operations: []config.Operation{
			{Name: "rate", Role: "API", Requests: []config.Request{{Method: "POST", Path: "/rating/{version}/{option}"}}},
			{Name: "void", Role: "API", Requests: []config.Request{{Method: "DELETE", Path: "/rating/{version}/void"}}},
			{Name: "shop", Role: "API", Requests: []config.Request{{Method: "POST", Path: "/rating/{version}/shop"}}},
			{Name: "track", Role: "Tracking", Requests: []config.Request{{Method: "GET", Path: "/parcels/{number}"}}},
		},
	}
}

func TestMatch(t *testing.T) {
	r, err := NewRouter(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method, path string
		operation    string
		allowed      []string
	}{
		"a template below the endpoint's path":        {"POST", "/api/rating/v1/Rate", "rate", nil},
		"a literal segment beats a parameter":         {"POST", "/api/rating/v1/shop", "shop", nil},
		"a parameter where the literal has no method": {"POST", "/api/rating/v1/void", "rate", nil},
		"an endpoint without a path":                  {"GET", "/parcels/123", "track", nil},
		"an escaped value in a parameter":             {"GET", "/parcels/1%20a", "track", nil},
		"another method is named":                     {"GET", "/api/rating/v1/void", "", []string{"DELETE", "POST"}},
		"HEAD is not GET":                             {"HEAD", "/parcels/123", "", []string{"GET"}},
		"case matters":                                {"POST", "/api/Rating/v1/Rate", "", nil},
		"an empty parameter is none":                  {"GET", "/parcels/", "", nil},
		"a trailing slash is another path":            {"GET", "/parcels/1/", "", nil},
		"more segments":                               {"POST", "/api/rating/v1/Rate/x", "", nil},
		"fewer segments":                              {"POST", "/api/rating", "", nil},
		"the path without that of the endpoint":       {"POST", "/rating/v1/Rate", "", nil},
		"a literal that is escaped":                   {"POST", "/api/r%61ting/v1/Rate", "", nil},
		"the root":                                    {"GET", "/", "", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			route, allowed := r.Match(tc.method, tc.path)
			got := ""
			if route != nil {
				got = route.Operation.Name
			}
			if got != tc.operation || !cmp.Equal(allowed, tc.allowed) {
				t.Errorf("operation %q, allowed %v; want %q, %v", got, allowed, tc.operation, tc.allowed)
			}
		})
	}
}

func TestTemplateIsTheWholePath(t *testing.T) {
	r, _ := NewRouter(testConfig())
	route, _ := r.Match("POST", "/api/rating/v1/Rate")
	if want := "/api/rating/{version}/{option}"; route.Template != want {
		t.Errorf("template %q, want %q", route.Template, want)
	}
}

func TestUnknownPathsPassBelowTheAPIEndpointOnly(t *testing.T) {
	c := testConfig()
	r, _ := NewRouter(c)
	if r.Unknown("/api/x") {
		t.Error("an unknown path passes although the configuration does not say so")
	}
	c.ForwardUnknownOperations = true
	r, _ = NewRouter(c)
	for path, want := range map[string]bool{"/api/x": true, "/apix": false, "/x": false, "/": false} {
		if got := r.Unknown(path); got != want {
			t.Errorf("%s passes: %v, want %v", path, got, want)
		}
	}
}

func TestNewRouterRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"an operation without endpoint": {func(c *config.Config) { c.Operations[0].Role = "Label" }, "no endpoint of role Label"},
		"two operations for one request": {func(c *config.Config) {
			c.Operations[1].Requests[0] = config.Request{Method: "POST", Path: "/rating/{v}/{o}"}
		}, "also matches operation rate"},
		"unknown operations without an API endpoint": {func(c *config.Config) {
			c.ForwardUnknownOperations, c.Endpoints[0].Role = true, "Label"
		}, "no endpoint of role API"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			tc.change(c)
			if _, err := NewRouter(c); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestCheckPath(t *testing.T) {
	for _, path := range []string{"/", "/a/b", "/a/b/", "/a-b_c~d", "/a%20b", "/a%C3%BC", "/a:b@c!$&'()*+,=", "/a.b/..c/...", "/{x"} {
		if err := CheckPath(path); (err == nil) != (path != "/{x") {
			t.Errorf("%s: %v", path, err)
		}
	}
	refused := []string{"", "*", "a/b", "//", "//evil/", "/a//b", "/a/./b", "/a/../b", "/..", "/a/..", "/..;/a", "/a;b", "/a#b", "/a\\b", "/a b",
		"/a\tb", "/a\x00b", "/a\x7fb", "/a\x80b", "/ü", "/%2e%2e/a", "/%2E/a", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%00b", "/a%0d%0ab", "/a%3bb",
		"/a%23b", "/a%3fb", "/a%25b", "/a%252eb", "/a%", "/a%2", "/a%zz", "/a%\x11\x12", "/a%+1", "/a%1_", "/a%u0041", "/a%7f", "/a?b", "/a\"b", "/a<b>"}
	for _, path := range refused {
		if CheckPath(path) == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}

func FuzzCheckPath(f *testing.F) {
	f.Add("/a/b")
	f.Add("/%2e%2e/a")
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		// Whatever is accepted reads the same before and after one or two decodings, as far as structure goes.
		for _, bad := range []string{"//", "\\", ";", "#", "?", "\x00", "%2f", "%2F", "%2e", "%2E", "%25"} {
			if strings.Contains(path, bad) {
				t.Errorf("%q is accepted with %q in it", path, bad)
			}
		}
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				t.Errorf("%q is accepted with a dot segment", path)
			}
		}
	})
}
