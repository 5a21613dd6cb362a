package carrier

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// checkBinding fails when a token is a JWT that is bound to another TLS client certificate than ours (RFC 8705, section 3.1): the
// carrier would refuse it with each request. A token that cannot be read is the carrier's business. certificate is DER; nil: none.
func checkBinding(token string, certificate []byte) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil //nolint:nilerr // no JWT
	}
	var claims struct {
		Confirmation struct {
			Thumbprint string `json:"x5t#S256"`
		} `json:"cnf"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Confirmation.Thumbprint == "" {
		return nil
	}
	sum := sha256.Sum256(certificate)
	switch {
	case certificate == nil:
		return errors.New("the token is bound to a TLS client certificate, and the gateway has none: set certificates.carrierClient")
	case strings.TrimRight(claims.Confirmation.Thumbprint, "=") != base64.RawURLEncoding.EncodeToString(sum[:]):
		return errors.New("the token is bound to another TLS client certificate than the gateway's: check which one the carrier has registered, " +
			"and that nothing between gateway and carrier ends TLS")
	default:
		return nil
	}
}
