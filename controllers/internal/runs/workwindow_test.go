package runs

import (
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestWorkWindow(t *testing.T) {
	night := v1alpha1.WorkWindow{From: "22:00", To: "05:00"}
	lunch := v1alpha1.WorkWindow{From: "12:00", To: "13:00"}
	weekend := v1alpha1.WorkWindow{Days: []v1alpha1.DayOfWeek{"Saturday", "Sunday"}, From: "00:00", To: "00:00"}
	friday := v1alpha1.WorkWindow{Days: []v1alpha1.DayOfWeek{"Friday"}, From: "22:00", To: "05:00"}
	inGap := v1alpha1.WorkWindow{Days: []v1alpha1.DayOfWeek{"Sunday"}, From: "02:10", To: "02:20"}
	overGap := v1alpha1.WorkWindow{From: "01:30", To: "02:30"}
	inFold := v1alpha1.WorkWindow{From: "02:00", To: "03:00"}
	// In Berlin, 2026-03-29 has no time from 02:00 to 03:00, and 2026-10-25 has it twice. 2026-11-24 is a Tuesday.
	for name, tc := range map[string]struct {
		windows []v1alpha1.WorkWindow
		now     string
		open    bool
		until   string // empty: nothing changes
	}{
		"none: always":                             {nil, "2026-11-24T09:00:00+01:00", true, ""},
		"before":                                   {[]v1alpha1.WorkWindow{lunch}, "2026-11-24T11:59:59+01:00", false, "2026-11-24T12:00:00+01:00"},
		"at its beginning":                         {[]v1alpha1.WorkWindow{lunch}, "2026-11-24T12:00:00+01:00", true, "2026-11-24T13:00:00+01:00"},
		"its last moment":                          {[]v1alpha1.WorkWindow{lunch}, "2026-11-24T12:59:59.9+01:00", true, "2026-11-24T13:00:00+01:00"},
		"at its end":                               {[]v1alpha1.WorkWindow{lunch}, "2026-11-24T13:00:00+01:00", false, "2026-11-25T12:00:00+01:00"},
		"over midnight, in the evening":            {[]v1alpha1.WorkWindow{night}, "2026-11-24T23:30:00+01:00", true, "2026-11-25T05:00:00+01:00"},
		"over midnight, in the morning":            {[]v1alpha1.WorkWindow{night}, "2026-11-24T04:59:00+01:00", true, "2026-11-24T05:00:00+01:00"},
		"over midnight, at day":                    {[]v1alpha1.WorkWindow{night}, "2026-11-24T05:00:00+01:00", false, "2026-11-24T22:00:00+01:00"},
		"two windows, between them":                {[]v1alpha1.WorkWindow{night, lunch}, "2026-11-24T09:00:00+01:00", false, "2026-11-24T12:00:00+01:00"},
		"windows that touch are one":               {[]v1alpha1.WorkWindow{lunch, {From: "13:00", To: "14:00"}}, "2026-11-24T12:30:00+01:00", true, "2026-11-24T14:00:00+01:00"},
		"a whole weekend, on Tuesday":              {[]v1alpha1.WorkWindow{weekend}, "2026-11-24T09:00:00+01:00", false, "2026-11-28T00:00:00+01:00"},
		"a whole weekend, on Saturday":             {[]v1alpha1.WorkWindow{weekend}, "2026-11-28T09:00:00+01:00", true, "2026-11-30T00:00:00+01:00"},
		"the night that began on Friday":           {[]v1alpha1.WorkWindow{friday}, "2026-11-28T04:00:00+01:00", true, "2026-11-28T05:00:00+01:00"},
		"the morning of Friday is not its night":   {[]v1alpha1.WorkWindow{friday}, "2026-11-27T04:00:00+01:00", false, "2026-11-27T22:00:00+01:00"},
		"all day, every day":                       {[]v1alpha1.WorkWindow{{From: "00:00", To: "00:00"}}, "2026-11-24T09:00:00+01:00", true, ""},
		"the instant counts, not its notation":     {[]v1alpha1.WorkWindow{lunch}, "2026-11-24T11:30:00Z", true, "2026-11-24T12:00:00Z"},
		"gap: a window inside is not that day":     {[]v1alpha1.WorkWindow{inGap}, "2026-03-28T12:00:00+01:00", false, "2026-04-05T02:10:00+02:00"},
		"gap: a window that reaches in ends there": {[]v1alpha1.WorkWindow{overGap}, "2026-03-29T01:45:00+01:00", true, "2026-03-29T03:00:00+02:00"},
		"gap: a night is an hour shorter":          {[]v1alpha1.WorkWindow{night}, "2026-03-29T01:59:00+01:00", true, "2026-03-29T05:00:00+02:00"},
		"fold: a window inside is open twice":      {[]v1alpha1.WorkWindow{inFold}, "2026-10-25T02:30:00+02:00", true, "2026-10-25T03:00:00+01:00"},
		"fold: the second time":                    {[]v1alpha1.WorkWindow{inFold}, "2026-10-25T02:30:00+01:00", true, "2026-10-25T03:00:00+01:00"},
		"fold: what ends inside opens again":       {[]v1alpha1.WorkWindow{overGap}, "2026-10-25T02:30:00+02:00", false, "2026-10-25T02:00:00+01:00"},
	} {
		t.Run(name, func(t *testing.T) {
			zone, err := ParseZone("Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			at := func(s string) (instant time.Time) {
				if s == "" {
					return instant
				}
				instant, err := time.Parse(time.RFC3339Nano, s)
				if err != nil {
					t.Fatal(err)
				}
				return instant
			}
			open, until := WorkWindow(tc.windows, zone, at(tc.now))
			if open != tc.open || !until.Equal(at(tc.until)) {
				t.Errorf("open %t until %s, want %t until %s", open, until.In(zone), tc.open, tc.until)
			}
		})
	}
}
