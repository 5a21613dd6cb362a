package gateway

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// listHeaders may come several times: their values are lists. Any other header that passes must be given once.
var listHeaders = []string{"Accept", "Accept-Language"}

// singleHeaders pass besides those that the operation names.
var singleHeaders = []string{"Content-Type", "Idempotency-Key"}

// neverForwarded are headers of a client that no profile can let through: credentials, forwarding, framing, hop-by-hop.
var neverForwarded = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Cookie2": true,
	"Host": true, "Forwarded": true, "Via": true, "X-Real-Ip": true, "X-Original-Url": true, "X-Rewrite-Url": true,
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Http2-Settings": true, "Expect": true,
	"Content-Length": true, "Content-Encoding": true, "Content-Md5": true, "Digest": true, "Content-Digest": true,
	config.PurposeHeader: true,
	"Repr-Digest":        true, "Signature": true, "Signature-Input": true, "Range": true, "Accept-Encoding": true, "User-Agent": true,
}

// forwardedHeaders checks the headers that an operation names and leaves out those that hold a secret of the gateway's.
func forwardedHeaders(op *config.Operation, a config.Authentication) ([]string, error) {
	var out []string
	secrets := carrier.SecretHeaders(a)
next:
	for _, name := range op.Headers {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if neverForwarded[name] || strings.HasPrefix(name, "X-Forwarded-") || name == originHeader {
			return nil, fmt.Errorf("operation %s: the header %s of a client never passes to a carrier", op.Name, name)
		}
		for _, secret := range secrets {
			if strings.EqualFold(secret, name) {
				continue next
			}
		}
		out = append(out, name)
	}
	return out, nil
}

// prepareHeaders builds the carrier's header from nothing: what is not listed does not pass.
func (x *exchange) prepareHeaders() *problem {
	h := x.spare.header
	for _, name := range listHeaders {
		if values := x.r.Header[name]; len(values) == 1 {
			h[name] = values
		} else if len(values) > 1 {
			h[name] = []string{strings.Join(values, ", ")}
		}
	}
	for _, names := range [][]string{singleHeaders, x.operation.headers} {
		for _, name := range names {
			values := x.r.Header[name]
			if len(values) > 1 {
				return newProblem(http.StatusBadRequest, ruleHeader, "the header "+name+" is given more than once")
			}
			if len(values) == 1 {
				h[name] = values
			}
		}
	}
	if len(x.r.Header["Content-Encoding"]) > 1 {
		return newProblem(http.StatusBadRequest, ruleHeader, "the header Content-Encoding is given more than once")
	}
	h["User-Agent"], h["Accept-Encoding"] = ownUserAgent, noEncoding
	x.header = h
	return nil
}

// Values that many headers share. Nobody writes into a header's values: they are replaced.
var (
	ownUserAgent  = []string{carrier.UserAgent}
	noEncoding    = []string{"identity"} // what comes back must be readable here
	originCarrier = []string{"carrier"}
)

// hopByHop are headers of an answer that concern the connection to the carrier, or make promises about the carrier's host that
// must not be taken for the gateway's.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length",
	"Set-Cookie", "Set-Cookie2", "Alt-Svc", "Strict-Transport-Security", "Public-Key-Pins", "Clear-Site-Data", "Nel", "Report-To",
	"Reporting-Endpoints", originHeader,
}

var isHopByHop = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range hopByHop {
		m[name] = true
	}
	return m
}()

// bodyHeaders describe the bytes of a body and are wrong after it has changed.
var bodyHeaders = []string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Signature", "Signature-Input", "Etag",
	"Accept-Ranges", "Content-Range"}

// connectionOptions are the headers that a header Connection declares to be of one hop.
func connectionOptions(values []string) (names []string) {
	for _, value := range values {
		for option := range strings.SplitSeq(value, ",") {
			if option = strings.TrimSpace(option); !strings.EqualFold(option, "keep-alive") && !strings.EqualFold(option, "close") {
				names = append(names, textproto.CanonicalMIMEHeaderKey(option))
			}
		}
	}
	return names
}

// copyResponseHeaders copies what the client may see of the carrier's header.
func copyResponseHeaders(dst, src http.Header, host string) {
	named := connectionOptions(src["Connection"])
	for name, values := range src {
		if !isHopByHop[name] && !slices.Contains(named, name) {
			dst[name] = values
		}
	}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if values, given := dst[name]; given {
			delete(dst, name)
			if own := ownLocation(values, host); own != "" {
				dst[name] = []string{own}
			}
		}
	}
	dst[originHeader] = originCarrier
}
