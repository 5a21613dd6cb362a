package limit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// fakeStore counts up to a limit over all who use it, and fails or forgets when told to.
type fakeStore struct {
	counts     map[string]int64
	err        error
	generation string
	asked      int
}

func (f *fakeStore) Take(_ context.Context, entries []Entry, events int) (Verdict, error) {
	f.asked++
	if f.err != nil {
		return Verdict{}, f.err
	}
	for _, e := range entries {
		f.counts[e.Key] += e.Owed
	}
	if events == 0 {
		return Verdict{Refused: -1, Generation: f.generation}, nil
	}
	for i, e := range entries {
		if f.counts[e.Key] >= e.Limit {
			return Verdict{Refused: i, Wait: time.Minute, Generation: f.generation}, nil
		}
	}
	for _, e := range entries {
		f.counts[e.Key]++
	}
	return Verdict{Refused: -1, Generation: f.generation}, nil
}

func (f *fakeStore) lose(generation string) { f.counts, f.generation = map[string]int64{}, generation }

// fleet is two replicas that share a store and a limit of 10 in a minute.
type fleet struct {
	store    *fakeStore
	counters []*Counter
	sets     []*Set
	changes  []error
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{store: &fakeStore{}}
	f.store.lose("first")
	c := &config.Config{Replicas: 2, Clients: []config.Client{{Name: "a"}}, Operations: []config.Operation{{Name: "rate"}},
		Limits: []config.Limit{{Name: "minute", Carrier: true, Requests: 10, WindowSeconds: 60}}}
	for range 2 {
		counter := &Counter{Changed: func(err error) { f.changes = append(f.changes, err) }}
		counter.Use(f.store, epoch)
		s, err := NewSet(c, nil, counter, nothing, epoch)
		if err != nil {
			t.Fatal(err)
		}
		f.counters, f.sets = append(f.counters, counter), append(f.sets, s)
	}
	return f
}

// want checks how many of 20 requests at each replica pass.
func (f *fleet) want(t *testing.T, what string, now time.Time, first, second int) {
	t.Helper()
	a, _ := takes(f.sets[0], "a", "rate", 20, now)
	b, _ := takes(f.sets[1], "a", "rate", 20, now)
	if a != first || b != second {
		t.Errorf("%s: %d and %d requests pass, want %d and %d", what, a, b, first, second)
	}
}

func (f *fleet) probe(now time.Time) {
	for _, s := range f.sets {
		s.Probe(now)
	}
}

func TestReplicasShareALimitExactly(t *testing.T) {
	f := newFleet(t)
	f.want(t, "all of it goes to whoever comes first", epoch, 10, 0)
	if len(f.changes) > 0 {
		t.Errorf("changes of the store: %v", f.changes)
	}
}

func TestWithoutTheStoreEachReplicaKeepsItsPart(t *testing.T) {
	f := newFleet(t)
	f.store.err = errors.New("connection refused")
	f.want(t, "half each", epoch, 5, 5)
	if f.store.asked != 2 {
		t.Errorf("the store that fails is asked %d times, want once by each", f.store.asked)
	}
	if len(f.changes) != 2 || f.changes[0] == nil || f.counters[0].Failure() == nil {
		t.Errorf("changes that are told: %v", f.changes)
	}
}

func TestAFailingStoreLetsNoMoreThrough(t *testing.T) {
	f := newFleet(t)
	a, _ := takes(f.sets[0], "a", "rate", 6, epoch)
	f.store.err = errors.New("timeout")
	now := epoch.Add(2 * time.Second)
	if b, _ := takes(f.sets[0], "a", "rate", 20, now); a != 6 || b != 0 {
		t.Errorf("%d and %d requests pass: a replica that has had its part already gets more", a, b)
	}
	f.want(t, "the other still has its part", now, 0, 5)

	f.store.err = nil
	f.store.lose("second") // it comes back with nothing in it
	now = now.Add(2 * time.Second)
	f.probe(now)
	f.want(t, "and still both keep their parts", now, 0, 0)
	if last := f.changes[len(f.changes)-1]; last != nil || f.counters[0].Failure() != nil {
		t.Errorf("that it answers again is not told: %v", f.changes)
	}
	f.store.counts = map[string]int64{} // what it was told is over as well
	f.want(t, "until a window has passed", now.Add(3*time.Minute), 10, 0)
}

func TestAStoreThatAnswersAgainIsToldWhatItMissed(t *testing.T) {
	f := newFleet(t)
	takes(f.sets[0], "a", "rate", 1, epoch)
	f.store.err = errors.New("timeout")
	now := epoch.Add(2 * time.Second)
	takes(f.sets[0], "a", "rate", 2, now)
	takes(f.sets[1], "a", "rate", 3, now)
	f.store.err = nil
	now = now.Add(2 * time.Second)
	f.probe(now)
	f.probe(now)
	for key, got := range f.store.counts {
		if got != 6 {
			t.Errorf("the store counts %d of %s, want 6", got, key)
		}
	}
	f.want(t, "parts are kept for a while", now, 2, 2)
	now = epoch.Add(2 * time.Minute)
	f.want(t, "and then it counts exactly again", now, 0, 0)
	f.store.counts = map[string]int64{} // their minute is over
	f.want(t, "and then it counts exactly again", now, 10, 0)
}

func TestAStoreThatForgotIsNoticed(t *testing.T) {
	f := newFleet(t)
	takes(f.sets[0], "a", "rate", 5, epoch)
	takes(f.sets[1], "a", "rate", 5, epoch)
	f.store.lose("second") // restarted faster than anybody asked
	a, _ := takes(f.sets[0], "a", "rate", 20, epoch.Add(time.Second))
	b, _ := takes(f.sets[1], "a", "rate", 20, epoch.Add(time.Second))
	if a+b > 2 { // each replica learns of it by one request
		t.Errorf("%d and %d more requests pass than the limit", a, b)
	}
}

func TestAnotherPasswordLosesNothing(t *testing.T) {
	f := newFleet(t)
	takes(f.sets[0], "a", "rate", 1, epoch)
	again := *f.store
	for _, c := range f.counters {
		c.Use(&again, epoch)
	}
	if a, _ := takes(f.sets[0], "a", "rate", 20, epoch); a != 9 {
		t.Errorf("%d requests pass, want all that was left", a)
	}
}

func TestAStoreThatIsNewKnowsNothing(t *testing.T) {
	f := newFleet(t)
	for _, c := range f.counters {
		c.Use(nil, epoch)
	}
	takes(f.sets[1], "a", "rate", 5, epoch)
	takes(f.sets[0], "a", "rate", 1, epoch)
	for _, c := range f.counters {
		c.Use(f.store, epoch)
	}
	f.want(t, "parts go on being kept", epoch, 4, 0)
}

func TestAStoreThatIsGivenUp(t *testing.T) {
	f := newFleet(t)
	takes(f.sets[0], "a", "rate", 6, epoch)
	for _, c := range f.counters {
		c.Use(nil, epoch)
	}
	f.want(t, "parts are kept at once", epoch, 0, 5)
}
