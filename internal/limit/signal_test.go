package limit

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// header makes one from "name: value" lines.
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestWhenTheCarrierWantsToBeAskedAgain(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(epoch.Add(d).Unix(), 10) }
	tests := map[string]struct {
		header []string
		want   time.Duration // 0: nothing is said
	}{
		"seconds":                      {[]string{"Retry-After: 30"}, 30 * time.Second},
		"a date":                       {[]string{"Retry-After: " + epoch.Add(time.Hour).Format(http.TimeFormat)}, time.Hour},
		"a fraction":                   {[]string{"Retry-After: 1.5"}, 1500 * time.Millisecond},
		"ShipBob's header":             {[]string{"x-retry-after: 7"}, 7 * time.Second},
		"the first that is valid":      {[]string{"Retry-After: soon", "x-retry-after: 7", "X-RateLimit-Reset: 9"}, 7 * time.Second},
		"the newest draft":             {[]string{`RateLimit: "burst";r=0;t=12`}, 12 * time.Second},
		"the newest draft, two limits": {[]string{`RateLimit: "burst";r=5;t=1, "day";r=0;t=600`}, 10 * time.Minute},
		"the newest draft, two fields": {[]string{`RateLimit: "burst";r=0;t=1`, `RateLimit: "day";r=0;t=600`}, 10 * time.Minute},
		"an older draft in one field":  {[]string{"RateLimit: limit=100, remaining=0, reset=30"}, 30 * time.Second},
		"an older draft":               {[]string{"RateLimit-Reset: 15"}, 15 * time.Second},
		"seconds since 1970":           {[]string{"X-RateLimit-Reset: " + in(90*time.Second)}, 90 * time.Second},
		"milliseconds since 1970":      {[]string{"X-Rate-Limit-Reset: " + in(90*time.Second) + "000"}, 90 * time.Second},
		"an ISO date":                  {[]string{"X-RateLimit-Reset: " + epoch.Add(time.Minute).Format(time.RFC3339)}, time.Minute},
		"nothing":                      {nil, 0},
		"a lie: zero":                  {[]string{"Retry-After: 0"}, 0},
		"a lie: negative":              {[]string{"Retry-After: -5"}, 0},
		"a lie: an exponent":           {[]string{"Retry-After: 1e99"}, 0},
		"a lie: infinity":              {[]string{"Retry-After: Inf", "X-RateLimit-Reset: NaN", "RateLimit: r=Inf;t=Inf"}, 0},
		"a lie: thirty digits":         {[]string{"Retry-After: " + strings.Repeat("9", 30)}, 0},
		"a lie: a date in the past":    {[]string{"Retry-After: " + epoch.Add(-time.Hour).Format(http.TimeFormat)}, 0},
		"a lie: 1970":                  {[]string{"X-RateLimit-Reset: 1000000000"}, 0},
		"a lie: no separator":          {[]string{"RateLimit: ;;==,,r=,t=;r=0"}, 0},
		"a lie: what is not used up":   {[]string{`RateLimit: "burst";r=5;t=1000`}, 0},
		"a lie: a kibibyte of nothing": {[]string{"RateLimit: " + strings.Repeat("r=0;t=9,", 1000)}, 0},
		"far away, bounded by the Set": {[]string{"Retry-After: 999999999"}, 999999999 * time.Second},
		"far away, in milliseconds":    {[]string{"X-RateLimit-Reset: 999999999999999"}, time.UnixMilli(999999999999999).Sub(epoch)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			at, ok := RetryAt(header(tc.header...), epoch)
			if ok != (tc.want > 0) || ok && at.Sub(epoch) != tc.want {
				t.Errorf("%v (%t), want %v", at.Sub(epoch), ok, tc.want)
			}
		})
	}
}

func TestWhatNothingRemainsOf(t *testing.T) {
	tests := map[string]struct {
		header []string
		want   bool
	}{
		"nothing is said":    {nil, false},
		"some remain":        {[]string{"X-RateLimit-Remaining: 3"}, false},
		"none remains":       {[]string{"X-RateLimit-Remaining: 0"}, true},
		"none, older draft":  {[]string{"RateLimit-Remaining: 0"}, true},
		"none, newest draft": {[]string{`RateLimit: "day";r=0;t=5`}, true},
		"none, in one field": {[]string{"RateLimit: limit=1, remaining=0, reset=5"}, true},
		"a lie: negative":    {[]string{"X-RateLimit-Remaining: -1"}, false},
		"a lie: a word":      {[]string{"X-RateLimit-Remaining: none"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := UsedUp(header(tc.header...)); got != tc.want {
				t.Errorf("used up: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestMidnightUTC(t *testing.T) {
	zone := time.FixedZone("somewhere", -7*3600)
	for now, want := range map[time.Time]time.Duration{
		epoch:                         12 * time.Hour,
		epoch.Add(12 * time.Hour):     24 * time.Hour,
		epoch.Add(12*time.Hour - 1):   1,
		epoch.Add(time.Hour).In(zone): 11 * time.Hour,
	} {
		if got := MidnightUTC(now).Sub(now); got != want {
			t.Errorf("at %v it is %v to midnight, want %v", now, got, want)
		}
	}
}

func FuzzRetryAt(f *testing.F) {
	for _, seed := range []string{"30", "-1", "1e99", `"a";r=0;t=5`, "limit=1, remaining=0, reset=5", "Tue, 24 Nov 2026 12:00:00 GMT", "2026-11-24T12:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Retry-After", "X-Retry-After", "Ratelimit", "Ratelimit-Reset", "X-Ratelimit-Reset"} {
			h := http.Header{name: {value}}
			if at, ok := RetryAt(h, epoch); ok && !at.After(epoch) {
				t.Errorf("%s: %q: %v is not in the future", name, value, at)
			}
			UsedUp(h)
		}
	})
}
