package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
	client "github.com/carrier-operator/carrier-operator/internal/upstream"
)

// send authenticates the request and sends it. A 401 is answered once with a new token, where there can be one: the carrier has not
// carried out what it did not authenticate. Redirects are answers like any other.
func (x *exchange) send() *problem {
	ctx, cancel := client.WithDeadline(x.ctx, x.gateway.clock.Now().Add(x.timeout()), x.gateway.clock)
	x.cancel = cancel

	grant, p := x.roundTrip(ctx)
	if p != nil || x.response.StatusCode != http.StatusUnauthorized {
		return p
	}
	if !x.operation.credential.auth.Renew(ctx, grant) {
		return nil
	}
	_ = x.response.Body.Close()
	x.response, x.record.renewed = nil, true
	_, p = x.roundTrip(ctx)
	return p
}

func (x *exchange) roundTrip(ctx context.Context) (carrier.Grant, *problem) {
	c := x.operation.credential
	x.record.credential, x.record.carrierHost = c.name, x.operation.upstream.base.Hostname()
	out := x.outgoing()
	grant, err := c.auth.Apply(ctx, out)
	if err != nil {
		return grant, x.authenticationProblem(err)
	}
	x.record.tokenSource = string(grant.Source)
	target, err := x.operation.upstream.target(out.Path, out.RawQuery)
	if err != nil {
		return grant, newProblem(http.StatusBadRequest, ruleTarget, "the target does not parse")
	}
	req := (&http.Request{Method: out.Method, URL: target, Host: target.Host, Header: out.Header, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1}).WithContext(ctx)
	if len(out.Body) > 0 {
		req.ContentLength = int64(len(out.Body))
		req.Body = io.NopCloser(bytes.NewReader(out.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Body)), nil }
	}
	began := x.gateway.clock.Now()
	x.response, err = x.operation.upstream.transport.RoundTrip(req) //nolint:bodyclose // finish closes it
	x.record.carrier += x.gateway.clock.Since(began)
	if err != nil {
		x.response = nil
		return grant, carrierProblem(err)
	}
	if x.response.StatusCode == http.StatusSwitchingProtocols {
		return grant, newProblem(http.StatusBadGateway, ruleCarrierProtocol, "the carrier switched protocols without being asked to")
	}
	return grant, nil
}

// outgoing is a fresh copy of what minimization has left, for an authenticator to change.
func (x *exchange) outgoing() *carrier.Outgoing {
	clear(x.spare.outgoing)
	maps.Copy(x.spare.outgoing, x.header)
	mediaType, _, _ := strings.Cut(x.header.Get("Content-Type"), ";")
	return &carrier.Outgoing{Method: x.r.Method, Path: x.path, RawQuery: x.query, Header: x.spare.outgoing, Body: x.body,
		ContentType: strings.ToLower(strings.TrimSpace(mediaType)), Operation: x.operation.name}
}

func (x *exchange) authenticationProblem(err error) *problem {
	var f *carrier.Failure
	if !errors.As(err, &f) {
		return carrierProblem(err)
	}
	if f.Class == carrier.FailureUnsuitableRequest {
		if _, ok := errors.AsType[*minimize.Error](err); ok {
			return minimizeProblem(err)
		}
		return newProblem(http.StatusUnprocessableEntity, ruleCredentialPlace, f.Detail)
	}
	p := newProblem(http.StatusServiceUnavailable, ruleAuthentication, f.Detail)
	p.failure, p.carrierStatus = string(f.Class), f.Status
	if p.retryAfter = f.RetryAt.Sub(x.gateway.clock.Now()); p.retryAfter < 0 {
		p.retryAfter = 0
	}
	return p
}

// carrierProblem says what kind of error ended a request to the carrier. Errors of package net/http hold URLs and addresses, so
// nothing of their text is passed on.
func carrierProblem(err error) *problem {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusGatewayTimeout, ruleCarrierTimeout,
			"the carrier may have carried out the request all the same: ask before you repeat it")
	case errors.Is(err, errNoAddress):
		return newProblem(http.StatusBadGateway, ruleCarrierAddress, "nothing was sent: no published address accepts a connection")
	case errors.As(err, &verification):
		return newProblem(http.StatusBadGateway, ruleCarrierTLS, "nothing was sent: check the endpoint's CA bundle")
	case errors.As(err, &record), errors.As(err, &network) && network.Op == "remote error": // a TLS alert
		return newProblem(http.StatusBadGateway, ruleCarrierTLS,
			"the carrier refused the TLS connection: check its TLS versions and whether it demands a client certificate")
	default:
		return newProblem(http.StatusBadGateway, ruleCarrierProtocol,
			"the connection to the carrier ended before its answer: it may have carried out the request all the same")
	}
}
