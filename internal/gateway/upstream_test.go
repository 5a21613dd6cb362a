package gateway

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const testHost = "api.carrier.example"

// rawCarrier is a TLS server that answers each connection's first request with raw bytes, and an upstream that leads to it.
func rawCarrier(t *testing.T, ca *authority, pair map[string]string, change func(*tls.Config), answer func(net.Conn, *http.Request)) *upstream {
	t.Helper()
	certificate, err := tls.X509KeyPair([]byte(pair["tls.crt"]), []byte(pair["tls.key"]))
	must(t, err)
	c := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if change != nil {
		change(c)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					answer(conn, r)
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	u, err := newUpstream(config.Endpoint{Role: "API", URL: "https://" + testHost + ":" + port, Addresses: []string{"127.0.0.1"}, CABundle: ca.pem()},
		nil, nil, clock.RealClock{})
	must(t, err)
	t.Cleanup(u.transport.CloseIdleConnections)
	return u
}

func (u *upstream) get(t *testing.T, method string) (*http.Response, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, u.base.String()+"/", nil)
	must(t, err)
	res, err := u.transport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res, string(body), err
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil }
}

func TestCertificatesOfCarriers(t *testing.T) {
	ca := newAuthority(t)
	tests := map[string]struct {
		pair   map[string]string
		change func(*tls.Config)
		ok     bool
	}{
		"the right name":          {ca.issue(t, "", named(testHost)), nil, true},
		"a wildcard":              {ca.issue(t, "", named("*.carrier.example")), nil, true},
		"another name":            {ca.issue(t, "", named("api.evil.example")), nil, false},
		"a wildcard of two":       {ca.issue(t, "", named("*.example")), nil, false},
		"a name with a NUL":       {ca.issue(t, "", named(testHost+"\x00.evil.example")), nil, false},
		"the common name alone":   {ca.issue(t, "", named(), func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: testHost} }), nil, false},
		"the address alone":       {ca.issue(t, ""), nil, false},
		"expired":                 {ca.issue(t, "", named(testHost), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil, false},
		"not yet":                 {ca.issue(t, "", named(testHost), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), nil, false},
		"for clients only":        {ca.issue(t, "", named(testHost), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), nil, false},
		"of another CA":           {newAuthority(t).issue(t, "", named(testHost)), nil, false},
		"an RSA key of 1024 bits": {weakPair(t, ca), nil, false},
		"TLS 1.1":                 {ca.issue(t, "", named(testHost)), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		"TLS 1.2":                 {ca.issue(t, "", named(testHost)), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		"HTTP/2 offered":          {ca.issue(t, "", named(testHost)), func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			u := rawCarrier(t, ca, tc.pair, tc.change, func(c net.Conn, _ *http.Request) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			})
			_, body, err := u.get(t, "GET")
			if tc.ok != (err == nil && body == "ok") {
				t.Fatalf("body %q, error %v; want success: %v", body, err, tc.ok)
			}
			if err != nil {
				if p := carrierProblem(err); p.status != 502 || p.rule != ruleCarrierTLS {
					t.Errorf("problem %d %s for %v, want 502 %s", p.status, p.rule, err, ruleCarrierTLS)
				}
			}
		})
	}
}

func weakPair(t *testing.T, ca *authority) map[string]string {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serials.Add(1)), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{testHost}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	must(t, err)
	return map[string]string{"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}
}

// A carrier's broken framing ends the answer; it never becomes another one.
func TestFramingOfCarriers(t *testing.T) {
	ca := newAuthority(t)
	pair := ca.issue(t, "", named(testHost))
	const second = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
	tests := map[string]struct {
		method, answer string
		body           string // of an accepted answer
		refused        bool
	}{
		"two lengths that differ": {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "", true},
		"a signed length":         {"GET", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", "", true},
		"an unknown coding":       {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nok", "", true},
		"a bad chunk size":        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", "", true},
		"a bare LF in a chunk":    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", "", true},
		"no last chunk":           {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "", true},
		"a short body":            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "", true},
		"ten megabytes of header": {"GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10<<20) + "\r\n\r\n", "", true},
		"a flood of 1xx":          {"GET", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 1000)+"\r\n\r\n", 1000), "", true},
		"not HTTP":                {"GET", "SSH-2.0-x\r\n\r\n", "", true},
		"length and chunks":       {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "", true},
		"two equal lengths":       {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "", true},
		"204 with a body":         {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok" + second, "", false},
		"HEAD with a body":        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + second, "", false},
		"more than was announced": {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + second, "ok", false},
		"one 1xx before":          {"GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			u := rawCarrier(t, ca, pair, nil, func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, tc.answer) })
			for range 2 { // the second request shows that nothing was left over in the connection
				_, body, err := u.get(t, tc.method)
				if tc.refused != (err != nil) || !tc.refused && body != tc.body {
					t.Fatalf("body %q, error %v; want %q, refused: %v", body, err, tc.body, tc.refused)
				}
			}
		})
	}
}

func TestTransportsAreTakenOverUnlessTLSOrAddressesChange(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	base := config.Endpoint{Role: "API", URL: "https://a.example", Addresses: []string{"192.0.2.1", "192.0.2.2"}, CABundle: ca.pem()}
	first, err := newUpstream(base, nil, nil, clock.RealClock{})
	must(t, err)
	tests := map[string]struct {
		change func(*config.Endpoint)
		client *keyPair
		same   bool
	}{
		"nothing":               {func(*config.Endpoint) {}, nil, true},
		"an address is added":   {func(e *config.Endpoint) { e.Addresses = append(e.Addresses, "192.0.2.3") }, nil, true},
		"an address has gone":   {func(e *config.Endpoint) { e.Addresses = []string{"192.0.2.1"} }, nil, false},
		"the path alone":        {func(e *config.Endpoint) { e.URL += "/api" }, nil, true},
		"another CA":            {func(e *config.Endpoint) { e.CABundle = other.pem() }, nil, false},
		"another host":          {func(e *config.Endpoint) { e.URL = "https://b.example" }, nil, false},
		"another port":          {func(e *config.Endpoint) { e.URL = "https://a.example:444" }, nil, false},
		"a client certificate":  {func(*config.Endpoint) {}, &keyPair{fingerprint: "x"}, false},
		"the order of the same": {func(e *config.Endpoint) { e.Addresses = []string{"192.0.2.2", "192.0.2.1"} }, nil, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := base
			e.Addresses = append([]string{}, base.Addresses...)
			tc.change(&e)
			next, err := newUpstream(e, tc.client, first, clock.RealClock{})
			must(t, err)
			if (next.transport == first.transport) != tc.same {
				t.Errorf("the transport is taken over: %v, want %v", next.transport == first.transport, tc.same)
			}
		})
	}
	if got := fmt.Sprint(first.dialer.addresses); got != "[192.0.2.1 192.0.2.2]" {
		t.Errorf("the served dialer was changed before the commit: %s", got)
	}
}
