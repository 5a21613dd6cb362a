//go:build envtest

package controllers_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// An integration from nothing to Ready and through a change of its credential, with one write broken: whichever it is and however it
// breaks, the same world comes of it, and nobody has to help. The kinds of faults take turns.
func TestEveryWriteMayFailBeforeAndAfter(t *testing.T) {
	story := func(w *world) {
		w.acme()
		w.settleRough()
		secret(changeSecret)(w)
		w.settleRough()
	}
	control := newWorld(t)
	story(control)
	control.expectReady()
	writes := control.wire.count()
	if writes < 15 {
		t.Fatalf("the story has %d writes only", writes)
	}
	kinds := slices.Sorted(maps.Keys(faults()))
	for n := 1; n <= writes; n++ {
		kind := kinds[n%len(kinds)]
		t.Run(fmt.Sprintf("write %d %s", n, kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.wire.breakAt, w.wire.fault = n, faults()[kind]
			story(w)
			w.settleRough()
			if w.wire.count() < n {
				t.Fatalf("write %d did not come", n)
			}
			w.expectReady()
		})
	}
}
