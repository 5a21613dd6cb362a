package retention

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Cutoff returns the instant before which records are due: slot minus the period. Days are 24 hours. Months and years go back by the
// calendar in the zone; a day that the month does not have becomes its last day, and a local time that a clock change made ambiguous
// or skipped becomes the earlier instant. Whatever is approximated keeps more, never less.
func Cutoff(slot time.Time, keep v1alpha1.KeepPeriod, zone *time.Location) time.Time {
	if keep.Days > 0 {
		return slot.UTC().Add(-time.Duration(keep.Days) * 24 * time.Hour)
	}
	local := slot.In(zone)
	months := int(keep.Months) + 12*int(keep.Years)
	first := time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, -months, 0)
	lastDay := first.AddDate(0, 1, -1).Day()
	wall := time.Date(first.Year(), first.Month(), min(local.Day(), lastDay),
		local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	return earliest(wall, zone)
}

// earliest returns the first instant at which clocks of the zone showed wall (given in UTC), or, if they skipped it, the instant that
// they would have shown it at under the offset that gives the earlier one.
func earliest(wall time.Time, zone *time.Location) time.Time {
	var best, skipped time.Time
	for _, near := range []time.Duration{-26 * time.Hour, 26 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		instant := wall.Add(-time.Duration(offset) * time.Second)
		if skipped.IsZero() || instant.Before(skipped) {
			skipped = instant
		}
		_, actual := instant.In(zone).Zone()
		if actual == offset && (best.IsZero() || instant.Before(best)) {
			best = instant
		}
	}
	if best.IsZero() {
		return skipped
	}
	return best
}

// Cutoffs returns the cutoff of each rule for one slot.
func Cutoffs(slot time.Time, rules []v1alpha1.RetentionRule, zone *time.Location) []v1alpha1.RuleCutoff {
	cutoffs := make([]v1alpha1.RuleCutoff, len(rules))
	for i := range rules {
		cutoffs[i] = v1alpha1.RuleCutoff{Rule: rules[i].Name, Before: metav1.NewTime(Cutoff(slot, rules[i].Keep, zone))}
	}
	return cutoffs
}
