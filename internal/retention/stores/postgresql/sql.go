package postgresql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// This file builds statements. Names are quoted identifiers, values are parameters, types come from the catalog: nothing that a user wrote
// is ever part of a statement's text.

// statement collects a statement's parameters.
type statement struct{ args []any }

// arg adds a parameter and returns its place in the text.
func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// field of the table that every statement calls t.
func field(name string) string { return "t." + quote(name) }

// clockSQL is a clock column in the terms of its unit.
type clockSQL struct {
	// column, or what its text says.
	column string
	// cast is the SQL type of instants in the unit.
	cast string
	// isNull is true for a clock that says nothing.
	isNull string
	// sound is true for a clock that says something; it is never null for a clock that is not.
	sound string
}

func newClockSQL(c retention.Clock) clockSQL {
	column := field(c.Field)
	sql := clockSQL{column: column}
	switch v1alpha1.ClockUnit(c.Unit) {
	case v1alpha1.ClockTimestampTZ:
		sql.cast = "timestamptz"
	case v1alpha1.ClockTimestamp:
		sql.cast = "timestamp"
	case v1alpha1.ClockDate:
		sql.cast = "date"
	case v1alpha1.ClockRFC3339:
		sql.cast, sql.column = "timestamptz", rfc3339(column)
		sql.isNull, sql.sound = sql.column+" IS NULL", sql.column+" IS NOT NULL"
		return sql
	default:
		sql.cast = "bigint"
		sql.isNull = fmt.Sprintf("(%s IS NULL OR %s <= 0)", column, column)
		sql.sound = fmt.Sprintf("%s > 0", column)
		return sql
	}
	sql.isNull = fmt.Sprintf("(%s IS NULL OR %s = '-infinity'::%s)", column, column, sql.cast)
	sql.sound = fmt.Sprintf("%s > '-infinity'::%s", column, sql.cast)
	return sql
}

// rfc3339Pattern matches times that the store can read: dates that exist, and offsets up to the 15:59 that it knows.
const rfc3339Pattern = "^" + stores.DatePattern + "[Tt]" + stores.TimePattern + "(?:[Zz]|[+-](?:0[0-9]|1[0-5]):[0-5][0-9])$"

// rfc3339 is the instant of a text, null if it is no such time: CASE keeps the store from reading what would be an error.
func rfc3339(column string) string {
	return fmt.Sprintf("(CASE WHEN %s::text ~ '%s' THEN %s::text::timestamptz END)", column, rfc3339Pattern, column)
}

// instant is a moment as a value of the unit, rounded down: what lies before the value lies before the moment.
func instant(unit string, at time.Time) any {
	at = at.UTC()
	switch v1alpha1.ClockUnit(unit) {
	case v1alpha1.ClockDate:
		return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	case v1alpha1.ClockEpochSeconds:
		return at.Unix()
	case v1alpha1.ClockEpochMilliseconds:
		return floorDiv(at.UnixMicro(), 1000)
	case v1alpha1.ClockEpochMicroseconds:
		return at.UnixMicro()
	default:
		return time.UnixMicro(at.UnixMicro()).UTC()
	}
}

// floorDiv rounds down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// due is the condition of records that the rule wants gone.
func (s *statement) due(rule *retention.Rule, t *table) string {
	clock := newClockSQL(rule.Clock)
	parts := []string{
		clock.sound,
		fmt.Sprintf("%s < %s::%s", clock.column, s.arg(instant(rule.Clock.Unit, rule.Before)), clock.cast),
	}
	parts = append(parts, s.filters(rule.Where, t)...)
	if len(rule.Fields) > 0 {
		parts = append(parts, s.unfinished(rule.Fields, t))
	}
	return strings.Join(parts, " AND ")
}

// unfinished is the condition of records in which some field does not hold its replacement yet. It is never null.
func (s *statement) unfinished(fields []retention.Anonymize, t *table) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		column := field(f.Name)
		switch v1alpha1.AnonymizeStrategy(f.Strategy) {
		case v1alpha1.AnonymizeNull:
			parts[i] = column + " IS NOT NULL"
		case v1alpha1.AnonymizeConstant:
			parts[i] = fmt.Sprintf("%s IS DISTINCT FROM %s::text::%s", column, s.arg(f.Value), t.columns[f.Name].full)
		default:
			if t.isDate(f) {
				parts[i] = fmt.Sprintf("coalesce(%s <> %s, false)", column, t.coarsened(f))
				break
			}
			parts[i] = fmt.Sprintf("coalesce(%s::text !~ %s, false)", column, s.arg("^(?:"+f.Pattern()+")$"))
		}
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// filters are conditions that are never null: a null field matches neither In nor NotIn.
func (s *statement) filters(where []retention.Filter, t *table) []string {
	parts := make([]string, len(where))
	for i, f := range where {
		column, values := field(f.Field), ""
		if len(f.Values) > 0 {
			values = fmt.Sprintf("%s::text[]::%s[]", s.arg(f.Values), t.columns[f.Field].base)
		}
		switch v1alpha1.FilterOperator(f.Operator) {
		case v1alpha1.FilterIn:
			parts[i] = fmt.Sprintf("coalesce(%s = ANY(%s), false)", column, values)
		case v1alpha1.FilterNotIn:
			parts[i] = fmt.Sprintf("coalesce(%s <> ALL(%s), false)", column, values)
		case v1alpha1.FilterExists:
			parts[i] = column + " IS NOT NULL"
		default:
			parts[i] = column + " IS NULL"
		}
	}
	return parts
}

