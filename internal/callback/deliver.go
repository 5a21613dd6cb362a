package callback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	deliverTimeout = 15 * time.Second // carriers give up after 10 to 30 s
	maxAnswer      = 64 << 10         // of the Service: a carrier needs a status, some a challenge echoed
)

// passed are the headers of a call that reach the Service. The credential of Basic and Bearer calls is not among them.
var passed = []string{"Content-Type", "Content-Encoding", "User-Agent", "Accept"}

// Target delivers verified calls to the Service of a callback.
type Target struct {
	config    config.Callback
	url       string
	transport *http.Transport
}

// NewTarget makes a Target that dials the address of the configuration and nothing else.
func NewTarget(c config.Callback) (*Target, error) {
	u, err := url.Parse(c.ForwardTo)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("forwardTo must be http://service.namespace.svc:port/path, not %q", c.ForwardTo)
	}
	if _, err := netip.ParseAddrPort(c.Address); err != nil {
		return nil, errors.New("the Service's address must be ip:port")
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Target{config: c, url: c.ForwardTo, transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", c.Address)
		},
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, DisableCompression: true, ResponseHeaderTimeout: deliverTimeout,
	}}, nil
}

// Close ends idle connections.
func (t *Target) Close() { t.transport.CloseIdleConnections() }

// Answer is what the Service said, for the carrier.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Deliver passes a call on and returns the Service's answer. A redirect is an answer like any other.
func (t *Target) Deliver(ctx context.Context, h http.Header, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	t.header(req.Header, h)
	res, err := t.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer := &Answer{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	if answer.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1)); err != nil {
		return nil, err
	}
	if len(answer.Body) > maxAnswer {
		return nil, errors.New("the Service's answer is longer than 64 KiB")
	}
	return answer, nil
}

// header copies what the Service may see: what describes the body, and the headers that were signed.
func (t *Target) header(dst, src http.Header) {
	names := append([]string{t.config.TimestampHeader, t.config.IDHeader}, passed...)
	if t.config.Verification == verificationHMAC || t.config.Verification == verificationRSA {
		names = append(names, t.config.SignatureHeader)
	}
	for _, name := range names {
		if values := src.Values(name); name != "" && len(values) > 0 {
			dst[http.CanonicalHeaderKey(name)] = values
		}
	}
	dst.Set("Carrier-Callback", t.config.Name)
}

// Sender is the address that a call came from: the connection's, or, behind a proxy that is trusted to write it, the last of
// X-Forwarded-For. It is the zero Addr where that cannot be read.
func Sender(r *http.Request, trustForwardedFor bool) netip.Addr {
	if trustForwardedFor {
		values := r.Header.Values("X-Forwarded-For")
		if len(values) == 0 {
			return netip.Addr{}
		}
		last := values[len(values)-1]
		a, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
		if err != nil {
			return netip.Addr{}
		}
		return a.Unmap()
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
