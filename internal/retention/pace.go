package retention

import (
	"math"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Window sizes in the store's unit. The smallest always goes through somehow; the largest keeps a nearly empty table from being one window.
const (
	firstWindow = 32
	minWindow   = 1
	maxWindow   = 1 << 17
)

// pace adapts the window size to the time that a transaction should take.
type pace struct {
	target time.Duration
	size   int64
	// full is the target, and pause the rest after each transaction, of a run that has the store to itself.
	full, pause time.Duration
	yielding    bool
	// fixed is what a window takes however small it is: the way to the store, and its commit. limit is the longest that is aimed at because of it.
	fixed, limit time.Duration
	// last is the window before.
	last struct {
		size int64
		took time.Duration
	}
}

func newPace(t Throttle) *pace {
	target := time.Duration(t.TargetBatchMilliseconds) * time.Millisecond
	return &pace{target: target, size: firstWindow, full: target, pause: time.Duration(t.PauseMilliseconds) * time.Millisecond, limit: t.WindowLimit() / 2}
}

// beside sets the target for a store that others use, or that they do not.
func (p *pace) beside(others bool) {
	p.yielding, p.target = others, p.full
	if others {
		p.target = min(p.full, yieldTarget)
	}
}

// name of the pace in the run's status.
func (p *pace) name() v1alpha1.RunPace {
	if p.yielding {
		return v1alpha1.PaceYielding
	}
	return v1alpha1.PaceFull
}

// rest is how long the run rests after a transaction.
func (p *pace) rest(took time.Duration) time.Duration {
	if !p.yielding {
		return p.pause
	}
	return max(p.pause, min(yieldRest*took, maxRest))
}

// maxGrowth is how much larger a window may be than the one before.
const maxGrowth = 8

// took grows to what should take half the target, which a longer window than the last comes near by itself, and from there to the target. It
// grows at most by maxGrowth and shrinks at most to a quarter, so that one odd window does not throw the size about.
func (p *pace) took(d time.Duration) {
	d = max(d, 1)
	p.learn(d)
	growth := float64(p.aim()) / float64(d)
	if growth > 2 {
		growth = min(max(growth/2, 2), maxGrowth)
	}
	next := float64(p.size) * growth
	if growth > 1 {
		next = math.Ceil(next) // a window of one record must come to be one of two
	}
	p.size = min(max(int64(next), p.size/4, minWindow), maxWindow)
}

// aim is how long a window should take: the target or, where that is hardly more than what the smallest takes, as long again as that. Otherwise
// windows over a slow link would shrink to nothing, and the run would never end.
func (p *pace) aim() time.Duration { return max(p.target, min(2*p.fixed, p.limit)) }

// learn finds what is fixed by comparing a window with the one before if one of them is at least twice as large: the rest goes with their size.
func (p *pace) learn(took time.Duration) {
	large, small, longest, shortest := p.size, p.last.size, took, p.last.took
	if large < small {
		large, small, longest, shortest = small, large, shortest, longest
	}
	if small > 0 && large >= 2*small {
		each := float64(max(longest-shortest, 0)) / float64(large-small)
		p.fixed = max(shortest-time.Duration(each*float64(small)), 0)
	}
	p.last.size, p.last.took = p.size, took
}

// failed shrinks after a window that the store did not finish.
func (p *pace) failed() { p.size = max(p.size/4, minWindow) }

// backOff is the wait before the next try: a quarter of a second, doubled each time, half a minute at most.
func backOff(try int) time.Duration {
	return min(250*time.Millisecond<<min(try, 16), 30*time.Second)
}
