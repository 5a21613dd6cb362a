package mongodb

import (
	"encoding/binary"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// clock is a rule's clock in the terms of its unit. The store compares all units but text, which the purger reads.
type clock struct {
	field string
	unit  v1alpha1.ClockUnit
}

func clockOf(c retention.Clock) clock {
	return clock{field: c.Field, unit: v1alpha1.ClockUnit(c.Unit)}
}

// isText says that the purger must read the clock.
func (c clock) isText() bool { return c.unit == v1alpha1.ClockRFC3339 }

// sound is true for a clock that says something, as far as the store can tell. Inside of an array it does not.
func (c clock) sound() bson.D {
	var typed bson.D
	switch c.unit {
	case v1alpha1.ClockTimestampTZ:
		typed = on(c.field, "$type", "date")
	case v1alpha1.ClockRFC3339:
		typed = on(c.field, "$type", "string")
	case v1alpha1.ClockStoreTime:
		typed = on(c.field, "$gte", objectID(time.Unix(1, 0)))
	default:
		// Comparisons see numbers alone, and no NaN.
		typed = bson.D{{Key: c.field, Value: bson.D{{Key: "$gt", Value: int64(0)}, {Key: "$lt", Value: math.Inf(1)}}}}
	}
	return and(typed, not(append(inArray(c.field), isArray(c.field))...))
}

// instant is a moment as a value of the unit, rounded down: what lies before the value lies before the moment.
func (c clock) instant(at time.Time) any {
	switch c.unit {
	case v1alpha1.ClockStoreTime:
		return objectID(at)
	case v1alpha1.ClockEpochSeconds:
		return at.Unix()
	case v1alpha1.ClockEpochMilliseconds:
		return at.UnixMilli()
	case v1alpha1.ClockEpochMicroseconds:
		return at.UnixMicro()
	default:
		return bson.DateTime(at.UnixMilli())
	}
}

// objectID is the least ObjectId of a second. Those of 1970 to 2106 exist.
func objectID(at time.Time) (id bson.ObjectID) {
	seconds := min(max(at.Unix(), 0), math.MaxUint32)
	binary.BigEndian.PutUint32(id[:4], uint32(seconds))
	if at.Unix() > math.MaxUint32 {
		for i := range id {
			id[i] = 0xff
		}
	}
	return id
}

// span of time. A zero end is open.
type span struct {
	// from is inclusive; after is not.
	from, after, to time.Time
}

// contains says whether an instant lies in the span.
func (s span) contains(t time.Time) bool {
	return (s.from.IsZero() || !t.Before(s.from)) && (s.after.IsZero() || t.After(s.after)) && (s.to.IsZero() || t.Before(s.to))
}

// within is true for a sound clock in the span.
func (c clock) within(s span) bson.D {
	var bounds bson.D
	for _, b := range []struct {
		operator string
		at       time.Time
	}{{"$gte", s.from}, {"$gt", s.after}, {"$lt", s.to}} {
		if !b.at.IsZero() {
			bounds = append(bounds, bson.E{Key: b.operator, Value: c.instant(b.at)})
		}
	}
	if len(bounds) == 0 {
		return c.sound()
	}
	return and(c.sound(), bson.D{{Key: c.field, Value: bounds}})
}

var (
	year1970  = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	year1971  = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	year10000 = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// due is true for records that the rule wants gone, as far as the store can tell: of a text clock it knows no more than that it is text.
func due(rule *retention.Rule) bson.D {
	c := clockOf(rule.Clock)
	parts := []bson.D{c.sound()}
	if !c.isText() {
		parts = []bson.D{c.within(span{to: rule.Before})}
	}
	if len(rule.Where) > 0 {
		parts = append(parts, applies(rule.Where))
	}
	if len(rule.Fields) > 0 {
		parts = append(parts, unfinished(rule.Fields))
	}
	return and(parts...)
}

// saysNothing lists conditions under which a clock is of the unit's type and yet says nothing.
func (c clock) saysNothing() []bson.D {
	switch c.unit {
	case v1alpha1.ClockTimestampTZ, v1alpha1.ClockRFC3339:
		return nil
	case v1alpha1.ClockStoreTime:
		return []bson.D{on(c.field, "$type", "objectId")}
	default:
		return []bson.D{on(c.field, "$type", "number")}
	}
}
