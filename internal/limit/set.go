package limit

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Limit is a limit with what was counted.
type Limit struct {
	config.Limit
	share  float64      // the requests that it admits over all replicas
	window *Window      // this replica's part
	entry  Entry        // all of it, for a Store
	owed   atomic.Int64 // events that were let through while the Store did not answer, and that it has not heard of
}

func newLimit(c config.Limit, share float64, replicas int32) *Limit {
	length := time.Duration(c.WindowSeconds) * time.Second
	whole := newShare(share, length)
	return &Limit{Limit: c, share: share, window: newShare(share/float64(max(replicas, 1)), length),
		entry: Entry{Key: fmt.Sprintf("%s:%d/%d", c.Name, c.Requests, c.WindowSeconds), Limit: whole.limit, Slot: whole.slot}}
}

// identity tells limits apart that count differently, so that a reload keeps the counts of all others.
func (l *Limit) identity() string {
	return fmt.Sprintf("%s|%t|%s|%s|%d|%d|%g", l.Name, l.TokenRequests, l.Client, strings.Join(l.Operations, ","), l.Requests, l.WindowSeconds, l.share)
}

func (l *Limit) covers(client, operation string) bool {
	return !l.TokenRequests && (l.Client == "" || l.Client == client) && (len(l.Operations) == 0 || slices.Contains(l.Operations, operation))
}

// isLong says whether a limit's use is kept beyond the life of a pod.
func (l *Limit) isLong() bool { return l.WindowSeconds >= longSeconds }

// Refusal says which limit a request has to wait for: of several that for which the wait is longest.
type Refusal struct {
	// Limit is its name, Quota and Length what it admits here.
	Limit  string
	Quota  int64
	Length time.Duration
	Wait   time.Duration
	// Closed: the carrier said that it is used up.
	Closed bool
}

// Set is all limits of a configuration. It is safe for concurrent use.
type Set struct {
	replicas int32
	limits   []*Limit
	tokens   []*Limit
	byUse    map[use][]*Limit
	closures *closures
	counter  *Counter
}

type use struct{ client, operation string }

// Known is what was counted before the process started or the number of replicas changed.
type Known struct {
	// Own is what this replica counted, Sum what all did.
	Own, Sum []config.LimitUsage
}

// NewSet makes the limits of a configuration, with those of clients' shares. Counts of previous, which may be nil, and what is known
// besides are taken over by limits that are still the same.
func NewSet(c *config.Config, previous *Set, counter *Counter, known func() Known, now time.Time) (*Set, error) {
	s := &Set{replicas: max(c.Replicas, 1), byUse: map[use][]*Limit{}, counter: counter, closures: &closures{}}
	counted := map[string]*Limit{}
	if previous != nil {
		s.closures = previous.closures
		for _, l := range slices.Concat(previous.limits, previous.tokens) {
			counted[l.identity()] = l
		}
	}
	all, err := expand(c)
	if err != nil {
		return nil, err
	}
	same := previous != nil && previous.replicas == s.replicas
	var before *Known
	for _, l := range all {
		old := counted[l.identity()]
		switch {
		case old != nil && same:
			l = old
		case old != nil:
			l.window.AtLeast(old.window.Slots(now), old.window.slot, now)
			fallthrough
		default:
			if before == nil {
				k := known()
				before = &Known{Own: k.Own, Sum: Share(k.Sum, s.replicas)}
			}
			l.restore(before.Own, now)
			l.restore(before.Sum, now)
		}
		if l.TokenRequests {
			s.tokens = append(s.tokens, l)
		} else {
			s.limits = append(s.limits, l)
		}
	}
	if before != nil {
		s.closures.restore(before.Own, now)
		s.closures.restore(before.Sum, now)
	}
	for _, client := range c.Clients {
		for _, operation := range c.Operations {
			s.byUse[use{client.Name, operation.Name}] = s.covering(client.Name, operation.Name)
		}
	}
	return s, nil
}

// expand adds the shares of clients to the configured limits.
func expand(c *config.Config) (all []*Limit, err error) {
	for _, l := range c.Limits {
		if l.Requests < 1 || l.WindowSeconds < 1 {
			return nil, fmt.Errorf("configuration: limit %s must have positive requests and windowSeconds", l.Name)
		}
		all = append(all, newLimit(l, float64(l.Requests), c.Replicas))
		if !l.Carrier || l.TokenRequests || l.Client != "" {
			continue
		}
		for _, client := range c.Clients {
			if percent := client.LimitSharePercent; percent > 0 && percent < 100 {
				part := l
				part.Name, part.Client, part.Carrier = l.Name+"/"+client.Name, client.Name, false
				all = append(all, newLimit(part, float64(l.Requests)*float64(percent)/100, c.Replicas))
			}
		}
	}
	return all, nil
}

func (s *Set) covering(client, operation string) (list []*Limit) {
	for _, l := range s.limits {
		if l.covers(client, operation) {
			list = append(list, l)
		}
	}
	return list
}

// Take counts a request in every limit that it falls under, or in none if one of them is used up or closed.
func (s *Set) Take(client, operation string, now time.Time) *Refusal {
	limits, known := s.byUse[use{client, operation}]
	if !known {
		limits = s.covering(client, operation)
	}
	if r := s.closed(limits, operation, now); r != nil {
		return r
	}
	return s.counter.take(limits, now)
}

// TakeToken counts a token request, or says how long to wait until one more may be sent.
func (s *Set) TakeToken(now time.Time) time.Duration {
	if r := s.counter.take(s.tokens, now); r != nil {
		return r.Wait
	}
	return 0
}

// Probe asks a store that failed whether it answers again, also while there is no traffic, and tells it what it has missed.
func (s *Set) Probe(now time.Time) { s.counter.probe(slices.Concat(s.limits, s.tokens), now) }

// take counts in all limits or in none.
func take(limits []*Limit, now time.Time) *Refusal {
	for i, l := range limits {
		wait := l.window.Take(now)
		if wait == 0 {
			continue
		}
		giveBack(limits[:i])
		worst, longest := l, wait
		for _, l := range limits[i+1:] {
			if wait := l.window.Wait(now); wait > longest {
				worst, longest = l, wait
			}
		}
		return &Refusal{Limit: worst.Name, Quota: worst.window.Limit(), Length: worst.window.Length(), Wait: longest}
	}
	return nil
}

func giveBack(limits []*Limit) {
	for _, l := range limits {
		l.window.Return()
	}
}
