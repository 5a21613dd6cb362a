package postgresql

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Inspect reads the catalog and checks everything that could go wrong before anything is changed.
func (s *session) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (retention.Inspection, error) {
	looked := time.Now()
	if err := s.showKey(ctx, holds); err != nil {
		return retention.Inspection{}, err
	}
	tables, warnings, err := s.look(ctx, rules, holds)
	if err != nil {
		return retention.Inspection{}, err
	}
	s.tables, s.looked = tables, looked
	return retention.Inspection{SchemaDigest: schemaDigest(tables), Warnings: warnings}, nil
}

// look reads and checks the tables of rules, in one snapshot.
func (s *session) look(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (tables map[string]*table, warnings []string, err error) {
	err = s.reading(ctx, func(tx pgx.Tx) error {
		tables, warnings, err = lookAtRules(ctx, tx, rules)
		if err != nil {
			return err
		}
		for i := range holds {
			for _, t := range tables {
				if err := inspectHold(ctx, tx, &holds[i], t); err != nil {
					return err
				}
			}
		}
		for i := range rules {
			if err := dryRun(ctx, tx, &rules[i], holds, tables[rules[i].Collection]); err != nil {
				return stores.Named(err, "rule "+rules[i].Name)
			}
		}
		return nil
	})
	return tables, warnings, err
}

func lookAtRules(ctx context.Context, tx pgx.Tx, rules []retention.Rule) (tables map[string]*table, warnings []string, err error) {
	tables = map[string]*table{}
	for i := range rules {
		rule := &rules[i]
		t := tables[rule.Collection]
		if t == nil {
			if t, err = readTable(ctx, tx, rule.Collection); err != nil {
				return nil, nil, stores.Named(err, "rule "+rule.Name)
			}
			tables[rule.Collection] = t
		}
		found, err := inspectRule(ctx, tx, rule, t)
		if err != nil {
			return nil, nil, stores.Named(err, "rule "+rule.Name)
		}
		warnings = append(warnings, found...)
	}
	return tables, warnings, nil
}

func inspectRule(ctx context.Context, tx pgx.Tx, rule *retention.Rule, t *table) (warnings []string, err error) {
	if err := checkColumns(rule, t); err != nil {
		return nil, err
	}
	if err := checkLeaves(rule, t); err != nil {
		return nil, err
	}
	if err := checkClock(rule, t); err != nil {
		return nil, err
	}
	for _, f := range rule.Where {
		if err := castValues(ctx, tx, f, t); err != nil {
			return nil, retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "%s", err)
		}
	}
	if rule.Action == string(v1alpha1.ActionDelete) {
		return checkReferences(rule, t)
	}
	for _, f := range rule.Fields {
		if err := checkField(ctx, tx, f, t); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// checkColumns makes sure that all columns exist and may be read, and anonymized ones may be written.
func checkColumns(rule *retention.Rule, t *table) error {
	read := append(slices.Clone(rule.Key), rule.Clock.Field)
	for _, f := range rule.Where {
		read = append(read, f.Field)
	}
	for _, f := range rule.Fields {
		read = append(read, f.Name)
	}
	for _, name := range read {
		c, ok := t.columns[name]
		if !ok {
			return retention.Fail(v1alpha1.ReasonColumnNotFound,
				"table %s has no column %q: correct the rule (names are literal: upper and lower case differ)", t.quoted(), name)
		}
		if !c.selectable {
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the role may not read column %q: GRANT SELECT ON %s", name, t.quoted())
		}
	}
	for _, f := range rule.Fields {
		if !t.columns[f.Name].updatable {
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the role may not change column %q: GRANT UPDATE (%s) ON %s", f.Name, quote(f.Name), t.quoted())
		}
	}
	return nil
}

// checkLeaves makes sure that every record can be seen and reached.
func checkLeaves(rule *retention.Rule, t *table) error {
	for _, l := range t.leaves {
		switch {
		case l.rowSecurity:
			return retention.Fail(v1alpha1.ReasonRowSecurity,
				"row security hides records of %s from the role, so that no count would prove anything: use a role with BYPASSRLS", l.quoted())
		case l.kind == "p":
		case l.kind != "r":
			return retention.Fail(v1alpha1.ReasonTableNotFound, "partition %s is a foreign table: detach it, and purge it where its records are", l.quoted())
		case !l.selects:
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the role may not read %s: GRANT SELECT ON %s, and USAGE on its schema", l.quoted(), l.quoted())
		case rule.Action == string(v1alpha1.ActionDelete) && !l.change:
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the role may not delete from %s: GRANT DELETE ON %s", l.quoted(), l.quoted())
		}
	}
	return nil
}

func checkClock(rule *retention.Rule, t *table) error {
	accepted := map[v1alpha1.ClockUnit][]string{
		v1alpha1.ClockTimestampTZ:       {"timestamptz"},
		v1alpha1.ClockTimestamp:         {"timestamp"},
		v1alpha1.ClockDate:              {"date"},
		v1alpha1.ClockRFC3339:           {"text", "varchar", "bpchar"},
		v1alpha1.ClockEpochSeconds:      {"int4", "int8", "numeric"},
		v1alpha1.ClockEpochMilliseconds: {"int8", "numeric"},
		v1alpha1.ClockEpochMicroseconds: {"int8", "numeric"},
	}[v1alpha1.ClockUnit(rule.Clock.Unit)]
	if c := t.columns[rule.Clock.Field]; !slices.Contains(accepted, c.kind) {
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "clock %q of %s has type %s, unit %s needs one of %v: correct clock.unit or choose another column",
			rule.Clock.Field, t.quoted(), c.full, rule.Clock.Unit, accepted)
	}
	return nil
}

// checkReferences refuses what would take records of other tables along, past their rules and holds.
func checkReferences(rule *retention.Rule, t *table) (warnings []string, err error) {
	for _, ref := range t.references {
		from := pgx.Identifier{ref.schema, ref.name}.Sanitize()
		if ref.onDelete != "a" && ref.onDelete != "r" {
			return nil, retention.Fail(v1alpha1.ReasonReferenced,
				"constraint %q of %s changes its records when those of %s are deleted (ON DELETE CASCADE, SET NULL or SET DEFAULT), past rules and holds: "+
					"change it to NO ACTION, and give %s a rule of its own", ref.constraint, from, t.quoted(), from)
		}
		if !ref.indexed {
			warnings = append(warnings, fmt.Sprintf("rule %s: constraint %q of %s has no index that begins with its columns, so that each deleted record reads that whole table: create one",
				rule.Name, ref.constraint, from))
		}
	}
	return warnings, nil
}

// checkField makes sure that a column can take its replacement.
func checkField(ctx context.Context, tx pgx.Tx, f retention.Anonymize, t *table) error {
	c := t.columns[f.Name]
	if c.generated || c.identity {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "column %q is generated by the store: anonymize the columns that it comes from", f.Name)
	}
	if c.unique && f.Merges() {
		return retention.Fail(v1alpha1.ReasonConstraintViolated, "column %q is unique, and strategy %s gives many records one value: use strategy Null, KeyedHash or Fake", f.Name, f.Strategy)
	}
	switch v1alpha1.AnonymizeStrategy(f.Strategy) {
	case v1alpha1.AnonymizeNull:
		if c.notNull {
			return retention.Fail(v1alpha1.ReasonConstraintViolated, "column %q may not be null: use another strategy, or drop the constraint", f.Name)
		}
	case v1alpha1.AnonymizeConstant:
		return checkConstant(ctx, tx, f, c)
	default:
		isText := slices.Contains([]string{"text", "varchar", "bpchar", "citext"}, c.kind)
		if !t.isDate(f) && (!isText || (c.length > 0 && int(c.length) < f.Width())) {
			return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "column %q has type %s, strategy %s needs %s: change the column or use another strategy",
				f.Name, c.full, f.Strategy, f.Needs())
		}
	}
	return nil
}

