package limit

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// StoreTimeout bounds how long a request waits for a Store.
	StoreTimeout = 250 * time.Millisecond
	// retryStore is how long a Store that failed is left alone.
	retryStore = time.Second
	// settle is how long it takes until all replicas have told a store that answers again what it missed.
	settle = 30 * time.Second
	// maxStack is how many limits one request usually has at most: those need no allocation.
	maxStack = 8
)

// Store counts for all replicas together.
type Store interface {
	// Take adds what is owed to each entry, then counts events, 0 or 1, in all of them or in none. It fails rather than take long.
	Take(ctx context.Context, entries []Entry, events int) (Verdict, error)
}

// Entry is a rolling window in a Store: no more than Limit events in 60 slots.
type Entry struct {
	Key   string
	Limit int64
	Slot  time.Duration
	// Owed events were let through without the store.
	Owed int64
}

// Verdict is a Store's answer.
type Verdict struct {
	// Refused is the index of the entry for which the wait is longest, -1 if the events were counted.
	Refused int
	Wait    time.Duration
	// Generation changes when the store has lost its counts.
	Generation string
}

// Counter counts in a Store if there is one, and in this replica's part of the limits always: they are what is kept while the store
// does not answer. When it answers again it is told what it has missed, and the parts go on being kept for a while, until the other
// replicas have told it too; for the length of each limit's window if the store has lost its counts. So a store that fails never opens
// a limit: at worst, if one replica had just used up all of it, the others still have their parts. It outlives configurations.
type Counter struct {
	// Changed, which may be nil, is told when the store stops answering, with the error, and when it answers again, with nil.
	Changed func(err error)

	mu         sync.Mutex
	store      Store // nil: none
	failure    error
	retryAt    time.Time
	generation string
	alone      bool      // events were counted while there was no store
	failedAt   time.Time // when the store last did not answer
	lostAt     time.Time // when the store was last found to lack counts
}

// Use replaces the store; nil: every replica keeps its part of the limits.
func (c *Counter) Use(s Store, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alone && s != nil {
		c.lostAt, c.alone = now, false
	}
	if s == nil {
		c.failure, c.generation = nil, ""
	}
	c.store, c.retryAt = s, time.Time{}
}

// Failure is why the store is not used at present; nil if it is, or if there is none.
func (c *Counter) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// trust is how far the store can be relied on.
type trust struct{ failedAt, lostAt time.Time }

// guards says whether this replica's part of a limit is kept besides the store's count.
func (t trust) guards(l *Limit, now time.Time) bool {
	length := l.window.Length()
	return now.Before(t.lostAt.Add(length)) || now.Before(t.failedAt.Add(min(length, settle)))
}

// take counts a request in all limits or in none.
func (c *Counter) take(limits []*Limit, now time.Time) *Refusal {
	if len(limits) == 0 {
		return nil
	}
	store, t, configured := c.attempt(now)
	if store == nil {
		return c.takeAlone(limits, configured, now)
	}
	guarded, entries := make([]*Limit, 0, maxStack), make([]Entry, 0, maxStack)
	for _, l := range limits {
		if t.guards(l, now) {
			guarded = append(guarded, l)
		}
	}
	if r := take(guarded, now); r != nil {
		return r
	}
	v, err := c.ask(store, appendEntries(entries, limits), limits, 1, now)
	if err != nil || v.Refused >= 0 {
		giveBack(guarded)
	}
	if err != nil {
		return c.takeAlone(limits, true, now)
	}
	if v.Refused >= 0 {
		l := limits[v.Refused]
		return &Refusal{Limit: l.Name, Quota: l.entry.Limit, Length: l.entry.Slot * windowSlots, Wait: v.Wait}
	}
	for _, l := range limits {
		if !t.guards(l, now) {
			l.window.Note(now)
		}
	}
	return nil
}

// takeAlone keeps this replica's part. A store that is configured will be told.
func (c *Counter) takeAlone(limits []*Limit, configured bool, now time.Time) *Refusal {
	r := take(limits, now)
	if r == nil && configured {
		for _, l := range limits {
			l.owed.Add(1)
		}
	}
	return r
}

func appendEntries(entries []Entry, limits []*Limit) []Entry {
	for _, l := range limits {
		e := l.entry
		e.Owed = l.owed.Load()
		entries = append(entries, e)
	}
	return entries
}

// ask asks the store in the time that a request has for it, and notes how it answered.
func (c *Counter) ask(store Store, entries []Entry, limits []*Limit, events int, now time.Time) (Verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), StoreTimeout)
	defer cancel()
	v, err := store.Take(ctx, entries, events)
	if err == nil {
		for i, e := range entries {
			limits[i].owed.Add(-e.Owed)
		}
	}
	c.heard(store, v, err, now)
	return v, err
}

func (c *Counter) probe(limits []*Limit, now time.Time) {
	owes := slices.ContainsFunc(limits, func(l *Limit) bool { return l.owed.Load() > 0 })
	if c.Failure() == nil && !owes {
		return
	}
	if store, _, _ := c.attempt(now); store != nil {
		_, _ = c.ask(store, appendEntries(nil, limits), limits, 0, now)
	}
}

// attempt is the store if it is to be asked now. One that failed is tried by a single request now and then.
func (c *Counter) attempt(now time.Time) (s Store, t trust, configured bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.store == nil {
		c.alone = true
		return nil, t, false
	}
	if c.failure != nil {
		if now.Before(c.retryAt) {
			return nil, t, true
		}
		c.retryAt = now.Add(retryStore)
	}
	return c.store, trust{c.failedAt, c.lostAt}, true
}

// heard notes how the store answered.
func (c *Counter) heard(from Store, v Verdict, err error, now time.Time) {
	c.mu.Lock()
	if c.store != from {
		c.mu.Unlock()
		return
	}
	before := c.failure
	c.failure = err
	switch {
	case err != nil:
		c.retryAt, c.failedAt = now.Add(retryStore), now
	case c.generation != "" && c.generation != v.Generation:
		c.lostAt = now
	case before != nil:
		c.failedAt = now
	}
	if err == nil {
		c.generation = v.Generation
	}
	changed := c.Changed
	c.mu.Unlock()
	if (before == nil) != (err == nil) && changed != nil {
		changed(err)
	}
}
