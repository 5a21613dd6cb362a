package gateway

import (
	"fmt"
	"net/http"

	"github.com/carrier-operator/carrier-operator/internal/limit"
)

// limit counts the request in every limit that it falls under, or in none if one of them is used up or closed by the carrier.
func (x *exchange) limit() *problem {
	r := x.limits.Take(x.client.Name, x.operation.name, x.started)
	if r == nil {
		return nil
	}
	x.record.limit = r.Limit
	p := newProblem(http.StatusTooManyRequests, ruleLimit, "wait as long as Retry-After says: the request was not sent to the carrier")
	if r.Closed {
		p = newProblem(http.StatusTooManyRequests, ruleThrottled,
			"the carrier said that a limit is used up: wait as long as Retry-After says; the request was not sent to the carrier")
	}
	p.refusal, p.retryAfter = r, r.Wait
	return p
}

// describe sets the header fields of draft-ietf-httpapi-ratelimit-headers: what a limit admits here, nothing remaining, free in a while.
func describe(h http.Header, r *limit.Refusal) {
	h.Set(headerRateLimit, fmt.Sprintf("%q;r=0;t=%d", r.Limit, ceilSeconds(r.Wait)))
	h.Set(headerRateLimitPolicy, fmt.Sprintf("%q;q=%d;w=%d", r.Limit, r.Quota, ceilSeconds(r.Length)))
}
