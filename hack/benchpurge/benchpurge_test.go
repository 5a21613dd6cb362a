package main

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedianAndSpread(t *testing.T) {
	for name, tc := range map[string]struct {
		values []float64
		median float64
		spread string
	}{
		"odd":  {[]float64{3, 1, 2}, 2, "2.0 (1.0..3.0)"},
		"even": {[]float64{4, 1, 2, 3}, 2.5, "2.5 (1.0..4.0)"},
		"one":  {[]float64{7}, 7, "7.0 (7.0..7.0)"},
	} {
		t.Run(name, func(t *testing.T) {
			if m, s := median(tc.values), spread(tc.values, 1); m != tc.median || s != tc.spread {
				t.Errorf("median %v, spread %q; want %v, %q", m, s, tc.median, tc.spread)
			}
		})
	}
	if !math.IsNaN(median(nil)) || spread(nil, 1) != "-" {
		t.Error("the median of nothing is a number")
	}
}

func TestPercentileIsANearestRank(t *testing.T) {
	values := make([]int, 100)
	for i := range values {
		values[i] = 100 - i
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

func TestTheMeanOfRatiosIsGeometric(t *testing.T) {
	if got := geomean([]float64{2, 0.5}); math.Abs(got-1) > 1e-9 {
		t.Errorf("the mean of twice and half as fast is %v", got)
	}
	if !math.IsNaN(geomean(nil)) {
		t.Error("the mean of nothing is a number")
	}
}

func TestEachContenderIsFirstInTurn(t *testing.T) {
	list := []string{"a", "b", "c"}
	for n, want := range []string{"abc", "bca", "cab", "abc"} {
		if got := strings.Join(rotated(list, n), ""); got != want {
			t.Errorf("turn %d: %s, want %s", n, got, want)
		}
	}
	if !slices.Equal(list, []string{"a", "b", "c"}) {
		t.Error("the list was changed")
	}
}

func TestParseSizes(t *testing.T) {
	for text, want := range map[string][]int64{"1000,20": {1000, 20}, "0": nil} {
		if got, err := parseSizes(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1e6", "-1", "1,"} {
		if _, err := parseSizes(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestLatenciesOfAPhase(t *testing.T) {
	all, err := parseLog(strings.NewReader("0 1 1500 0 1000 250000 10\n1 1 2500 0 1001 0 10\n0 2 99000 1 1002 0 10\n0 3 12"))
	if err != nil || len(all) != 3 {
		t.Fatalf("%d transactions, %v", len(all), err)
	}
	got := latencies(all, phase{time.Unix(1000, 0), time.Unix(1001, 500_000_000)})
	if !slices.Equal(got, []float64{1.5, 2.5}) {
		t.Errorf("latencies %v", got)
	}
	if _, err := parseLog(strings.NewReader("0 1 failed 0 1000 250000 10\n")); err == nil {
		t.Error("a transaction without a latency was taken")
	}
}

func sample() *results {
	r := newResults()
	add := func(store, workload string, rates series, names ...string) *cell {
		c := &cell{store: store, workload: workload, rates: rates, order: append([]string{oursName}, names...)}
		r.cells = append(r.cells, c)
		return c
	}
	add("mariadb", "a", series{oursName: {200}, oneDelete: {400}, archiverName + "100": {50}, archiverName + "10000": {100}}, oneDelete, archiverName+"100", archiverName+"10000")
	add("mariadb", "b", series{oursName: {800}, oneDelete: {800}, archiverName + "10000": {100}}, oneDelete, archiverName+"10000")
	add("postgresql", "a", series{oursName: {300, 100, 200}, oneDelete: {400, 400, 400}}, oneDelete)
	return r
}

func TestRatiosAreToTheBestOfAPeersSettings(t *testing.T) {
	var b bytes.Buffer
	sample().writeFigures(&b)
	for _, want := range []string{
		`(?m)^result purge\.mariadb\.vs_pt_archiver_best 4\.00$`,
		`(?m)^result purge\.mariadb\.vs_one_delete 0\.71$`,
		`(?m)^result purge\.postgresql\.digest\.vs_one_delete 0\.50$`,
	} {
		if !regexp.MustCompile(want).MatchString(b.String()) {
			t.Errorf("no line matches %s in\n%s", want, b.String())
		}
	}
}

func TestAFigureThatWasNotMeasuredIsAbsent(t *testing.T) {
	r := sample()
	r.cells[1].rates[oneDelete] = nil
	r.cells[1].order = []string{oursName}
	r.cells[1].peerAbsent = "pt-archiver is not installed"
	r.absent["postgresql"] = "wrong result:\n1 row too many"
	r.rss = []resident{{store: "mariadb", rows: tenMillion, mib: 20}, {store: "postgresql", rows: tenMillion, absent: "it was killed"}}
	var b bytes.Buffer
	r.writeFigures(&b)
	for _, want := range []string{
		`(?m)^result purge\.mariadb\.vs_pt_archiver_best absent: mariadb, b: pt-archiver is not installed$`,
		`(?m)^result purge\.mariadb\.vs_one_delete absent: mariadb, b: .*$`,
		`(?m)^result purge\.postgresql\.digest\.vs_one_delete absent: postgresql: wrong result: 1 row too many$`,
		`(?m)^result purge\.postgresql\.count\.vs_one_delete absent: `,
		`(?m)^result purge\.tx_p99_ms absent: no window was measured$`,
		`(?m)^result purge\.oltp_p99_vs_idle absent: not measured$`,
		`(?m)^result purge\.oltp_p99_vs_idle\.never_yields absent: not measured$`,
		`(?m)^result purge\.rss_mib_10m_rows absent: postgresql: it was killed$`,
		`(?m)^result purge\.two_pods_vs_one absent: not measured$`,
	} {
		if !regexp.MustCompile(want).MatchString(b.String()) {
			t.Errorf("no line matches %s in\n%s", want, b.String())
		}
	}
}

func TestTheSlowestStoreCounts(t *testing.T) {
	r := sample()
	r.windows = map[string][]time.Duration{"mariadb": {90 * time.Millisecond}, "postgresql": {20 * time.Millisecond, 30 * time.Millisecond}}
	r.rss = []resident{{store: "mariadb", rows: tenMillion, mib: 20}, {store: "postgresql", rows: tenMillion, mib: 25}, {store: "postgresql", rows: 1_000_000, mib: 30}}
	r.oltp = oltp{idle: []float64{2, 4, 5}, usual: besides{during: []float64{2, 6, 10}}}
	r.pods = []pods{{"mariadb", []float64{4, 6, 5}, []float64{4, 3, 2.5}}, {"postgresql", []float64{3}, []float64{2}}}
	if got := r.bestPods(); got.value != 2 || got.absent != "" {
		t.Errorf("two pods: %+v", got)
	}
	if got := r.windowP99(); got.value != 90 || got.absent != "" {
		t.Errorf("p99 of windows: %+v", got)
	}
	if got := r.largest(tenMillion); got.value != 25 || got.absent != "" {
		t.Errorf("memory: %+v", got)
	}
	if got := r.oltp.figure(r.oltp.usual); got.value != 1.5 || got.absent != "" {
		t.Errorf("OLTP: %+v", got)
	}
}

func TestHalfOfTheRowsOfAWorkloadAreOld(t *testing.T) {
	for _, w := range workloads(10_000) {
		if w.perTable()*int64(len(w.tables)) != w.rows {
			t.Errorf("%s: %d tables of %d rows", w.key(), len(w.tables), w.perTable())
		}
		if contiguous := strings.Contains(w.isDue("n"), "<= "); contiguous == w.scattered {
			t.Errorf("%s: %s", w.key(), w.isDue("n"))
		}
		if strings.Contains(w.clock("n")+w.tables[0].values("n"), "%!") {
			t.Errorf("%s: a formula is not complete", w.key())
		}
	}
}

func TestTheTimeOfPtArchiverIsTheSumOfItsActions(t *testing.T) {
	const head = "Started at 2026-11-24T03:00:00, ended at 2026-11-24T03:00:02\nSource: D=bench,h=127.0.0.1\nSELECT 9900\nINSERT 0\nDELETE 9900\nAction             Count       Time        Pct\n"
	got, err := archiverTime([]byte(head + "bulk_deleting         10     1.2500      62.50\nselect                11     0.5000      25.00\nother                  0     0.2500      12.50\n"))
	if err != nil || got != 2*time.Second {
		t.Errorf("%s, %v; want 2s", got, err)
	}
	for _, text := range []string{"", head, head + "select   11     0.5000      25.00\n"} {
		if _, err := archiverTime([]byte(text)); err == nil {
			t.Errorf("a time was found in %q", text)
		}
	}
}

func TestTheUsualWorkloadsHaveEachShapeAndLayout(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workloads(1000) {
		if regexp.MustCompile(usual).MatchString(w.key()) {
			shape, layout, _ := strings.Cut(w.key(), "/")
			seen[shape], seen[layout] = true, true
		}
	}
	for _, want := range []string{"narrow", "wide", "indexed", "child", "scattered", "contiguous"} {
		if !seen[want] {
			t.Errorf("%s is not measured", want)
		}
	}
}
