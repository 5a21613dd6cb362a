package carrier

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are made once: RSA takes its time.
var (
	rsaKey      = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey       = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ec384Key    = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edKey, _ = ed25519.GenerateKey(rand.Reader)
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(key any) []byte { return pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }

func (s *setup) assertionSpec(key []byte, algorithm string) Spec {
	spec := s.settings(config.AuthenticationOAuth2ClientCredentials, func(o *config.OAuth2) {
		o.ClientAuthentication, o.ClientSecretKey = clientPrivateKey, ""
		o.PrivateKeyJWT = &config.PrivateKeyJWT{KeyKey: "key", KeyIDKey: "kid", Algorithm: algorithm}
	})
	spec.Credential = NewCredential("main", map[string][]byte{"id": []byte("shop"), "key": key, "kid": []byte("k-1")})
	return spec
}

// claims are what an assertion says, once its signature is verified.
func claims(t *testing.T, form url.Values, public any) (out map[string]any, header jose.Header) {
	t.Helper()
	if form.Get("client_assertion_type") != assertionType || form.Get("client_id") != "shop" || form.Has("client_secret") {
		t.Fatalf("form %v", form)
	}
	signed, err := jose.ParseSignedCompact(form.Get("client_assertion"),
		[]jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.ES384, jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &out); err != nil {
		t.Fatal(err)
	}
	return out, signed.Signatures[0].Header
}

func TestAssertionsOfAllAlgorithmsAndKeyFormats(t *testing.T) {
	tests := map[string]struct {
		algorithm string
		pem       []byte
		key       crypto.Signer
	}{
		"RS256":         {"RS256", pkcs8(rsaKey), rsaKey},
		"RS256, PKCS 1": {"RS256", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey},
		"PS256":         {"PS256", pkcs8(rsaKey), rsaKey},
		"ES256":         {"ES256", pkcs8(ecKey), ecKey},
		"ES256, SEC 1":  {"ES256", pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey))), ecKey},
		"ES384":         {"ES384", pkcs8(ec384Key), ec384Key},
		"EdDSA":         {"EdDSA", pkcs8(edKey), edKey},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.want(s.auth(s.assertionSpec(tc.pem, tc.algorithm)), "token-1", SourceFresh)
			form, _ := url.ParseQuery(s.server.body)
			got, header := claims(t, form, tc.key.Public())
			now := float64(epoch.Add(-30 * time.Second).Unix())
			if got["iss"] != "shop" || got["sub"] != "shop" || got["aud"] != s.server.URL+"/token" || got["iat"] != now || got["exp"] != now+300 ||
				header.KeyID != "k-1" || header.Algorithm != tc.algorithm {
				t.Errorf("claims %v, header %+v", got, header)
			}
		})
	}
}

func TestEachAssertionHasAnIDOfItsOwnAndTheAudienceThatIsSet(t *testing.T) {
	s := newSetup(t)
	spec := s.assertionSpec(pkcs8(ecKey), "ES256")
	spec.Authentication.OAuth2.PrivateKeyJWT.Audience = "https://issuer"
	spec.Authentication.OAuth2.PrivateKeyJWT.KeyIDKey = ""
	a := s.auth(spec)
	seen := map[any]bool{}
	for range 3 {
		_, _, _ = s.apply(a)
		form, _ := url.ParseQuery(s.server.body)
		got, header := claims(t, form, ecKey.Public())
		if seen[got["jti"]] || got["aud"] != "https://issuer" || header.KeyID != "" {
			t.Errorf("claims %v, header %+v", got, header)
		}
		seen[got["jti"]] = true
		s.expire()
	}
}

func TestKeysThatCannotSignAreRefusedWithoutShowingThem(t *testing.T) {
	tests := map[string]struct {
		algorithm string
		pem       []byte
	}{
		"no PEM":                {"RS256", []byte("MIIEvQIBADANBgkqhkiG9w0BAQ")},
		"nothing":               {"RS256", nil},
		"a public key":          {"RS256", pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(rsaKey.Public())))},
		"another kind of key":   {"RS256", pkcs8(ecKey)},
		"another curve":         {"ES384", pkcs8(ecKey)},
		"an unknown algorithm":  {"HS256", pkcs8(ecKey)},
		"no algorithm":          {"none", pkcs8(ecKey)},
		"two keys in one value": {"ES256", append(pkcs8(ecKey), pkcs8(ecKey)...)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			_, err := s.broker.New(s.assertionSpec(tc.pem, tc.algorithm))
			if err == nil {
				t.Fatal("accepted")
			}
			if block, _ := pem.Decode(tc.pem); strings.Contains(err.Error(), "MII") || block != nil && strings.Contains(err.Error(), string(block.Bytes)) {
				t.Errorf("the key shows in %q", err)
			}
		})
	}
}

// strict is a carrier whose clock differs by skew and that allows for a minute.
func strict(t *testing.T, s *setup, skew time.Duration) {
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		now := s.clock.Now().Add(skew)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		form, _ := url.ParseQuery(s.server.body)
		got, _ := claims(t, form, ecKey.Public())
		if issued, expires := time.Unix(int64(got["iat"].(float64)), 0), time.Unix(int64(got["exp"].(float64)), 0); issued.After(now.Add(time.Minute)) || !expires.After(now) {
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, s.server.requests.Load())
	})
}

// Row of the bad-input list: clock skew ±10 min.
func TestClockSkewOfTenMinutesIsHarmless(t *testing.T) {
	for name, skew := range map[string]time.Duration{"carrier ahead": 10 * time.Minute, "carrier behind": -10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			strict(t, s, skew)
			a := s.auth(s.assertionSpec(pkcs8(ecKey), "ES256"))
			s.want(a, "token-2", SourceFresh) // the first answer showed the difference
			s.expire()
			s.want(a, "token-3", SourceFresh)
			s.wantRequests(3)
		})
	}
	t.Run("a wrong key is not tried twice", func(t *testing.T) {
		s := newSetup(t)
		s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", epoch.Format(http.TimeFormat))
			w.WriteHeader(401)
		})
		s.wantFailure(s.auth(s.assertionSpec(pkcs8(ecKey), "ES256")), FailureInvalidClient)
		s.wantRequests(1)
	})
}
