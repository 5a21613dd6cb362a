// Package upstream is a client for one HTTPS origin that is asked often: it speaks HTTP/1.1 (RFC 9112) over connections that it
// keeps, and does all of an exchange in the goroutine of its caller. net/http.Transport hands each request to two goroutines of
// its connection and back, which costs more than the request itself.
//
// Responses are parsed by net/http.ReadResponse. What is stricter than there: a response with both Content-Length and
// Transfer-Encoding, or with more than one Content-Length, is an error (RFC 9112, section 6.3: it may be an attempt at splitting).
//
// A connection is used again only if its last answer was read to the end, and nothing has come since: an answer that nobody asked
// for would be taken for the answer to the next request. Bytes in all buffers, of the kernel, of TLS and of HTTP, count.
//
// # Repetition
//
// A request that fails on a kept connection is sent once more, on a new one, if none of its bytes was written; or if its method is
// idempotent (RFC 9110, section 9.2.2) and no byte of an answer has come. Nothing else is repeated: a label that was ordered twice
// is paid for twice.
//
// # Left out
//
// HTTP/2, proxies, redirects, cookies, compression, Expect, Upgrade, request bodies of unknown length, and request trailers.
package upstream
