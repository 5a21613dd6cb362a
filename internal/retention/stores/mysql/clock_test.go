//go:build integration

package mysql_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// What becomes of a clock.
const (
	goes   = iota // due
	stays         // not due
	says          // nothing: counted apart, and stays
	future        // counted apart, and stays
)

// Each row is a value and what becomes of it, for a cutoff of 2026-08-26T03:00:00Z and a slot of 2026-11-24T03:00:00Z.
func TestClockOfEachTypeAndUnit(t *testing.T) {
	cutoff := time.Date(2026, 8, 26, 3, 0, 0, 0, time.UTC)
	epoch := func(scale int64, offset int64) string { return fmt.Sprint(cutoff.Unix()*scale + offset) }
	type values map[string]int
	for _, tc := range []struct {
		column string
		unit   v1alpha1.ClockUnit
		values values
	}{
		{"timestamp(6) NULL", v1alpha1.ClockTimestampTZ, values{
			"2026-08-26 02:59:59.999999": goes, "2026-08-26 03:00:00": stays, "0000-00-00 00:00:00": says, "2024-02-29 12:00:00": goes, "2026-03-29 02:30:00": goes, "2037-12-31": future, "1971-01-01": goes}},
		{"timestamp NULL", v1alpha1.ClockTimestampTZ, values{"2026-08-26 02:59:59": goes, "2026-08-26 03:00:00": stays}},
		{"datetime(6)", v1alpha1.ClockTimestamp, values{
			"2026-08-26 02:59:59.999999": goes, "2026-08-26 03:00:00": stays, "9999-12-31 23:59:59": future, "0000-00-00": says, "2026-03-29 02:30:00": goes, "0999-12-31": says, "1000-01-01": goes,
			"2026-11-24 03:00:00": stays, "2026-11-24 03:00:00.000001": future, "2026-01-00": says, "2026-00-00": says, "0001-01-01": says}},
		{"date", v1alpha1.ClockDate, values{"2026-08-25": goes, "2026-08-26": stays, "2026-08-27": stays, "0000-00-00": says, "2024-02-29": goes, "2026-02-00": says, "2027-01-01": future, "2026-11-24": stays}},
		{"bigint", v1alpha1.ClockEpochSeconds, values{epoch(1, -1): goes, epoch(1, 0): stays, "0": says, "-1": says, "9223372036854775807": future}},
		{"bigint unsigned", v1alpha1.ClockEpochSeconds, values{epoch(1, -1): goes, epoch(1, 0): stays, "0": says, "18446744073709551615": future}},
		{"int", v1alpha1.ClockEpochSeconds, values{epoch(1, -1): goes, epoch(1, 0): stays, "0": says, "2147483647": future}},
		{"decimal(20, 6)", v1alpha1.ClockEpochSeconds, values{epoch(1, -1) + ".999999": goes, epoch(1, 0) + ".000001": stays, "-0.5": says}},
		{"bigint", v1alpha1.ClockEpochMilliseconds, values{epoch(1000, -1): goes, epoch(1000, 0): stays, "-5": says}},
		{"bigint", v1alpha1.ClockEpochMicroseconds, values{epoch(1000000, -1): goes, epoch(1000000, 0): stays, "0": says}},
		{"varchar(60)", v1alpha1.ClockRFC3339, texts},
		{"text CHARACTER SET latin1", v1alpha1.ClockRFC3339, texts},
	} {
		t.Run(tc.column+" "+string(tc.unit), func(t *testing.T) {
			db := newDatabase(t)
			db.exec("SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE events (id int PRIMARY KEY, text varchar(60), at " + tc.column + "); GRANT SELECT, DELETE ON events TO " + purgerUser)
			db.exec("SET GLOBAL time_zone = '-08:00'")
			defer db.exec("SET GLOBAL time_zone = SYSTEM")
			want, counts, id := map[int][]string{}, map[int]int64{}, 0
			for text, fate := range tc.values {
				id++
				db.exec("INSERT INTO events VALUES (?, ?, ?)", id, text, text)
				counts[fate]++
				if fate != goes {
					want[0] = append(want[0], text)
				}
			}
			db.exec("INSERT INTO events VALUES (99, 'null', NULL)")
			r := newRunner(t, db, deleteRule("events", "events", "at", tc.unit, 90))
			r.Plan.Rules[0].Before = cutoff
			got := r.Run(v1alpha1.ReasonCompleted).Results[0]
			if diff := cmp.Diff(sorted(append(want[0], "null")), db.rows("SELECT text FROM events")); diff != "" {
				t.Error("stays", diff)
			}
			if got.NullClock != counts[says]+1 || got.FutureClock != counts[future] || got.Due != counts[goes] || got.Done != got.Due {
				t.Errorf("%+v, want %v", got, counts)
			}
		})
	}
}

var texts = map[string]int{
	"2026-08-26T02:59:59Z": goes, "2026-08-26T03:00:00Z": stays, "2026-08-26t02:59:59z": goes,
	"2026-08-26T02:59:59.999999Z": goes, "2026-08-26T02:59:59.999999999Z": goes, "2026-08-26T03:00:00.000000001Z": stays, "2026-08-26T02:59:59.9Z": goes,
	"2026-08-26T04:59:59+02:00": goes, "2026-08-26T05:00:00+02:00": stays, "2026-08-25T21:59:59-05:00": goes, "2026-08-25T22:00:00-05:00": stays,
	"2026-08-26T08:29:59.5+05:30": goes, "2026-08-26T08:30:00+05:30": stays, "2026-08-25T03:00:01-23:59": goes, "2026-08-26T02:59:59-00:00": goes,
	"2024-02-29T00:00:00Z": goes, "2000-02-29T00:00:00Z": goes, "2025-02-29T00:00:00Z": says, "2100-02-29T00:00:00Z": says, "1900-02-29T00:00:00Z": says,
	"2026-02-30T00:00:00Z": says, "2026-04-31T00:00:00Z": says, "2026-13-01T00:00:00Z": says, "2026-00-01T00:00:00Z": says, "2026-01-00T00:00:00Z": says,
	"2026-01-01T24:00:00Z": says, "2026-01-01T00:60:00Z": says, "2026-01-01T00:00:60Z": says, "2026-01-01T00:00:00": says, "2026-01-01": says,
	"2026-01-01T00:00:00+0200": says, "2026-01-01T00:00:00+24:00": says, "2026-01-01 00:00:00Z": says, " 2026-01-01T00:00:00Z": says, "2026-01-01T00:00:00Z ": says,
	"2026-01-01T00:00:00Z\n": says, "2026-01-01T00:00:00.Z": says, "yesterday": says, "": says, "1767225600": says, "0999-12-31T00:00:00Z": says,
	"9999-12-31T23:59:59-05:00": future, "9999-12-31T23:59:59Z": future, "2027-01-01T00:00:00Z": future, "2026-11-24T03:00:00Z": stays, "2026-11-24T04:00:00+00:30": future,
}
