package callback

import (
	"sync"
	"time"
)

// maxRemembered bounds the calls that are remembered: 40 bytes each. Beyond it the oldest are forgotten, which at worst delivers one twice.
const maxRemembered = 100_000

// Memory knows the calls of the last while, so that a repeated one is not delivered again. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	calls map[Digest]*call
	order []noted // oldest first
}

type call struct {
	until time.Time
	done  bool
}

type noted struct {
	id Digest
	*call
}

// Seen says what is known about a call.
type Seen int

// What is known about a call.
const (
	// Never: it is new, or its delivery failed before.
	Never Seen = iota
	// UnderWay: the same call is being delivered.
	UnderWay
	// Delivered: the same call was delivered before.
	Delivered
)

// NewMemory is an empty memory.
func NewMemory() *Memory { return &Memory{calls: map[Digest]*call{}} }

// Begin notes a call that is about to be delivered and kept for a while after that. The caller ends one that was never seen with End.
func (m *Memory) Begin(ids []Digest, now time.Time, keep time.Duration) Seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	for _, id := range ids {
		switch c := m.calls[id]; {
		case c == nil || c.done && !now.Before(c.until):
		case c.done:
			return Delivered
		default:
			return UnderWay
		}
	}
	c := &call{until: now.Add(keep)}
	for _, id := range ids {
		m.calls[id] = c
		m.order = append(m.order, noted{id, c})
	}
	return Never
}

func (m *Memory) forget(now time.Time) {
	for len(m.order) > 0 && (len(m.calls) >= maxRemembered || m.order[0].done && !now.Before(m.order[0].until)) {
		if oldest := m.order[0]; m.calls[oldest.id] == oldest.call { // not one that has taken its place
			delete(m.calls, oldest.id)
		}
		m.order = m.order[1:]
	}
}

// End notes how a delivery ended; a call whose delivery failed may come again.
func (m *Memory) End(ids []Digest, success bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if c := m.calls[id]; c != nil {
			if c.done = true; !success {
				c.until = time.Time{}
			}
		}
	}
}
