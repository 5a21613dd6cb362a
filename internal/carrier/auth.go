package carrier

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Source says where the secret of a request came from.
type Source string

// Sources of a secret.
const (
	// SourceStatic is a header straight from the credential.
	SourceStatic Source = "static"
	// SourceCached is an access token that was at hand.
	SourceCached Source = "cached"
	// SourceFresh is an access token that this request waited for.
	SourceFresh Source = "fresh"
	// SourcePrevious is a token that was obtained with the credential's previous content.
	SourcePrevious Source = "previous"
)

// Grant is the outcome of an authentication: who authenticated, and how to tell that the carrier refused it.
type Grant struct {
	Source Source
	token  *Token
	second *Token   // of a chain; nil: none was needed
	from   *fetched // whose tokens they are
}

// Outgoing is a request as it will be sent, after minimization. An Authenticator changes it in place; the bytes of Body and the
// values of Header are not its own, so it replaces them as a whole and never writes into them.
type Outgoing struct {
	Method   string
	Path     string // escaped, as it goes onto the request line
	RawQuery string
	Header   http.Header
	Body     []byte
	// ContentType is that of Body, without its parameters and in lower case; empty without a body.
	ContentType string
	// Operation is the name of the profile's operation that the request is.
	Operation string
}

// Authenticator puts a credential into requests to the carrier. One file of this package holds one class.
type Authenticator interface {
	// Apply puts into the request what the carrier knows its customer by, replacing what stands in the same places. A request that
	// is sent again needs a fresh Outgoing. Its error is a *Failure, or the context's.
	Apply(ctx context.Context, out *Outgoing) (Grant, error)
	// Renew reacts to a 401 for a request that Apply prepared: true means that Apply now has something else to offer.
	Renew(ctx context.Context, g Grant) bool
	// Serving is the credential in use: right after a change that may be the previous one.
	Serving() *Credential
	// Failure is why the credential cannot be used at present, nil if it can or has not been tried.
	Failure() *Failure
	// RefreshToken is the newest refresh token, where the carrier has replaced the one in the Secret.
	RefreshToken() (config.RefreshToken, bool)
	// Warm prepares, in the background, what Apply needs, so that a wrong credential shows before the first request does.
	Warm()
}

// Spec is what an Authenticator is made of.
type Spec struct {
	Authentication config.Authentication
	Credential     *Credential
	// TokenURL and Transport lead to the token endpoint, for the types that fetch a token; APIURL and APITransport to the endpoint API,
	// for a chained token.
	TokenURL     *url.URL
	Transport    http.RoundTripper
	APIURL       *url.URL
	APITransport http.RoundTripper
	// ClientCertificate is the DER of the TLS client certificate that the carrier sees; nil: none.
	ClientCertificate []byte
	// RefreshToken is what the operator keeps of a chain of refresh tokens; nil: nothing.
	RefreshToken *config.RefreshToken
	// Previous is the authenticator that serves the same credential now, if any.
	Previous Authenticator
}

// New builds the authenticator of a credential: the class that its type names, then those beside it, then the signature. It fails
// on a credential that lacks a key; nothing is sent.
func (b *Broker) New(s Spec) (Authenticator, error) {
	a := s.Authentication
	if needs(a) {
		return nil, fmt.Errorf("authentication %s needs its settings", a.Type)
	}
	if err := checkCertificate(&s); err != nil {
		return nil, err
	}
	parts, err := newParts(a, s.Credential, b.clock)
	if err != nil {
		return nil, err
	}
	c := &composite{credential: s.Credential, parts: parts}
	switch a.Type {
	case config.AuthenticationOAuth2ClientCredentials, config.AuthenticationOAuth2Password, config.AuthenticationOAuth2RefreshToken,
		config.AuthenticationLogin:
		c.token, err = newFetched(b, s, parts)
	case config.AuthenticationAPIKeyHeaders, config.AuthenticationBasic, config.AuthenticationBodyCredentials,
		config.AuthenticationQueryCredentials, config.AuthenticationRequestSigning, config.AuthenticationClientCertificate:
	default:
		err = fmt.Errorf("authentication type %q is unknown", a.Type)
	}
	return c, err
}
