package carriersim

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func setFaults(t *testing.T, s *Server, list ...Fault) {
	t.Helper()
	if err := s.SetFaults(list...); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsHitWhatTheyNameAsOftenAsTheySay(t *testing.T) {
	s, _ := startSim(t)
	ups, fedex := upsToken(t, s), fedexToken(t, s)
	setFaults(t, s,
		Fault{Host: HostUPS, Method: "POST", Path: "/api/rating/*", Status: 503, Count: 2},
		Fault{Host: HostFedEx, Path: "/rate/v1/rates/quotes", Status: 500, Header: map[string]string{"Retry-After": "7"}})
	for range 2 {
		expect(t, upsRate(t, s, ups).json(t, 503), "10503", "response", "errors", 0, "code")
	}
	upsRate(t, s, ups).json(t, 200)
	for range 3 {
		a := send(t, s, "POST", "https://"+HostFedEx+"/rate/v1/rates/quotes", fedexRateBody, "Authorization", fedex)
		expect(t, a.json(t, 500), "INTERNAL.SERVER.ERROR", "errors", 0, "code")
		if v := a.Header.Get("Retry-After"); v != "7" {
			t.Errorf("Retry-After %q, want the fault's 7", v)
		}
	}
	if got := s.Faults(); got[0].Hits != 2 || got[1].Hits != 3 {
		t.Errorf("hits %d and %d, want 2 and 3", got[0].Hits, got[1].Hits)
	}
	setFaults(t, s)
	send(t, s, "POST", "https://"+HostFedEx+"/rate/v1/rates/quotes", fedexRateBody, "Authorization", fedex).json(t, 200)
}

func TestFaultBodies(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	for name, c := range map[string]struct {
		fault  Fault
		status int
		check  func(t *testing.T, a answer)
	}{
		"html": {Fault{Body: FaultHTML}, 502, func(t *testing.T, a answer) {
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(string(a.body), "<html>") {
				t.Errorf("no HTML: %s", a.body)
			}
		}},
		"text": {Fault{Body: FaultText, Text: `{"half":`}, 200, func(t *testing.T, a answer) {
			if string(a.body) != `{"half":` || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %s", a.body)
			}
		}},
		"huge": {Fault{Body: FaultHuge, Bytes: 3 << 20}, 200, func(t *testing.T, a answer) {
			if len(a.body) < 3<<20 || a.ContentLength != -1 {
				t.Errorf("%d bytes, announced %d", len(a.body), a.ContentLength)
			}
			a.json(t, 200)
		}},
		"redirect": {Fault{Body: FaultRedirect, RedirectTo: "https://elsewhere.example/"}, 302, func(t *testing.T, a answer) {
			if v := a.Header.Get("Location"); v != "https://elsewhere.example/" {
				t.Errorf("Location %q", v)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			setFaults(t, s, c.fault)
			a := upsRate(t, s, token)
			if a.StatusCode != c.status {
				t.Fatalf("status %d, want %d", a.StatusCode, c.status)
			}
			c.check(t, a)
		})
	}
}

// do sends a rate request and returns what a client sees, errors included.
func do(t *testing.T, s *Server, token string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequest("POST", upsRateURL, strings.NewReader(upsRateBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	return s.Client().Do(r)
}

func TestFaultCloseGivesNoAnswer(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	setFaults(t, s, Fault{Body: FaultClose})
	if _, err := do(t, s, token); err == nil {
		t.Error("got an answer")
	}
	if got := s.Received(Filter{Operation: "rate"}); len(got) != 1 || got[0].Status != 0 {
		t.Errorf("received %d requests, want one without a status", len(got))
	}
	if n := s.Stats().Requests["ups.rate"][0]; n != 1 {
		t.Errorf("%d closed connections counted, want 1", n)
	}
}

func TestFaultTruncatedEndsBeforeItsLength(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	setFaults(t, s, Fault{Body: FaultTruncated})
	resp, err := do(t, s, token)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(body)) != resp.ContentLength/2 {
		t.Errorf("%d of %d bytes, %v; want half and an unexpected end", len(body), resp.ContentLength, err)
	}
}

func TestFaultAfterHappensAtTheCarrierThoughTheAnswerIsLost(t *testing.T) {
	for phase, want := range map[FaultPhase]int{Before: 0, After: 1} {
		s, _ := startSim(t)
		setFaults(t, s, Fault{Path: "/security/*", Body: FaultHTML, Phase: phase})
		if a := upsTokenCall(t, s, upsID, upsSecret); a.StatusCode != 502 {
			t.Errorf("%s: status %d", phase, a.StatusCode)
		}
		if n := s.Stats().TokensIssued[UPS]; n != want {
			t.Errorf("%s: %d tokens issued, want %d", phase, n, want)
		}
	}
}

// stepUntil moves the clock on whenever something waits for it, until done closes.
func stepUntil(clock *clocktesting.FakeClock, step time.Duration, done <-chan struct{}) (steps int) {
	for {
		select {
		case <-done:
			return steps
		default:
			if clock.HasWaiters() {
				clock.Step(step)
				steps++
			}
		}
	}
}

func TestFaultLatencyAndSlowDripFollowTheClock(t *testing.T) {
	s, clock := startSim(t)
	token := upsToken(t, s)
	for name, c := range map[string]struct {
		fault Fault
		step  time.Duration
		many  bool
	}{
		"latency":   {Fault{LatencyMilliseconds: 30_000}, 30 * time.Second, false},
		"slow drip": {Fault{Body: FaultSlowDrip, IntervalMilliseconds: 500}, 500 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			setFaults(t, s, c.fault)
			done := make(chan struct{})
			var got answer
			go func() {
				defer close(done)
				got = upsRate(t, s, token)
			}()
			steps := stepUntil(clock, c.step, done)
			got.json(t, 200)
			want := 1
			if c.many {
				want = len(got.body) - 1
			}
			if steps != want {
				t.Errorf("%d steps of %s for %d bytes, want %d", steps, c.step, len(got.body), want)
			}
		})
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	s, _ := startSim(t)
	for name, f := range map[string]Fault{
		"unknown body": {Body: "odd"}, "unknown phase": {Phase: "while"}, "status": {Status: 99},
		"redirect to nowhere": {Body: FaultRedirect}, "negative count": {Count: -1},
	} {
		if s.SetFaults(f) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
