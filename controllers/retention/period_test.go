package retention

import (
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestPeriodsThatCoverAnother(t *testing.T) {
	days := func(n int32) v1alpha1.KeepPeriod { return v1alpha1.KeepPeriod{Days: n} }
	months := func(n int32) v1alpha1.KeepPeriod { return v1alpha1.KeepPeriod{Months: n} }
	years := func(n int32) v1alpha1.KeepPeriod { return v1alpha1.KeepPeriod{Years: n} }
	tests := map[string]struct {
		keep, minimum v1alpha1.KeepPeriod
		otherZone     bool
		want          bool
	}{
		"as many days":                                       {keep: days(30), minimum: days(30), want: true},
		"as many days, wherever":                             {keep: days(30), minimum: days(30), otherZone: true, want: true},
		"a day less":                                         {keep: days(29), minimum: days(30)},
		"12 months are a year":                               {keep: months(12), minimum: years(1), want: true},
		"11 months are less":                                 {keep: months(11), minimum: years(1)},
		"the same month ends later in another zone":          {keep: months(3), minimum: months(3), otherZone: true},
		"a month more covers all zones":                      {keep: months(4), minimum: months(3), otherZone: true, want: true},
		"31 days are an hour short when clocks change":       {keep: days(31), minimum: months(1)},
		"32 days are more than any month":                    {keep: days(32), minimum: months(1), want: true},
		"a month may have 28 days, minus a clock change":     {keep: months(1), minimum: days(28)},
		"a month has 27 days for certain":                    {keep: months(1), minimum: days(27), want: true},
		"ten years have at most 3653 days":                   {keep: days(3653), minimum: years(10)},
		"so that one more is enough":                         {keep: days(3654), minimum: years(10), want: true},
		"100 years of leap days":                             {keep: days(36500), minimum: years(100)},
		"eight years may have one leap day only, as 1897 on": {keep: years(8), minimum: days(2921)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := covers(tc.keep, tc.minimum, !tc.otherZone); got != tc.want {
				t.Errorf("covers = %t", got)
			}
		})
	}
}

// Whatever the slot and the zones: a period that covers another never has the later cutoff.
func TestAPeriodThatCoversAnotherNeverEndsEarlier(t *testing.T) {
	periods := []v1alpha1.KeepPeriod{
		{Days: 27}, {Days: 28}, {Days: 30}, {Days: 31}, {Days: 32}, {Days: 92}, {Days: 93}, {Days: 366}, {Days: 367}, {Days: 1461}, {Days: 1462},
		{Months: 1}, {Months: 2}, {Months: 3}, {Months: 12}, {Months: 13}, {Years: 1}, {Years: 4},
	}
	zones := []*time.Location{zone(t, "UTC"), zone(t, "Europe/Berlin"), zone(t, "Pacific/Apia"), zone(t, "America/New_York"), zone(t, "Pacific/Kiritimati")}
	for _, keep := range periods {
		for _, minimum := range periods {
			for i, a := range zones {
				for j, b := range zones {
					if !covers(keep, minimum, i == j) {
						continue
					}
					for slot := time.Date(2011, 12, 1, 0, 30, 0, 0, time.UTC); slot.Year() < 2013; slot = slot.Add(29 * time.Hour) {
						if early, late := Cutoff(slot, keep, a), Cutoff(slot, minimum, b); early.After(late) {
							t.Fatalf("slot %s: %v in %s reaches to %s, %v in %s to %s only", slot, keep, a, early, minimum, b, late)
						}
					}
				}
			}
		}
	}
}
