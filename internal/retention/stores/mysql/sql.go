package mysql

import (
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// This file builds statements. Names are quoted identifiers and values are parameters: nothing that a user wrote is ever part of a
// statement's text.

// part of a statement: text, and the values of its parameters in their order.
type part struct {
	text string
	args []any
}

// value is a parameter.
func value(v any) part { return part{text: "?", args: []any{v}} }

// text is a part without parameters.
func text(s string) part { return part{text: s} }

// compose replaces each % of the format by the next part.
func compose(format string, parts ...part) part {
	pieces := strings.Split(format, "%")
	result := part{text: pieces[0]}
	for i, p := range parts {
		result.text += p.text + pieces[i+1]
		result.args = append(result.args, p.args...)
	}
	return result
}

// join puts a separator between parts, and parentheses around them if there are several.
func join(separator string, parts []part) part {
	if len(parts) == 1 {
		return parts[0]
	}
	result := list(separator, parts)
	result.text = "(" + result.text + ")"
	return result
}

func list(separator string, parts []part) part {
	return compose(strings.Repeat("%"+separator, len(parts)-1)+"%", parts...)
}

func and(parts ...part) part { return join(" AND ", parts) }
func or(parts ...part) part  { return join(" OR ", parts) }

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (t *table) quoted() string { return quote(t.name) }

// field of the table. Statements give the table no other name: a deleting one cannot have one.
func (t *table) field(name string) part { return text(t.quoted() + "." + quote(name)) }

// fields lists columns.
func (t *table) fields(names []string) part {
	parts := make([]part, len(names))
	for i, name := range names {
		parts[i] = t.field(name)
	}
	return list(", ", parts)
}

// due is the condition of records that the rule wants gone.
func (t *table) due(rule *retention.Rule) part {
	clock := t.clock(rule.Clock)
	// The comparison first: it spares the store the rest for most of what stays.
	parts := []part{compose("% < %", clock.value, clock.instant(rule.Before)), clock.sound}
	parts = append(parts, t.filters(rule.Where, false)...)
	if len(rule.Fields) > 0 {
		parts = append(parts, t.unfinished(rule.Fields))
	}
	return and(parts...)
}

// unfinished is the condition of records in which some field does not hold its replacement yet. It is never null.
func (t *table) unfinished(fields []retention.Anonymize) part {
	parts := make([]part, len(fields))
	for i, f := range fields {
		column := t.field(f.Name)
		switch v1alpha1.AnonymizeStrategy(f.Strategy) {
		case v1alpha1.AnonymizeNull:
			parts[i] = compose("% IS NOT NULL", column)
		case v1alpha1.AnonymizeConstant:
			c := t.columns[f.Name]
			constant, _ := c.value(f.Value) // Inspect checked it
			parts[i] = compose("NOT (% <=> %)", c.exact(column), constant)
		default:
			if t.isDate(f) {
				parts[i] = compose("COALESCE(% <> %, FALSE)", column, t.coarsened(f))
				break
			}
			parts[i] = compose("COALESCE(CONVERT(% USING utf8mb4) COLLATE utf8mb4_bin NOT REGEXP %, FALSE)", column, value("(?s)^(?:"+f.Pattern()+`)\z`))
		}
	}
	return or(parts...)
}

// isDate says whether the store itself coarsens the field: it is a date or a time and no text.
func (t *table) isDate(f retention.Anonymize) bool {
	return f.Strategy == string(v1alpha1.AnonymizeCoarsenDate) && slices.Contains([]string{"date", "datetime", "timestamp"}, t.columns[f.Name].kind)
}

// coarsened is the first moment, in UTC, of the month or year of a date. One of day or month 0 says no more than that, and stays.
func (t *table) coarsened(f retention.Anonymize) part {
	column := t.field(f.Name)
	first := compose("DATE(%) - INTERVAL (DAYOFMONTH(%) - 1) DAY", column, column)
	if f.Precision == string(v1alpha1.PrecisionYear) {
		first = compose("% - INTERVAL (MONTH(%) - 1) MONTH", first, column)
	}
	return compose("IF(MONTH(%) > 0 AND DAYOFMONTH(%) > 0, %, %)", column, column, first, column)
}

// computed are the fields whose replacement the purger computes.
func (t *table) computed(fields []retention.Anonymize) []retention.Anonymize {
	return slices.DeleteFunc(retention.Computed(fields), t.isDate)
}

// filters are conditions that are never null: a null field matches neither In nor NotIn. For holds they match more in doubt, else less.
func (t *table) filters(where []retention.Filter, holds bool) []part {
	parts := make([]part, len(where))
	for i, f := range where {
		column := t.field(f.Field)
		switch v1alpha1.FilterOperator(f.Operator) {
		case v1alpha1.FilterIn:
			parts[i] = compose("COALESCE(%, FALSE)", t.equals(f, holds))
		case v1alpha1.FilterNotIn:
			parts[i] = compose("COALESCE(NOT %, FALSE)", t.equals(f, !holds))
		case v1alpha1.FilterExists:
			parts[i] = compose("% IS NOT NULL", column)
		default:
			parts[i] = compose("% IS NULL", column)
		}
	}
	return parts
}

// equals is the condition that a field has one of the filter's values: byte by byte, or, if it is wide, by the column's collation as well.
func (t *table) equals(f retention.Filter, wide bool) part {
	c, column := t.columns[f.Field], t.field(f.Field)
	values := make([]part, len(f.Values))
	for i, v := range f.Values {
		values[i], _ = c.value(v) // Inspect checked it
	}
	exact := compose("% IN (%)", c.exact(column), list(", ", values))
	if !wide || !c.isText() {
		return exact
	}
	for i, v := range f.Values {
		values[i] = value(v)
	}
	return or(exact, compose("% IN (%)", column, list(", ", values)))
}

// held is the condition of records that a hold keeps. It is never null.
func (t *table) held(holds []retention.Hold) part {
	var parts []part
	for i := range holds {
		switch {
		case holds[i].Collection != t.name:
		case holds[i].Whole():
			return text("TRUE")
		default:
			conditions := t.filters(holds[i].Where, true)
			if subject := holds[i].Subject; subject != nil {
				conditions = append(conditions, t.subject(subject))
			}
			parts = append(parts, and(conditions...))
		}
	}
	if len(parts) == 0 {
		return text("FALSE")
	}
	return or(parts...)
}

// all is the condition of records that the rule is about, whatever their clock.
func (t *table) all(rule *retention.Rule) part {
	if len(rule.Where) == 0 {
		return text("TRUE")
	}
	return and(t.filters(rule.Where, false)...)
}

// doomed is the condition of records of a window that a rule changes.
func (t *table) doomed(rule *retention.Rule, holds []retention.Hold, w span) part {
	return and(w.condition(t), t.due(rule), compose("NOT %", t.held(holds)))
}

// deleteSQL deletes a window's due records. Records that others of the same table refer to wait for a later pass.
func (t *table) deleteSQL(rule *retention.Rule, holds []retention.Hold, w span, returning bool) part {
	condition := and(t.doomed(rule, holds, w), t.unreferenced())
	if returning {
		return compose("DELETE FROM % WHERE % RETURNING %", text(t.quoted()), condition, t.fields(rule.Key))
	}
	// A store that cannot look into the table that it deletes from can join it.
	from, own := text(t.quoted()), []part{t.doomed(rule, holds, w)}
	for i, ref := range t.references {
		if ref.self {
			alias := childAlias(i)
			from = compose("% LEFT JOIN % ON %", from, text(t.quoted()+" AS "+alias), ref.condition(t, alias))
			own = append(own, text(alias+"."+quote(ref.columns[0])+" IS NULL"))
		}
	}
	if len(own) == 1 {
		return compose("DELETE FROM % WHERE %", from, own[0])
	}
	return compose("DELETE % FROM % WHERE %", text(t.quoted()), from, and(own...))
}

// lockSQL locks a window's due records and reads fields of them.
func (t *table) lockSQL(rule *retention.Rule, holds []retention.Hold, w span, fields part) part {
	condition := t.doomed(rule, holds, w)
	if len(rule.Fields) == 0 {
		condition = and(condition, t.unreferenced())
	}
	return compose("SELECT % FROM % WHERE % FOR UPDATE", fields, text(t.quoted()), condition)
}

// updateSQL anonymizes records. Computed replacements come in the order of computed; null stays null.
func (t *table) updateSQL(rule *retention.Rule, holds []retention.Hold, w span, replacements []any) part {
	var sets []part
	for _, f := range rule.Fields {
		column := t.field(f.Name)
		switch {
		case f.Strategy == string(v1alpha1.AnonymizeNull):
			sets = append(sets, compose("% = NULL", column))
		case f.Strategy == string(v1alpha1.AnonymizeConstant):
			sets = append(sets, compose("% = %", column, t.columns[f.Name].stored(f.Value)))
		case t.isDate(f):
			sets = append(sets, compose("% = %", column, t.coarsened(f)))
		default:
			sets = append(sets, compose("% = %", column, value(replacements[0])))
			replacements = replacements[1:]
		}
	}
	if t.columns[rule.Clock.Field].onUpdate {
		// The record's time does not begin anew.
		sets = append(sets, compose("% = %", t.field(rule.Clock.Field), t.field(rule.Clock.Field)))
	}
	return compose("UPDATE % SET % WHERE %", text(t.quoted()), list(", ", sets), t.doomed(rule, holds, w))
}

// unreferenced is the condition that no record of the same table refers to a record.
func (t *table) unreferenced() part {
	own := []part{text("TRUE")}
	for i, ref := range t.references {
		if ref.self {
			own = append(own, compose("NOT %", ref.exists(t, childAlias(i))))
		}
	}
	if len(own) == 1 {
		return own[0]
	}
	return and(own[1:]...)
}

// referencedSQL counts due records, not held, that another table or that they themselves refer to.
func (t *table) referencedSQL(rule *retention.Rule, holds []retention.Hold, i int) part {
	ref := &t.references[i]
	refers := ref.exists(t, childAlias(i))
	if ref.self {
		refers = ref.condition(t, t.quoted())
	}
	return compose("SELECT COUNT(*) FROM % WHERE % AND NOT % AND %", text(t.quoted()), t.due(rule), t.held(holds), refers)
}

// ordered are the columns of an index, which are the rule's key in the order of the index.
func (t *table) ordered(rule *retention.Rule) (index, bool) {
	for _, x := range t.indexes {
		if len(x.columns) == len(rule.Key) && !slices.ContainsFunc(x.columns, func(c string) bool { return !slices.Contains(rule.Key, c) }) {
			return x, true
		}
	}
	return index{}, false
}
