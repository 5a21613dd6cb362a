package carriersim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
)

// obj is a JSON object in an answer.
type obj = map[string]any

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps, slices, strings and numbers get here
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// writeGzipJSON answers with a gzip JSON body whether the client can read one or not, as FedEx does.
func writeGzipJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // as above
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, _ = z.Write(body) // a client that is gone is no fault of the simulator
	_ = z.Close()
}

// observed reports the status before the first byte leaves, so that whoever has the answer finds it recorded.
type observed struct {
	http.ResponseWriter
	report func(status int)
	done   bool
}

func (o *observed) WriteHeader(status int) {
	if !o.done {
		o.done = true
		o.report(status)
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(b []byte) (int, error) {
	if !o.done {
		o.WriteHeader(http.StatusOK)
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// capture keeps an answer instead of sending it.
type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newCapture() *capture { return &capture{header: http.Header{}, status: http.StatusOK} }

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(status int)      { c.status = status }
func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }
