package retention

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

func TestParseScheduleRefusesWhatNeverRunsAsMeant(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"time zone inside":      {"TZ=Asia/Tokyo 0 3 * * *", "use the field timeZone"},
		"cron time zone inside": {"CRON_TZ=Asia/Tokyo 0 3 * * *", "use the field timeZone"},
		"minute out of range":   {"61 3 * * *", "does not parse"},
		"words":                 {"every day at three o'clock", "does not parse"},
		"30 February":           {"0 3 30 2 *", "no slot within five years"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseSchedule(tc.line, time.UTC, at(t, "2026-11-24T12:00:00Z"))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestParseZoneRefusesTheMachinesOwn(t *testing.T) {
	for _, name := range []string{"Local", "Europe/Atlantis", "../etc/passwd", "UTC+25"} {
		if _, err := runs.ParseZone(name); err == nil {
			t.Errorf("zone %q was accepted", name)
		}
	}
}

func TestBetween(t *testing.T) {
	none := func(time.Time) bool { return false }
	tests := map[string]struct {
		line, zone, from, to string
		hasRun               func(time.Time) bool
		count                int64
		newest, before       string
	}{
		"no slot passed": {line: "0 3 * * *", from: "2026-11-24T03:00:01Z", to: "2026-11-25T02:59:59Z"},
		"both ends count": {line: "0 3 * * *", from: "2026-11-24T03:00:00Z", to: "2026-11-25T03:00:00Z",
			count: 2, newest: "2026-11-25T03:00:00Z", before: "2026-11-24T03:00:00Z"},
		"200 missed days": {line: "0 3 * * *", from: "2026-01-01T00:00:00Z", to: "2026-07-19T04:00:00Z",
			count: 200, newest: "2026-07-19T03:00:00Z", before: "2026-07-18T03:00:00Z"},
		"slots with a run do not count": {line: "0 3 * * *", from: "2026-11-20T00:00:00Z", to: "2026-11-24T04:00:00Z",
			hasRun: func(s time.Time) bool { return s.Day() == 24 || s.Day() == 21 },
			count:  3, newest: "2026-11-23T03:00:00Z", before: "2026-11-22T03:00:00Z"},
		"a slot that the clock change skips does not exist": {line: "30 2 * * *", zone: "Europe/Berlin",
			from: "2026-03-28T00:00:00Z", to: "2026-03-30T12:00:00Z",
			count: 2, newest: "2026-03-30T00:30:00Z", before: "2026-03-28T01:30:00Z"},
		"a slot that the clock change repeats comes twice": {line: "30 2 * * *", zone: "Europe/Berlin",
			from: "2026-10-25T00:00:00Z", to: "2026-10-25T12:00:00Z",
			count: 2, newest: "2026-10-25T01:30:00Z", before: "2026-10-25T00:30:00Z"},
		"leap day only": {line: "0 0 29 2 *", from: "2024-01-01T00:00:00Z", to: "2028-12-31T00:00:00Z",
			count: 2, newest: "2028-02-29T00:00:00Z", before: "2024-02-29T00:00:00Z"},
		"a year of minutes is counted to a bound, and ends at the right slot": {line: "* * * * *",
			from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:30Z",
			count: maxCounted, newest: "2027-01-01T00:00:00Z", before: "2026-12-31T23:59:00Z"},
		"a bound reached in a burst, with silence after it": {line: "* * * 1-4 *",
			from: "2026-01-01T00:00:00Z", to: "2026-12-01T00:00:00Z",
			count: maxCounted, newest: "2026-04-30T23:59:00Z", before: "2026-04-30T23:58:00Z"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := parseSchedule(tc.line, zone(t, tc.zone), at(t, tc.from))
			if err != nil {
				t.Fatal(err)
			}
			hasRun := tc.hasRun
			if hasRun == nil {
				hasRun = none
			}
			want := passed{count: tc.count}
			if tc.newest != "" {
				want.newest, want.before = at(t, tc.newest), at(t, tc.before)
			}
			got := s.between(at(t, tc.from), at(t, tc.to), hasRun)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(passed{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
