//go:build integration

package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// raw sends bytes as they are over a new connection with a client certificate and reads one answer; status 0: the connection closed.
func (r *rig) raw(name, data string) (answer, net.Conn) {
	r.Helper()
	pair := r.ca.issue(r, config.ClientURI("shop", "ups", name))
	certificate, err := tls.X509KeyPair([]byte(pair["tls.crt"]), []byte(pair["tls.key"]))
	must(r, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(r.ca.pem()))
	c, err := tls.Dial("tcp", r.address(), &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}})
	must(r, err)
	r.Cleanup(func() { c.Close() })
	must(r, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, _ = io.WriteString(c, data) // the server may have closed already
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return answer{}, c
	}
	body, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, c
}

// operations counts what reached the carrier, token requests apart.
func (r *rig) operations() (n int) {
	for _, received := range r.sim.Received() {
		if received.Operation != "token" {
			n++
		}
	}
	return n
}

// wantProblem checks that an answer is a whole problem of the gateway, and nothing of it was forwarded.
func (r *rig) wantProblem(a answer, status int, rule string) {
	r.Helper()
	var p problemBody
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		r.Errorf("status %d, body %q; want a problem with rule %s", a.status, a.body, rule)
		return
	}
	if a.status != status || p.Status != status || p.Rule != rule || p.Type != problemBase+rule || p.Title == "" ||
		a.header.Get("Content-Type") != problemMediaType || a.header.Get(originHeader) != "problem" {
		r.Errorf("status %d, %v, body %s; want %d with rule %s", a.status, a.header, a.body, status, rule)
	}
	if n := r.operations(); n != 0 {
		r.Errorf("%d requests reached the carrier, want none", n)
		r.sim.ClearReceived()
	}
}

