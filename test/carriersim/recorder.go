package carriersim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request as it arrived.
type Request struct {
	Seq        int64     `json:"seq"`
	Time       time.Time `json:"time"`
	RemoteAddr string    `json:"remoteAddr"`
	// LocalAddr is the listener's address that the request came to.
	LocalAddr string `json:"localAddr"`
	// ServerName is the TLS SNI, empty where the client dialed an address.
	ServerName string `json:"serverName,omitempty"`
	TLSVersion string `json:"tlsVersion"`
	// Host is the Host header without the port, in lower case.
	Host    string  `json:"host"`
	Carrier Carrier `json:"carrier,omitempty"`
	// Operation is token, rate, ship, void or track; empty for anything else.
	Operation     string      `json:"operation,omitempty"`
	Method        string      `json:"method"`
	Path          string      `json:"path"`
	Query         url.Values  `json:"query,omitempty"`
	Header        http.Header `json:"header"`
	ContentLength int64       `json:"contentLength"` // -1: chunked
	// Body is the bytes as sent; base64 in JSON.
	Body []byte `json:"body,omitempty"`
	// JSON is the body where it is JSON, with a gzip encoding undone; numbers, order and duplicate keys as sent.
	JSON json.RawMessage `json:"json,omitempty"`
	// Form is the body where it is a form.
	Form url.Values `json:"form,omitempty"`
	// ClientCertSHA256 is the hex digest of the client's leaf certificate, empty without one.
	ClientCertSHA256 string   `json:"clientCertSHA256,omitempty"`
	ClientCertURIs   []string `json:"clientCertURIs,omitempty"`
	// Status is what was answered; 0 where the connection was closed without an answer, or the answer is still to come.
	Status int `json:"status"`
}

// Filter selects requests; empty fields match everything. Path matches exactly, or as a prefix where it ends in "*".
type Filter struct {
	Host, Path, Operation string
}

func (f Filter) matches(r *Request) bool {
	return (f.Host == "" || f.Host == r.Host) && (f.Operation == "" || f.Operation == r.Operation) && matchPath(f.Path, r.Path)
}

func matchPath(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == "" || pattern == path
}

// Stats counts since the start, or since the last clearing.
type Stats struct {
	// Requests by "carrier.operation" and status, such as Requests["ups.rate"][200]. Unknown paths count as "ups.".
	Requests map[string]map[int]int `json:"requests"`
	// TokensIssued by carrier.
	TokensIssued map[Carrier]int `json:"tokensIssued"`
	// Received is the number of requests, those included that Received has dropped.
	Received int64 `json:"received"`
}

// recorder keeps what arrived.
type recorder struct {
	max int

	mu    sync.Mutex
	seq   int64
	kept  []*Request
	stats Stats
}

func newRecorder(limit int) *recorder {
	r := &recorder{max: limit}
	r.clear()
	return r
}

func (l *recorder) add(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	l.stats.Received++
	r.Seq = l.seq
	if l.kept = append(l.kept, r); len(l.kept) > l.max {
		l.kept[0] = nil
		l.kept = l.kept[1:]
	}
}

func (l *recorder) answered(r *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Status = status
	key := string(r.Carrier) + "." + r.Operation
	if l.stats.Requests[key] == nil {
		l.stats.Requests[key] = map[int]int{}
	}
	l.stats.Requests[key][status]++
}

func (l *recorder) tokenIssued(c Carrier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.TokensIssued[c]++
}

func (l *recorder) list(f Filter) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Request{}
	for _, r := range l.kept {
		if f.matches(r) {
			out = append(out, *r)
		}
	}
	return out
}

func (l *recorder) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = nil
	l.stats = Stats{Requests: map[string]map[int]int{}, TokensIssued: map[Carrier]int{}}
}

func (l *recorder) snapshot() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Stats{Requests: map[string]map[int]int{}, TokensIssued: maps.Clone(l.stats.TokensIssued), Received: l.stats.Received}
	for key, byStatus := range l.stats.Requests {
		out.Requests[key] = maps.Clone(byStatus)
	}
	return out
}

// describe turns a request and its body into a record.
func describe(r *http.Request, host string, body []byte, now time.Time) *Request {
	rec := &Request{
		Time: now, RemoteAddr: r.RemoteAddr, Host: host, Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Header: r.Header.Clone(), ContentLength: r.ContentLength, Body: slices.Clone(body),
		ServerName: r.TLS.ServerName, TLSVersion: tls.VersionName(r.TLS.Version),
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		rec.LocalAddr = local.String()
	}
	if certs := r.TLS.PeerCertificates; len(certs) > 0 {
		digest := sha256.Sum256(certs[0].Raw)
		rec.ClientCertSHA256 = hex.EncodeToString(digest[:])
		for _, u := range certs[0].URIs {
			rec.ClientCertURIs = append(rec.ClientCertURIs, u.String())
		}
	}
	decoded := decodeBody(r.Header.Get("Content-Encoding"), body)
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case json.Valid(decoded):
		rec.JSON = decoded
	case mediaType == "application/x-www-form-urlencoded":
		rec.Form, _ = url.ParseQuery(string(decoded))
	}
	return rec
}

// decodeBody undoes gzip; what cannot be undone stays as it is.
func decodeBody(encoding string, body []byte) []byte {
	if encoding != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	out, err := io.ReadAll(io.LimitReader(z, maxBody))
	if err != nil {
		return body
	}
	return out
}
