package limit

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers that carriers write. None of the x- ones is standardized; RateLimit-* are of drafts of draft-ietf-httpapi-ratelimit-headers
// up to 06, RateLimit of those since.
var (
	retryHeaders     = []string{"Retry-After", "X-Retry-After"}
	resetHeaders     = []string{"Ratelimit-Reset", "X-Ratelimit-Reset", "X-Rate-Limit-Reset"}
	remainingHeaders = []string{"Ratelimit-Remaining", "X-Ratelimit-Remaining", "X-Rate-Limit-Remaining"}
)

// RetryAt is when a carrier that refused wants to be asked again, by the headers of its answer: Retry-After (RFC 9110), x-retry-after,
// RateLimit, RateLimit-Reset, in this order. A time that is not in the future is none.
func RetryAt(h http.Header, now time.Time) (time.Time, bool) {
	if at, ok := RetryAfter(h, now); ok {
		return at, true
	}
	return ResetAt(h, now)
}

// RetryAfter is RetryAt without the headers that tell of limits.
func RetryAfter(h http.Header, now time.Time) (at time.Time, ok bool) {
	for _, name := range retryHeaders {
		if at, ok = moment(h.Get(name), now); ok {
			return at, true
		}
	}
	return time.Time{}, false
}

// ResetAt is when a limit of the carrier's is free again, by the headers of its answer.
func ResetAt(h http.Header, now time.Time) (at time.Time, ok bool) {
	for _, item := range rateLimits(h) {
		if item.remaining > 0 {
			continue
		}
		if reset, valid := moment(item.reset, now); valid && reset.After(at) {
			at, ok = reset, true
		}
	}
	for _, name := range resetHeaders {
		if reset, valid := moment(h.Get(name), now); valid && !ok {
			return reset, true
		}
	}
	return at, ok
}

// UsedUp says whether an answer that is no refusal tells that nothing remains of a limit.
func UsedUp(h http.Header) bool {
	for _, name := range remainingHeaders {
		if isZero(h.Get(name)) {
			return true
		}
	}
	for _, item := range rateLimits(h) {
		if item.remaining == 0 {
			return true
		}
	}
	return false
}

// MidnightUTC is the next one.
func MidnightUTC(now time.Time) time.Time {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// moment reads seconds from now, an instant in Unix seconds or milliseconds, or a date. What is not in the future is none.
func moment(value string, now time.Time) (time.Time, bool) {
	value = strings.TrimSpace(value)
	at, err := http.ParseTime(value)
	if err != nil {
		at, err = time.Parse(time.RFC3339, value)
	}
	if seconds, ok := number(value); ok {
		switch {
		case seconds >= 1e11: // milliseconds since the epoch: as seconds it would be the year 5138
			at, err = time.UnixMilli(int64(seconds)), nil
		case seconds >= 1e9: // seconds since the epoch: as a wait it would be 31 years
			at, err = time.Unix(int64(seconds), 0), nil
		default:
			at, err = now.Add(time.Duration(math.Ceil(seconds*1000))*time.Millisecond), nil
		}
	}
	return at, err == nil && at.After(now)
}

// number reads a plain decimal number: no sign, no exponent, no words, at most 15 digits.
func number(s string) (float64, bool) {
	if s == "" || len(s) > 15 || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func isZero(s string) bool {
	n, ok := number(strings.TrimSpace(s))
	return ok && n == 0
}

// rateLimit is one item of the header RateLimit.
type rateLimit struct {
	remaining int // -1: not told
	reset     string
}

// rateLimits reads the header RateLimit: "name";r=0;t=30 of the newest drafts, or limit=100, remaining=0, reset=30 of older ones.
func rateLimits(h http.Header) (items []rateLimit) {
	value := strings.Join(h["Ratelimit"], ",")
	if value == "" || len(value) > 1024 {
		return nil
	}
	old := rateLimit{remaining: -1}
	for member := range strings.SplitSeq(value, ",") {
		item := rateLimit{remaining: -1}
		for parameter := range strings.SplitSeq(member, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			switch strings.ToLower(name) {
			case "r":
				item.remaining = atLeastZero(value)
			case "t":
				item.reset = value
			case "remaining":
				old.remaining = atLeastZero(value)
			case "reset":
				old.reset = value
			}
		}
		if item.remaining >= 0 || item.reset != "" {
			items = append(items, item)
		}
	}
	if old.remaining >= 0 || old.reset != "" {
		items = append(items, old)
	}
	return items
}

// atLeastZero is a count, or -1 if it is none.
func atLeastZero(s string) int {
	n, ok := number(s)
	if !ok {
		return -1
	}
	return int(min(n, math.MaxInt32))
}
