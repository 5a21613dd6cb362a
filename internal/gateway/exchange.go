package gateway

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/downstream"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// stages are the way of a request. Each returns nil to go on, or the problem that the client gets instead; until send nothing has
// left the gateway.
var stages = [...]func(*exchange) *problem{
	(*exchange).accept,
	(*exchange).identify,
	(*exchange).match,
	(*exchange).authorize,
	(*exchange).limit,
	(*exchange).prepareHeaders,
	(*exchange).statePurposes,
	(*exchange).readBody,
	(*exchange).minimizeRequest,
	(*exchange).minimizeQuery,
	(*exchange).send,
	(*exchange).throttle,
	(*exchange).reply,
}

// exchange is one request on its way, with what the stages have found out so far.
type exchange struct {
	*snapshot
	gateway *Gateway
	w       http.ResponseWriter
	r       *http.Request
	started time.Time

	path, rawQuery string // as sent
	client         *config.Client
	route          *carrier.Route // nil for an unknown operation
	operation      *operation

	requestRules *bodyRules // of the purposes that the client states

	header http.Header // for the carrier
	body   []byte
	query  string

	ctx      *downstream.Context // of the request
	response *http.Response
	cancel   context.CancelFunc

	record record
	spare  spare
}

// ServeHTTP runs one request through the stages and records it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange()
	x.gateway, x.w, x.r, x.started, x.snapshot = g, w, r, g.clock.Now(), g.reloader.current()
	x.ctx = downstream.NewContext(r.Context())
	defer x.finish()
	if x.snapshot == nil {
		x.refuse(newProblem(http.StatusServiceUnavailable, ruleNotReady, "no valid configuration has been loaded yet"))
		return
	}
	// Set for each request, as it outlives one: without it the deadline of the connection's previous request would hold.
	_ = http.NewResponseController(w).SetWriteDeadline(x.started.Add(readTimeout + x.timeout() + writeGrace))
	for _, stage := range stages {
		if p := stage(x); p != nil {
			x.refuse(p)
			return
		}
	}
}

func (x *exchange) refuse(p *problem) {
	x.record.rule, x.record.status = p.rule, p.status
	if x.ctx.Left() {
		x.record.rule, x.record.status = ruleClientGone, statusClientGone
		return
	}
	x.record.bytesOut = p.write(x.w)
}

// finish cleans up and records, also when a stage panics. The panic's value is not logged: it may hold data of the request.
func (x *exchange) finish() {
	panicked := recover()
	defer func() {
		if x.response != nil {
			_ = x.response.Body.Close()
		}
		if x.cancel != nil {
			x.cancel()
		}
		x.ctx.Stop()
		if panicked == nil {
			x.release()
		}
	}()
	switch v := panicked; {
	case v == nil:
	case v == http.ErrAbortHandler: //nolint:errorlint // compared as package net/http does
		defer panic(v)
	default:
		x.gateway.log.Error("request panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		x.refuse(newProblem(http.StatusInternalServerError, ruleInternal, ""))
	}
	x.record.total = x.gateway.clock.Since(x.started)
	x.collectRemoved()
	x.gateway.metrics.observe(x)
	x.gateway.access.write(x.started.Add(x.record.total), x.attributes())
}

// timeout is how long the carrier may take.
func (s *snapshot) timeout() time.Duration { return time.Duration(s.cfg.TimeoutSeconds) * time.Second }

// responseMode is the mode for answers: they are never refused for what only a client can mend.
func (s *snapshot) responseMode() minimize.Mode {
	if s.mode == minimize.Enforce {
		return minimize.Redact
	}
	return s.mode
}
