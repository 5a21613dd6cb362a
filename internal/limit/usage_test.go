package limit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// day is the use of a limit of 100 a day: counts in the slots (24 min) since the epoch.
func day(counts ...int64) []config.LimitUsage {
	u := config.LimitUsage{Limit: "day", Requests: 100, WindowSeconds: 86400}
	for i, count := range counts {
		if count > 0 {
			u.Slots = append(u.Slots, config.UsageSlot{Start: epoch.Unix() + int64(i)*1440, Count: count})
		}
	}
	return []config.LimitUsage{u}
}

func TestSharesAddUpToTheWhole(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var counts []int64
		var sum, shared int64
		for range 1 + random.IntN(60) {
			counts = append(counts, random.Int64N(4))
			sum += counts[len(counts)-1]
		}
		replicas := 1 + random.Int64N(5)
		for _, s := range Share(day(counts...), int32(replicas))[0].Slots {
			shared += s.Count
		}
		if want := (sum + replicas - 1) / replicas; shared != want {
			t.Errorf("seed %d: a share of %d of %d, want %d", seed, shared, sum, want)
		}
	}
}

func TestMergingUsage(t *testing.T) {
	closed := func(u []config.LimitUsage, d time.Duration) []config.LimitUsage {
		u[0].ClosedUntil = epoch.Add(d).Unix()
		return u
	}
	reports := func(r ...[]config.LimitUsage) [][]config.LimitUsage { return r }
	tests := map[string]struct {
		recorded []config.LimitUsage
		reports  [][]config.LimitUsage
		after    time.Duration
		want     []config.LimitUsage
		grown    bool
	}{
		"nothing":                 {nil, nil, 0, nil, false},
		"replicas add up":         {nil, reports(day(1, 2), day(0, 3, 4)), 0, day(1, 5, 4), true},
		"no traffic is no change": {day(1, 5, 4), reports(day(1, 2), day(0, 3, 4)), 0, day(1, 5, 4), false},
		"more traffic is":         {day(1, 5, 4), reports(day(1, 2), day(0, 3, 5)), 0, day(1, 5, 5), true},
		"what a replica that is gone had counted": {day(1, 5, 4), reports(day(1, 2)), 0, day(1, 5, 4), false},
		"what is over goes, which is no traffic":  {day(1, 5), reports(day(1, 5)), 24*time.Hour + 30*time.Minute, day(0, 5), false},
		"all is over":                             {day(1, 5), nil, 50 * time.Hour, nil, false},
		"a closure":                               {day(1), reports(closed(day(1), time.Hour)), 0, closed(day(1), time.Hour), true},
		"the later closure of two":                {closed(day(1), time.Hour), reports(closed(day(1), time.Minute)), 0, closed(day(1), time.Hour), false},
		"a closure that is over":                  {closed(day(1), time.Hour), reports(closed(day(1), time.Hour)), 2 * time.Hour, day(1), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, grown := Merge(tc.recorded, tc.reports, epoch.Add(tc.after))
			if diff := cmp.Diff(tc.want, got); diff != "" || grown != tc.grown {
				t.Errorf("grown %t, want %t (-want +got):\n%s", grown, tc.grown, diff)
			}
		})
	}
}

// A pod after another is replaced; the sum of what they know of stays near the truth, and never below it.
func TestReplacedPodsKnowTheOldOnesUse(t *testing.T) {
	c := example()
	c.Replicas, c.Limits = 2, []config.Limit{{Name: "day", Carrier: true, Requests: 1000, WindowSeconds: 86400}}
	pods := []*Set{newExample(t, c, nil, Known{}, epoch), newExample(t, c, nil, Known{}, epoch)}
	takes(pods[0], "checkout", "track", 300, epoch)
	takes(pods[1], "checkout", "track", 100, epoch)
	var recorded []config.LimitUsage
	now := epoch
	for i := range 6 {
		now = now.Add(10 * time.Minute)
		recorded, _ = Merge(recorded, [][]config.LimitUsage{pods[0].Usage(now), pods[1].Usage(now)}, now)
		recorded, _ = Merge(recorded, [][]config.LimitUsage{pods[1-i%2].Usage(now)}, now) // the other has gone
		pods[i%2] = newExample(t, c, nil, Known{Sum: recorded}, now)
	}
	a, _ := takes(pods[0], "checkout", "track", 2000, now)
	b, _ := takes(pods[1], "checkout", "track", 2000, now)
	if passed := a + b; passed > 600 || passed < 300 {
		t.Errorf("%d more requests pass, want at most 600, and not much less", passed)
	}
}

func TestUsageTellsLongLimitsOnly(t *testing.T) {
	s := newExample(t, example(), nil, Known{}, epoch)
	takes(s, "checkout", "track", 3, epoch)
	s.TakeToken(epoch)
	want := []config.LimitUsage{{Limit: "day", Requests: 10, WindowSeconds: 86400, Slots: []config.UsageSlot{{Start: epoch.Unix(), Count: 3}}}}
	if diff := cmp.Diff(want, s.Usage(epoch)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Close("track", nil, epoch, epoch.Add(time.Minute))
	if got := s.Usage(epoch); len(got) != 2 || got[1].Limit != "second" || got[1].ClosedUntil != epoch.Add(time.Minute).Unix() {
		t.Errorf("a short limit that is closed is told too: %+v", got)
	}
	if got := s.Usage(epoch.Add(48 * time.Hour)); got != nil {
		t.Errorf("what is over is told: %+v", got)
	}
}
