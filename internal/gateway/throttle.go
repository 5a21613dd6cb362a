package gateway

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
)

const (
	// peekBytes are the first bytes of an answer's body in which a signal's text is looked for.
	peekBytes = 4 << 10
	// bareWait is how long nothing is sent, at most, after a 429 that says nothing.
	bareWait = time.Minute
)

// Signals that need no configuration, as metrics and logs name them.
const (
	signalStatus429  = "status-429"
	signalRetryAfter = "retry-after"
	signalRemaining  = "remaining-0"
)

// throttling is what a carrier's answer says of its limits.
type throttling struct {
	signal     string
	until      time.Time
	operations []string // empty: the one that was refused and what shares a limit with it
}

// throttle notes whether the carrier says that a limit is used up. The answer itself passes as any other.
func (x *exchange) throttle() *problem {
	now := x.gateway.clock.Now()
	t, said := x.throttling(now)
	if !said {
		return nil
	}
	x.gateway.metrics.throttled.WithLabelValues(x.operation.name, t.signal).Inc()
	if x.limits.Close(x.operation.name, t.operations, now, t.until) {
		x.gateway.log.Warn("the carrier says that a limit is used up: requests wait", "operation", x.operation.name, "signal", t.signal,
			"status", x.response.StatusCode, "waitSeconds", ceilSeconds(min(t.until.Sub(now), limit.MaxClosure)))
	}
	return nil
}

// throttling reads the answer: the profile's signals first, in their order.
func (x *exchange) throttling(now time.Time) (t throttling, said bool) {
	res := x.response
	var start []byte
	for i := range x.cfg.Throttling {
		s := &x.cfg.Throttling[i]
		if s.Status != res.StatusCode {
			continue
		}
		if s.BodyContains != "" && start == nil {
			start = bytes.ToLower(x.peek())
		}
		if bytes.Contains(start, bytes.ToLower([]byte(s.BodyContains))) {
			return throttling{s.Name, untilOf(s, res.Header, now), s.Operations}, true
		}
	}
	return plainThrottling(res.StatusCode, res.Header, min(x.limits.Shortest(x.operation.name), bareWait), now)
}

// untilOf is when the answer that a signal matches lets requests through again.
func untilOf(s *config.ThrottleSignal, h http.Header, now time.Time) time.Time {
	switch s.Until {
	case config.ThrottleUntilMidnightUTC:
		return limit.MidnightUTC(now)
	case config.ThrottleUntilHeader:
		if at, ok := limit.RetryAt(h, now); ok {
			return at
		}
	}
	return now.Add(time.Duration(s.WaitSeconds) * time.Second)
}

// plainThrottling is what status and headers say without the profile's help. shortest is the window of the tightest limit that is known.
func plainThrottling(status int, h http.Header, shortest time.Duration, now time.Time) (t throttling, said bool) {
	switch status {
	case http.StatusTooManyRequests:
		t.signal = signalStatus429
		if t.until, said = limit.RetryAt(h, now); !said {
			if shortest <= 0 {
				shortest = bareWait
			}
			t.until = now.Add(shortest)
		}
		return t, true
	case http.StatusServiceUnavailable:
		if t.until, said = limit.RetryAfter(h, now); said {
			t.signal = signalRetryAfter
			return t, true
		}
	}
	if limit.UsedUp(h) {
		t.signal = signalRemaining
		t.until, said = limit.ResetAt(h, now)
	}
	return t, said
}

// peek reads the start of the body, decoded as far as it can be, and puts it back.
func (x *exchange) peek() []byte {
	body, buffer := x.response.Body, make([]byte, peekBytes)
	var n int
	var err error
	for n < len(buffer) && err == nil {
		var more int
		more, err = body.Read(buffer[n:])
		n += more
	}
	start := buffer[:n]
	rest := io.Reader(body)
	if err != nil {
		rest = failing{err}
	}
	x.response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), body}
	if encodingOf(x.response.Header) != "gzip" {
		return start
	}
	z, err := newGunzip(bytes.NewReader(start), maxDecoded)
	if err != nil {
		return nil
	}
	decoded, _ := io.ReadAll(io.LimitReader(z, peekBytes)) // it ends in the middle
	return decoded
}

// failing is the rest of a body that could not be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
