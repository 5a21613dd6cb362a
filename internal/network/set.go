package network

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// minGrace is how long an address stays in the set at least after it left the answers.
	minGrace = 10 * time.Minute
	// maxSet bounds a set: a name that answers others each time must not fill policies and status. The API's limit is the same.
	maxSet = 128
)

// Set is the published address set of one host.
type Set struct {
	// Addresses that may be dialed, sorted: those of the last good answer and those that are retiring.
	Addresses []netip.Addr
	// Retiring are addresses that left the answers, with the instant at which they leave the set.
	Retiring map[netip.Addr]time.Time
}

// Update takes an answer into the set: new addresses come at once, those that left stay for twice the TTL or ten minutes, whichever is
// longer, since resolvers disagree for a while and connections live on. Of too many, those that would leave first go at once.
func (s Set) Update(answer Answer, now time.Time) Set {
	next := Set{Retiring: map[netip.Addr]time.Time{}, Addresses: slices.Clone(answer.Addresses)}
	for _, address := range s.Addresses {
		if slices.Contains(answer.Addresses, address) {
			continue
		}
		until, known := s.Retiring[address]
		if !known {
			until = now.Add(max(minGrace, 2*answer.TTL)).Truncate(time.Second)
		}
		if until.After(now) {
			next.Retiring[address] = until
			next.Addresses = append(next.Addresses, address)
		}
	}
	next.cut()
	slices.SortFunc(next.Addresses, netip.Addr.Compare)
	return next
}

// cut removes the retiring addresses that would leave first, down to what a set may hold.
func (s *Set) cut() {
	for len(s.Addresses) > maxSet && len(s.Retiring) > 0 {
		first := slices.MinFunc(slices.Collect(maps.Keys(s.Retiring)), func(a, b netip.Addr) int {
			return cmp.Or(s.Retiring[a].Compare(s.Retiring[b]), a.Compare(b))
		})
		delete(s.Retiring, first)
		s.Addresses = slices.DeleteFunc(s.Addresses, func(a netip.Addr) bool { return a == first })
	}
}

// NextChange is the next instant at which an address leaves the set; zero if none does.
func (s Set) NextChange() time.Time {
	var next time.Time
	for _, until := range s.Retiring {
		if next.IsZero() || until.Before(next) {
			next = until
		}
	}
	return next
}
