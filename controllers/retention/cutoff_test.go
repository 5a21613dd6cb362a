package retention

import (
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

func at(t *testing.T, value string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, value)
	if err != nil {
		t.Fatal(err)
	}
	return instant.UTC()
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := runs.ParseZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCutoff(t *testing.T) {
	tests := map[string]struct {
		slot, zone string
		keep       v1alpha1.KeepPeriod
		want       string
	}{
		"days are 24 hours": {
			"2026-11-24T02:00:00Z", "UTC", v1alpha1.KeepPeriod{Days: 30}, "2026-10-25T02:00:00Z"},
		"days are 24 hours across a clock change too": {
			"2026-03-30T01:00:00Z", "Europe/Berlin", v1alpha1.KeepPeriod{Days: 2}, "2026-03-28T01:00:00Z"},
		"a month keeps the local time across the change to summer time": {
			"2026-04-15T01:00:00Z", "Europe/Berlin", v1alpha1.KeepPeriod{Months: 1}, "2026-03-15T02:00:00Z"},
		"31 March minus a month is the last day of February": {
			"2026-03-31T02:00:00Z", "UTC", v1alpha1.KeepPeriod{Months: 1}, "2026-02-28T02:00:00Z"},
		"31 March minus a month is 29 February in a leap year": {
			"2028-03-31T02:00:00Z", "UTC", v1alpha1.KeepPeriod{Months: 1}, "2028-02-29T02:00:00Z"},
		"31 December minus three months is 30 September": {
			"2026-12-31T12:00:00Z", "UTC", v1alpha1.KeepPeriod{Months: 3}, "2026-09-30T12:00:00Z"},
		"29 February minus a year is 28 February": {
			"2028-02-29T03:00:00Z", "UTC", v1alpha1.KeepPeriod{Years: 1}, "2027-02-28T03:00:00Z"},
		"29 February minus four years is 29 February": {
			"2028-02-29T03:00:00Z", "UTC", v1alpha1.KeepPeriod{Years: 4}, "2024-02-29T03:00:00Z"},
		"28 February minus a year is 28 February, not 29": {
			"2029-02-28T03:00:00Z", "UTC", v1alpha1.KeepPeriod{Years: 1}, "2028-02-28T03:00:00Z"},
		"January minus a month is December of the year before": {
			"2027-01-10T03:00:00Z", "UTC", v1alpha1.KeepPeriod{Months: 1}, "2026-12-10T03:00:00Z"},
		"a skipped local time becomes the earlier instant": { // 02:30 on 29 March 2026 does not exist in Berlin
			"2026-04-29T00:30:00Z", "Europe/Berlin", v1alpha1.KeepPeriod{Months: 1}, "2026-03-29T00:30:00Z"},
		"a local time that comes twice becomes the first": { // 02:30 on 25 October 2026: 00:30Z and 01:30Z
			"2026-11-25T01:30:00Z", "Europe/Berlin", v1alpha1.KeepPeriod{Months: 1}, "2026-10-25T00:30:00Z"},
		"the day is the local one": { // 1 March in Tokyo is still 28 February in UTC
			"2026-02-28T18:00:00Z", "Asia/Tokyo", v1alpha1.KeepPeriod{Months: 1}, "2026-01-31T18:00:00Z"},
		"a day that the zone skipped whole": { // Apia went from 29 to 31 December 2011; this is 29 December 14:00 there
			"2012-01-30T00:00:00Z", "Pacific/Apia", v1alpha1.KeepPeriod{Months: 1}, "2011-12-30T00:00:00Z"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Cutoff(at(t, tc.slot), tc.keep, zone(t, tc.zone))
			if want := at(t, tc.want); !got.Equal(want) {
				t.Errorf("Cutoff = %s, want %s", got.UTC().Format(time.RFC3339), tc.want)
			}
		})
	}
}

// Whatever the day and the zone: a record is never due before it is as old as the calendar says, seen from the record's side.
func TestCutoffRetainsMoreNeverLess(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"} {
		z := zone(t, name)
		for _, months := range []int{1, 2, 6, 12, 36} {
			keep := v1alpha1.KeepPeriod{Months: int32(months)}
			var previous time.Time
			for slot := time.Date(2023, 1, 1, 0, 30, 0, 0, time.UTC); slot.Year() < 2029; slot = slot.Add(7 * time.Hour) {
				cutoff := Cutoff(slot, keep, z)
				// Going forward from the cutoff by the calendar, overflowing short months, must not pass the slot by more than the
				// clock change of the day.
				local := cutoff.In(z)
				lo := time.Date(local.Year(), local.Month()+time.Month(months), min(local.Day(), 28), local.Hour(), local.Minute(), 0, 0, z)
				if lo.After(slot.Add(time.Hour)) {
					t.Fatalf("%s, %d months, slot %s: cutoff %s is too late", name, months, slot, cutoff)
				}
				// At the end of a short month the cutoff stays on its last day, so it may go back by hours, never by days.
				if cutoff.Before(previous.Add(-25 * time.Hour)) {
					t.Fatalf("%s, %d months: cutoff went back from %s to %s", name, months, previous, cutoff)
				}
				previous = cutoff
			}
		}
	}
}
