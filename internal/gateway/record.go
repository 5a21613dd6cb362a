package gateway

import (
	"log/slog"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// record is what the access log says of a request: names from the configuration, numbers and times. Nothing in it comes from the
// client but sizes.
type record struct {
	status      int
	rule        string
	limit       string
	credential  string
	tokenSource string
	carrierHost string
	renewed     bool
	purposes    []string
	carrier     time.Duration
	total       time.Duration
	bytesIn     int64
	bytesOut    int64

	request, query, response minimize.Removed
}

// attributes are the access record.
func (x *exchange) attributes() []slog.Attr {
	r := &x.record
	list := append(x.spare.attributes[:0],
		slog.String("client", x.clientName()),
		slog.String("operation", x.operationName()),
		slog.String("method", methodName(x.r.Method)),
		slog.String("route", x.routeTemplate()),
		slog.Int("status", r.status),
		slog.Int64("durationMicros", r.total.Microseconds()),
		slog.Int64("carrierMicros", r.carrier.Microseconds()),
		slog.Int64("bytesIn", r.bytesIn),
		slog.Int64("bytesOut", r.bytesOut),
		slog.Int("removedFields", r.request.Total+r.query.Total+r.response.Total),
	)
	optional := func(key, value string) {
		if value != "" {
			list = append(list, slog.String(key, value))
		}
	}
	optional("rule", r.rule)
	optional("limited", r.limit)
	optional("credential", r.credential)
	optional("tokenSource", r.tokenSource)
	optional("carrierHost", r.carrierHost)
	optional("requestUndecodable", r.request.Undecodable)
	optional("queryUndecodable", r.query.Undecodable)
	optional("responseUndecodable", r.response.Undecodable)
	if r.renewed {
		list = append(list, slog.Bool("tokenRenewed", true))
	}
	if len(r.purposes) > 0 {
		list = append(list, slog.Any("purposes", r.purposes))
	}
	if n := len(r.request.Missing); n > 0 {
		list = append(list, slog.Int("missingFields", n))
	}
	if removed := removedNames(x.spare.removed[:x.spare.removedInRequest]); len(removed) > 0 {
		list = append(list, slog.Any("requestRemoved", removed))
	}
	if removed := removedNames(x.spare.removed[x.spare.removedInRequest:]); len(removed) > 0 {
		list = append(list, slog.Any("responseRemoved", removed))
	}
	if x.snapshot != nil {
		list = append(list, slog.String("mode", x.mode.String()), slog.String("revision", x.cfg.Revision))
	}
	x.spare.attributes = list
	return list
}

func (x *exchange) clientName() string {
	if x.client == nil {
		return "unknown"
	}
	return x.client.Name
}

func (x *exchange) operationName() string {
	if x.operation == nil {
		return "none"
	}
	return x.operation.name
}

func (x *exchange) routeTemplate() string {
	if x.route == nil {
		return ""
	}
	return x.route.Template
}

// methodName keeps made-up methods out of logs.
func methodName(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return method
	}
	return "other"
}
