package limit

import (
	"sync"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// MaxClosure bounds how long one answer of a carrier keeps requests back.
const MaxClosure = 24 * time.Hour

// ofOperation begins the names under which operations are closed that no limit covers or that a signal names.
const ofOperation = "operation/"

// closures are limits, by name, and operations that the carrier wants left alone until some time. They outlive configurations.
type closures struct {
	mu    sync.RWMutex
	until map[string]closure
}

type closure struct{ from, until time.Time }

func (c *closures) get(name string, now time.Time) (closure, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, ok := c.until[name]
	return found, ok && now.Before(found.until)
}

// raise closes a name for longer; false if it was closed for about as long already.
func (c *closures) raise(name string, now, until time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit := now.Add(MaxClosure); until.After(limit) {
		until = limit
	}
	old, closed := c.until[name], now.Before(c.until[name].until)
	if !until.After(old.until) || !until.After(now) {
		return false
	}
	if c.until == nil {
		c.until = map[string]closure{}
	}
	if !closed {
		old = closure{from: now}
	}
	c.until[name] = closure{from: old.from, until: until}
	return !closed || until.Sub(old.until) > time.Second
}

func (c *closures) restore(usage []config.LimitUsage, now time.Time) {
	for _, u := range usage {
		if u.ClosedUntil > 0 {
			c.raise(u.Limit, now, time.Unix(u.ClosedUntil, 0))
		}
	}
}

// all are those that last, by name, in Unix seconds.
func (c *closures) all(now time.Time) map[string]int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := map[string]int64{}
	for name, found := range c.until {
		if now.Before(found.until) {
			list[name] = found.until.Add(time.Second - 1).Unix()
		}
	}
	return list
}

// closed is the refusal by the closure that lasts longest.
func (s *Set) closed(limits []*Limit, operation string, now time.Time) (r *Refusal) {
	s.closures.mu.RLock()
	none := len(s.closures.until) == 0
	s.closures.mu.RUnlock()
	if none {
		return nil
	}
	refuse := func(found closure, name string, quota int64, length time.Duration) {
		if wait := found.until.Sub(now); r == nil || wait > r.Wait {
			r = &Refusal{Limit: name, Quota: quota, Length: length, Wait: wait, Closed: true}
		}
	}
	for _, l := range limits {
		if found, closed := s.closures.get(l.Name, now); closed && l.Carrier {
			refuse(found, l.Name, l.window.Limit(), l.window.Length())
		}
	}
	if found, closed := s.closures.get(ofOperation+operation, now); closed {
		// Nobody said what the limit is: one request after the wait is what is known of it.
		refuse(found, operation, 1, found.until.Sub(found.from))
	}
	return r
}

// Close keeps requests back until a time, at most MaxClosure from now: those of the operations, or if there are none those of every
// operation that shares a limit of the carrier's with the one that was refused, or of that one alone. It says whether that is news.
func (s *Set) Close(refused string, operations []string, now, until time.Time) (news bool) {
	if len(operations) == 0 {
		for _, l := range s.limits {
			if l.ofCarrier(refused) {
				news = s.closures.raise(l.Name, now, until) || news
			}
		}
		if s.Shortest(refused) > 0 {
			return news
		}
		operations = []string{refused}
	}
	for _, operation := range operations {
		news = s.closures.raise(ofOperation+operation, now, until) || news
	}
	return news
}

// ofCarrier says whether the carrier's own limit covers an operation of all clients.
func (l *Limit) ofCarrier(operation string) bool {
	return l.Carrier && l.Client == "" && l.covers("", operation)
}

// Shortest is the length of the shortest of the carrier's limits that cover an operation; 0 if there is none.
func (s *Set) Shortest(operation string) (shortest time.Duration) {
	for _, l := range s.limits {
		length := time.Duration(l.WindowSeconds) * time.Second
		if l.ofCarrier(operation) && (shortest == 0 || length < shortest) {
			shortest = length
		}
	}
	return shortest
}
