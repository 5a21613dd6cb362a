package gateway

import (
	"bytes"
	"log/slog"
	"net/http"
	"sync"
)

// spareLimit is the size up to which a buffer is kept for the next request.
const spareLimit = 64 << 10

// spare is the memory of an exchange that the next one uses again. Nothing may hold on to it once the exchange has ended: neither
// the carrier's client, which is done with a header when it has answered and with a body when the response's body is closed, nor the
// record, which is written by then.
type spare struct {
	attributes        []slog.Attr
	removed           []removedField // of the request, then of the answer
	removedInRequest  int
	request, response bodies
	header, outgoing  http.Header
}

// bodies are a body as it came and what minimization left of it. Those of request and response are apart, as a carrier may answer
// while the request is still being written.
type bodies struct {
	raw       bytes.Buffer
	minimized []byte
}

func (b *bodies) reset() {
	b.raw.Reset()
	if b.raw.Cap() > spareLimit {
		b.raw = bytes.Buffer{}
	}
	if cap(b.minimized) > spareLimit {
		b.minimized = nil
	}
}

var exchanges = sync.Pool{New: func() any {
	return &exchange{spare: spare{header: http.Header{}, outgoing: http.Header{}}}
}}

func newExchange() *exchange { return exchanges.Get().(*exchange) }

// release keeps the exchange for another request, with none of its content but the paths that its counts of removed fields know.
// An exchange that panicked is not kept.
func (x *exchange) release() {
	request, query, response, s := x.record.request, x.record.query, x.record.response, x.spare
	request.Reset()
	query.Reset()
	response.Reset()
	clear(s.attributes)
	clear(s.header)
	clear(s.outgoing)
	clear(s.removed)
	s.removed, s.removedInRequest = s.removed[:0], 0
	s.request.reset()
	s.response.reset()
	*x = exchange{spare: s, record: record{request: request, query: query, response: response}}
	exchanges.Put(x)
}