func checkConstant(ctx context.Context, tx pgx.Tx, f retention.Anonymize, c column) error {
	if c.length > 0 && utf8.RuneCountInString(f.Value) > int(c.length) {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the constant for column %q is longer than its %d characters: shorten it", f.Name, c.length)
	}
	err := probe(ctx, tx, fmt.Sprintf("SELECT $1::text::%s IS NULL", c.full), f.Value)
	if isData(err) {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the constant for column %q does not fit its type %s: correct it", f.Name, c.full)
	}
	return err
}

// inspectHold checks what a hold means for a rule's table. A hold that cannot be applied stops the run.
func inspectHold(ctx context.Context, tx pgx.Tx, hold *retention.Hold, t *table) error {
	if err := t.readCoverage(ctx, tx, hold); err != nil || !t.covers(hold.Collection) {
		return err
	}
	if hold.Subject != nil {
		if err := checkHeldColumn(hold, hold.Subject.Field, t); err != nil {
			return err
		}
	}
	for _, f := range hold.Where {
		if err := checkHeldColumn(hold, f.Field, t); err != nil {
			return err
		}
		if err := castValues(ctx, tx, f, t); err != nil {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: %s", hold.Name, err)
		}
	}
	return nil
}

func checkHeldColumn(hold *retention.Hold, name string, t *table) error {
	c, ok := t.columns[name]
	switch {
	case !ok:
		return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: table %s has no column %q: correct or delete the hold", hold.Name, t.quoted(), name)
	case !c.selectable:
		return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: the role may not read column %q: GRANT SELECT ON %s", hold.Name, name, t.quoted())
	}
	return nil
}

