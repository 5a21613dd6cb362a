package retention

import (
	"fmt"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// covers says whether a period is never shorter than another, whatever the slot. Months and years of two time zones begin at other
// instants; days and months compare by the shortest and longest that months can be, give or take the day that a clock change may cost.
func covers(keep, minimum v1alpha1.KeepPeriod, sameZone bool) bool {
	switch k, m := months(keep), months(minimum); {
	case k == 0 && m == 0:
		return keep.Days >= minimum.Days
	case k == 0:
		return int(keep.Days) > longest(m)
	case m == 0:
		return shortest(k) > int(minimum.Days)
	default:
		return k > m || k == m && sameZone
	}
}

func months(p v1alpha1.KeepPeriod) int { return int(p.Months) + 12*int(p.Years) }

// longest and shortest are the most and the fewest days that so many months in a row have: with every leap day, and without that of 1900.
func longest(months int) (days int) {
	for _, d := range spans(1996, months) {
		days = max(days, d)
	}
	return days
}

func shortest(months int) int {
	all := spans(1897, months)
	days := all[0]
	for _, d := range all {
		days = min(days, d)
	}
	return days
}

// spans are the days of so many months in a row, from each month of four years.
func spans(year, months int) []int {
	days := make([]int, 48)
	for i := range days {
		from := time.Date(year, time.January+time.Month(i), 1, 0, 0, 0, 0, time.UTC)
		days[i] = int(from.AddDate(0, months, 0).Sub(from).Hours() / 24)
	}
	return days
}

// inWords is a period as people say it.
func inWords(p v1alpha1.KeepPeriod) string {
	n, unit := p.Days, "day"
	switch {
	case p.Months > 0:
		n, unit = p.Months, "month"
	case p.Years > 0:
		n, unit = p.Years, "year"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
