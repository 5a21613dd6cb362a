package main

import (
	"runtime"
	"testing"
	"time"
)

func TestCollectorPercent(t *testing.T) {
	tests := map[string]struct {
		live uint64
		want int
	}{
		"nothing is known yet":                       {0, 1000},
		"a gateway at rest":                          {1 << 20, 1000},
		"a gateway under load":                       {4 << 20, 300},
		"half of the floor: the default":             {8 << 20, 100},
		"a thousand connections: the default":        {40 << 20, 100},
		"more than an int32 of bytes: still default": {8 << 30, 100},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := collectorPercent(tc.live); got != tc.want {
				t.Errorf("collectorPercent(%d) = %d, want %d", tc.live, got, tc.want)
			}
		})
	}
}

func TestAfterEachCollection(t *testing.T) {
	calls := make(chan struct{}, 16)
	afterEachCollection(func() { calls <- struct{}{} })
	for range 3 {
		runtime.GC()
		select {
		case <-calls:
		case <-time.After(10 * time.Second):
			t.Fatal("a collection went by without a call")
		}
	}
}
