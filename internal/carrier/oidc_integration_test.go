//go:build integration

package carrier

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// oidcServer is a running test/oidcserver.
type oidcServer struct {
	Issuer    string `json:"issuer"`
	CA        string `json:"ca"`
	transport *http.Transport
}

// startOIDC builds and starts a server that nobody here wrote. It ends with the test, whose end of the pipe it listens to.
func startOIDC(t *testing.T) *oidcServer {
	t.Helper()
	dir := t.TempDir()
	public := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(public, pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(ecKey.Public()))), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "oidcserver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../test/oidcserver", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-secret", "s&1 ü", "-refresh-token", "consent", "-public-key", public)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stdin.Close(), cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	s := &oidcServer{}
	if err != nil || json.Unmarshal([]byte(line), s) != nil {
		t.Fatalf("first line %q, error %v", line, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.CA))
	s.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true}
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

// spec leads to the server.
func (s *oidcServer) spec(kind string, o config.OAuth2, values map[string]string) Spec {
	content := map[string][]byte{}
	for key, value := range values {
		content[key] = []byte(value)
	}
	o.AssumedLifetimeSeconds, o.ClientIDKey, o.ClientSecretKey, o.RefreshTokenKey = 300, "id", "secret", "refresh"
	u, _ := url.Parse(s.Issuer + "/oauth/token")
	return Spec{Authentication: config.Authentication{Type: kind, OAuth2: &o}, Credential: NewCredential("main", content), TokenURL: u, Transport: s.transport}
}

// subject is whom the server says that a request's token is of; empty: it refuses it.
func (s *oidcServer) subject(t *testing.T, h http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Issuer+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var info struct {
		Subject string `json:"sub"`
	}
	_ = json.NewDecoder(res.Body).Decode(&info)
	if (res.StatusCode == http.StatusOK) != (info.Subject != "") {
		t.Errorf("status %d with subject %q", res.StatusCode, info.Subject)
	}
	return info.Subject
}

func TestTokensOfAServerThatNobodyHereWrote(t *testing.T) {
	server := startOIDC(t)
	const cc = config.AuthenticationOAuth2ClientCredentials
	basic := config.OAuth2{ClientAuthentication: clientBasic, Scopes: []string{"rate", "ship"}}
	key := config.OAuth2{ClientAuthentication: clientPrivateKey,
		PrivateKeyJWT: &config.PrivateKeyJWT{KeyKey: "key", KeyIDKey: "kid", Algorithm: "ES256", Audience: server.Issuer}}
	wrongAudience := key
	wrongAudience.PrivateKeyJWT = &config.PrivateKeyJWT{KeyKey: "key", KeyIDKey: "kid", Algorithm: "ES256", Audience: "https://another"}
	secret := map[string]string{"id": "shop-secret", "secret": "s&1 ü"}
	private := map[string]string{"id": "shop-key", "key": string(pkcs8(ecKey)), "kid": "key-1"}
	tests := map[string]struct {
		spec    Spec
		subject string
		class   FailureClass
	}{
		"Basic":                             {server.spec(cc, basic, secret), "shop-secret", ""},
		"Form":                              {server.spec(cc, config.OAuth2{ClientAuthentication: clientForm}, secret), "shop-secret", ""},
		"private_key_jwt":                   {server.spec(cc, key, private), "shop-key", ""},
		"Basic, wrong secret":               {server.spec(cc, basic, map[string]string{"id": "shop-secret", "secret": "wrong"}), "", FailureInvalidClient},
		"Basic, unknown client":             {server.spec(cc, basic, map[string]string{"id": "nobody", "secret": "s&1 ü"}), "", FailureInvalidClient},
		"Basic, a grant it may not use":     {server.spec(cc, basic, map[string]string{"id": "shop-refresh", "secret": "s&1 ü"}), "", FailureProductNotEnabled},
		"a grant type that nobody knows":    {server.spec(cc, config.OAuth2{ClientAuthentication: clientBasic, GrantType: "magic"}, secret), "", FailureInvalidRequest},
		"private_key_jwt, wrong audience":   {server.spec(cc, wrongAudience, private), "", FailureInvalidClient},
		"private_key_jwt, another key":      {server.spec(cc, key, map[string]string{"id": "shop-key", "key": string(pkcs8(otherKey)), "kid": "key-1"}), "", FailureInvalidClient},
		"private_key_jwt, key of no client": {server.spec(cc, key, map[string]string{"id": "shop-secret", "key": string(pkcs8(ecKey)), "kid": "key-1"}), "", FailureInvalidClient},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := NewBroker(clock.RealClock{}, t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Wait)
			a, err := b.New(tc.spec)
			if err != nil {
				t.Fatal(err)
			}
			out := &Outgoing{Header: http.Header{}}
			g, err := a.Apply(t.Context(), out)
			var f *Failure
			if tc.subject == "" {
				if !errors.As(err, &f) || f.Class != tc.class {
					t.Fatalf("error %v, want a failure %s", err, tc.class)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := server.subject(t, out.Header); got != tc.subject {
				t.Errorf("the server says that the token is of %q, want %q", got, tc.subject)
			}
			if life := g.token.Expires.Sub(g.token.IssuedAt).Round(1e9).Minutes(); life < 9.9 || life > 10.1 {
				t.Errorf("life %v min, want 10", life)
			}
			forged := out.Header.Get("Authorization")
			out.Header.Set("Authorization", forged[:len(forged)-8]+strings.Repeat("A", 8))
			if got := server.subject(t, out.Header); got != "" {
				t.Errorf("the server takes a forged token for one of %q", got)
			}
		})
	}
	t.Run("refresh token that rotates", func(t *testing.T) { server.rotation(t) })
}

var otherKey = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))

// rotation uses a chain of refresh tokens over a restart; each is good for one use.
func (s *oidcServer) rotation(t *testing.T) {
	dir := t.TempDir()
	spec := s.spec(config.AuthenticationOAuth2RefreshToken, config.OAuth2{ClientAuthentication: clientBasic, GrantType: "refresh_token",
		RefreshTokenRotates: true}, map[string]string{"id": "shop-refresh", "secret": "s&1 ü", "refresh": "consent"})
	for sequence := int64(1); sequence <= 3; sequence++ {
		b, err := NewBroker(clock.RealClock{}, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := b.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		out := &Outgoing{Header: http.Header{}}
		g, err := a.Apply(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		if sequence > 1 { // a token is at hand: the carrier is said to have refused it
			if !a.Renew(t.Context(), g) {
				t.Fatalf("not renewed: %v", a.Failure())
			}
			if _, err := a.Apply(t.Context(), out); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.subject(t, out.Header); got != "shop-refresh" {
			t.Errorf("the server says that the token is of %q", got)
		}
		if got, issued := a.RefreshToken(); !issued || got.Sequence != sequence {
			t.Errorf("sequence %d, want %d", got.Sequence, sequence)
		}
		b.Wait()
	}
}
