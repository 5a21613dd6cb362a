//go:build integration

package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

const rateHead = "POST " + ratePath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// chunked is a body in chunks of n bytes.
func chunked(body string, n int) string {
	var b strings.Builder
	for len(body) > 0 {
		size := min(n, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", size, body[:size])
		body = body[size:]
	}
	return b.String() + "0\r\n"
}

// received is the one rate request that reached the carrier.
func (r *rig) received() (carriersim.Request, bool) {
	got := r.sim.Received(carriersim.Filter{Operation: "rate"})
	r.sim.ClearReceived()
	if len(got) != 1 {
		r.Errorf("%d rate requests reached the carrier, want 1", len(got))
		return carriersim.Request{}, false
	}
	return got[0], true
}

// final sends bytes as they are and reads the answer behind any interim ones.
func (r *rig) final(name, data string) answer {
	r.Helper()
	a, c := r.raw(name, data)
	if a.status != http.StatusContinue {
		return a
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(r, err)
	body, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}
}

// Odd but unambiguous: taken, and what the carrier gets is framed and addressed by the gateway alone.
func TestOddFramingThatHasOneMeaning(t *testing.T) {
	r := newRig(t)
	body := rateBody()
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	tests := map[string]string{
		"two equal lengths":                  rateHead + length + length + "\r\n" + body,
		"chunks of one byte":                 rateHead + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 1) + "\r\n",
		"chunks of seven bytes":              rateHead + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 7) + "\r\n",
		"a chunk extension":                  rateHead + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x;a=b\r\n%s\r\n0\r\n\r\n", len(body), body),
		"forbidden trailers":                 rateHead + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n" + chunked(body, 50) + "Authorization: Bearer x\r\nContent-Length: 1\r\nHost: evil\r\n\r\n",
		"Content-Encoding in a trailer":      rateHead + "Transfer-Encoding: chunked\r\nTrailer: Content-Encoding\r\n\r\n" + chunked(body, 50) + "Content-Encoding: gzip\r\n\r\n",
		"absolute form":                      strings.Replace(rateHead, ratePath, "https://evil.example"+ratePath, 1) + length + "\r\n" + body,
		"HTTP/1.0":                           strings.Replace(rateHead, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\n" + length + "\r\n" + body,
		"conditions and digests":             rateHead + "If-Match: \"1\"\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\nContent-MD5: x\r\nDigest: x\r\nSignature: x\r\n" + length + "\r\n" + body,
		"Expect: 100-continue with a body":   rateHead + "Expect: 100-continue\r\n" + length + "\r\n" + body,
		"headers of other proxies":           rateHead + "X-Forwarded-Host: evil\r\nForwarded: host=evil\r\nX-Original-URL: /x\r\nX-Rewrite-URL: /x\r\nVia: 1.1 evil\r\n" + length + "\r\n" + body,
		"credentials of the client's own":    rateHead + "Authorization: Basic eDp5\r\nAuthorization: Bearer x\r\nProxy-Authorization: x\r\nX-Api-Key: x\r\nCookie: a=b\r\n" + length + "\r\n" + body,
		"more than the length, then a close": rateHead + length + "Connection: close\r\n\r\n" + body + "GET /api/none HTTP/1.1\r\nHost: x\r\n\r\n",
	}
	allowed := map[string]bool{"Accept": true, "Accept-Encoding": true, "Authorization": true, "Content-Length": true, "Content-Type": true, "User-Agent": true}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			r := &rig{T: t, sim: r.sim, ca: r.ca, gateway: r.gateway, log: r.log}
			r.sim.ClearReceived()
			a := r.final("checkout", request)
			if name == "absolute form" { // a proxy's form: refused, whatever the host
				r.wantProblem(a, 400, ruleTarget)
				return
			}
			if a.status != 200 {
				t.Fatalf("status %d %s, want 200", a.status, a.body)
			}
			got, ok := r.received()
			if !ok {
				return
			}
			for name, values := range got.Header {
				if !allowed[name] || len(values) != 1 {
					t.Errorf("the carrier got %s: %d values", name, len(values))
				}
			}
			if got.Host != "onlinetools.ups.com" || !strings.HasPrefix(got.Header.Get("Authorization"), "Bearer ") || got.ContentLength != int64(len(got.Body)) {
				t.Errorf("host %q, length %d of %d bytes", got.Host, got.ContentLength, len(got.Body))
			}
			if strings.Contains(string(got.Body), plantedName) || !json.Valid(got.Body) {
				t.Errorf("body %s", got.Body)
			}
		})
	}
}

