package carriersim

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// FaultBody says what a fault answers instead of, or does to, the real answer.
type FaultBody string

// The kinds. FaultNone with a Status answers the status in the carrier's own error shape; without one only the latency counts.
const (
	FaultNone      FaultBody = ""
	FaultText      FaultBody = "text"      // Fault.Text as it is, of type Fault.ContentType
	FaultHTML      FaultBody = "html"      // a proxy's error page, status 502 unless set
	FaultHuge      FaultBody = "huge"      // Bytes of JSON, default 64 MiB, without a length
	FaultTruncated FaultBody = "truncated" // the real answer announced in full, half of it sent, then closed
	FaultSlowDrip  FaultBody = "slow-drip" // the real answer, one byte every IntervalMilliseconds (default 1000)
	FaultClose     FaultBody = "close"     // the connection closes without an answer
	FaultRedirect  FaultBody = "redirect"  // to RedirectTo, status 302 unless set
)

// FaultPhase says whether the operation takes effect before the fault shows.
type FaultPhase string

// Before is the default: nothing happens at the carrier. After: it has happened (a label is made, a token issued), only the answer
// is lost.
const (
	Before FaultPhase = "before"
	After  FaultPhase = "after"
)

// Fault replaces or spoils answers. The first fault that matches and has hits left wins.
type Fault struct {
	// Host, Method and Path select requests; empty matches all. Path is exact, or a prefix where it ends in "*".
	Host   string `json:"host,omitempty"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`

	Status               int               `json:"status,omitempty"`
	Body                 FaultBody         `json:"body,omitempty"`
	Phase                FaultPhase        `json:"phase,omitempty"`
	Text                 string            `json:"text,omitempty"`
	ContentType          string            `json:"contentType,omitempty"`
	Header               map[string]string `json:"header,omitempty"`
	Bytes                int64             `json:"bytes,omitempty"`
	RedirectTo           string            `json:"redirectTo,omitempty"`
	LatencyMilliseconds  int               `json:"latencyMilliseconds,omitempty"`
	IntervalMilliseconds int               `json:"intervalMilliseconds,omitempty"`
	// Count is how many requests are hit. 0: all until the faults are replaced.
	Count int `json:"count,omitempty"`
	// Hits is how many were hit so far; set by the server.
	Hits int `json:"hits"`
}

func (f Fault) validate() error {
	kinds := []FaultBody{FaultNone, FaultText, FaultHTML, FaultHuge, FaultTruncated, FaultSlowDrip, FaultClose, FaultRedirect}
	switch {
	case !slices.Contains(kinds, f.Body):
		return fmt.Errorf("fault: unknown body %q, use one of %q", f.Body, kinds)
	case f.Phase != "" && f.Phase != Before && f.Phase != After:
		return fmt.Errorf("fault: unknown phase %q, use before or after", f.Phase)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault: status %d, must be 200 to 599", f.Status)
	case f.Body == FaultRedirect && f.RedirectTo == "":
		return fmt.Errorf("fault: a redirect needs redirectTo")
	case f.Count < 0 || f.Bytes < 0 || f.LatencyMilliseconds < 0 || f.IntervalMilliseconds < 0:
		return fmt.Errorf("fault: count, bytes, latencyMilliseconds and intervalMilliseconds must not be negative")
	}
	return nil
}

// faults is the list in force.
type faults struct {
	mu   sync.Mutex
	list []Fault
}

func (s *faults) set(list []Fault) error {
	list = slices.Clone(list)
	for i := range list {
		if err := list[i].validate(); err != nil {
			return err
		}
		list[i].Hits = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
	return nil
}

func (s *faults) get() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Fault{}, s.list...)
}

// take returns the fault for a request and uses up one of its hits.
func (s *faults) take(host, method, path string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		f := &s.list[i]
		if (f.Host == "" || f.Host == host) && (f.Method == "" || f.Method == method) && matchPath(f.Path, path) &&
			(f.Count == 0 || f.Hits < f.Count) {
			f.Hits++
			return *f, true
		}
	}
	return Fault{}, false
}

// serve answers r as f says; real is the undisturbed carrier, refuse its way to say an error.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, c clock.Clock, real http.Handler, refuse func(http.ResponseWriter, int)) {
	if f.LatencyMilliseconds > 0 && !pause(r, c, time.Duration(f.LatencyMilliseconds)*time.Millisecond) {
		return
	}
	if f.Phase == After {
		real.ServeHTTP(newCapture(), r)
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	switch f.Body {
	case FaultNone:
		if f.Status != 0 {
			refuse(w, f.Status)
		} else {
			real.ServeHTTP(w, r)
		}
	case FaultText:
		f.text(w, or(f.Status, http.StatusOK), or(f.ContentType, "application/json"), f.Text)
	case FaultHTML:
		f.text(w, or(f.Status, http.StatusBadGateway), "text/html; charset=utf-8",
			"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>The service is unavailable</h1></body></html>\n")
	case FaultHuge:
		f.huge(w)
	case FaultTruncated, FaultSlowDrip:
		f.spoil(w, r, c, real)
	case FaultClose:
		panic(http.ErrAbortHandler)
	case FaultRedirect:
		http.Redirect(w, r, f.RedirectTo, or(f.Status, http.StatusFound))
	}
}

func (f Fault) text(w http.ResponseWriter, status int, contentType, text string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func (f Fault) huge(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(or(f.Status, http.StatusOK))
	io.WriteString(w, `{"padding":"`)
	chunk := []byte(strings.Repeat("x", 32<<10))
	for left := or(f.Bytes, 64<<20); left > 0; left -= int64(len(chunk)) {
		if _, err := w.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
			return // the client has had enough
		}
	}
	io.WriteString(w, `"}`)
}

// spoil sends the real answer, but not all of it or not at once.
func (f Fault) spoil(w http.ResponseWriter, r *http.Request, c clock.Clock, real http.Handler) {
	answer := newCapture()
	real.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.header)
	w.Header().Set("Content-Length", strconv.Itoa(answer.body.Len()))
	w.WriteHeader(or(f.Status, answer.status))
	body, flush := answer.body.Bytes(), http.NewResponseController(w).Flush
	if f.Body == FaultTruncated {
		_, _ = w.Write(body[:len(body)/2]) // the connection is cut anyway
		_ = flush()
		panic(http.ErrAbortHandler)
	}
	interval := time.Duration(or(f.IntervalMilliseconds, 1000)) * time.Millisecond
	for i := range body {
		if i > 0 && !pause(r, c, interval) {
			return
		}
		if _, err := w.Write(body[i : i+1]); err != nil || flush() != nil {
			return
		}
	}
}

// pause waits on the injected clock; false where the client went away first.
func pause(r *http.Request, c clock.Clock, d time.Duration) bool {
	select {
	case <-c.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