func TestRefusedTargets(t *testing.T) {
	r := newRig(t)
	request := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	tests := map[string]struct {
		request string
		status  int
		rule    string
	}{
		"dot segments":                  {request("/api/track/v1/details/../../x"), 400, ruleTarget},
		"encoded dot segments":          {request("/api/track/v1/%2e%2e/x"), 400, ruleTarget},
		"an encoded slash":              {request("/api/track/v1/details/a%2Fb"), 400, ruleTarget},
		"an encoded backslash":          {request("/api/track/v1/details/a%5cb"), 400, ruleTarget},
		"a backslash":                   {request("/api/track/v1/details/a\\b"), 400, ruleTarget},
		"a double slash":                {request("//evil/api/track/v1/details/1"), 400, ruleTarget},
		"a path parameter":              {request("/api/..;/track/v1/details/1"), 400, ruleTarget},
		"a fragment":                    {request("/api/track/v1/details/1#x"), 400, ruleTarget},
		"doubly encoded":                {request("/api/track/v1/details/a%252fb"), 400, ruleTarget},
		"an encoded NUL":                {request("/api/track/v1/details/a%00"), 400, ruleTarget},
		"an encoded line break":         {request("/api/track/v1/details/a%0d%0aX:1"), 400, ruleTarget},
		"absolute form, another host":   {request("https://evil.example/api/track/v1/details/1"), 400, ruleTarget},
		"absolute form, user info":      {request("https://onlinetools.ups.com@evil.example/"), 400, ruleTarget},
		"an unknown operation":          {request("/api/unknown"), 404, ruleOperationUnknown},
		"the token endpoint":            {strings.Replace(request("/security/v1/oauth/token"), "GET", "POST", 1), 404, ruleOperationUnknown},
		"another method":                {strings.Replace(request("/api/track/v1/details/1"), "GET", "PUT", 1), 405, ruleMethod},
		"CONNECT":                       {"CONNECT onlinetools.ups.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405, ruleMethod},
		"TRACE":                         {strings.Replace(request("/api/track/v1/details/1"), "GET", "TRACE", 1), 405, ruleMethod},
		"OPTIONS *":                     {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0, ""}, // net/http answers 200 by itself
		"a websocket":                   {"GET /api/track/v1/details/1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, ruleUpgrade},
		"h2c":                           {"GET /api/track/v1/details/1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", 400, ruleUpgrade},
		"Connection names a credential": {"GET /api/track/v1/details/1 HTTP/1.1\r\nHost: x\r\nConnection: authorization, x-api-key\r\n\r\n", 400, ruleHeader},
		"two content types":             {"POST /api/rating/v1/Rate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 400, ruleHeader},
		"an operation's header twice":   {"GET /api/track/v1/details/1 HTTP/1.1\r\nHost: x\r\ntransId: 1\r\nTransID: 2\r\n\r\n", 400, ruleHeader},
		"a body where none belongs":     {"GET /api/track/v1/details/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}", 400, ruleBodyNotAllowed},
		"a query with a semicolon":      {request("/api/track/v1/details/1?a=1;b=2"), 400, minimize.RuleInvalidQuery},
		"a query with a broken escape":  {request("/api/track/v1/details/1?a=%zz"), 400, minimize.RuleInvalidQuery},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a, _ := r.raw("checkout", tc.request)
			r := &rig{T: t, sim: r.sim}
			if tc.rule == "" {
				if r.operations() != 0 {
					t.Error("it reached the carrier")
				}
				return
			}
			r.wantProblem(a, tc.status, tc.rule)
		})
	}
}

// net/http judges framing; what matters is that nothing reaches the carrier, and that the connection ends with it.
func TestRefusedFraming(t *testing.T) {
	r := newRig(t)
	const head = "POST /api/rating/v1/Rate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	tests := map[string]string{
		"two lengths that differ":     head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"a signed length":             head + "Content-Length: +2\r\n\r\n{}",
		"a list of lengths":           head + "Content-Length: 2,2\r\n\r\n{}",
		"a hexadecimal length":        head + "Content-Length: 0x2\r\n\r\n{}",
		"a length beyond all":         head + "Content-Length: 9223372036854775808\r\n\r\n{}",
		"an unknown coding":           head + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"identity after chunked":      head + "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"Transfer-Encoding twice":     head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"a space before the colon":    head + "Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"a chunk size with 0x":        head + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
		"a negative chunk size":       head + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
		"17 digits of chunk size":     head + "Transfer-Encoding: chunked\r\n\r\n00000000000000002\r\n{}\r\n0\r\n\r\n",
		"a bare LF in a chunk size":   head + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
		"no last chunk":               head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"a body that is too short":    head + "Content-Length: 100\r\n\r\n{}",
		"a bare CR in a value":        head + "X-A: 1\r2\r\nContent-Length: 2\r\n\r\n{}",
		"a NUL in a value":            head + "X-A: 1\x002\r\nContent-Length: 2\r\n\r\n{}",
		"a byte 0x80 in a name":       head + "X-\x80: 1\r\nContent-Length: 2\r\n\r\n{}",
		"no Host":                     "POST /api/rating/v1/Rate HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"two Hosts":                   "POST /api/rating/v1/Rate HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/0.9":                    "GET /api/track/v1/details/1\r\n\r\n",
		"a request line with LF only": "GET /api/track/v1/details/1 HTTP/9.9\n\n",
		"an obfuscated Expect":        head + "Expect: y 100-continue\r\nContent-Length: 2\r\n\r\n{}",
		"a megabyte of headers":       head + "X-A: " + strings.Repeat("x", 1<<20) + "\r\nContent-Length: 2\r\n\r\n{}",
		"10,000 headers":              head + strings.Repeat("X-A: 1\r\n", 10000) + "Content-Length: 2\r\n\r\n{}",
	}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			r := &rig{T: t, sim: r.sim, ca: r.ca, gateway: r.gateway, log: r.log}
			partial := strings.HasPrefix(name, "no last chunk") || strings.HasPrefix(name, "a body that is too short")
			if partial { // the client goes away in the middle
				pair := r.ca.issue(r, config.ClientURI("shop", "ups", "checkout"))
				certificate, err := tls.X509KeyPair([]byte(pair["tls.crt"]), []byte(pair["tls.key"]))
				must(t, err)
				c, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}})
				must(t, err)
				before := len(r.log.records())
				_, err = io.WriteString(c, request)
				must(t, err)
				c.Close()
				r.eventually("the broken request is recorded", func() bool { return len(r.log.records()) > before })
			} else if a, _ := r.raw("checkout", request); a.status != 0 && (a.status < 400 || a.status > 499 && a.status != 501 && a.status != 505) {
				t.Errorf("status %d, want a refusal", a.status)
			}
			if n := r.operations(); n != 0 {
				t.Errorf("%d requests reached the carrier", n)
				r.sim.ClearReceived()
			}
		})
	}
}

