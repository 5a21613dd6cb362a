package mysql

import (
	"slices"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// clockTypes are the column types that a unit accepts.
var clockTypes = map[v1alpha1.ClockUnit][]string{
	v1alpha1.ClockTimestampTZ:       {"timestamp"},
	v1alpha1.ClockTimestamp:         {"datetime"},
	v1alpha1.ClockDate:              {"date"},
	v1alpha1.ClockEpochSeconds:      {"int", "bigint", "decimal"},
	v1alpha1.ClockEpochMilliseconds: {"bigint", "decimal"},
	v1alpha1.ClockEpochMicroseconds: {"bigint", "decimal"},
	v1alpha1.ClockRFC3339:           {"char", "varchar", "tinytext", "text", "mediumtext", "longtext"},
}

// clockSQL is a clock column in the terms of its unit.
type clockSQL struct {
	unit v1alpha1.ClockUnit
	// value of a clock that is sound; it may be null for others.
	value part
	// sound is true for a clock that says something. It is false or null for one that does not.
	sound part
}

// clock in the terms of its unit. Years before 1000 are not of the store's range, and zero dates are no dates: they say nothing.
func (t *table) clock(c retention.Clock) clockSQL {
	column := t.field(c.Field)
	sql := clockSQL{unit: v1alpha1.ClockUnit(c.Unit), value: column}
	switch sql.unit {
	case v1alpha1.ClockTimestampTZ, v1alpha1.ClockTimestamp, v1alpha1.ClockDate:
		sql.sound = compose("(% >= % AND MONTH(%) > 0 AND DAYOFMONTH(%) > 0)", column, sql.instant(year1000), column, column)
	case v1alpha1.ClockRFC3339:
		sql.sound = compose("COALESCE(% REGEXP %, FALSE)", column, value(rfc3339Pattern))
		sql.value = rfc3339(column, sql.sound)
	default:
		sql.sound = compose("% > 0", column)
	}
	return sql
}

// rfc3339Pattern matches dates that exist, from the year 1000 on, with a time and an offset. Leap seconds are not among them.
const rfc3339Pattern = "^" + stores.DatePattern + "[Tt]" + stores.TimePattern + `(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\z`

// rfc3339 is the instant of a text in UTC, cut to microseconds, and null if it is not sound: CASE keeps the store from reading what would be
// an error. The offset of the year 9999 is left out, for it could lead out of the store's range.
func rfc3339(column, sound part) part {
	return compose(`CASE WHEN % THEN TIMESTAMPADD(MINUTE,
		IF(RIGHT(%, 1) IN ('Z', 'z') OR LEFT(%, 4) = '9999', 0,
			IF(SUBSTRING(%, -6, 1) = '-', 1, -1) * (CAST(SUBSTRING(%, -5, 2) AS SIGNED) * 60 + CAST(RIGHT(%, 2) AS SIGNED))),
		CAST(LEFT(REPLACE(UPPER(LEFT(%, CHAR_LENGTH(%) - IF(RIGHT(%, 1) IN ('Z', 'z'), 1, 6))), 'T', ' '), 26) AS DATETIME(6))) END`,
		sound, column, column, column, column, column, column, column, column)
}

// instant is a moment as a value of the unit, rounded down: what lies before the value lies before the moment.
func (c clockSQL) instant(at time.Time) part {
	at = at.UTC()
	switch c.unit {
	case v1alpha1.ClockTimestampTZ, v1alpha1.ClockTimestamp, v1alpha1.ClockRFC3339:
		// Literals, not casts: the store works out a cast for every row of a count.
		return text(at.Format("TIMESTAMP'2006-01-02 15:04:05.000000'"))
	case v1alpha1.ClockDate:
		return text(at.Format("DATE'2006-01-02'"))
	case v1alpha1.ClockEpochSeconds:
		return value(at.Unix())
	case v1alpha1.ClockEpochMilliseconds:
		return value(floorDiv(at.UnixMicro(), 1000))
	default:
		return value(at.UnixMicro())
	}
}

// epoch says whether clocks are numbers, which may lie after the year 9999.
func (c clockSQL) epoch() bool {
	return slices.Contains([]v1alpha1.ClockUnit{v1alpha1.ClockEpochSeconds, v1alpha1.ClockEpochMilliseconds, v1alpha1.ClockEpochMicroseconds}, c.unit)
}

// floorDiv rounds down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

var (
	year1000  = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)
	year1970  = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	year1971  = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	year10000 = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// countSQL counts a collection's records, the rule's, and of these the due, held, null, future, early and far ones. The clocks in between
// follow from the rest: each column costs time for every record. Comparisons come first, so that most records need no more.
func (t *table) countSQL(rule *retention.Rule, holds []retention.Hold, slot time.Time) part {
	clock := t.clock(rule.Clock)
	due, held, all := t.due(rule), t.held(holds), t.all(rule)
	about, far := text("COUNT(*)"), text("FALSE")
	if len(rule.Where) > 0 {
		about = count(all)
	}
	at := func(comparison string, moment time.Time) part {
		return compose("% "+comparison+" %", clock.value, clock.instant(moment))
	}
	if clock.epoch() {
		far = and(at(">=", year10000), clock.sound)
	}
	counts := []part{
		text("COUNT(*)"),
		about,
		count(due),
		count(and(due, held)),
		count(and(compose("(%) IS NOT TRUE", clock.sound), all)),
		count(and(at(">", slot), clock.sound, all)),
		count(and(at("<", year1971), at(">=", year1970), clock.sound, all)),
		count(and(far, all)),
	}
	return compose("SELECT % FROM %", list(", ", counts), text(t.quoted()))
}

// countDueSQL counts the due records and the held ones among them.
func (t *table) countDueSQL(rule *retention.Rule, holds []retention.Hold) part {
	return compose("SELECT COUNT(*), % FROM % WHERE %", count(t.held(holds)), text(t.quoted()), t.due(rule))
}

// count counts the records for which a condition is true.
func count(condition part) part { return compose("COUNT(CASE WHEN % THEN 1 END)", condition) }

func checkClock(rule *retention.Rule, t *table) error {
	accepted := clockTypes[v1alpha1.ClockUnit(rule.Clock.Unit)]
	c := t.columns[rule.Clock.Field]
	if !slices.Contains(accepted, c.kind) {
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "clock %q of %s has type %s, unit %s needs one of %v: correct clock.unit or choose another column",
			rule.Clock.Field, t.quoted(), c.full, rule.Clock.Unit, accepted)
	}
	return nil
}
