//go:build envtest

package controllers_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wire sees every write of the controllers, and can break one.
type wire struct {
	next http.RoundTripper
	mu   sync.Mutex
	log  []string
	// reads counts the others, watches apart.
	reads int
	// breakAt is the number of the write to break, counted from 1; zero: none.
	breakAt int
	fault   fault
}

type fault func(next http.RoundTripper, request *http.Request) (*http.Response, error)

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	w.mu.Lock()
	if request.Method == http.MethodGet {
		if request.URL.Query().Get("watch") == "" {
			w.reads++
		}
		w.mu.Unlock()
		return w.next.RoundTrip(request)
	}
	w.log = append(w.log, request.Method+" "+request.URL.Path+" "+request.URL.Query().Get("fieldManager"))
	broken := len(w.log) == w.breakAt
	w.mu.Unlock()
	if broken {
		return w.fault(w.next, request)
	}
	return w.next.RoundTrip(request)
}

func (w *wire) count() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.log) }

// requests counts reads and writes.
func (w *wire) requests() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.log) + w.reads }

func (w *wire) since(n int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log[n:])
}

// brokeSince says whether the fault came after the first n writes.
func (w *wire) brokeSince(n int) bool { return n < w.breakAt && w.breakAt <= w.count() }

// faults refuse a write, or let it through and lose the answer.
func faults() map[string]fault {
	all := map[string]fault{}
	for name, respond := range map[string]func(*http.Request) (*http.Response, error){
		"409": func(r *http.Request) (*http.Response, error) { return answer(r, 409, metav1.StatusReasonConflict), nil },
		"429": func(r *http.Request) (*http.Response, error) {
			return answer(r, 429, metav1.StatusReasonTooManyRequests), nil
		},
		"500": func(r *http.Request) (*http.Response, error) {
			return answer(r, 500, metav1.StatusReasonInternalError), nil
		},
		"timeout": func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded },
	} {
		all[name+" before"] = func(_ http.RoundTripper, r *http.Request) (*http.Response, error) { return respond(r) }
		all[name+" after"] = func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			_ = response.Body.Close()
			return respond(r)
		}
	}
	return all
}

func answer(request *http.Request, code int32, reason metav1.StatusReason) *http.Response {
	body, _ := json.Marshal(metav1.Status{
		Kind: "Status", APIVersion: "v1", Status: metav1.StatusFailure, Code: code, Reason: reason, Message: "injected"})
	return &http.Response{
		StatusCode: int(code), Request: request, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(body))),
	}
}
