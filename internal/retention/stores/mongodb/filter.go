package mongodb

import (
	"encoding/hex"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// This file builds conditions. Values are always operands of an operator, so that none can be one.

// on is a condition of one operator.
func on(field, operator string, value any) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: operator, Value: value}}}}
}

func and(parts ...bson.D) bson.D { return join("$and", parts) }
func or(parts ...bson.D) bson.D  { return join("$or", parts) }

// not is true where none of the parts is. Without parts it is always true.
func not(parts ...bson.D) bson.D {
	if len(parts) == 0 {
		return bson.D{}
	}
	return bson.D{{Key: "$nor", Value: parts}}
}

func join(operator string, parts []bson.D) bson.D {
	switch len(parts) {
	case 0:
		return bson.D{}
	case 1:
		return parts[0]
	default:
		return bson.D{{Key: operator, Value: parts}}
	}
}

// isArray says that the field itself is an array; prefix arrays are not looked into.
func isArray(field string) bson.D { return on(field, "$type", "array") }

// parents are the paths that lead to a field, for example a and a.b for a.b.c.
func parents(field string) []string {
	var paths []string
	for i := range len(field) {
		if field[i] == '.' {
			paths = append(paths, field[:i])
		}
	}
	return paths
}

// inArray lists the conditions under which a field lies inside of an array.
func inArray(field string) []bson.D {
	var parts []bson.D
	for _, path := range parents(field) {
		parts = append(parts, isArray(path))
	}
	return parts
}

// has is true for a field that is there and not null. An array that holds a null is not null.
func has(field string) bson.D { return or(on(field, "$ne", nil), isArray(field)) }

// matches is a filter's condition, without what arrays make of it.
func matches(f retention.Filter) bson.D {
	switch v1alpha1.FilterOperator(f.Operator) {
	case v1alpha1.FilterIn:
		return on(f.Field, "$in", meanings(f.Values))
	case v1alpha1.FilterNotIn:
		return on(f.Field, "$nin", append(meanings(f.Values), nil))
	case v1alpha1.FilterExists:
		return has(f.Field)
	default:
		return not(has(f.Field))
	}
}

// applies is true for the records that all of a rule's filters select, and for none of which that is in doubt.
func applies(where []retention.Filter) bson.D {
	var parts []bson.D
	for _, f := range where {
		parts = append(parts, matches(f))
		if doubt := inArray(f.Field); len(doubt) > 0 {
			parts = append(parts, not(doubt...))
		}
	}
	return and(parts...)
}

// held is true for the records that a hold keeps, or may keep; nil: none does.
func held(holds []retention.Hold, collection string) []bson.D {
	var parts []bson.D
	for i := range holds {
		if holds[i].Collection != collection {
			continue
		}
		var filters []bson.D
		for _, f := range holds[i].Where {
			doubt := inArray(f.Field)
			if f.Operator == string(v1alpha1.FilterNotIn) {
				doubt = append(doubt, isArray(f.Field))
			}
			filters = append(filters, or(append(doubt, matches(f))...))
		}
		parts = append(parts, and(filters...))
	}
	return parts
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?$`)

// meanings lists the values of every type that are written like one of the values.
func meanings(values []string) bson.A {
	var all bson.A
	for _, v := range values {
		all = append(all, v)
		if number.MatchString(v) {
			all = append(all, numbers(v)...)
		}
		if b, err := strconv.ParseBool(v); err == nil && v == strconv.FormatBool(b) {
			all = append(all, b)
		}
		if id, err := bson.ObjectIDFromHex(v); err == nil {
			all = append(all, id)
		}
		if t, err := parseRFC3339(v); err == nil {
			all = append(all, bson.NewDateTimeFromTime(t))
		}
		if raw, err := hex.DecodeString(strings.ReplaceAll(v, "-", "")); err == nil && len(raw) == 16 && strings.Count(v, "-") == 4 {
			all = append(all, bson.Binary{Subtype: bson.TypeBinaryUUID, Data: raw})
		}
	}
	return all
}

// numbers are the forms of a number in which it is exact; the store compares all its types of numbers with each other. A decimal fraction
// is never exact in binary, and stored as either.
func numbers(v string) bson.A {
	exact, _ := new(big.Rat).SetString(v)
	if exact.IsInt() && exact.Num().IsInt64() {
		return bson.A{exact.Num().Int64()}
	}
	float, isExact := exact.Float64()
	all := bson.A{float}
	if decimal, err := bson.ParseDecimal128(v); err == nil && !isExact {
		all = append(all, decimal)
	}
	return all
}

// parseRFC3339 reads RFC 3339 strictly.
func parseRFC3339(s string) (t time.Time, err error) {
	err = t.UnmarshalText([]byte(s))
	return t, err
}

// whole is a regular expression that matches a text as a whole.
func whole(pattern string) string { return "(?s)^(?:" + pattern + `)\z` }

// noMatch is true for a field whose value is no text that matches the pattern; a missing one, too.
func noMatch(field, pattern string) bson.D {
	return on(field, "$not", bson.D{{Key: "$regex", Value: whole(pattern)}})
}

// unfinished is true for records in which some field does not hold its replacement yet. A missing field needs none.
func unfinished(fields []retention.Anonymize) bson.D {
	var parts []bson.D
	for _, f := range fields {
		switch v1alpha1.AnonymizeStrategy(f.Strategy) {
		case v1alpha1.AnonymizeNull:
			parts = append(parts, has(f.Name))
		case v1alpha1.AnonymizeConstant:
			other := bson.D{{Key: f.Name, Value: bson.D{{Key: "$exists", Value: true}, {Key: "$ne", Value: f.Value}}}}
			parts = append(parts, other, isArray(f.Name))
		default:
			parts = append(parts, and(on(f.Name, "$ne", nil), noMatch(f.Name, f.Pattern())), isArray(f.Name))
		}
	}
	return or(parts...)
}

// unfit is true for records in which a field cannot be replaced: it lies inside of an array, or the replacement is computed from a text and it
// is none, or no date. Nil: none can be.
func unfit(fields []retention.Anonymize) []bson.D {
	var parts []bson.D
	for _, f := range fields {
		for _, array := range inArray(f.Name) {
			parts = append(parts, and(array, on(f.Name, "$exists", true)))
		}
		if f.IsComputed() {
			parts = append(parts, isArray(f.Name), and(on(f.Name, "$ne", nil), on(f.Name, "$not", bson.D{{Key: "$type", Value: "string"}})))
		}
		if f.Strategy == string(v1alpha1.AnonymizeCoarsenDate) {
			parts = append(parts, and(on(f.Name, "$type", "string"), noMatch(f.Name, retention.DatePattern)))
		}
	}
	return parts
}
