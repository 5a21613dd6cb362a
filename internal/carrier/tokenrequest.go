package carrier

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// tokenTimeout bounds a whole token request.
const tokenTimeout = 20 * time.Second

// UserAgent is what carriers see as User-Agent.
const UserAgent = "carrier-operator-gateway"

// tokenClass is a kind of token request.
type tokenClass interface {
	// write makes the request; now is the time at the carrier.
	write(d *draft, now time.Time) error
}

// draft is a token request before it has an address. A POST, whatever the class.
type draft struct {
	refreshToken string
	query        string
	header       http.Header
	body         []byte
}

// tokenRequest is everything that a token request needs.
type tokenRequest struct {
	broker      *Broker
	transport   http.RoundTripper
	url         *url.URL
	class       tokenClass
	extra       []header
	reader      *responseReader
	certificate []byte
	chain       *refreshChain // nil: no refresh token
	userless    bool          // nobody but the client shows who it is
	bound       bool          // the client certificate authenticates, so the token is of no use with another one
	identity    []string      // what makes two tokens interchangeable; it holds secrets and is only ever digested

	// For the second token of a chain:
	first  *firstToken
	parent string
	// then, if not nil, is told of each new token.
	then func(*Token)
}

// newTokenRequest makes the token request of a credential. renewed: the operator handed over a newer refresh token.
func newTokenRequest(b *Broker, s Spec) (r *tokenRequest, renewed bool, err error) {
	var used []string
	c := s.Credential.noting(&used)
	r = &tokenRequest{broker: b, transport: s.Transport, url: s.TokenURL, certificate: s.ClientCertificate}
	a := s.Authentication
	common, typed := config.TokenSettings{}, false
	switch a.Type {
	case config.AuthenticationLogin:
		common = a.Login.TokenSettings
		r.class, err = newLogin(a.Login, c)
	default:
		o := withDefaults(*a.OAuth2)
		common, typed = o.TokenSettings, true
		renewed, err = r.grant(a.Type, o, c, s.RefreshToken)
	}
	if err != nil {
		return nil, false, err
	}
	if r.extra, err = c.headers(common.TokenRequestHeaders); err != nil {
		return nil, false, err
	}
	if r.reader, err = newResponseReader(common.Response, common.AssumedLifetimeSeconds, typed); err != nil {
		return nil, false, err
	}
	a.Headers, a.Basic, a.Body, a.Query, a.Signing, a.Chained = nil, nil, nil, nil, nil, nil // no matter of the token
	r.bound = a.OAuth2 != nil && a.OAuth2.ClientAuthentication == clientCertificate
	settings, err := json.Marshal(a)
	r.identity = append([]string{string(settings), r.url.String(), string(r.certificate)}, used...)
	return r, renewed, err
}

// grant picks the class of a grant of OAuth 2.0.
func (r *tokenRequest) grant(kind string, o config.OAuth2, c *Credential, handed *config.RefreshToken) (renewed bool, err error) {
	switch kind {
	case config.AuthenticationOAuth2Password:
		r.class, err = newPassword(o, c, r.url)
		return false, err
	case config.AuthenticationOAuth2RefreshToken:
		first, err := c.value(o.RefreshTokenKey)
		if err != nil {
			return false, err
		}
		class, err := newOAuth2(o, c, r.url)
		if err != nil {
			return false, err
		}
		r.class = class
		r.chain, renewed = r.broker.chain(class.id, first, o.RefreshTokenRotates, handed)
		return renewed, nil
	default:
		r.userless = true
		r.class, err = newOAuth2(o, c, r.url)
		return false, err
	}
}

// fetch makes one token request. Two cases are worth a second one at once: an assertion that was refused because the clocks differ,
// and a first token that has become invalid.
func (r *tokenRequest) fetch(ctx context.Context) (*Token, *Failure) {
	ctx, cancel := context.WithTimeout(ctx, r.broker.timeout)
	defer cancel()
	offset := r.broker.offset(r.url.Host)
	t, f := r.attempt(ctx, offset)
	if f == nil || f.Status != http.StatusUnauthorized && f.Status != http.StatusBadRequest || ctx.Err() != nil {
		return t, f
	}
	again := false
	if o, ok := r.class.(*oauth2); ok && o.assertion != nil {
		again = r.broker.offset(r.url.Host) != offset
	}
	if r.first != nil && f.Status == http.StatusUnauthorized {
		again = r.first.renew(ctx)
	}
	if !again || r.broker.admit(r.url.Host, r.first == nil) != nil {
		return t, f
	}
	return r.attempt(ctx, r.broker.offset(r.url.Host))
}

