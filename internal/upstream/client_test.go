//go:build integration

package upstream

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an origin answers, and what becomes of the connection.
func TestAnswers(t *testing.T) {
	const (
		kept    = 1 // connections after two requests
		dropped = 2
	)
	early := "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
	tests := map[string]struct {
		method, answer string
		status         int // 0: an error
		body           string
		connections    int64
	}{
		"a length":                         {"GET", ok, 200, "ok", kept},
		"chunks":                           {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", kept},
		"chunks with a trailer":            {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\n\r\n", 200, "ok", kept},
		"a length of zero":                 {"POST", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "", kept},
		"204":                              {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", kept},
		"304 with the length of its cause": {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", kept},
		"HEAD":                             {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200, "", kept},
		"HEAD, chunked":                    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", kept},
		"an informational one before":      {"GET", early + ok, 200, "ok", kept},
		"eight informational ones before":  {"GET", strings.Repeat(early, 8) + ok, 200, "ok", kept},
		"lines without CR":                 {"GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok", kept},
		"a header larger than a buffer":    {"GET", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 100<<10) + "\r\nContent-Length: 2\r\n\r\nok", 200, "ok", kept},
		"an end with the connection":       {"GET", "HTTP/1.1 200 OK\r\n\r\nok", 200, "ok", dropped},
		"Connection: close":                {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", dropped},
		"HTTP/1.0":                         {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", dropped},
		"101, never asked for":             {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 101, "", dropped},
		"204 with a body":                  {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok" + ok, 204, "", dropped},
		"HEAD with a body":                 {"HEAD", ok + ok, 200, "", dropped},
		"304 with a body":                  {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", 304, "", dropped},
		"more than was announced":          {"GET", ok + ok, 200, "ok", dropped},
		"a length and a coding":            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"a coding and a length":            {"GET", "HTTP/1.1 200 OK\r\ntransfer-ENCODING: chunked\r\ncontent-LENGTH: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"both behind a large header":       {"GET", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 9<<10) + "\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"two lengths that differ":          {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", 0, "", dropped},
		"two equal lengths":                {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 0, "", dropped},
		"a list of lengths":                {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", 0, "", dropped},
		"a signed length":                  {"GET", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", 0, "", dropped},
		"a negative length":                {"GET", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 0, "", dropped},
		"an unknown coding":                {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nok", 0, "", dropped},
		"a coding twice":                   {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"a chunk size with 0x":             {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"a bare LF behind a chunk size":    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", 0, "", dropped},
		"no last chunk":                    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0, "", dropped},
		"less than was announced":          {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", 0, "", dropped},
		"no status":                        {"GET", "HTTP/1.1\r\n\r\n", 0, "", dropped},
		"a status of four digits":          {"GET", "HTTP/1.1 2000 OK\r\n\r\n", 0, "", dropped},
		"a status below 100":               {"GET", "HTTP/1.1 099 No\r\n\r\n", 0, "", dropped},
		"HTTP/2":                           {"GET", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, "", dropped},
		"no HTTP":                          {"GET", "SSH-2.0-x\r\n\r\n", 0, "", dropped},
		"an empty line first":              {"GET", "\r\n\r\n" + ok, 0, "", dropped},
		"a space before the colon":         {"GET", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, "", dropped},
		"a folded first line":              {"GET", "HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 2\r\n\r\nok", 0, "", dropped},
		"a NUL in a value":                 {"GET", "HTTP/1.1 200 OK\r\nX-A\x00: 1\r\nContent-Length: 2\r\n\r\nok", 0, "", dropped},
		"nine informational ones":          {"GET", strings.Repeat(early, 9) + ok, 0, "", dropped},
		"a header of ten megabytes":        {"GET", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 10<<20) + "\r\n\r\n", 0, "", dropped},
		"half a header":                    {"GET", "HTTP/1.1 200 OK\r\nX-A: ", 0, "", dropped},
		"nothing":                          {"GET", "", 0, "", dropped},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ends := tc.connections == dropped
			o := startOrigin(t, func(p *peer, _ int64) {
				for p.next() != nil {
					p.say(tc.answer)
					if ends && !strings.HasSuffix(tc.answer, ok) { // what says more than it should stays open
						return
					}
				}
			})
			c := o.client(t)
			for range 2 { // the second request shows that nothing was left over
				a := do(t, c, tc.method, "")
				if (a.err != nil) != (tc.status == 0) || a.err == nil && (a.status != tc.status || a.body != tc.body) {
					t.Fatalf("answer %d %.80q, error %v; want %d %q", a.status, a.body, a.err, tc.status, tc.body)
				}
			}
			if got := o.connections.Load(); got != tc.connections {
				t.Errorf("%d connections for two requests, want %d", got, tc.connections)
			}
		})
	}
}

func TestRequestsOnTheWire(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20<<10)
	tests := map[string]struct {
		method, body string
		header       []string
		want         string
	}{
		"GET":          {"GET", "", []string{"B", "2", "A", "1", "A", "3"}, "GET /path?q=1 HTTP/1.1\r\nHost: example.com\r\nA: 1\r\nA: 3\r\nB: 2\r\n\r\n"},
		"POST":         {"POST", "hello", nil, "POST /path?q=1 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello"},
		"empty POST":   {"POST", "", nil, "POST /path?q=1 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n"},
		"empty DELETE": {"DELETE", "", nil, "DELETE /path?q=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"},
		"a large body": {"PUT", large, nil, "PUT /path?q=1 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 327680\r\n\r\n" + large},
		"the connection's headers are not the caller's": {"GET", "", []string{"Expect", "100-continue", "Connection", "A", "Te", "trailers",
			"Upgrade", "x", "Content-Length", "5", "Transfer-Encoding", "chunked", "Host", "evil"}, "GET /path?q=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			o := startOrigin(t, func(p *peer, _ int64) {
				b := make([]byte, len(tc.want))
				n, _ := io.ReadFull(p.in, b)
				got <- string(b[:n])
				p.say(ok)
			})
			if a := do(t, o.client(t), tc.method, tc.body, tc.header...); a.err != nil || a.body != "ok" {
				t.Fatalf("answer %q, %v", a.body, a.err)
			}
			if diff := cmp.Diff(tc.want, <-got); diff != "" {
				t.Errorf("on the wire (-want +got):\n%.2000s", diff)
			}
		})
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	tests := map[string]func(*http.Request){
		"a line break in a value":  func(r *http.Request) { r.Header["A"] = []string{"1\r\nB: 2"} },
		"a line break in a name":   func(r *http.Request) { r.Header["A: 1\r\nB"] = []string{"2"} },
		"an empty name":            func(r *http.Request) { r.Header[""] = []string{"2"} },
		"a NUL in a value":         func(r *http.Request) { r.Header["A"] = []string{"\x00"} },
		"a space in the method":    func(r *http.Request) { r.Method = "GET /x HTTP/1.1\r\nA:" },
		"a line break in the path": func(r *http.Request) { r.URL.Opaque = "/\r\nA: 1" },
		"a space in the query":     func(r *http.Request) { r.URL.RawQuery = "a b" },
		"a line break in the host": func(r *http.Request) { r.Host = "a\r\nB: 1" },
		"another host":             func(r *http.Request) { r.URL.Host = "evil.example" },
		"another port":             func(r *http.Request) { r.URL.Host = testHost + ":8443" },
		"without TLS":              func(r *http.Request) { r.URL.Scheme = "http" },
		"a body without a length":  func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), -1 },
		"a body that is too short": func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 2 },
		"a body that is too long":  func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("xyz")), 2 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOrigin(t, func(p *peer, _ int64) {
				if p.next() != nil {
					p.say(ok)
				}
			})
			c := o.client(t)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+testHost+"/", nil)
			must(t, err)
			change(req)
			res, err := c.RoundTrip(req)
			if err == nil {
				res.Body.Close()
				t.Errorf("status %d, want an error", res.StatusCode)
			}
			if n := o.requests.Load(); n != 0 {
				t.Errorf("%d requests arrived", n)
			}
			if n := c.idleCount(); n != 0 {
				t.Errorf("%d connections were kept", n)
			}
		})
	}
}