// A server may read these in several ways or refuse them (RFC 9112, sections 5.2, 6.1 and 7.1.1). They are refused, wherever the network cuts them.
func TestAmbiguousFramingIsRefused(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode = "Report" })
	const head = "POST /api/rating/v1/Rate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"length and chunks":          head + "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n",
		"chunks and length":          head + "transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":         strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"a folded header":            head + "Accept: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
		"a folded trailer":           head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: 1\r\n\t2\r\n\r\n",
		"a NUL in a chunk extension": head + "Transfer-Encoding: chunked\r\n\r\n2;\x00\r\n{}\r\n0\r\n\r\n",
		"a bare CR in an extension":  head + "Transfer-Encoding: chunked\r\n\r\n2;a\rb\r\n{}\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{T: t, sim: r.sim, ca: r.ca, gateway: r.gateway, log: r.log}
			if a, _ := r.raw("checkout", request); a.status != http.StatusBadRequest {
				t.Errorf("status %d, want 400", a.status)
			}
			if n := r.operations(); n != 0 {
				t.Errorf("%d requests reached the carrier", n)
				r.sim.ClearReceived()
			}
		})
	}
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func TestRefusedBodies(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode, r.config.MaxRequestBytes = "Enforce", 64<<10 })
	client := r.client("checkout")
	const minimal = `{"RateRequest":{"Shipment":{"ShipTo":{"Address":{"CountryCode":"FR"}}}}}`
	tests := map[string]struct {
		body   string
		header []string
		status int
		rule   string
	}{
		"not JSON":                     {`name=x`, nil, 400, minimize.RuleInvalidJSON},
		"a duplicate key":              {`{"RateRequest":{"Request":1,"Request":2}}`, nil, 400, minimize.RuleDuplicateKey},
		"an escaped duplicate key":     {`{"RateRequest":{"Request":1,"R\u0065quest":2}}`, nil, 400, minimize.RuleDuplicateKey},
		"a variant of a key":           {`{"raterequest":{"Shipment":{}}}`, nil, 422, minimize.RuleKeyVariant},
		"trailing data":                {minimal + `{}`, nil, 400, minimize.RuleTrailingData},
		"lines of documents":           {minimal + "\n" + minimal, nil, 400, minimize.RuleTrailingData},
		"a byte order mark":            {"\ufeff" + minimal, nil, 400, minimize.RuleByteOrderMark},
		"invalid UTF-8":                {"{\"a\":\"\xff\"}", nil, 400, minimize.RuleInvalidUTF8},
		"a comment":                    {`{/* */}`, nil, 400, minimize.RuleInvalidJSON},
		"NaN":                          {`{"RateRequest":NaN}`, nil, 400, minimize.RuleInvalidJSON},
		"truncated":                    {minimal[:20], nil, 400, minimize.RuleInvalidJSON},
		"nested too deep":              {strings.Repeat("[", 10000), nil, 400, minimize.RuleTooDeep},
		"a required field is missing":  {`{"RateRequest":{"Shipment":{}}}`, nil, 422, minimize.RuleRequiredMissing},
		"no body at all":               {``, nil, 422, minimize.RuleRequiredMissing},
		"too large":                    {`{"a":"` + strings.Repeat("x", 70<<10) + `"}`, nil, 413, ruleBodyTooLarge},
		"no content type":              {minimal, []string{"Content-Type", "-"}, 415, minimize.RuleContentType},
		"text":                         {minimal, []string{"Content-Type", "text/plain"}, 415, minimize.RuleContentType},
		"a form":                       {`a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, minimize.RuleContentType},
		"XML":                          {`<a/>`, []string{"Content-Type", "application/xml"}, 415, minimize.RuleContentType},
		"UTF-16":                       {minimal, []string{"Content-Type", "application/json; charset=utf-16"}, 415, minimize.RuleCharset},
		"UTF-7":                        {minimal, []string{"Content-Type", "application/json; charset=utf-7"}, 415, minimize.RuleCharset},
		"charset twice":                {minimal, []string{"Content-Type", "application/json; charset=utf-8; charset=utf-7"}, 415, minimize.RuleContentType},
		"gzip":                         {gzipped(minimal), []string{"Content-Encoding", "gzip"}, 415, minimize.RuleContentEncoding},
		"gzip, said in capitals":       {gzipped(minimal), []string{"Content-Encoding", "GZIP"}, 415, minimize.RuleContentEncoding},
		"two encodings":                {gzipped(gzipped(minimal)), []string{"Content-Encoding", "gzip, gzip"}, 415, minimize.RuleContentEncoding},
		"two headers of encodings":     {minimal, []string{"Content-Encoding", "identity", "Content-Encoding", "gzip"}, 400, ruleHeader},
		"br":                           {minimal, []string{"Content-Encoding", "br"}, 415, minimize.RuleContentEncoding},
		"an unknown encoding":          {minimal, []string{"Content-Encoding", "x"}, 415, minimize.RuleContentEncoding},
		"an array at the root":         {`[1,2]`, nil, 422, minimize.RuleRequiredMissing},
		"the body's only word is null": {`null`, nil, 422, minimize.RuleRequiredMissing},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			// A client with chunks and one with a length must fare alike.
			a := r.do(client, "POST", ratePath, tc.body, tc.header...)
			r := &rig{T: t, sim: r.sim}
			if tc.rule == minimize.RuleRequiredMissing && a.rule() == minimize.RuleRootNotAllowed {
				tc.rule = minimize.RuleRootNotAllowed
			}
			r.wantProblem(a, tc.status, tc.rule)
		})
	}
}

func TestChunkedBodiesAreBoundedToo(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MaxRequestBytes = 1000 })
	request := "POST " + ratePath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("64\r\n"+strings.Repeat(" ", 100)+"\r\n", 20) + "0\r\n\r\n"
	a, _ := r.raw("checkout", request)
	r.wantProblem(a, 413, ruleBodyTooLarge)
}

func TestReportPassesWhatItCannotReadAndSaysSo(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode = "Report" })
	body := gzipped(rateBody())
	r.do(r.client("checkout"), "POST", ratePath, body, "Content-Encoding", "gzip")
	got := r.sim.Received()
	if n := len(got); n == 0 || string(got[n-1].Body) != body || got[n-1].Header.Get("Content-Encoding") != "gzip" {
		t.Fatal("the carrier did not receive the body as it was")
	}
	r.eventually("it is recorded", func() bool { return len(r.log.records()) == 1 })
	if got := r.log.records()[0]["requestUndecodable"]; got != minimize.RuleContentEncoding {
		t.Errorf("requestUndecodable %v, want %s", got, minimize.RuleContentEncoding)
	}
}

func TestReportChangesNothingAndCounts(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode = "Report" })
	if a := r.do(r.client("checkout"), "POST", ratePath, rateBody()); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	got := r.sim.Received()
	if string(got[len(got)-1].Body) != rateBody() {
		t.Error("the body was changed")
	}
	r.eventually("it is recorded", func() bool { return len(r.log.records()) == 1 })
	if n := r.log.records()[0]["removedFields"]; n == float64(0) {
		t.Error("nothing was counted")
	}
}

func TestUnknownOperationsPassOnlyWhereTheConfigurationSaysSo(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode, r.config.ForwardUnknownOperations = "Report", true })
	a := r.do(r.client("returns"), "POST", "/api/rating/v1/other/thing", `{"a":1}`)
	if a.header.Get(originHeader) != "carrier" {
		t.Errorf("answer %d %s, want the carrier's", a.status, a.body)
	}
	if a := r.do(r.client("returns"), "POST", "/elsewhere", `{}`); a.rule() != ruleOperationUnknown {
		t.Errorf("rule %q outside of the endpoint's path, want %s", a.rule(), ruleOperationUnknown)
	}
	if a := r.do(r.client("returns"), "POST", ratePath, `{}`); a.rule() != ruleOperationDenied {
		t.Errorf("rule %q for a known operation of others, want %s", a.rule(), ruleOperationDenied)
	}
}

func TestPipelinedRequestAfterARefusalIsStillARequestOfItsOwn(t *testing.T) {
	r := newRig(t)
	_, c := r.raw("checkout", "POST "+ratePath+" HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"+
		"GET /api/none HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil { // the first reader may have taken the second answer along
		if res.StatusCode != 404 {
			t.Errorf("second answer %d, want 404", res.StatusCode)
		}
	}
	if n := r.operations(); n != 0 {
		t.Errorf("%d requests reached the carrier", n)
	}
}

func TestClientsThatAreNone(t *testing.T) {
	r := newRig(t)
	stranger := newAuthority(t)
	handshakes := map[string]map[string]string{
		"no certificate":                nil,
		"a certificate of another CA":   stranger.issue(t, config.ClientURI("shop", "ups", "checkout")),
		"a certificate that has ended":  r.ca.issue(t, config.ClientURI("shop", "ups", "checkout"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"a certificate for server only": r.ca.issue(t, config.ClientURI("shop", "ups", "checkout"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
	}
	for name, pair := range handshakes {
		t.Run(name, func(t *testing.T) {
			res, err := r.clientWith(pair).Get("https://" + r.address() + "/api/track/v1/details/1")
			if err == nil {
				res.Body.Close()
				t.Errorf("answer %d, want no connection", res.StatusCode)
			}
		})
	}
	certificates := map[string]map[string]string{
		"a client of another integration": r.ca.issue(t, config.ClientURI("shop", "fedex", "checkout")),
		"a client of another namespace":   r.ca.issue(t, config.ClientURI("other", "ups", "checkout")),
		"the operator":                    r.ca.issue(t, config.ManagerURI("shop", "ups")),
		"the gateway itself":              r.ca.issue(t, config.GatewayURI("shop", "ups")),
		"a name that is none":             r.ca.issue(t, ""),
		"two names": r.ca.issue(t, config.ClientURI("shop", "ups", "checkout"), func(c *x509.Certificate) {
			c.URIs = append(c.URIs, c.URIs[0].JoinPath("x"))
		}),
	}
	for name, pair := range certificates {
		t.Run(name, func(t *testing.T) {
			a := r.do(r.clientWith(pair), "GET", "/api/track/v1/details/1", "")
			(&rig{T: t, sim: r.sim}).wantProblem(a, 403, ruleClientUnknown)
		})
	}
	t.Run("an operation of other clients", func(t *testing.T) {
		a := r.do(r.client("returns"), "POST", ratePath, rateBody())
		(&rig{T: t, sim: r.sim}).wantProblem(a, 403, ruleOperationDenied)
	})
}

func TestOtherListeners(t *testing.T) {
	for _, mode := range []string{config.ListenerTLS, config.ListenerPlaintext} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.Listener.Mode, r.config.Clients = mode, r.config.Clients[:1] })
			scheme := map[string]string{config.ListenerTLS: "https", config.ListenerPlaintext: "http"}[mode]
			res, err := r.clientWith(nil).Post(fmt.Sprintf("%s://%s%s", scheme, r.address(), ratePath), "application/json", strings.NewReader(rateBody()))
			must(t, err)
			defer res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("status %d, want 200", res.StatusCode)
			}
		})
	}
}
