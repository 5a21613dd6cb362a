//go:build integration

package mongodb_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Each value is a clock and what becomes of its record, for a cutoff of 2026-08-26T03:00:00Z.
func TestClockOfEachUnit(t *testing.T) {
	type fate string
	const goes, stays, null, future fate = "goes", "stays", "null", "future"
	type value struct {
		at   any
		fate fate
	}
	at := cutoff
	later := slot.Add(time.Hour)
	date := func(t time.Time) bson.DateTime { return bson.NewDateTimeFromTime(t) }
	others := []value{{nil, null}, {bson.A{date(at.AddDate(-1, 0, 0)), "2020-01-01T00:00:00Z", int64(7)}, null}, {bson.D{{Key: "x", Value: 1}}, null}, {true, null}}
	for _, tc := range []struct {
		unit   v1alpha1.ClockUnit
		values []value
	}{
		{v1alpha1.ClockTimestampTZ, []value{
			{date(at.Add(-time.Millisecond)), goes}, {date(at), stays}, {date(at.Add(time.Millisecond)), stays}, {date(later), future}, {date(time.Date(1960, 2, 29, 0, 0, 0, 0, time.UTC)), goes},
			{date(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), future}, {"2020-01-01T00:00:00Z", null}, {int64(5), null}}},
		{v1alpha1.ClockRFC3339, []value{
			{"2026-08-26T02:59:59.999999999Z", goes}, {"2026-08-26T03:00:00Z", stays}, {"2026-08-26T04:59:59+02:00", goes}, {"2026-08-26T05:00:00+02:00", stays},
			{"2026-08-25T19:59:59-07:00", goes}, {"2026-08-25T20:00:00-07:00", stays}, {"2024-02-29T12:00:00Z", goes}, {"2023-02-29T12:00:00Z", null}, {"2020-01-01", null},
			{"2020-01-01T00:00:00", null}, {"2020-01-01T24:00:00Z", null}, {"0000-00-00T00:00:00Z", null}, {"", null}, {"2027-01-01T00:00:00Z", future}, {date(at.AddDate(-1, 0, 0)), null}, {int64(5), null}}},
		{v1alpha1.ClockEpochSeconds, []value{
			{at.Unix() - 1, goes}, {at.Unix(), stays}, {float64(at.Unix()-1) + 0.5, goes}, {float64(at.Unix()) + 0.5, stays}, {int32(at.Unix() - 1), goes}, {int64(0), null}, {int64(-1), null},
			{later.Unix(), future}, {"1000000000", null}, {date(at.AddDate(-1, 0, 0)), null}}},
		{v1alpha1.ClockEpochMilliseconds, []value{{at.UnixMilli() - 1, goes}, {at.UnixMilli(), stays}, {later.UnixMilli(), future}, {int64(-5), null}}},
		{v1alpha1.ClockEpochMicroseconds, []value{{at.UnixMicro() - 1, goes}, {at.UnixMicro(), stays}, {later.UnixMicro(), future}, {int64(0), null}}},
	} {
		for _, field := range []string{"at", "order.at"} {
			t.Run(string(tc.unit)+" "+field, func(t *testing.T) {
				db := newDatabase(t)
				var all, want []bson.D
				counts := map[fate]int64{}
				for i, v := range append(tc.values, others...) {
					document := bson.D{{Key: "_id", Value: int32(i)}, {Key: "at", Value: v.at}}
					if field == "order.at" {
						document = bson.D{{Key: "_id", Value: int32(i)}, {Key: "order", Value: bson.D{{Key: "at", Value: v.at}}}}
					}
					all = append(all, document)
					if counts[v.fate]++; v.fate != goes {
						want = append(want, document)
					}
				}
				missing := bson.D{{Key: "_id", Value: int32(99)}, {Key: "order", Value: bson.A{bson.D{{Key: "at", Value: tc.values[0].at}}}}} // inside of an array
				db.insert("events", append(all, missing)...)
				r := newRunner(t, db, deleteRule("events", "events", field, tc.unit, 90))
				got := r.Run(v1alpha1.ReasonCompleted).Results[0]
				if diff := cmp.Diff(texts(t, append(want, missing)), db.documents("events", bson.D{})); diff != "" {
					t.Error("stays", diff)
				}
				if got.Done != counts[goes] || got.NullClock != counts[null]+1 || got.FutureClock != counts[future] {
					t.Errorf("%+v, want %v", got, counts)
				}
			})
		}
	}
}

func TestClockInsideOfAnObjectId(t *testing.T) {
	db := newDatabase(t)
	id := func(at time.Time) bson.ObjectID { return bson.NewObjectIDFromTimestamp(at) }
	stay := []any{"2020-01-01T00:00:00Z", int32(5), bson.ObjectID{11: 1}, id(cutoff), id(slot.Add(time.Hour))}
	for _, v := range append(stay, id(cutoff.Add(-time.Second)), id(cutoff.AddDate(-5, 0, 0))) {
		db.insert("events", bson.D{{Key: "_id", Value: v}})
	}
	r := newRunner(t, db, deleteRule("events", "events", "_id", v1alpha1.ClockStoreTime, 90))
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	if got.Done != 2 || got.NullClock != 3 || got.FutureClock != 1 || db.count("events", bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: stay}}}}) != 5 {
		t.Errorf("%+v", got)
	}
}
