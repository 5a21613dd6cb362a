package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestMetricSeriesAreBounded(t *testing.T) {
	m := newMetrics()
	for i := range 1000 {
		m.fieldSeries("rate", fmt.Sprintf("$.a%d", i)).add(1)
	}
	m.fieldSeries("rate", "$.a5").add(3000)
	m.fieldSeries("rate", otherFields).add(7)
	if got := len(m.series); got != maxFieldSeries+1 {
		t.Errorf("%d series, want %d and that of all others", got, maxFieldSeries)
	}
	most := m.mostRemoved()
	want := []config.FieldCount{{Operation: "rate", Path: "$.a5", Count: 3001}, {Operation: "rate", Path: otherFields, Count: 1000 - maxFieldSeries + 7}}
	if diff := cmp.Diff(want, most[:2]); diff != "" || len(most) != maxFieldCounts {
		t.Errorf("%d fields are told of (-want +got):\n%s", len(most), diff)
	}
}

func TestAMillionDistinctPathsGrowNoMetric(t *testing.T) {
	m := newMetrics()
	x := &exchange{snapshot: &snapshot{cfg: &config.Config{}, vocabulary: vocabulary{}}, r: &http.Request{Method: "GET"}}
	series := func() (n int) {
		families, err := m.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			n += len(f.Metric)
		}
		return n
	}
	x.record = record{status: http.StatusNotFound, rule: ruleOperationUnknown}
	m.observe(x)
	before := series()
	for i := range 1_000_000 {
		x.path = fmt.Sprintf("/track/%d", i)
		m.observe(x)
	}
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
}

func TestWhatAnswersSayWithoutTheProfilesHelp(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		status   int
		header   http.Header
		shortest time.Duration
		signal   string
		want     time.Duration
	}{
		"200":                               {200, nil, 0, "", 0},
		"UPS's bare 429":                    {429, nil, 0, signalStatus429, time.Minute},
		"a bare 429 where limits are known": {429, nil, 10 * time.Second, signalStatus429, 10 * time.Second},
		"429 with Retry-After":              {429, http.Header{"Retry-After": {"120"}}, time.Second, signalStatus429, 2 * time.Minute},
		"429 with x-retry-after":            {429, http.Header{"X-Retry-After": {"9"}}, 0, signalStatus429, 9 * time.Second},
		"429 with a lie":                    {429, http.Header{"Retry-After": {"-1"}}, 0, signalStatus429, time.Minute},
		"503 with Retry-After":              {503, http.Header{"Retry-After": {"30"}}, 0, signalRetryAfter, 30 * time.Second},
		"503 alone":                         {503, nil, 0, "", 0},
		"503 with a reset that is no wait":  {503, http.Header{"X-Ratelimit-Reset": {"30"}, "X-Ratelimit-Remaining": {"5"}}, 0, "", 0},
		"202 that asks to come back":        {202, http.Header{"Retry-After": {"30"}}, 0, "", 0},
		"200 with nothing left":             {200, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"5"}}, 0, signalRemaining, 5 * time.Second},
		"200 with nothing left, draft":      {200, http.Header{"Ratelimit": {`"day";r=0;t=60`}}, 0, signalRemaining, time.Minute},
		"200 with something left":           {200, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"5"}}, 0, "", 0},
		"200 with nothing left, until when": {200, http.Header{"X-Ratelimit-Remaining": {"0"}}, 0, "", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, said := plainThrottling(tc.status, tc.header, tc.shortest, now)
			if said != (tc.signal != "") || said && (got.signal != tc.signal || got.until.Sub(now) != tc.want) {
				t.Errorf("%t, %q until %v; want %q until %v", said, got.signal, got.until.Sub(now), tc.signal, tc.want)
			}
		})
	}
}

func TestPeekingLeavesTheBodyAsItIs(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	broken := errors.New("connection reset")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(long))
	_ = z.Close()
	tests := map[string]struct {
		body     io.Reader
		encoding string
		start    string
		whole    string
		err      error
	}{
		"empty":                     {strings.NewReader(""), "", "", "", nil},
		"short":                     {strings.NewReader("Rejected by SLM Monitor"), "", "Rejected by SLM Monitor", "Rejected by SLM Monitor", nil},
		"long, byte by byte":        {iotest.OneByteReader(strings.NewReader(long)), "", long[:peekBytes], long, nil},
		"compressed":                {bytes.NewReader(zipped.Bytes()), "gzip", long[:peekBytes], zipped.String(), nil},
		"not what it says":          {strings.NewReader("plain"), "gzip", "", "plain", nil},
		"broken off in the middle":  {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), "", "half", "half", broken},
		"data together with an end": {iotest.DataErrReader(strings.NewReader("end")), "", "end", "end", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			x := &exchange{response: &http.Response{Body: io.NopCloser(tc.body), Header: http.Header{"Content-Encoding": {tc.encoding}}}}
			if start := string(x.peek()); start != tc.start {
				t.Errorf("start %q, want %q", start, tc.start)
			}
			whole, err := io.ReadAll(x.response.Body)
			if string(whole) != tc.whole || !errors.Is(err, tc.err) {
				t.Errorf("%d bytes and error %v, want %d and %v", len(whole), err, len(tc.whole), tc.err)
			}
		})
	}
}
