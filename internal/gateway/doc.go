// Package gateway is the data plane: it takes requests of applications to one carrier, lets through what the configuration allows,
// and sends them on with the credential that the applications never see.
//
// The way of a request is the list of stages in exchange.go; each stage is a file. What a stage decides from is a snapshot: one
// immutable object built from the files that the operator mounts, replaced as a whole when they change (reload.go). A request
// keeps the snapshot that it began with. Client connections end gracefully after a change of certificates or CAs; until then
// their certificates are verified again with each request.
//
// # Answers
//
// Answers made here are RFC 9457 problems with the header "Carrier-Gateway: problem" and a member rule, the last part of the type
// https://carrier-operator.io/problems/<rule>. The rules are those of problem.go and of package minimize. Answers of the carrier
// have "Carrier-Gateway: carrier". Redirects are answers: a Location on the carrier's host becomes a path on the gateway, any other
// is dropped. Cookies and what the carrier promises about its host are dropped too.
//
// An answer that has rules and cannot be decoded becomes 502, or keeps the carrier's status if that is an error; its body is withheld.
//
// # Limits
//
// A request is counted in all limits that it falls under, or in none. A client over one of them gets 429 with the rule limit-exceeded,
// or carrier-throttled where the carrier has said so itself, and with Retry-After, RateLimit and RateLimit-Policy
// (draft-ietf-httpapi-ratelimit-headers) of the limit that it has to wait for longest: q is what this replica admits, or all of them
// where they count in a store. Nothing was sent then. An answer of the carrier closes limits by Retry-After or x-retry-after of a 429 or
// 503, by any 429, by RateLimit, RateLimit-* and X-RateLimit-* that tell that nothing remains, and by the profile's signals (throttle.go).
//
// # Logs
//
// One line a request, message "request": client, operation, method, route (a template), status, durationMicros, carrierMicros,
// bytesIn, bytesOut, removedFields, mode, revision, and where they apply rule, limited, credential, tokenSource (static, cached,
// fresh, previous), tokenRenewed, carrierHost, requestRemoved and responseRemoved (paths; [?] for names no rule mentions),
// requestUndecodable, queryUndecodable, responseUndecodable, missingFields. Nothing in it is a value of a request.
// Lines are written several at a time, at most 100 ms after the request; the last ones when the gateway ends.
//
// # Limits of the method
//
// net/http reads a request with both Content-Length and Transfer-Encoding by the latter, and unfolds folded headers, as RFC 9112
// allows. Both are harmless here since a request is read whole and framed anew. Clients speak HTTP/1.1 only.
package gateway
