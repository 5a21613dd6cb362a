//go:build integration

package redis_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// Each row is a value and whether the record stays, for a cutoff of 2026-08-26T03:00:00Z; stays of null says that it counts as no clock.
func TestClockOfEachUnit(t *testing.T) {
	cutoff := time.Date(2026, 8, 26, 3, 0, 0, 0, time.UTC)
	epoch := func(scale int64, offset int64) string { return fmt.Sprint(cutoff.Unix()*scale + offset) }
	const goes, stays, null = "goes", "stays", "null"
	for unit, values := range map[v1alpha1.ClockUnit]map[string]string{
		v1alpha1.ClockEpochSeconds: {epoch(1, -1): goes, epoch(1, 0): stays, epoch(1, -1) + ".999999999": goes, epoch(1, 0) + ".000001": stays, epoch(1, -1) + ".": goes,
			"0": null, "0.0": null, "-1": null, "": null, "soon": null, "1e9": null, "0x10": null, " 1000000000": null, "1000000000\n": null, "99999999999999999999999999": stays, "nan": null, "inf": null, "١": null},
		v1alpha1.ClockEpochMilliseconds: {epoch(1000, -1): goes, epoch(1000, 0): stays, epoch(1000, -1) + ".9": goes, "-5": null, "000" + epoch(1000, -1): goes},
		v1alpha1.ClockEpochMicroseconds: {epoch(1000000, -1): goes, epoch(1000000, 0): stays, epoch(1000000, -1) + ".9": goes, "0.5": null},
		v1alpha1.ClockRFC3339: {
			"2026-08-26T02:59:59Z": goes, "2026-08-26T02:59:59.999999999Z": goes, "2026-08-26T03:00:00Z": stays, "2026-08-26t03:00:00z": stays, "2026-08-26T04:59:59+02:00": goes,
			"2026-08-26T05:00:00+02:00": stays, "2026-08-25T21:29:59-05:30": goes, "2026-08-25T21:30:00-05:30": stays, "2026-08-26T02:59:60Z": stays, "2024-02-29T12:00:00Z": goes,
			"2000-02-29T12:00:00Z": goes, "0000-01-01T00:00:00Z": goes, "1969-12-31T23:59:59Z": goes, "9999-12-31T23:59:59.9Z": stays, "2026-08-26T02:59:59-00:00": goes,
			"2025-02-29T12:00:00Z": null, "1900-02-29T12:00:00Z": null, "2026-00-10T00:00:00Z": null, "2026-13-10T00:00:00Z": null, "2026-04-31T00:00:00Z": null, "2026-04-00T00:00:00Z": null,
			"2026-04-10T24:00:00Z": null, "2026-04-10T00:60:00Z": null, "2026-04-10T00:00:61Z": null, "2026-04-10T00:00:00": null, "2026-04-10": null, "2026-04-10 00:00:00Z": null,
			"2026-04-10T00:00:00+2:00": null, "2026-04-10T00:00:00+24:00": null, "2026-04-10T00:00:00+02:60": null, "2026-04-10T00:00:00.Z": null, "2026-04-10T00:00:00ZZ": null,
			"0000-00-00T00:00:00Z": null, "": null, "1790000000": null, " 2026-04-10T00:00:00Z": null},
	} {
		t.Run(string(unit), func(t *testing.T) {
			s := newServer(t)
			all, want := records{}, records{}
			var nulls, due int64
			for value, fate := range values {
				key := "order:" + strconv.Itoa(len(all)) + value
				all[key] = map[string]string{"at": value}
				switch fate {
				case goes:
					due++
				case null:
					nulls++
					fallthrough
				default:
					want[key] = all[key]
				}
			}
			s.fill(all)
			rule := deleteRule("order:*", "at", unit, 90)
			rule.Before = cutoff
			got := newRunner(t, s, rule).Run(v1alpha1.ReasonCompleted)
			if diff := cmp.Diff(want, s.hashes()); diff != "" {
				t.Error("records", diff)
			}
			if result := got.Results[0]; result.NullClock != nulls || result.Due != due || result.Done != due {
				t.Errorf("%+v, want %d due, %d without a clock", result, due, nulls)
			}
		})
	}
}

