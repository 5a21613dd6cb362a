package limit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func nothing() Known { return Known{} }

// example has a carrier's day and second, of which the client returns has a fifth, and a limit of the integration's own.
func example() *config.Config {
	return &config.Config{
		Replicas:   1,
		Clients:    []config.Client{{Name: "checkout"}, {Name: "returns", LimitSharePercent: 20}},
		Operations: []config.Operation{{Name: "rate"}, {Name: "track"}, {Name: "ship"}},
		Limits: []config.Limit{
			{Name: "day", Carrier: true, Operations: []string{"track", "rate"}, Requests: 10, WindowSeconds: 86400},
			{Name: "second", Carrier: true, Operations: []string{"track"}, Requests: 4, WindowSeconds: 1},
			{Name: "tokens", Carrier: true, TokenRequests: true, Requests: 2, WindowSeconds: 60},
			{Name: "integration/mine", Client: "checkout", Operations: []string{"rate"}, Requests: 3, WindowSeconds: 60},
		},
	}
}

func newExample(t *testing.T, c *config.Config, previous *Set, known Known, now time.Time) *Set {
	t.Helper()
	s, err := NewSet(c, previous, &Counter{}, func() Known { return known }, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// takes tells how many requests of n pass at once, and which limit refuses the first that does not.
func takes(s *Set, client, operation string, n int, now time.Time) (passed int, refused string) {
	for range n {
		if r := s.Take(client, operation, now); r != nil {
			return passed, r.Limit
		}
		passed++
	}
	return passed, ""
}

func TestRequestsAreCountedInAllTheirLimits(t *testing.T) {
	tests := map[string]struct {
		client, operation string
		want              int
		refused           string
	}{
		"the second is the tightest":       {"checkout", "track", 4, "second"},
		"the integration's own limit":      {"checkout", "rate", 3, "integration/mine"},
		"a client's share of the day":      {"returns", "rate", 2, "day/returns"},
		"a share of less than one request": {"returns", "track", 1, "second/returns"},
		"an operation without a limit":     {"checkout", "ship", 20, ""},
		"an operation nobody knows":        {"checkout", "unknown", 20, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newExample(t, example(), nil, Known{}, epoch)
			if got, refused := takes(s, tc.client, tc.operation, 20, epoch); got != tc.want || refused != tc.refused {
				t.Errorf("%d requests pass, then %q refuses; want %d and %q", got, refused, tc.want, tc.refused)
			}
		})
	}
}

func TestARefusedRequestCountsNowhere(t *testing.T) {
	s := newExample(t, example(), nil, Known{}, epoch)
	takes(s, "checkout", "track", 4, epoch)
	for range 100 {
		s.Take("checkout", "track", epoch) // refused by the second, after the day had counted it
	}
	if got, refused := takes(s, "checkout", "track", 20, epoch.Add(2*time.Second)); got != 4 || refused != "second" {
		t.Errorf("%d requests pass, %q refuses, want another 4 of the second", got, refused)
	}
	if got, refused := takes(s, "checkout", "track", 20, epoch.Add(4*time.Second)); got != 2 || refused != "day" {
		t.Errorf("%d requests pass, %q refuses, want the last 2 of the day", got, refused)
	}
}

func TestTheTightestLimitIsTold(t *testing.T) {
	c := example()
	c.Limits[1].Requests = 10
	s := newExample(t, c, nil, Known{}, epoch)
	takes(s, "checkout", "track", 10, epoch)
	want := &Refusal{Limit: "day", Quota: 10, Length: 24 * time.Hour, Wait: 24*time.Hour + 24*time.Minute}
	if diff := cmp.Diff(want, s.Take("checkout", "track", epoch)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReplicaSkew(t *testing.T) {
	c := example()
	c.Replicas, c.Clients[1].LimitSharePercent = 4, 0
	var passed int
	for _, skew := range []time.Duration{-time.Hour, -time.Second, 0, time.Hour} { // four replicas whose clocks disagree
		got, _ := takes(newExample(t, c, nil, Known{}, epoch.Add(skew)), "returns", "rate", 20, epoch.Add(skew))
		passed += got
	}
	if passed > 10 || passed < 8 {
		t.Errorf("%d requests pass in all replicas, want no more than the day's 10 and not much less", passed)
	}
}

func TestLimiterResetOnRestart(t *testing.T) {
	before := newExample(t, example(), nil, Known{}, epoch)
	takes(before, "checkout", "track", 4, epoch)
	usage := before.Usage(epoch)
	tests := map[string]struct {
		change func(*config.Config)
		known  Known
		want   int
	}{
		"a restarted container knows what it counted":  {func(*config.Config) {}, Known{Own: usage}, 6},
		"a new pod knows what others counted":          {func(*config.Config) {}, Known{Sum: usage}, 6},
		"both are not added":                           {func(*config.Config) {}, Known{Own: usage, Sum: usage}, 6},
		"one of two replicas takes half of everything": {func(c *config.Config) { c.Replicas = 2 }, Known{Sum: usage}, 3},
		"another limit of the same name begins anew":   {func(c *config.Config) { c.Limits[0].Requests = 12 }, Known{Own: usage}, 12},
		"nothing is known":                             {func(*config.Config) {}, Known{}, 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := example()
			c.Limits = c.Limits[:1]
			tc.change(c)
			s := newExample(t, c, nil, tc.known, epoch.Add(time.Minute))
			if got, _ := takes(s, "checkout", "track", 20, epoch.Add(time.Minute)); got != tc.want {
				t.Errorf("%d requests pass after the restart, want %d", got, tc.want)
			}
		})
	}
}

func TestAReloadKeepsCounts(t *testing.T) {
	tests := map[string]struct {
		change func(*config.Config)
		want   int
	}{
		"nothing changed": {func(*config.Config) {}, 6},
		"another limit": {func(c *config.Config) {
			c.Limits = append(c.Limits, config.Limit{Name: "x", Requests: 99, WindowSeconds: 1})
		}, 6},
		"a replica more":       {func(c *config.Config) { c.Replicas = 2 }, 1},
		"the limit was raised": {func(c *config.Config) { c.Limits[0].Requests = 20 }, 20},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := example()
			c.Limits = c.Limits[:1]
			s := newExample(t, c, nil, Known{}, epoch)
			takes(s, "checkout", "rate", 4, epoch)
			tc.change(c)
			s = newExample(t, c, s, Known{}, epoch)
			if got, _ := takes(s, "checkout", "rate", 30, epoch); got != tc.want {
				t.Errorf("%d requests pass after the reload, want %d", got, tc.want)
			}
		})
	}
}

