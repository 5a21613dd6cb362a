package limit

import (
	"cmp"
	"slices"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	// longSeconds is the window from which on a limit's use is kept beyond the life of a pod: what is shorter is over as soon.
	longSeconds = 3600
	// maxUsages bounds how many limits' use is told.
	maxUsages = 128
)

// Usage is how far the long limits are used up in this replica, and what is closed.
func (s *Set) Usage(now time.Time) (all []config.LimitUsage) {
	closed := s.closures.all(now)
	for _, l := range slices.Concat(s.limits, s.tokens) {
		u := config.LimitUsage{Limit: l.Name, Requests: l.Requests, WindowSeconds: l.WindowSeconds, ClosedUntil: closed[l.Name]}
		delete(closed, l.Name)
		if l.isLong() {
			for _, slot := range l.window.Slots(now) {
				u.Slots = append(u.Slots, config.UsageSlot{Start: slot.Start.Unix(), Count: slot.Count})
			}
		}
		if len(u.Slots) > 0 || u.ClosedUntil > 0 {
			all = append(all, u)
		}
	}
	for name, until := range closed {
		all = append(all, config.LimitUsage{Limit: name, ClosedUntil: until})
	}
	slices.SortStableFunc(all, func(a, b config.LimitUsage) int {
		return cmp.Or(cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.WindowSeconds, b.WindowSeconds), cmp.Compare(a.Requests, b.Requests))
	})
	return all[:min(len(all), maxUsages)]
}

// slotSeconds is the length of a usage's slots.
func slotSeconds(u *config.LimitUsage) int64 {
	return (int64(u.WindowSeconds) + windowSlots - 1) / windowSlots
}

// restore takes over what is known of a limit that is still the same.
func (l *Limit) restore(known []config.LimitUsage, now time.Time) {
	for i := range known {
		u := &known[i]
		if !l.isLong() || usageKey(u) != (usageID{l.Name, l.Requests, l.WindowSeconds}) {
			continue
		}
		var slots []Slot
		for _, s := range u.Slots {
			slots = append(slots, Slot{Start: time.Unix(s.Start, 0), Count: s.Count})
		}
		l.window.AtLeast(slots, time.Duration(slotSeconds(u))*time.Second, now)
	}
}

type usageID struct {
	limit    string
	requests int64
	window   int32
}

func usageKey(u *config.LimitUsage) usageID { return usageID{u.Limit, u.Requests, u.WindowSeconds} }

// Share is one replica's part of what all have counted. It is rounded up over the whole, the newest slots first, as those count longest.
func Share(all []config.LimitUsage, replicas int32) []config.LimitUsage {
	n := int64(max(replicas, 1))
	var shares []config.LimitUsage
	for _, u := range all {
		slots := slices.Clone(u.Slots)
		slices.SortFunc(slots, func(a, b config.UsageSlot) int { return cmp.Compare(a.Start, b.Start) })
		var sum, given int64
		for i := len(slots) - 1; i >= 0; i-- {
			sum += max(slots[i].Count, 0)
			slots[i].Count = (sum+n-1)/n - given
			given += slots[i].Count
		}
		u.Slots = slots
		shares = append(shares, u)
	}
	return shares
}

// Merge adds up what replicas report and joins it with what was recorded before: what was once counted stays so until its slot has left
// the window, also when the replica that counted it is gone. grown says whether something was counted or closed that was not recorded.
func Merge(recorded []config.LimitUsage, reports [][]config.LimitUsage, now time.Time) (merged []config.LimitUsage, grown bool) {
	sums := map[usageID]*usageSum{}
	at := func(u *config.LimitUsage) *usageSum {
		key := usageKey(u)
		if sums[key] == nil {
			sums[key] = &usageSum{slots: map[int64]int64{}}
		}
		return sums[key]
	}
	for _, report := range reports {
		for i := range report {
			u := &report[i]
			sum := at(u)
			sum.closed = max(sum.closed, u.ClosedUntil)
			for _, s := range u.Slots {
				sum.slots[s.Start] += s.Count
			}
		}
	}
	known := map[usageID]*usageSum{}
	for i := range recorded {
		u := &recorded[i]
		old, sum := &usageSum{slots: map[int64]int64{}, closed: u.ClosedUntil}, at(u)
		sum.closed = max(sum.closed, u.ClosedUntil)
		for _, s := range u.Slots {
			old.slots[s.Start] = s.Count
			sum.slots[s.Start] = max(sum.slots[s.Start], s.Count)
		}
		known[usageKey(u)] = old
	}
	for key, sum := range sums {
		u, new := sum.usage(key, known[key], now)
		grown = grown || new
		if len(u.Slots) > 0 || u.ClosedUntil > 0 {
			merged = append(merged, u)
		}
	}
	slices.SortFunc(merged, func(a, b config.LimitUsage) int {
		return cmp.Or(cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.WindowSeconds, b.WindowSeconds), cmp.Compare(a.Requests, b.Requests))
	})
	return merged[:min(len(merged), maxUsages)], grown
}

type usageSum struct {
	slots  map[int64]int64
	closed int64
}

// usage is the sum without what is over; grown says whether it is more than what was known.
func (sum *usageSum) usage(key usageID, known *usageSum, now time.Time) (u config.LimitUsage, grown bool) {
	u = config.LimitUsage{Limit: key.limit, Requests: key.requests, WindowSeconds: key.window}
	if sum.closed > now.Unix() {
		u.ClosedUntil = sum.closed
		grown = known == nil || sum.closed > known.closed
	}
	for start, count := range sum.slots {
		if count < 1 || start+slotSeconds(&u)+int64(key.window) < now.Unix() {
			continue
		}
		u.Slots = append(u.Slots, config.UsageSlot{Start: start, Count: count})
		grown = grown || known == nil || count > known.slots[start]
	}
	slices.SortFunc(u.Slots, func(a, b config.UsageSlot) int { return cmp.Compare(a.Start, b.Start) })
	return u, grown
}