func TestRFC3339OfEveryDayIsTheDayOfTheCalendar(t *testing.T) {
	s := newServer(t)
	all := records{}
	first := time.Date(1896, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range 2000 { // 53 days apart: every month, leap days and centuries
		at := first.AddDate(0, 0, 53*day).Add(time.Duration(day) * 43 * time.Second)
		all["order:"+strconv.Itoa(day)] = map[string]string{"at": at.In(time.FixedZone("", (day%29-14)*3600)).Format(time.RFC3339)}
	}
	s.fill(all)
	for _, cutoff := range []time.Time{time.Date(1900, 2, 28, 23, 59, 59, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)} {
		rule := deleteRule("order:*", "at", v1alpha1.ClockRFC3339, 90)
		rule.Before = cutoff
		newRunner(t, s, rule).Run(v1alpha1.ReasonCompleted)
		all = kept(all, func(_ string, fields map[string]string) bool {
			at, _ := time.Parse(time.RFC3339, fields["at"])
			return at.Before(cutoff)
		})
		if diff := cmp.Diff(all, s.hashes()); diff != "" {
			t.Error(cutoff, diff)
		}
	}
}

func TestClocksThatDoNotFitTheirUnitStopTheRun(t *testing.T) {
	for unit, value := range map[v1alpha1.ClockUnit]string{
		v1alpha1.ClockEpochMilliseconds: strconv.FormatInt(slot.Unix(), 10), v1alpha1.ClockEpochMicroseconds: strconv.FormatInt(slot.UnixMilli(), 10),
		v1alpha1.ClockEpochSeconds: strconv.FormatInt(slot.UnixMilli(), 10),
	} {
		s := newServer(t)
		all := records{"order:1": {"at": value}}
		s.fill(all)
		newRunner(t, s, deleteRule("order:*", "at", unit, 90)).Run(v1alpha1.ReasonClockUnitImplausible)
		if diff := cmp.Diff(all, s.hashes()); diff != "" {
			t.Error(unit, diff)
		}
	}
}

// Keys of any type go by their last access, and counting is none.
func TestStoreTimeIsTheLastAccess(t *testing.T) {
	s := newServer(t)
	s.do("SET", "s:text", "x")
	s.do("RPUSH", "s:list", "x")
	s.do("SADD", "s:set", "x")
	s.do("HSET", "s:hash", "at", "x")
	s.do("SET", "s:expires", "x")
	day := 24 * time.Hour
	want := records{}
	var due int64
	for _, kind := range []string{"text", "list", "set", "hash", "expires"} {
		dump := s.do("DUMP", "s:"+kind)
		ttl := 0
		if kind == "expires" {
			ttl = 3_600_000
		}
		for idle, stays := range map[time.Duration]bool{0: true, 29 * day: true, 30*day - 2*time.Minute: true, 30*day + 2*time.Minute: false, 180 * day: false} {
			key := fmt.Sprintf("session:%s:%d", kind, int(idle.Seconds()))
			s.do("RESTORE", key, ttl, dump, "IDLETIME", int(idle.Seconds()))
			if stays {
				want[key] = nil
			} else {
				due++
			}
		}
	}
	for _, key := range []string{"text", "list", "set", "hash", "expires"} {
		s.do("DEL", "s:"+key)
	}
	now := time.Now().UTC()
	rule := deleteRule("session:*", "lastAccess", v1alpha1.ClockStoreTime, 30)
	rule.Before = now.AddDate(0, 0, -30)
	r := newRunner(t, s, rule)
	r.Plan.Slot = now
	held := fmt.Sprintf("session:list:%d", int((180 * day).Seconds()))
	r.Hold(retention.Hold{Name: "case-1", Collection: "session:*", Where: []retention.Filter{retentiontest.In("key", held)}})
	want[held] = nil
	got := r.Run(v1alpha1.ReasonCompleted)
	left := records{}
	for key := range s.hashes() {
		left[key] = nil
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error("keys", diff)
	}
	if result := got.Results[0]; result.Total != 25 || result.Due != due || result.Held != 1 || result.Done != due-1 || result.NullClock+result.FutureClock != 0 {
		t.Errorf("%+v, due %d", result, due)
	}
}

// What cannot be read of a key that is no hash keeps it: it has no clock, matches no filter of the rule and all of a hold.
func TestKeysThatAreNoHashesAreKept(t *testing.T) {
	s := newServer(t)
	s.fill(records{"order:1": {"at": "1000000000", "shop": "a"}})
	s.do("SET", "order:text", "1000000000")
	s.do("RPUSH", "order:list", "1000000000")
	got := newRunner(t, s, deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 90)).Run(v1alpha1.ReasonCompleted)
	if result := got.Results[0]; result.Total != 3 || result.NullClock != 2 || result.Done != 1 || len(s.hashes()) != 2 {
		t.Errorf("%+v", result)
	}
}
