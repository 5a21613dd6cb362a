package carriersim

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// get asks for something that exists at no carrier; only the handshake matters.
func get(client *http.Client, host string) error {
	resp, err := client.Get("https://" + host + "/none")
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// certificateProblem names why a client refuses the server.
func certificateProblem(err error) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var noTLS tls.RecordHeaderError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired"
	case errors.As(err, &name):
		return "wrong name"
	case errors.As(err, &unknown):
		return "unknown authority"
	case errors.As(err, &noTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "plaintext"
	}
	return err.Error()
}

func TestEveryHostHasAValidCertificateButTheFaultHosts(t *testing.T) {
	s, _ := startSim(t, func(o *Options) { o.Hosts = map[string]Carrier{"ups.internal.example": UPS} })
	want := map[string]string{HostExpired: "expired", HostWrongName: "wrong name", HostUnknownCA: "unknown authority"}
	for host := range s.opts.Hosts {
		if host == "::1" {
			host = "[::1]"
		}
		if got := certificateProblem(get(s.Client(), host)); got != or(want[host], "none") {
			t.Errorf("%s: %s, want %s", host, got, or(want[host], "none"))
		}
	}
}

func TestCertificatesChangeWhileConnected(t *testing.T) {
	s, _ := startSim(t)
	client := s.Client()
	client.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for _, step := range []struct {
		kinds map[string]CertificateKind
		want  string
	}{
		{nil, "none"},
		{map[string]CertificateKind{HostUPS: CertificateExpired}, "expired"},
		{map[string]CertificateKind{HostUPS: CertificateWrongName}, "wrong name"},
		{map[string]CertificateKind{HostUPS: CertificateUnknownCA}, "unknown authority"},
		{map[string]CertificateKind{AnyHost: CertificateExpired, HostUPS: CertificateValid}, "none"},
	} {
		if err := s.SetCertificates(step.kinds); err != nil {
			t.Fatal(err)
		}
		if got := certificateProblem(get(client, HostUPS)); got != step.want {
			t.Errorf("%v: %s, want %s", step.kinds, got, step.want)
		}
	}
	if got := certificateProblem(get(client, HostFedEx)); got != "expired" {
		t.Errorf("another host, with every host set to expired: %s", got)
	}
	if err := s.SetCertificates(map[string]CertificateKind{HostUPS: "odd"}); err == nil {
		t.Error("an unknown kind was accepted")
	}
}

func TestPlaintextFirst(t *testing.T) {
	s, _ := startSim(t)
	client := s.Client()
	for on, want := range map[bool]string{true: "plaintext", false: "none"} {
		s.SetPlaintextFirst(on)
		if got := certificateProblem(get(client, HostUPS)); got != want {
			t.Errorf("plaintext %v: %s, want %s", on, got, want)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	s, _ := startSim(t)
	client := s.Client()
	config := client.Transport.(*http.Transport).TLSClientConfig
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := get(client, HostUPS); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v, want a protocol version alert", err)
	}
	config.MaxVersion = tls.VersionTLS12
	if err := get(client, HostUPS); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
}

func TestHostThatIsNotTheConnectionsIsMisdirected(t *testing.T) {
	s, _ := startSim(t)
	for _, c := range []struct{ dial, host string }{{HostUPS, HostFedEx}, {"127.0.0.1", "unknown.example"}} {
		r, _ := http.NewRequest("GET", "https://"+c.dial+"/", nil)
		r.Host = c.host
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s on a connection to %s: %s, want 421", c.host, c.dial, resp.Status)
		}
	}
	if n := len(s.Received(Filter{Host: "unknown.example"})); n != 1 {
		t.Errorf("%d misdirected requests recorded, want 1", n)
	}
}

// clientCertificate issues one by ca.
func clientCertificate(t *testing.T, ca *authority) tls.Certificate {
	t.Helper()
	now := time.Now()
	// The simulator issues server certificates only, so take its template's key and sign a client one.
	server, err := ca.issue([]string{"client"}, now, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(server.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := url.Parse("spiffe://test/checkout")
	template := &x509.Certificate{SerialNumber: serial(), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{uri}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, leaf.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: server.PrivateKey}
}

func TestClientCertificateIsDemandedVerifiedAndRecorded(t *testing.T) {
	ca, err := newAuthority("clients")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := newAuthority("strangers")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := startSim(t, func(o *Options) { o.ClientAuth = ClientAuth{CAPEM: string(ca.pem()), Hosts: []string{HostUPS}} })
	good := clientCertificate(t, ca)

	if err := get(s.Client(), HostUPS); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	if err := get(s.Client(clientCertificate(t, stranger)), HostUPS); err == nil {
		t.Error("a certificate of another authority was accepted")
	}
	if err := get(s.Client(good), HostUPS); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if err := get(s.Client(), HostFedEx); err != nil {
		t.Errorf("a host that demands none: %v", err)
	}
	digest := sha256.Sum256(good.Certificate[0])
	got := s.Received(Filter{Host: HostUPS})
	if len(got) != 1 || got[0].ClientCertSHA256 != hex.EncodeToString(digest[:]) || got[0].ClientCertURIs[0] != "spiffe://test/checkout" {
		t.Errorf("received %+v, want one request with the certificate's digest and URI", got)
	}
	if err := s.SetClientAuth(ClientAuth{}); err != nil {
		t.Fatal(err)
	}
	if err := get(s.Client(), HostUPS); err != nil {
		t.Errorf("after it was lifted: %v", err)
	}
	if err := s.SetClientAuth(ClientAuth{CAPEM: "no PEM"}); err == nil {
		t.Error("a CA without PEM was accepted")
	}
}

func TestCAFolderKeepsTheCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := Start(t, Options{CADir: dir})
	second := Start(t, Options{CADir: dir})
	file, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil || string(file) != string(first.CAPEM()) || string(file) != string(second.CAPEM()) {
		t.Errorf("the CA is not the one of the folder (%v)", err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "ca.key")); info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key has mode %v", info.Mode())
	}
	if err := get(first.Client(), HostUPS); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "ca.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CADir: dir}); err == nil {
		t.Error("a key without its certificate was accepted, and would have been replaced")
	}
}
