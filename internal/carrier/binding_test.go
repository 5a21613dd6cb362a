package carrier

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// jwt is an unsigned token that is bound to a certificate.
func jwt(thumbprint string) string {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return encode(`{"alg":"none"}`) + "." + encode(`{"cnf":{"x5t#S256":"`+thumbprint+`"}}`) + "." + encode("signature")
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestATokenIsOfTheGatewaysCertificateOrOfNone(t *testing.T) {
	ours, other := []byte("our certificate"), []byte("another")
	tests := map[string]struct {
		token       string
		certificate []byte
		fails       bool
	}{
		"bound to ours":              {jwt(thumbprint(ours)), ours, false},
		"with padding":               {jwt(thumbprint(ours) + "="), ours, false},
		"bound to another":           {jwt(thumbprint(other)), ours, true},
		"bound, and we have none":    {jwt(thumbprint(ours)), nil, true},
		"bound to what is no digest": {jwt("x"), ours, true},
		"not bound":                  {jwt(""), ours, false},
		"opaque":                     {"abc", ours, false},
		"three parts that are none":  {"a.b.c", ours, false},
		"a JWT of no object":         {"a." + base64.RawURLEncoding.EncodeToString([]byte("[]")) + ".c", nil, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := checkBinding(tc.token, tc.certificate); (err != nil) != tc.fails {
				t.Errorf("error %v, want one: %v", err, tc.fails)
			}
		})
	}
}

// certificate is one for a client, signed by itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ecKey.Public(), ecKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: ecKey}
}

func TestACertificateProvesTheClientAndBindsTheToken(t *testing.T) {
	s := newSetup(t)
	ours := certificate(t)
	s.server.TLS.ClientAuth = tls.RequireAnyClientCert
	s.server.respond(func(w http.ResponseWriter, r *http.Request) { // binds to what TLS showed
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600}`, jwt(thumbprint(r.TLS.PeerCertificates[0].Raw)))
	})
	spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) {
		o.ClientAuthentication, o.ClientSecretKey = clientCertificate, ""
	})
	spec.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{ours}
	spec.ClientCertificate = ours.Certificate[0]
	a := s.auth(spec)
	g := s.want(a, jwt(thumbprint(ours.Certificate[0])), SourceFresh)
	if g.token == nil || s.server.body != "client_id=shop&grant_type=client_credentials" {
		t.Errorf("body %q", s.server.body)
	}

	spec.ClientCertificate = certificate(t).Certificate[0] // the connection shows another one than the gateway believes
	spec.Previous = a
	f := s.failure(s.auth(spec), FailureWrongCertificate)
	if !strings.Contains(f.Detail, "another TLS client certificate") {
		t.Errorf("detail %q", f.Detail)
	}
}

func TestARotatedCertificateKeepsTokensThatAreNotBoundToTheOldOne(t *testing.T) {
	ours, next := []byte("our certificate"), []byte("the next")
	tests := map[string]struct {
		token  string
		bound  bool // by the way in which the client authenticates
		source Source
	}{
		"opaque":                  {"token-1", false, SourcePrevious},
		"bound by its claim":      {jwt(thumbprint(ours)), false, SourceFresh},
		"bound by authentication": {"token-1", true, SourceFresh},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.server.respond(text(`{"access_token":"` + tc.token + `","expires_in":3600}`))
			spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) {
				if tc.bound {
					o.ClientAuthentication, o.ClientSecretKey = clientCertificate, ""
				}
			})
			spec.ClientCertificate = ours
			before := s.auth(spec)
			s.want(before, tc.token, SourceFresh)
			s.server.respond(text(`{"access_token":"new","expires_in":3600}`))
			spec.ClientCertificate, spec.Previous = next, before
			after := s.auth(spec)
			if token, g, err := s.apply(after); err != nil || g.Source != tc.source || (token == "new") != (tc.source == SourceFresh) {
				t.Errorf("token %q (%s), error %v; want %s", token, g.Source, err, tc.source)
			}
			settle(after)
			s.want(after, "new", SourceCached)
		})
	}
}