// castValues makes sure that a filter's values can be values of its column, and be compared with it. Its errors name no value.
func castValues(ctx context.Context, tx pgx.Tx, f retention.Filter, t *table) error {
	if len(f.Values) == 0 {
		return nil
	}
	c := t.columns[f.Field]
	err := probe(ctx, tx, fmt.Sprintf("SELECT count(*) FROM unnest($1::text[]::%[1]s[]) AS v WHERE v = ANY($1::text[]::%[1]s[])", c.base), f.Values)
	if err == nil || !isData(err) {
		return err
	}
	return fmt.Errorf("the values for column %q cannot be read as, or compared as, its type %s: correct them", f.Field, c.full)
}

// probe runs a query in a savepoint, so that its failure does not end the transaction.
func probe(ctx context.Context, tx pgx.Tx, sql string, arg any) error {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer inner.Rollback(ctx) //nolint:errcheck // a transaction that cannot be rolled back is gone with its connection
	var ignored any
	return inner.QueryRow(ctx, sql, arg).Scan(&ignored)
}

// dryRun has the store analyze the statements of a rule, with all its types, operators and privileges.
func dryRun(ctx context.Context, tx pgx.Tx, rule *retention.Rule, holds []retention.Hold, t *table) error {
	text, args := countSQL(rule, holds, time.Time{}, t)
	if err := explain(ctx, tx, text, args); err != nil {
		return err
	}
	for _, l := range t.leaves {
		if l.kind != "r" {
			continue
		}
		text, args = changeSQL(rule, holds, target{table: t, leaf: l, to: 1})
		if err := explain(ctx, tx, text, args); err != nil {
			return err
		}
	}
	return nil
}

// changeSQL is the statement that changes a window, for computed replacements without values.
func changeSQL(rule *retention.Rule, holds []retention.Hold, w target) (string, []any) {
	switch fields := w.table.computed(rule.Fields); {
	case rule.Archive != nil:
		return archiveSQL(rule, holds, w)
	case len(rule.Fields) == 0:
		return deleteSQL(rule, holds, w)
	case len(fields) == 0:
		return updateSQL(rule, holds, w)
	default:
		return replaceSQL(rule, holds, w, []string{}, make([][]*string, len(fields)))
	}
}

func explain(ctx context.Context, tx pgx.Tx, text string, args []any) error {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer inner.Rollback(ctx) //nolint:errcheck // see probe
	_, err = inner.Exec(ctx, "EXPLAIN "+text, args...)
	return err
}
