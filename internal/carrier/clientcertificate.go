package carrier

import (
	"fmt"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// checkCertificate refuses an authentication by a TLS client certificate that the gateway does not have: the class ClientCertificate,
// which adds nothing to a request, and token requests whose client is known by its certificate (RFC 8705, section 2).
func checkCertificate(s *Spec) error {
	a := &s.Authentication
	byToken := a.OAuth2 != nil && a.OAuth2.ClientAuthentication == clientCertificate
	if len(s.ClientCertificate) > 0 || !byToken && a.Type != config.AuthenticationClientCertificate {
		return nil
	}
	return fmt.Errorf("authentication %s needs a client certificate for the carrier, and none is mounted: set spec.certificates.carrierClient", a.Type)
}