// held is the condition of records that a hold keeps. It is never null.
func (s *statement) held(holds []retention.Hold, t *table) string {
	// First, since a statement has no parameters that it does not use.
	if slices.ContainsFunc(holds, func(h retention.Hold) bool { return h.Whole() && t.covered[h.Collection].all }) {
		return "true"
	}
	var parts []string
	for i := range holds {
		if !t.covers(holds[i].Collection) {
			continue
		}
		conditions := s.filters(holds[i].Where, t)
		if subject := holds[i].Subject; subject != nil {
			conditions = append(conditions, s.subject(subject))
		}
		if c := t.covered[holds[i].Collection]; !c.all {
			conditions = append(conditions, fmt.Sprintf("t.tableoid = ANY(%s::oid[])", s.arg(c.relations)))
		}
		parts = append(parts, "("+strings.Join(conditions, " AND ")+")")
	}
	if len(parts) == 0 {
		return "false"
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// all is the condition of records that the rule is about, whatever their clock.
func (s *statement) all(rule *retention.Rule, t *table) string {
	if len(rule.Where) == 0 {
		return "true"
	}
	return strings.Join(s.filters(rule.Where, t), " AND ")
}

var (
	year1971  = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	year10000 = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	year1970  = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
)

// countSQL counts a collection's records, the rule's, and of these the due, held, null, future, early, late (after the year 9999) and
// infinite ones. The clocks in between follow from the rest: each column costs time for every record.
func countSQL(rule *retention.Rule, holds []retention.Hold, slot time.Time, t *table) (string, []any) {
	s := &statement{}
	clock := newClockSQL(rule.Clock)
	bound := func(at time.Time) string { return s.arg(instant(rule.Clock.Unit, at)) + "::" + clock.cast }
	due, held, all := s.due(rule, t), s.held(holds, t), s.all(rule, t)
	text := fmt.Sprintf(`SELECT count(*),
		count(*) FILTER (WHERE %[3]s),
		count(*) FILTER (WHERE %[1]s),
		count(*) FILTER (WHERE %[1]s AND %[2]s),
		count(*) FILTER (WHERE %[4]s AND %[3]s),
		count(*) FILTER (WHERE %[5]s > %[6]s AND %[3]s),
		count(*) FILTER (WHERE %[5]s < %[7]s AND %[5]s >= %[8]s AND %[9]s AND %[3]s),
		count(*) FILTER (WHERE %[5]s >= %[10]s AND %[3]s),
		count(*) FILTER (WHERE %[11]s AND %[3]s)
		FROM %[12]s AS t`,
		due, held, all, clock.isNull, clock.column, bound(slot), bound(year1971), bound(year1970), clock.sound, bound(year10000),
		clock.infinite(), t.quoted())
	return text, s.args
}

// countDueSQL counts the due records and the held ones among them.
func countDueSQL(rule *retention.Rule, holds []retention.Hold, t *table) (string, []any) {
	s := &statement{}
	due, held := s.due(rule, t), s.held(holds, t)
	return fmt.Sprintf("SELECT count(*), count(*) FILTER (WHERE %s) FROM %s AS t WHERE %s", held, t.quoted(), due), s.args
}

// infinite is true for a clock that is infinity.
func (c clockSQL) infinite() string {
	if c.cast == "bigint" {
		return "false"
	}
	return fmt.Sprintf("%s = 'infinity'::%s", c.column, c.cast)
}

// blocks is the condition of a leaf's records between two blocks.
func (s *statement) blocks(from, to int64) string {
	return fmt.Sprintf("t.ctid >= %s::text::tid AND t.ctid < %s::text::tid",
		s.arg(fmt.Sprintf("(%d,0)", from)), s.arg(fmt.Sprintf("(%d,0)", to)))
}

// returning lists the key's fields as text, or nothing if records are counted alone.
func returning(rule *retention.Rule, w target) string {
	if w.countOnly {
		return ""
	}
	parts := make([]string, len(rule.Key))
	for i, name := range rule.Key {
		parts[i] = field(name) + "::text"
	}
	return " RETURNING " + strings.Join(parts, ", ")
}

// target is a leaf's window that a statement works on.
type target struct {
	table    *table
	leaf     leaf
	from, to int64
	// countOnly says that the statement need not return keys.
	countOnly bool
}

// deleteSQL deletes a window's due records. Records that others of the same table refer to wait for a later pass.
func deleteSQL(rule *retention.Rule, holds []retention.Hold, w target) (string, []any) {
	s := &statement{}
	text := fmt.Sprintf("DELETE FROM ONLY %s AS t WHERE %s AND %s AND NOT %s", w.leaf.quoted(), s.blocks(w.from, w.to), s.due(rule, w.table), s.held(holds, w.table))
	var own strings.Builder
	for _, ref := range w.table.references {
		if ref.self {
			own.WriteString(" AND NOT " + ref.exists())
		}
	}
	return text + own.String() + returning(rule, w), s.args
}

// updateSQL anonymizes a window's due records with what the store can say itself.
func updateSQL(rule *retention.Rule, holds []retention.Hold, w target) (string, []any) {
	s := &statement{}
	sets := s.sets(rule.Fields, w.table)
	text := fmt.Sprintf("UPDATE ONLY %s AS t SET %s WHERE %s AND %s AND NOT %s%s", w.leaf.quoted(), strings.Join(sets, ", "),
		s.blocks(w.from, w.to), s.due(rule, w.table), s.held(holds, w.table), returning(rule, w))
	return text, s.args
}

// sets assigns what the store can say itself; computed replacements are assigned from h, in the order of computed.
func (s *statement) sets(fields []retention.Anonymize, t *table) []string {
	var sets []string
	computed := 0
	for _, f := range fields {
		switch {
		case f.Strategy == string(v1alpha1.AnonymizeNull):
			sets = append(sets, quote(f.Name)+" = NULL")
		case f.Strategy == string(v1alpha1.AnonymizeConstant):
			sets = append(sets, fmt.Sprintf("%s = %s::text::%s", quote(f.Name), s.arg(f.Value), t.columns[f.Name].full))
		case t.isDate(f):
			sets = append(sets, fmt.Sprintf("%s = %s", quote(f.Name), t.coarsened(f)))
		default:
			sets = append(sets, fmt.Sprintf("%s = h.v%d", quote(f.Name), computed))
			computed++
		}
	}
	return sets
}

// isDate says whether the store itself coarsens the field: it is a date or a time and no text.
func (t *table) isDate(f retention.Anonymize) bool {
	return f.Strategy == string(v1alpha1.AnonymizeCoarsenDate) && slices.Contains([]string{"date", "timestamp", "timestamptz"}, t.columns[f.Name].kind)
}

// coarsened is the first moment, in UTC, of the month or year of a date. Infinity stays.
func (t *table) coarsened(f retention.Anonymize) string {
	unit := "'month'"
	if f.Precision == string(v1alpha1.PrecisionYear) {
		unit = "'year'"
	}
	switch t.columns[f.Name].kind {
	case "timestamptz":
		return fmt.Sprintf("date_trunc(%s, %s, 'UTC')", unit, field(f.Name))
	case "date":
		return fmt.Sprintf("date_trunc(%s, %s::timestamp)::date", unit, field(f.Name))
	default:
		return fmt.Sprintf("date_trunc(%s, %s)", unit, field(f.Name))
	}
}

// computed are the fields whose replacement the purger computes.
func (t *table) computed(fields []retention.Anonymize) []retention.Anonymize {
	return slices.DeleteFunc(retention.Computed(fields), t.isDate)
}

// lockSQL locks a window's due records and reads what replacements are computed from: place, then the fields in the order of computed.
func lockSQL(rule *retention.Rule, holds []retention.Hold, w target) (string, []any) {
	s := &statement{}
	columns := []string{"t.ctid::text"}
	for _, f := range w.table.computed(rule.Fields) {
		columns = append(columns, field(f.Name)+"::text")
	}
	text := fmt.Sprintf("SELECT %s FROM ONLY %s AS t WHERE %s AND %s AND NOT %s FOR UPDATE", strings.Join(columns, ", "), w.leaf.quoted(),
		s.blocks(w.from, w.to), s.due(rule, w.table), s.held(holds, w.table))
	return text, s.args
}

// replaceSQL writes computed replacements to records that lockSQL locked. Rule and holds are checked again.
func replaceSQL(rule *retention.Rule, holds []retention.Hold, w target, places []string, values [][]*string) (string, []any) {
	s := &statement{}
	arrays, names := []string{s.arg(places) + "::text[]::tid[]"}, []string{"place"}
	for i, column := range values {
		arrays = append(arrays, s.arg(column)+"::text[]")
		names = append(names, fmt.Sprintf("v%d", i))
	}
	sets := s.sets(rule.Fields, w.table)
	text := fmt.Sprintf("UPDATE ONLY %s AS t SET %s FROM unnest(%s) AS h(%s) WHERE t.ctid = h.place AND %s AND %s AND NOT %s%s",
		w.leaf.quoted(), strings.Join(sets, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "),
		s.blocks(w.from, w.to), s.due(rule, w.table), s.held(holds, w.table), returning(rule, w))
	return text, s.args
}

// referencedSQL counts due records, not held, that another table refers to.
func referencedSQL(rule *retention.Rule, holds []retention.Hold, t *table, ref reference) (string, []any) {
	s := &statement{}
	text := fmt.Sprintf("SELECT count(*) FROM %s AS t WHERE %s AND NOT %s AND %s", t.quoted(), s.due(rule, t), s.held(holds, t), ref.exists())
	return text, s.args
}
