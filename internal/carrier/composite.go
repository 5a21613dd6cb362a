package carrier

import (
	"context"
	"errors"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// part puts one thing of a credential into a request, changing it in place. It needs nothing but the credential's content: what
// has to be fetched first is a token.
type part interface {
	// apply fails with a *Failure of class FailureUnsuitableRequest when the request has no place for the credential.
	apply(out *Outgoing) error
}

// newParts makes the parts in the order in which they are applied: signing comes last, over what is really sent.
func newParts(a config.Authentication, c *Credential, now clock.PassiveClock) ([]part, error) {
	var parts []part
	var problems []error
	add := func(p part, err error) {
		parts, problems = append(parts, p), append(problems, err)
	}
	if len(a.Headers) > 0 {
		add(newSecretHeaders(a.Headers, c))
	}
	if a.Basic != nil {
		add(newBasic(a.Basic, c))
	}
	if a.Body != nil {
		add(newBodySecrets(a.Body, c))
	}
	if len(a.Query) > 0 {
		add(newQuerySecrets(a.Query, c))
	}
	if a.Signing != nil {
		add(newSigning(a.Signing, c, now))
	}
	return parts, errors.Join(problems...)
}

// needs says which member of the settings a class without a token cannot do without.
func needs(a config.Authentication) (missing bool) {
	switch a.Type {
	case config.AuthenticationAPIKeyHeaders:
		return len(a.Headers) == 0
	case config.AuthenticationBasic:
		return a.Basic == nil
	case config.AuthenticationBodyCredentials:
		return a.Body == nil
	case config.AuthenticationQueryCredentials:
		return len(a.Query) == 0
	case config.AuthenticationRequestSigning:
		return a.Signing == nil
	default:
		return false
	}
}

// composite is what Broker.New returns: a class that fetches a token, if the type is one, and the parts that go with it.
type composite struct {
	credential *Credential
	token      *fetched // nil: the parts are all
	parts      []part
}

func (c *composite) Apply(ctx context.Context, out *Outgoing) (Grant, error) {
	g, parts := Grant{Source: SourceStatic}, c.parts
	if c.token != nil {
		var err error
		if g, err = c.token.apply(ctx, out); err != nil {
			return g, err
		}
		parts = g.from.parts // a token of the previous content goes with the rest of that content
	}
	for _, p := range parts {
		if err := p.apply(out); err != nil {
			return Grant{}, err
		}
	}
	return g, nil
}

func (c *composite) Renew(ctx context.Context, g Grant) bool {
	return c.token != nil && g.token != nil && c.token.renew(ctx, g)
}

func (c *composite) Serving() *Credential {
	if c.token != nil {
		return c.token.serving()
	}
	return c.credential
}

func (c *composite) Failure() *Failure {
	if c.token != nil {
		return c.token.failure()
	}
	return nil
}

func (c *composite) Warm() {
	if c.token != nil {
		c.token.warm()
	}
}

func (c *composite) RefreshToken() (config.RefreshToken, bool) {
	if c.token == nil || c.token.request.chain == nil {
		return config.RefreshToken{}, false
	}
	return c.token.request.chain.issued()
}
