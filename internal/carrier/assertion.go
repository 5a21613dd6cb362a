package carrier

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523, section 2.2
	assertionLife = 5 * time.Minute
	// assertionLead is how long before it is signed an assertion begins to be valid, for clocks that are a little behind.
	assertionLead = 30 * time.Second
)

// assertion signs what proves a client that holds a private key (RFC 7523, section 3).
type assertion struct {
	signer   jose.Signer
	id       string
	audience string
}

func newAssertion(s *config.PrivateKeyJWT, c *Credential, id string, tokenURL *url.URL) (*assertion, error) {
	if s == nil {
		return nil, errors.New("client authentication PrivateKeyJWT needs its settings")
	}
	algorithms := []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}
	if !slices.Contains(algorithms, s.Algorithm) {
		return nil, fmt.Errorf("the algorithm %q of the assertion is unknown", s.Algorithm)
	}
	key, err := privateKey(c.raw(s.KeyKey))
	if err != nil {
		return nil, fmt.Errorf("credential %s: the value under the key %s: %w", c.Name(), s.KeyKey, err)
	}
	web := jose.JSONWebKey{Key: key}
	if s.KeyIDKey != "" {
		if web.KeyID, err = c.value(s.KeyIDKey); err != nil {
			return nil, err
		}
	}
	a := &assertion{id: id, audience: s.Audience}
	if a.audience == "" {
		a.audience = tokenURL.String()
	}
	a.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.Algorithm), Key: web},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err == nil {
		_, err = a.sign(time.Unix(0, 0)) // finds out whether key and algorithm go together
	}
	if err != nil { // not quoted: it may show the key
		return nil, fmt.Errorf("credential %s: the private key under the key %s does not go with the algorithm %s", c.Name(), s.KeyKey, s.Algorithm)
	}
	return a, nil
}

// privateKey reads PEM: PKCS #8, PKCS #1 or SEC 1.
func privateKey(text []byte) (any, error) {
	block, rest := pem.Decode(bytes.TrimSpace(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not the PEM of one private key")
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if key, err := parse(block.Bytes); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("it is not a private key in PKCS #8, PKCS #1 or SEC 1, without a password")
}

// sign makes an assertion at the carrier's time. Each has an ID of its own, so that a carrier can refuse one that is sent twice.
func (a *assertion) sign(now time.Time) (string, error) {
	now = now.Add(-assertionLead)
	claims, err := json.Marshal(map[string]any{"iss": a.id, "sub": a.id, "aud": a.audience, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix()})
	if err != nil {
		return "", err
	}
	signed, err := a.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
