package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how far the heap may grow, in bytes, before garbage is collected. A gateway's live data is a few MiB, where Go's
// default, twice the live data, collects dozens of times a second under load. More than this would show in the memory that a
// thousand connections take.
const heapFloor = 16 << 20

// tuneCollector keeps the collector from running below heapFloor. Above half of it, with many connections, the default holds.
// GOMEMLIMIT holds in any case; GOGC, if set, is left alone.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	current := defaultPercent
	afterEachCollection(func() {
		metrics.Read(live)
		// Small changes are not worth the stop that a change is.
		if next := collectorPercent(live[0].Value.Uint64()); next*5 < current*4 || next*4 > current*5 || next == defaultPercent && current != next {
			current = next
			debug.SetGCPercent(next)
		}
	})
}

const (
	defaultPercent = 100
	maxPercent     = 1000
)

// collectorPercent is the GOGC by which a heap with so many live bytes grows to heapFloor, at least the default.
func collectorPercent(live uint64) int {
	percent := heapFloor/float64(live)*100 - 100 // +Inf if nothing is known yet
	return int(min(max(percent, defaultPercent), maxPercent))
}

// sentinel is garbage as soon as it is made, and heap-allocated on its own since it is larger than what the runtime packs together.
type sentinel struct{ _ [64]byte }

// afterEachCollection calls f, in the finalizers' goroutine, once for each collection of garbage.
func afterEachCollection(f func()) {
	var again func(*sentinel)
	again = func(*sentinel) {
		f()
		runtime.SetFinalizer(&sentinel{}, again)
	}
	runtime.SetFinalizer(&sentinel{}, again)
}
