package gateway

import (
	"slices"
	"sync"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// maxShownFields bounds the fields that a snapshot remembers: names in their paths come from clients.
const maxShownFields = 4096

// shownField is how a removed field appears: its path with the names that the rules mention, and the series that counts it.
type shownField struct {
	name   string
	series *fieldSeries
}

// removedField is a field that was removed count times from one message.
type removedField struct {
	*shownField
	count int
}

// shownFields remembers how the fields appear that were removed since the configuration is served.
type shownFields struct {
	mu    sync.RWMutex
	known map[field]*shownField
}

// collectRemoved gathers what the minimization of the exchange removed, for metrics and record.
func (x *exchange) collectRemoved() {
	r := &x.record
	x.collect(&r.request)
	x.collect(&r.query)
	x.spare.removedInRequest = len(x.spare.removed)
	x.collect(&r.response)
}

func (x *exchange) collect(part *minimize.Removed) {
	operation := x.operationName()
	for path, count := range part.Paths() {
		x.spare.removed = append(x.spare.removed, removedField{x.shownField(field{operation, path}), count})
	}
}

func (x *exchange) shownField(key field) *shownField {
	s := &x.snapshot.shown
	s.mu.RLock()
	f := s.known[key]
	s.mu.RUnlock()
	if f != nil {
		return f
	}
	name := x.vocabulary.mask(key.path)
	f = &shownField{name, x.gateway.metrics.fieldSeries(key.operation, name)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[field]*shownField{}
	}
	if len(s.known) < maxShownFields {
		s.known[key] = f
	}
	return f
}

// removedNames are the fields' names, sorted, each once.
func removedNames(fields []removedField) []string {
	if len(fields) == 0 {
		return nil
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
