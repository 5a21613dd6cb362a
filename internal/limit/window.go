package limit

import (
	"math"
	"sync"
	"time"
)

// windowSlots is how finely a Window forgets: by 1/60 of its length.
const windowSlots = 60

// Window counts events over a rolling window, so that no interval of its length ever holds more than Limit of them. (A token bucket
// of the same rate lets nearly twice as many through after a pause, which is what carriers ban for.) It is safe for concurrent use,
// costs the same memory whatever the limit, and errs to the safe side by at most a slot.
type Window struct {
	limit int64
	slot  time.Duration

	mu     sync.Mutex
	latest int64 // number of the newest slot, since the epoch
	counts [windowSlots + 1]int64
	total  int64 // of counts
}

// Slot is a part of a window: its start, cut to the second, and the events in it.
type Slot struct {
	Start time.Time
	Count int64
}

// NewWindow divides limit events in length over replicas. A share below one event becomes one event in a longer window.
func NewWindow(limit int64, length time.Duration, replicas int32) *Window {
	return newShare(float64(limit)/float64(max(replicas, 1)), length)
}

func newShare(share float64, length time.Duration) *Window {
	if share < 1 {
		length = time.Duration(math.Ceil(float64(length) / share))
		share = 1
	}
	return &Window{limit: int64(share), slot: max((length+windowSlots-1)/windowSlots, 1)}
}

// Limit is the number of events that the window admits.
func (w *Window) Limit() int64 { return w.limit }

// Length is the length of the window.
func (w *Window) Length() time.Duration { return w.slot * windowSlots }

// Take counts one event, or says how long to wait until one more fits.
func (w *Window) Take(now time.Time) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if wait = w.waitLocked(now); wait == 0 {
		w.addLocked(w.latest, 1)
	}
	return wait
}

// Wait says how long to wait until one more event fits; 0: it fits now.
func (w *Window) Wait(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waitLocked(now)
}

// Note counts an event that somebody else has admitted, also beyond the limit.
func (w *Window) Note(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	w.addLocked(w.latest, 1)
}

// Return takes back one event that Take counted just before and that did not happen.
func (w *Window) Return() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts[w.latest%int64(len(w.counts))] > 0 {
		w.addLocked(w.latest, -1)
	}
}

// Slots are the parts of the window in which there were events, the oldest first.
func (w *Window) Slots(now time.Time) (slots []Slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	for s := w.latest - windowSlots; s <= w.latest; s++ {
		if count := w.counts[(s+windowSlots+1)%(windowSlots+1)]; count > 0 {
			slots = append(slots, Slot{Start: time.Unix(0, s*int64(w.slot)).UTC().Truncate(time.Second), Count: count})
		}
	}
	return slots
}

// AtLeast raises the window's counts to those of slots that are length long, as of a window that counted before. What is over is
// left out; what lies in the future (another clock) counts as of now.
func (w *Window) AtLeast(slots []Slot, length time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	known := map[int64]int64{}
	for _, s := range slots {
		// The last second of the slot, whose start was cut: events are forgotten late rather than early.
		end := s.Start.Add(max(length-time.Second, 0))
		known[min(end.UnixNano()/int64(w.slot), w.latest)] += max(s.Count, 0)
	}
	for s, count := range known {
		if s > w.latest-int64(len(w.counts)) {
			w.addLocked(s, max(count-w.counts[s%int64(len(w.counts))], 0))
		}
	}
}

func (w *Window) addLocked(slot, n int64) {
	w.counts[slot%int64(len(w.counts))] += n
	w.total += n
}

func (w *Window) waitLocked(now time.Time) time.Duration {
	w.advance(now)
	size, total := int64(len(w.counts)), w.total
	if total < w.limit {
		return 0
	}
	for s := w.latest - size + 1; s <= w.latest; s++ {
		if s < 0 {
			continue
		}
		if total -= w.counts[s%size]; total < w.limit {
			return max(time.Unix(0, (s+size)*int64(w.slot)).Sub(now), 1)
		}
	}
	return w.slot // not reached: without any of its slots the window is empty
}

// advance forgets slots that have left the window. A clock that goes back stays in the newest slot.
func (w *Window) advance(now time.Time) {
	size, current := int64(len(w.counts)), now.UnixNano()/int64(w.slot)
	if current-w.latest >= size {
		w.counts, w.total, w.latest = [windowSlots + 1]int64{}, 0, current
	}
	for w.latest < current {
		w.latest++
		w.total -= w.counts[w.latest%size]
		w.counts[w.latest%size] = 0
	}
}
