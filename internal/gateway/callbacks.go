package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/callback"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Results of a webhook, for records and metrics.
const (
	callbackDelivered = "delivered"
	callbackRepeated  = "repeated"
	callbackForged    = "unverified"
	callbackFailed    = "undeliverable"
	callbackUnusable  = "misconfigured"
)

// callbackEndpoint is one callback made ready. A callback that cannot verify anything refuses all calls and disturbs nothing else.
type callbackEndpoint struct {
	config   config.Callback
	verifier *callback.Verifier
	target   *callback.Target
	memory   *callback.Memory
	err      error
}

// callbackEndpoints builds the endpoints. What was delivered stays known over changes of configuration.
func (b *builder) callbackEndpoints() error {
	b.next.callbacks = map[string]*callbackEndpoint{}
	for _, c := range b.config.Callbacks {
		e := &callbackEndpoint{config: c, memory: callback.NewMemory()}
		if b.previous != nil && b.previous.callbacks[c.Name] != nil {
			e.memory = b.previous.callbacks[c.Name].memory
		}
		e.verifier, e.err = callback.NewVerifier(c, b.callbackSecrets[c.Name])
		if e.err == nil {
			e.target, e.err = callback.NewTarget(c)
		}
		b.next.callbacks[c.Name] = e
	}
	return nil
}

// callbackTLS receives carriers, or the ingress controller they come through: nobody there has a client certificate.
func (g *Gateway) callbackTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if s := g.reloader.current(); s != nil {
			return s.server.callbacks, nil
		}
		return nil, errors.New("no certificate has been loaded yet")
	}}
}

// callbackHandler answers webhooks. The answers tell a stranger nothing about what a genuine call looks like.
func (g *Gateway) callbackHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := g.reloader.current()
		name, _ := strings.CutPrefix(r.URL.Path, config.CallbackPath)
		var e *callbackEndpoint
		if s != nil {
			e = s.callbacks[name]
		}
		switch {
		case s == nil:
			newProblem(http.StatusServiceUnavailable, ruleNotReady, "no valid configuration has been loaded yet").write(w)
		case e == nil || !strings.HasPrefix(r.URL.Path, config.CallbackPath):
			newProblem(http.StatusNotFound, ruleCallbackUnknown, "").write(w)
		case r.Method != http.MethodPost:
			p := newProblem(http.StatusMethodNotAllowed, ruleMethod, "webhooks are sent by POST")
			p.allow = []string{http.MethodPost}
			p.write(w)
		default:
			result, reason := g.receive(e, w, r, s.cfg.MaxRequestBytes)
			g.metrics.callbacks.WithLabelValues(name, result).Inc()
			g.log.LogAttrs(r.Context(), slog.LevelInfo, "callback", slog.String("callback", name), slog.String("result", result),
				slog.String("reason", reason))
		}
	})
}

// receive verifies and delivers one call; the result is one of the constants above.
func (g *Gateway) receive(e *callbackEndpoint, w http.ResponseWriter, r *http.Request, limit int64) (result, reason string) {
	if e.err != nil {
		newProblem(http.StatusServiceUnavailable, ruleCallbackUnavailable, "").write(w)
		return callbackUnusable, e.err.Error()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		newProblem(http.StatusRequestEntityTooLarge, ruleBodyTooLarge, "").write(w)
		return callbackForged, "size"
	}
	if err != nil {
		newProblem(http.StatusBadRequest, ruleBodyIncomplete, "").write(w)
		return callbackForged, "body"
	}
	now := g.clock.Now()
	if err := e.verifier.Verify(r.Header, body, callback.Sender(r, e.config.TrustForwardedFor), now); err != nil {
		newProblem(http.StatusUnauthorized, ruleCallbackForged, "").write(w)
		return callbackForged, err.Error()
	}
	ids := e.verifier.Identities(r.Header, body)
	switch e.memory.Begin(ids, now, e.verifier.Keep()) {
	case callback.Delivered: // the carrier did not hear that it was, or somebody repeats it: either way it is done
		w.WriteHeader(http.StatusOK)
		return callbackRepeated, ""
	case callback.UnderWay:
		newProblem(http.StatusConflict, ruleCallbackRepeated, "").write(w)
		return callbackRepeated, "under way"
	case callback.Never:
	}
	answer, err := e.target.Deliver(r.Context(), r.Header, body)
	e.memory.End(ids, err == nil && answer.Status < 300)
	if err != nil {
		newProblem(http.StatusBadGateway, ruleCallbackUndelivered, "").write(w)
		return callbackFailed, deliveryReason(err)
	}
	if answer.ContentType != "" {
		w.Header().Set("Content-Type", answer.ContentType)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) //nolint:gosec // the Service's own answer, to a carrier that has shown who it is
	if answer.Status >= 300 {
		return callbackFailed, "status " + http.StatusText(answer.Status)
	}
	return callbackDelivered, ""
}

// deliveryReason says what kind of error it was, without the addresses that errors of package net carry.
func deliveryReason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op
	}
	return "answer"
}
