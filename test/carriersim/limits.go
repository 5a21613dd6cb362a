package carriersim

import (
	"sync"
	"time"
)

// FedEx's limits on token requests of one source address: 3 a second over 5 s or 1 a second over 2 min, then 403 for 10 min.
// Source: developer.fedex.com, guides/ratelimits.
const (
	penaltyBurst       = 15
	penaltyBurstWindow = 5 * time.Second
	penaltyRate        = 120
	penaltyRateWindow  = 2 * time.Minute
	penaltyTime        = 10 * time.Minute
)

// window counts events a key over a sliding time.
type window struct {
	mu   sync.Mutex
	hits map[string][]time.Time
}

// add counts an event and returns the times of the last span, this one included.
func (w *window) add(key string, now time.Time, span time.Duration) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hits == nil {
		w.hits = map[string][]time.Time{}
	}
	kept := append(since(w.hits[key], now.Add(-span)), now)
	w.hits[key] = kept
	return kept
}

// since returns the part of sorted times that lies after t.
func since(times []time.Time, t time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(t) {
		times = times[1:]
	}
	return times
}

// penaltyBox is FedEx's token limit. Requests inside the box count too, so a client that goes on violating stays in.
type penaltyBox struct {
	recent window

	mu    sync.Mutex
	until map[string]time.Time
}

// hit counts a token request of an address and says whether it is refused.
func (p *penaltyBox) hit(address string, now time.Time) bool {
	long := p.recent.add(address, now, penaltyRateWindow)
	violation := len(long) >= penaltyRate || len(since(long, now.Add(-penaltyBurstWindow))) >= penaltyBurst
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	if violation {
		p.until[address] = now.Add(penaltyTime)
	}
	return now.Before(p.until[address])
}

// dailyQuota counts requests an account and GMT day.
type dailyQuota struct {
	mu   sync.Mutex
	day  string
	used map[string]int
}

// take counts a request and says whether it is within the quota.
func (q *dailyQuota) take(account string, now time.Time, quota int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if day := now.UTC().Format(time.DateOnly); day != q.day {
		q.day, q.used = day, map[string]int{}
	}
	q.used[account]++
	return q.used[account] <= quota
}
