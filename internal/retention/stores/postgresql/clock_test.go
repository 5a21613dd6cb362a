//go:build integration

package postgresql_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Each row is a value and whether it must stay, for a cutoff of 2026-08-26T03:00:00Z.
func TestClockOfEachTypeAndUnit(t *testing.T) {
	cutoff := time.Date(2026, 8, 26, 3, 0, 0, 0, time.UTC)
	epoch := func(scale int64, offset int64) string { return fmt.Sprint(cutoff.Unix()*scale + offset) }
	type value struct {
		text  string
		stays bool
	}
	for _, tc := range []struct {
		column string
		unit   v1alpha1.ClockUnit
		values []value
	}{
		{"timestamptz", v1alpha1.ClockTimestampTZ, []value{
			{"2026-08-26 02:59:59.999999Z", false}, {"2026-08-26 03:00:00Z", true}, {"2026-08-26 04:59:59+02", false}, {"2026-08-26 05:00:00+02", true},
			{"infinity", true}, {"-infinity", true}, {"0044-03-15 BC", false}, {"2024-02-29 12:00Z", false}, {"9999-12-31", true}, {"1970-01-01Z", false}}},
		{"timestamp", v1alpha1.ClockTimestamp, []value{
			{"2026-08-26 02:59:59.999999", false}, {"2026-08-26 03:00:00", true}, {"infinity", true}, {"-infinity", true}, {"2026-03-29 02:30:00", false}}},
		{"date", v1alpha1.ClockDate, []value{
			{"2026-08-25", false}, {"2026-08-26", true}, {"2026-08-27", true}, {"infinity", true}, {"-infinity", true}, {"2024-02-29", false}}},
		{"text", v1alpha1.ClockRFC3339, []value{
			{"2026-08-26T02:59:59Z", false}, {"2026-08-26T03:00:00Z", true}, {"2026-08-26t04:59:59.999+02:00", false}, {"2026-08-26T05:00:00+02:00", true},
			{"2024-02-29T12:00:00z", false}, {"2023-02-29T12:00:00Z", true}, {"2026-06-31T00:00:00Z", true}, {"2026-08-26T02:59:59.9999999Z", true},
			{"2020-01-01T00:00:00+15:59", false}, {"2020-01-01T00:00:00+16:00", true}, {"2020-01-01T24:00:00Z", true}, {"2020-01-01", true},
			{"2020-01-01T00:00:00", true}, {"2020-01-01T00:00:00Z\n", true}, {"yesterday", true}, {"", true}, {"infinity", true}}},
		{"char(25)", v1alpha1.ClockRFC3339, []value{{"2020-01-01T00:00:00Z", false}, {"2030-01-01T00:00:00+01:00", true}}},
		{"bigint", v1alpha1.ClockEpochSeconds, []value{{epoch(1, -1), false}, {epoch(1, 0), true}, {"0", true}, {"-1", true}, {"9223372036854775807", true}}},
		{"integer", v1alpha1.ClockEpochSeconds, []value{{epoch(1, -1), false}, {epoch(1, 0), true}, {"0", true}, {"2147483647", true}}},
		{"numeric", v1alpha1.ClockEpochSeconds, []value{
			{epoch(1, -1) + ".999999", false}, {epoch(1, 0) + ".000001", true}, {"NaN", true}, {"Infinity", true}, {"-Infinity", true}}},
		{"bigint", v1alpha1.ClockEpochMilliseconds, []value{{epoch(1000, -1), false}, {epoch(1000, 0), true}, {"-5", true}}},
		{"bigint", v1alpha1.ClockEpochMicroseconds, []value{{epoch(1000000, -1), false}, {epoch(1000000, 0), true}, {"0", true}}},
	} {
		t.Run(tc.column+" "+string(tc.unit), func(t *testing.T) {
			db := newDatabase(t)
			db.exec("CREATE TABLE events (id int PRIMARY KEY, at " + tc.column + "); GRANT SELECT, DELETE ON events TO " + purgerRole)
			db.exec("ALTER DATABASE " + db.name + " SET timezone = 'America/Los_Angeles'")
			var want []string
			for i, v := range tc.values {
				db.exec("INSERT INTO events VALUES ($1, $2::text::"+tc.column+")", i, v.text)
				if v.stays {
					want = append(want, fmt.Sprintf("(%d)", i))
				}
			}
			db.exec("INSERT INTO events VALUES (99, NULL)")
			r := newRunner(t, db, deleteRule("events", "events", "at", tc.unit, 90))
			r.Plan.Rules[0].Before = cutoff
			got := r.Run(v1alpha1.ReasonCompleted)
			slices.Sort(want) // as rows does
			if diff := cmp.Diff(want, db.rows("SELECT id FROM events WHERE at IS NOT NULL")); diff != "" {
				t.Error("stays", diff)
			}
			if db.int("SELECT count(*) FROM events WHERE id = 99") != 1 || got.Results[0].NullClock == 0 {
				t.Errorf("the empty clock: %+v", got.Results[0])
			}
		})
	}
}