func TestTokenRequestsHaveLimitsOfTheirOwn(t *testing.T) {
	s := newExample(t, example(), nil, Known{}, epoch)
	for i, want := range []bool{true, true, false} {
		if got := s.TakeToken(epoch) == 0; got != want {
			t.Errorf("token request %d passes: %t, want %t", i, got, want)
		}
	}
}

func TestLimitsOfNothingAreRefused(t *testing.T) {
	if _, err := NewSet(&config.Config{Limits: []config.Limit{{Name: "x"}}}, nil, &Counter{}, nothing, epoch); err == nil {
		t.Error("accepted")
	}
}

func TestWhatTheCarrierClosesStaysClosed(t *testing.T) {
	tests := map[string]struct {
		refused    string
		operations []string
		closed     []string // of checkout
		limit      string
	}{
		"what shares a limit waits":                {"track", nil, []string{"track", "rate"}, "day"},
		"an operation without a limit waits alone": {"ship", nil, []string{"ship"}, "ship"},
		"the signal names operations":              {"track", []string{"ship", "track"}, []string{"track", "ship"}, "track"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newExample(t, example(), nil, Known{}, epoch)
			until := epoch.Add(time.Hour)
			if !s.Close(tc.refused, tc.operations, epoch, until) || s.Close(tc.refused, tc.operations, epoch, until) {
				t.Error("the first closure is news, the second is none")
			}
			for range 2 { // the second time after a reload
				for _, operation := range []string{"rate", "track", "ship"} {
					r := s.Take("checkout", operation, epoch.Add(time.Minute))
					want := false
					for _, o := range tc.closed {
						want = want || o == operation
					}
					if got := r != nil; got != want || got && (!r.Closed || r.Wait != 59*time.Minute) {
						t.Errorf("%s: refusal %+v, want one: %t", operation, r, want)
					}
				}
				s = newExample(t, example(), s, Known{}, epoch)
			}
			if r := s.Take("checkout", tc.refused, until); r != nil {
				t.Errorf("still closed when the time has come: %+v", r)
			}
			if r := s.Take("checkout", tc.refused, epoch); r == nil || r.Limit != tc.limit {
				t.Errorf("refusal %+v, want by %s", r, tc.limit)
			}
			again := newExample(t, example(), nil, Known{Sum: s.Usage(epoch)}, epoch.Add(time.Minute))
			if r := again.Take("checkout", tc.refused, epoch.Add(time.Minute)); r == nil || !r.Closed {
				t.Errorf("a new pod does not know of the closure: %+v", r)
			}
		})
	}
}

func TestClosuresAreBounded(t *testing.T) {
	for name, tc := range map[string]struct{ ask, want time.Duration }{
		"a year":                  {365 * 24 * time.Hour, 24 * time.Hour},
		"the past":                {-time.Hour, 0},
		"now":                     {0, 0},
		"shorter than what holds": {time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newExample(t, example(), nil, Known{}, epoch)
			s.Close("track", nil, epoch, epoch.Add(tc.ask))
			s.Close("track", nil, epoch, epoch.Add(tc.ask/2))
			var got time.Duration
			if r := s.Take("checkout", "track", epoch); r != nil {
				got = r.Wait
			}
			if got != tc.want {
				t.Errorf("closed for %v, want %v", got, tc.want)
			}
		})
	}
}
