package gateway

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	// maxFieldSeries bounds the series of minimized_fields_total for one operation; further paths count as otherFields.
	maxFieldSeries = 100
	otherFields    = "other"
	// maxFieldCounts bounds what the operator is told of them.
	maxFieldCounts = 64
)

// metrics are the gateway's own. Labels come from the configuration, never from a request, so their number is bounded.
type metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	carrier   *prometheus.HistogramVec
	fields    *prometheus.CounterVec
	refused   *prometheus.CounterVec
	limited   *prometheus.CounterVec
	throttled *prometheus.CounterVec
	storeUp   prometheus.Gauge
	tokens    *prometheus.CounterVec
	callbacks *prometheus.CounterVec
	renewals  prometheus.Counter
	reloads   *prometheus.CounterVec
	reloadOK  prometheus.Gauge
	info      *prometheus.GaugeVec

	lookup  sync.RWMutex
	counted map[outcome]*counters

	mu     sync.Mutex
	series map[field]*fieldSeries
	counts map[string]int // of series, by operation
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), counted: map[outcome]*counters{},
		series: map[field]*fieldSeries{}, counts: map[string]int{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carrier_gateway_" + name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "carrier_gateway_" + name, Help: help,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"operation"})
		m.registry.MustRegister(h)
		return h
	}
	m.requests = counter("requests_total", "Requests of clients, by the class of the answer's status.", "operation", "client", "code")
	m.duration = histogram("request_duration_seconds", "Time from a request's header to the end of its answer.")
	m.carrier = histogram("carrier_duration_seconds", "Time that the carrier took of it, up to the header of its answer.")
	m.fields = counter("minimized_fields_total", "Fields removed from requests and answers, or that would be in mode Report. "+
		"Names that no rule mentions show as [?].", "operation", "path")
	m.refused = counter("problems_total", "Answers that the gateway made itself, by rule.", "operation", "rule")
	m.limited = counter("limited_total", "Requests refused because a limit was used up.", "limit")
	m.throttled = counter("carrier_throttled_total", "Answers by which the carrier said that a limit is used up, by the signal: that of the profile, "+
		"status-429, retry-after or remaining-0.", "operation", "signal")
	m.tokens = counter("token_requests_total", "Requests for access tokens, by result: success or the class of the failure.", "result")
	m.callbacks = counter("callbacks_total", "Webhooks of the carrier, by result: delivered, repeated, unverified, undeliverable or misconfigured.",
		"callback", "result")
	m.reloads = counter("reload_total", "Changes of files, by result: success or failure.", "result")
	m.renewals = prometheus.NewCounter(prometheus.CounterOpts{Name: "carrier_gateway_token_renewals_forced_total",
		Help: "Tokens renewed because the carrier answered 401."})
	m.reloadOK = prometheus.NewGauge(prometheus.GaugeOpts{Name: "carrier_gateway_config_current",
		Help: "1 while the newest files on disk are the ones served, 0 while they are refused."})
	m.storeUp = prometheus.NewGauge(prometheus.GaugeOpts{Name: "carrier_gateway_limit_store_connected",
		Help: "1 while limits are counted in the limit store, 0 while every replica keeps its own part of them."})
	m.info = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "carrier_gateway_config_info",
		Help: "What is served: always 1."}, []string{"revision", "namespace", "integration", "profile", "environment", "mode"})
	m.registry.MustRegister(m.renewals, m.reloadOK, m.storeUp, m.info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) tokenRequest(result string) { m.tokens.WithLabelValues(result).Inc() }

func (m *metrics) served(s *snapshot) {
	m.reloads.WithLabelValues("success").Inc()
	m.reloadOK.Set(1)
	m.info.Reset()
	m.info.WithLabelValues(s.cfg.Revision, s.cfg.Namespace, s.cfg.Integration, s.cfg.Profile, s.cfg.Environment, s.mode.String()).Set(1)
}

// outcome is what requests are counted by.
type outcome struct {
	operation, client string
	class             int // of the status
}

type counters struct {
	requests          prometheus.Counter
	duration, carrier prometheus.Observer
}

// counters looks the series of an outcome up once.
func (m *metrics) counters(o outcome) *counters {
	m.lookup.RLock()
	c := m.counted[o]
	m.lookup.RUnlock()
	if c == nil {
		c = &counters{m.requests.WithLabelValues(o.operation, o.client, strconv.Itoa(o.class)+"xx"), m.duration.WithLabelValues(o.operation),
			m.carrier.WithLabelValues(o.operation)}
		m.lookup.Lock()
		m.counted[o] = c
		m.lookup.Unlock()
	}
	return c
}

// observe counts a finished request.
func (m *metrics) observe(x *exchange) {
	r, operation := &x.record, x.operationName()
	c := m.counters(outcome{operation, x.clientName(), r.status / 100})
	c.requests.Inc()
	c.duration.Observe(r.total.Seconds())
	if r.carrier > 0 {
		c.carrier.Observe(r.carrier.Seconds())
	}
	if r.rule != "" {
		m.refused.WithLabelValues(operation, r.rule).Inc()
	}
	if r.limit != "" {
		m.limited.WithLabelValues(r.limit).Inc()
	}
	if r.renewed {
		m.renewals.Inc()
	}
	for _, f := range x.spare.removed {
		f.series.add(f.count)
	}
	if n := r.request.Unlisted + r.query.Unlisted + r.response.Unlisted; n > 0 {
		m.fieldSeries(operation, otherFields).add(n)
	}
}

// field is a removed field of an operation's messages.
type field struct{ operation, path string }

// fieldSeries counts a field's removals.
type fieldSeries struct {
	counter prometheus.Counter
	total   atomic.Int64
}

func (s *fieldSeries) add(n int) {
	s.counter.Add(float64(n))
	s.total.Add(int64(n))
}

// fieldSeries returns the series of a removed field, that of otherFields once an operation has many different ones.
func (m *metrics) fieldSeries(operation, path string) *fieldSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := field{operation, path}
	if s := m.series[key]; s != nil {
		return s
	}
	if path != otherFields {
		if m.counts[operation] == maxFieldSeries {
			key.path = otherFields
		} else {
			m.counts[operation]++
		}
	}
	s := m.series[key]
	if s == nil {
		s = &fieldSeries{counter: m.fields.WithLabelValues(key.operation, key.path)}
		m.series[key] = s
	}
	return s
}

// mostRemoved are the fields with the highest counts since the start, the highest first.
func (m *metrics) mostRemoved() (list []config.FieldCount) {
	m.mu.Lock()
	for key, s := range m.series {
		list = append(list, config.FieldCount{Operation: key.operation, Path: key.path, Count: s.total.Load()})
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b config.FieldCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Path, b.Path))
	})
	return list[:min(len(list), maxFieldCounts)]
}
