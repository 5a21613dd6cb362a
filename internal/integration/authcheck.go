package integration

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/carrier"
)

// authentication checks that the integration has what the profile's authentication needs, and that its paths and templates can be used.
func (r *Resolved) authentication() *Problem {
	for _, check := range []func() *Problem{r.clientCertificate, r.refreshTokens, r.templates} {
		if p := check(); p != nil {
			return p
		}
	}
	return nil
}

func (r *Resolved) incomplete(format string, args ...any) *Problem {
	return problem(v1alpha1.ReasonAuthenticationIncomplete, "profile %q "+format, append([]any{r.Profile.Name}, args...)...)
}

func (r *Resolved) clientCertificate() *Problem {
	c := Authentication(&r.Profile.Spec.Authentication)
	needed := c.Type == string(v1alpha1.AuthenticationClientCertificate) ||
		c.OAuth2 != nil && c.OAuth2.ClientAuthentication == string(v1alpha1.ClientAuthenticationClientCertificate)
	if needed && CarrierSecret(r.Integration) == "" {
		return r.incomplete("authenticates with a TLS client certificate: set spec.certificates.carrierClient to one that the carrier knows")
	}
	return nil
}

// refreshTokens that the carrier replaces have one user each.
func (r *Resolved) refreshTokens() *Problem {
	if !RotatesRefreshTokens(&r.Profile.Spec.Authentication) {
		return nil
	}
	if n := Replicas(r.Integration); n > 1 {
		return r.incomplete("replaces the refresh token at each use, and %d replicas would invalidate each other's: set spec.gateway.replicas to 1", n)
	}
	users := map[string]string{}
	for _, c := range r.Integration.Spec.Credentials {
		if other, taken := users[c.CredentialRef.Name]; taken {
			return r.incomplete("replaces the refresh token at each use, and credentials %q and %q would invalidate each other's: give each a CarrierCredential of its own",
				other, c.Name)
		}
		users[c.CredentialRef.Name] = c.Name
	}
	return nil
}

// templates reads what the gateway will read, so that a mistake is told here and not by a gateway that cannot start.
func (r *Resolved) templates() *Problem {
	if err := carrier.Check(Authentication(&r.Profile.Spec.Authentication)); err != nil {
		return problem(v1alpha1.ReasonRulesInvalid, "profile %q, authentication: %v", r.Profile.Name, err)
	}
	return nil
}