func TestFramingThatIsRefused(t *testing.T) {
	r := newRig(t)
	for name, request := range map[string]string{
		"a chunk extension of a megabyte": rateHead + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 1<<20) + "\r\n{}\r\n0\r\n\r\n",
		"authority form":                  "GET onlinetools.ups.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
		"an Expect of something else":     rateHead + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
		"a host with user info":           "GET /api/track/v1/details/1 HTTP/1.1\r\nHost: onlinetools.ups.com@evil\r\n\r\n",
		"lines that end in LF":            "GET /api/none HTTP/1.1\nHost: x\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{T: t, sim: r.sim, ca: r.ca, gateway: r.gateway, log: r.log}
			if a, _ := r.raw("checkout", request); a.status != 0 && (a.status < 400 || a.status > 499) {
				t.Errorf("status %d, want a refusal", a.status)
			}
			if n := r.operations(); n != 0 {
				t.Errorf("%d requests reached the carrier", n)
				r.sim.ClearReceived()
			}
		})
	}
}

func TestABodyThatIsAnnouncedAndNeverComes(t *testing.T) {
	r := newRig(t)
	a, c := r.raw("checkout", rateHead+"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if a.status != http.StatusContinue {
		t.Errorf("status %d, want 100", a.status)
	}
	before := len(r.log.records())
	must(t, c.Close())
	r.eventually("the broken request is recorded", func() bool { return len(r.log.records()) > before })
	if n := r.operations(); n != 0 {
		t.Errorf("%d requests reached the carrier", n)
	}
}

// Whatever host a client names, the request goes to the carrier's.
func TestTheHostIsPinned(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	for _, host := range []string{"fedex-gateway.shop.svc", "127.0.0.1", "[::1]", "localhost", "169.254.169.254", "metadata.google.internal",
		"onlinetools.ups.com.evil", "onlinetools.ups.com.", "onlinetools.ups.com:8443", "ONLINETOOLS.UPS.COM", "xn--nlinetools-l5h.ups.com", "%2e%2e"} {
		t.Run(host, func(t *testing.T) {
			r := &rig{T: t, sim: r.sim, ca: r.ca, gateway: r.gateway, log: r.log}
			a := r.do(client, "POST", ratePath, rateBody(), "Host", host)
			if a.status == 400 && host == "%2e%2e" {
				return
			}
			if got, ok := r.received(); a.status != 200 || ok && (got.Host != "onlinetools.ups.com" || got.ServerName != "onlinetools.ups.com") {
				t.Errorf("status %d; the carrier got host %q, SNI %q", a.status, got.Host, got.ServerName)
			}
		})
	}
}

// What a client sends cannot forge a line of the log or a terminal's commands.
func TestNothingCanBeInjectedIntoTheLog(t *testing.T) {
	r := newRig(t)
	const evil = "\x1b[31m\",\"level\":\"FORGED\\n"
	client := r.client("checkout")
	for _, path := range []string{"/api/track/v1/details/%22%7DFORGED", "/api/%1b%5b31mFORGED"} {
		r.do(client, "GET", path, "", "User-Agent", "FORGED\t"+strings.Trim(evil, "\x1b\\n"), "transId", "FORGED")
	}
	r.do(client, "POST", ratePath, `{"FORGED\"}\n":1}`, "Content-Type", "FORGED/x; a=\"\\\"\"")
	r.stop()
	lines := bufio.NewScanner(strings.NewReader(r.log.String()))
	n := 0
	for lines.Scan() {
		n++
		var record map[string]any
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Errorf("a line is not JSON: %q", lines.Text())
		}
	}
	if n == 0 || strings.Contains(r.log.String(), "FORGED") || strings.Contains(r.log.String(), "\x1b") {
		t.Errorf("%d lines; the log shows what a client made up", n)
	}
}

// A client that sends its header byte by byte is cut off.
func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, c := r.raw("returns", "GET /api/none HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err := io.WriteString(c, "GET /api/none HTTP/1.1\r\nHost: x\r\nX: ")
	must(t, err)
	began := time.Now()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if took := time.Since(began); took > 30*time.Second || err == nil && res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("after %v: %v", took, err)
	}
	if res != nil {
		_ = res.Body.Close()
	}
}
