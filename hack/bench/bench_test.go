package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMedianAndSpread(t *testing.T) {
	tests := map[string]struct {
		values      []float64
		median, mad float64
	}{
		"odd":                               {[]float64{3, 1, 2}, 2, 1},
		"even":                              {[]float64{4, 1, 2, 3}, 2.5, 1},
		"one bad repetition changes little": {[]float64{10, 11, 10, 900, 11}, 11, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if m, d := median(tc.values), mad(tc.values); m != tc.median || d != tc.mad {
				t.Errorf("median %v, mad %v; want %v, %v", m, d, tc.median, tc.mad)
			}
		})
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestPercentileIsANearestRank(t *testing.T) {
	values := make([]int, 100)
	for i := range values {
		values[i] = i + 1
	}
	for p, want := range map[int]int{1: 1, 50: 50, 99: 99, 100: 100} {
		if got := percentile(values, p); got != want {
			t.Errorf("percentile %d = %d, want %d", p, got, want)
		}
	}
	if got := percentile([]int{7}, 99); got != 7 {
		t.Errorf("percentile of one value = %d", got)
	}
}

func TestAnAnswerThatIsNotTheRightOneIsAFailure(t *testing.T) {
	body := strings.Repeat("x", 1000)
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string // part of the failure; empty: none
	}{
		"the right answer":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }, ""},
		"an error page":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body[:999], http.StatusBadGateway) }, "502"},
		"a shorter answer":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body[:999])) }, "999 bytes instead of 1000"},
		"no length is told": {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); _, _ = w.Write([]byte(body)) }, "-1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			target := newTarget(server.Listener.Addr().String(), nil, workload{method: "GET", path: "/", answer: []byte(body)}, "")
			s := closedLoop(context.Background(), target, 2, 0, 50*time.Millisecond, nil)
			switch {
			case tc.want == "" && (s.failures > 0 || s.requests == 0):
				t.Errorf("%d requests, %d failures: %s", s.requests, s.failures, s.failure)
			case tc.want != "" && (s.requests > 0 || !strings.Contains(s.failure, tc.want)):
				t.Errorf("%d requests counted, failure %q; want none and %q", s.requests, s.failure, tc.want)
			}
		})
	}
}

// Requests that come due while the server rests are late by as much as they waited: a load that waits with it would not see that.
func TestTheOpenLoopCountsWaiting(t *testing.T) {
	rested := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !rested { // one connection, so one request at a time
			rested = true
			time.Sleep(300 * time.Millisecond)
		}
		_, _ = w.Write([]byte("ok"))
	}))
	defer server.Close()
	target := newTarget(server.Listener.Addr().String(), nil, workload{method: "GET", path: "/", answer: []byte("ok")}, "")
	s := openLoop(context.Background(), target, 1, 100, 0, 500*time.Millisecond)
	if s.requests != 50 || s.failures > 0 {
		t.Fatalf("%d requests and %d failures (%s), want 50 and none", s.requests, s.failures, s.failure)
	}
	if s.p50 < 50*time.Millisecond {
		t.Errorf("the median is %s, though 30 of 50 requests came due within a rest of 300 ms", s.p50)
	}
}

func TestAFigureThatWasNotMeasuredIsAbsent(t *testing.T) {
	r := &report{environment: &environment{reps: 2}, cells: matrix(), results: results{}, memory: map[string]memory{}}
	add := func(proxy string, c cell, cpu ...float64) {
		for _, v := range cpu {
			r.results.of(c.key(), proxy).add(sample{cpu: v, requests: 1})
		}
	}
	for _, w := range []workload{getSmall, postSmall} {
		add("nginx", cell{passthrough, w, 32}, 20, 40)
		add(gatewayName, cell{passthrough, w, 32}, 30, 60)
		add("haproxy", cell{passthrough, w, 32}, 20)
	}
	r.results.of(cell{passthrough, postSmall, 32}.key(), "caddy").add(sample{failures: 1, failure: "answer 502"})
	add("caddy", cell{passthrough, getSmall, 32}, 60, 120)

	var b bytes.Buffer
	r.writeFigures(&b)
	for _, want := range []string{
		`(?m)^result gateway\.passthrough\.cpu_vs_nginx 1\.50$`,
		`(?m)^result gateway\.passthrough\.cpu_vs_haproxy absent: haproxy, token/get-1k/c32: not measured$`,
		`(?m)^result gateway\.passthrough\.cpu_vs_caddy absent: caddy, token/post-1\.7k/c32: 1 requests failed .*502$`,
		`(?m)^result gateway\.full\.cpu_vs_nginx_passthrough absent: gateway, all/post-1\.7k/c32: not measured$`,
	} {
		if !regexp.MustCompile(want).MatchString(b.String()) {
			t.Errorf("no line matches %s in\n%s", want, b.String())
		}
	}
}

func TestWorkloadsHaveTheSizesOfTheirNames(t *testing.T) {
	for _, w := range []workload{postSmall, postLarge} {
		if !json.Valid(w.body) || !bytes.Contains(w.body, []byte(personalName)) {
			t.Errorf("%s: the body is no JSON with a person in it", w.name)
		}
	}
	if n := len(postSmall.body); n < 1650 || n > 1750 {
		t.Errorf("the small request has %d bytes", n)
	}
	if n := len(postLarge.body); n < 15800 || n > 16900 {
		t.Errorf("the large request has %d bytes", n)
	}
	if n := len(getSmall.answer); n != 1024 || !json.Valid(getSmall.answer) {
		t.Errorf("the answer has %d bytes or is no JSON", n)
	}
}

func TestBenchmarkMicros(t *testing.T) {
	got := benchmarkMicros([]byte("goos: linux\nBenchmarkJSON1700B \t 1000\t 6000 ns/op\t 5900 cpu-ns/op\t 0 B/op\nPASS\n"))
	if len(got) != 1 || got[0] != 5.9 {
		t.Errorf("got %v, want [5.9]", got)
	}
}
