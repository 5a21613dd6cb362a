package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestWindowAdmitsTheLimitAtOnceAndThenWaits(t *testing.T) {
	w := NewWindow(20, time.Second, 1)
	for i := range 20 {
		if wait := w.Take(epoch); wait != 0 {
			t.Fatalf("event %d waits %v", i, wait)
		}
	}
	wait := w.Take(epoch)
	if wait < time.Second || wait > 1100*time.Millisecond {
		t.Fatalf("event 21 waits %v, want a second and a bit", wait)
	}
	if wait := w.Take(epoch.Add(wait)); wait != 0 {
		t.Errorf("after the wait it waits again: %v", wait)
	}
}

func TestWindowShares(t *testing.T) {
	tests := map[string]struct {
		limit    int64
		replicas int32
		want     int64
		length   time.Duration
	}{
		"one replica":                      {10, 1, 10, time.Minute},
		"a share is rounded down":          {10, 3, 3, time.Minute},
		"less than one: a longer window":   {1, 2, 1, 2 * time.Minute},
		"no replica counts as one":         {10, 0, 10, time.Minute},
		"two for five: two windows a half": {2, 5, 1, 150 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := NewWindow(tc.limit, time.Minute, tc.replicas)
			if w.Limit() != tc.want || w.Length() < tc.length || w.Length() > tc.length+time.Second {
				t.Errorf("%d in %v, want %d in %v", w.Limit(), w.Length(), tc.want, tc.length)
			}
		})
	}
}

// No interval of the window's length holds more than the limit, and a steady demand gets nearly all of it.
func TestWindowIsStrictAndNotWasteful(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		limit, length := 1+random.Int64N(50), time.Duration(1+random.Int64N(10))*time.Second
		w, now := NewWindow(limit, length, 1), epoch
		var taken []time.Time
		for now.Before(epoch.Add(20 * length)) {
			now = now.Add(time.Duration(1 + random.Int64N(int64(length)/limit/4)))
			if w.Take(now) == 0 {
				taken = append(taken, now)
			}
		}
		for i := int(limit); i < len(taken); i++ {
			if gap := taken[i].Sub(taken[i-int(limit)]); gap < length {
				t.Fatalf("seed %d: %d events within %v, the window is %v", seed, limit+1, gap, length)
			}
		}
		if got, want := int64(len(taken)), 20*limit*8/10; got < want {
			t.Errorf("seed %d: %d events passed, want at least %d", seed, got, want)
		}
	}
}

func TestWindowWithAClockThatGoesBack(t *testing.T) {
	w := NewWindow(2, time.Second, 1)
	w.Take(epoch)
	w.Take(epoch.Add(-time.Hour))
	if wait := w.Take(epoch.Add(-time.Hour)); wait <= 0 {
		t.Error("a clock that goes back frees the window")
	}
}

func TestReturnedEventIsFree(t *testing.T) {
	w := NewWindow(1, time.Second, 1)
	w.Take(epoch)
	w.Return()
	if wait := w.Take(epoch); wait != 0 {
		t.Errorf("waits %v after a return", wait)
	}
}

func TestBurstAtTheWindowEdge(t *testing.T) {
	w := NewWindow(10, time.Minute, 1)
	for i := range 10 { // at the very end of what a fixed window would be
		if wait := w.Take(epoch.Add(time.Minute - 1)); wait != 0 {
			t.Fatalf("event %d waits %v", i, wait)
		}
	}
	for _, after := range []time.Duration{time.Minute, time.Minute + time.Millisecond, 2*time.Minute - 2} {
		if w.Take(epoch.Add(after)) == 0 {
			t.Errorf("an eleventh event within a minute passes %v after the epoch", after)
		}
	}
}

func TestWhatOthersAdmittedFillsTheWindow(t *testing.T) {
	w := NewWindow(2, time.Minute, 1)
	for i := range 4 {
		w.Note(epoch.Add(time.Duration(i) * time.Second))
	}
	wait := w.Take(epoch.Add(4 * time.Second))
	if again := w.Take(epoch.Add(4*time.Second + wait)); wait <= 0 || again != 0 {
		t.Errorf("four of two: waits %v and then %v, want one wait that is long enough", wait, again)
	}
}

func TestCountsOutliveTheirWindow(t *testing.T) {
	tests := map[string]struct {
		at      time.Duration // of the restart
		replica int32
		want    int64 // still counted
	}{
		"at once":                     {0, 1, 30},
		"half an hour later":          {30 * time.Minute, 1, 30},
		"when the first is over":      {61 * time.Minute, 1, 20},
		"when all are over":           {2 * time.Hour, 1, 0},
		"with a clock that went back": {-time.Hour, 1, 30},
		"with more replicas":          {time.Minute, 3, 30},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			old := NewWindow(1000, time.Hour, 1)
			for i := range 30 {
				old.Take(epoch.Add(time.Duration(i/10*10) * time.Minute))
			}
			now := epoch.Add(20 * time.Minute)
			slots := old.Slots(now)
			w := NewWindow(1000, time.Hour, tc.replica)
			if tc.at >= 0 {
				now = epoch.Add(tc.at)
			} else {
				now = now.Add(tc.at)
			}
			if tc.at == 0 {
				now = epoch.Add(20 * time.Minute)
			}
			w.AtLeast(slots, time.Minute, now)
			w.AtLeast(slots, time.Minute, now) // the same again is no more
			var got int64
			for _, s := range w.Slots(now) {
				got += s.Count
			}
			if got != tc.want {
				t.Errorf("%d events are counted, want %d", got, tc.want)
			}
		})
	}
}