// attempt uses the transport alone, so a redirect is an answer like any other.
func (r *tokenRequest) attempt(ctx context.Context, offset time.Duration) (*Token, *Failure) {
	if r.chain != nil {
		r.chain.use.Lock()
		defer r.chain.use.Unlock()
	}
	req, err := r.build(ctx, r.broker.clock.Now().Add(offset))
	if err != nil {
		return nil, &Failure{Class: FailureInvalidCredential, Detail: "the token request cannot be built from the credential"}
	}
	a := &answer{requested: r.broker.clock.Now()}
	res, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, transportFailure(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxTokenResponse+1))
	a.status, a.header, a.body, a.received = res.StatusCode, res.Header, body, r.broker.clock.Now()
	r.broker.setOffset(r.url.Host, a)
	switch plain, zipped := gunzip(res.Header.Get("Content-Encoding"), body); {
	case len(body) > maxTokenResponse && a.ok():
		return nil, &Failure{Class: FailureInvalidResponse, Status: a.status, Detail: "the answer is longer than 64 KiB"}
	case err != nil && a.ok():
		return nil, transportFailure(err)
	case zipped != nil && a.ok():
		return nil, &Failure{Class: FailureInvalidResponse, Status: a.status, Detail: zipped.Error()}
	case zipped == nil:
		a.body = plain
	}
	return r.understand(a)
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

// understand reads a complete answer.
func (r *tokenRequest) understand(a *answer) (*Token, *Failure) {
	if !a.ok() {
		f := classify(a.status, a.header, a.body, a.received)
		if r.userless && f.Class == FailureInvalidGrant { // some say so of an assertion
			f.Class, f.Detail = FailureInvalidClient, details[FailureInvalidClient]
		}
		if r.first != nil && f.Class == FailurePenaltyBox && a.status == http.StatusForbidden && sayings(a.header, a.body) == "" {
			f.Class, f.Detail = FailureProductNotEnabled, details[FailureProductNotEnabled] // no token endpoint: 403 is no ban
		}
		return nil, f
	}
	t, refresh, err := r.reader.read(a)
	if r.chain != nil {
		r.chain.replace(refresh) // also when the access token is of no use: the old refresh token has ended
	}
	if err != nil {
		f := &Failure{Class: FailureInvalidResponse, Status: a.status, Detail: err.Error()}
		if said := sayings(a.header, a.body); said != "" { // some answer errors with status 200
			f.Class, f.Detail, f.RetryAt = said, details[said], a.received.Add(retryAfter(a.header, a.received))
		}
		return nil, f
	}
	if err := checkBinding(t.Value, r.certificate); err != nil {
		return nil, &Failure{Class: FailureWrongCertificate, Status: a.status, Detail: err.Error()}
	}
	t.Parent = r.parent
	return t, nil
}

// build makes the HTTP request.
func (r *tokenRequest) build(ctx context.Context, now time.Time) (*http.Request, error) {
	d := &draft{header: http.Header{"Accept": {"application/json"}, "User-Agent": {UserAgent}}}
	switch {
	case r.reader.xml:
		d.header.Set("Accept", "text/xml, application/xml")
	case r.reader.token == nil:
		d.header.Set("Accept", "*/*")
	}
	if r.chain != nil {
		d.refreshToken = r.chain.current()
	}
	if err := r.class.write(d, now); err != nil {
		return nil, err
	}
	if r.first != nil {
		if err := r.first.place.put(&Outgoing{Header: d.header, Body: d.body}, r.first.token); err != nil {
			return nil, err
		}
	}
	for _, e := range r.extra {
		d.header.Set(e.name, e.value)
	}
	target := *r.url
	if d.query != "" {
		target.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+d.query, "&")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(d.body))
	if err != nil {
		return nil, errors.New("the URL does not parse") // the error quotes it, and with it secrets in the query
	}
	req.Header = d.header
	return req, nil
}

// transportFailure says what kind of error ended a request, without the addresses that errors of package net carry.
func transportFailure(err error) *Failure {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &verification):
		return &Failure{Class: FailureTLSChain, Detail: "the token endpoint's certificate could not be verified: check the CA bundle"}
	case errors.As(err, &record):
		return &Failure{Class: FailureTLSChain, Detail: "the token endpoint does not speak TLS"}
	case errors.As(err, &network) && network.Op == "remote error": // a TLS alert
		return &Failure{Class: FailureTLSChain, Detail: "the token endpoint refused the TLS connection: does it demand a client certificate?"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Class: FailureUnreachable, Detail: "the token endpoint did not answer in time"}
	default:
		return &Failure{Class: FailureUnreachable, Detail: "the connection to the token endpoint failed"}
	}
}

// checkSettings says what a class that fetches a token lacks.
func checkSettings(s Spec) error {
	a := s.Authentication
	if s.TokenURL == nil || s.Transport == nil || a.Type == config.AuthenticationLogin && a.Login == nil ||
		a.Type != config.AuthenticationLogin && a.OAuth2 == nil {
		return fmt.Errorf("authentication %s needs its settings and an endpoint of role Token", a.Type)
	}
	return nil
}
