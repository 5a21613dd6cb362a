package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Inspect reads the catalog and checks everything that could go wrong before anything is changed.
func (s *session) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (retention.Inspection, error) {
	if err := s.showKey(ctx, holds); err != nil {
		return retention.Inspection{}, classify(ctx, err)
	}
	tables, warnings, err := s.look(ctx, rules, holds)
	if err != nil {
		return retention.Inspection{}, classify(ctx, err)
	}
	s.tables = tables
	return retention.Inspection{SchemaDigest: schemaDigest(tables), Warnings: warnings}, nil
}

// look reads and checks the tables of rules.
func (s *session) look(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (tables map[string]*table, warnings []string, err error) {
	if warnings, err = s.inspectServer(ctx); err != nil {
		return nil, nil, err
	}
	tables = map[string]*table{}
	for i := range rules {
		rule := &rules[i]
		t := tables[rule.Collection]
		if t == nil {
			if t, err = s.readTable(ctx, rule.Collection); err != nil {
				return nil, nil, stores.Named(err, "rule "+rule.Name)
			}
			tables[rule.Collection] = t
		}
		found, err := s.inspectRule(ctx, rule, t)
		if err != nil {
			return nil, nil, stores.Named(err, "rule "+rule.Name)
		}
		warnings = append(warnings, found...)
	}
	for i := range holds {
		if err := s.inspectHold(ctx, &holds[i], tables); err != nil {
			return nil, nil, err
		}
	}
	for i := range rules {
		if err := s.dryRun(ctx, &rules[i], holds, tables[rules[i].Collection]); err != nil {
			return nil, nil, stores.Named(err, "rule "+rules[i].Name)
		}
	}
	return tables, warnings, nil
}

// inspectServer looks at what the server does with changes.
func (s *session) inspectServer(ctx context.Context) (warnings []string, err error) {
	var statements bool
	var flush int64
	err = s.one(ctx, text("SELECT @@log_bin AND @@binlog_format = 'STATEMENT', @@innodb_flush_log_at_trx_commit"), &statements, &flush)
	switch {
	case err != nil:
		return nil, err
	case statements:
		return nil, retention.Fail(v1alpha1.ReasonConstraintViolated,
			"the store logs statements instead of records, and refuses short locks then: SET GLOBAL binlog_format = 'ROW' (or 'MIXED')")
	case flush != 1:
		warnings = append(warnings, fmt.Sprintf("the store may forget the last second of deletions in a crash (innodb_flush_log_at_trx_commit is %d): set it to 1", flush))
	}
	return warnings, nil
}

func (s *session) inspectRule(ctx context.Context, rule *retention.Rule, t *table) (warnings []string, err error) {
	if err := s.checkColumns(ctx, rule, t); err != nil {
		return nil, err
	}
	if err := s.checkArchive(ctx, rule, t); err != nil {
		return nil, err
	}
	if err := checkKey(rule, t); err != nil {
		return nil, err
	}
	if err := s.checkShared(rule, t); err != nil {
		return nil, err
	}
	if err := checkClock(rule, t); err != nil {
		return nil, err
	}
	for _, f := range rule.Where {
		c := t.columns[f.Field]
		if err := c.checkFilter(f); err != nil {
			return nil, retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "%s", err)
		}
	}
	if t.triggers > 0 {
		warnings = append(warnings, fmt.Sprintf("rule %s: triggers of %s run with each change: make sure that they keep no copy", rule.Name, t.quoted()))
	}
	if rule.Action == string(v1alpha1.ActionDelete) {
		return warnings, s.checkReferences(ctx, t)
	}
	for _, f := range rule.Fields {
		if err := s.checkField(ctx, f, t); err != nil {
			return nil, err
		}
	}
	return warnings, nil
}

// checkColumns makes sure that all columns exist and may be read. The catalog hides those that may not.
func (s *session) checkColumns(ctx context.Context, rule *retention.Rule, t *table) error {
	read := append(slices.Clone(rule.Key), rule.Clock.Field)
	for _, f := range rule.Where {
		read = append(read, f.Field)
	}
	for _, f := range rule.Fields {
		read = append(read, f.Name)
	}
	for _, name := range read {
		err := s.each(ctx, text("SELECT "+t.field(name).text+" FROM "+t.quoted()+" LIMIT 0"), func([]sql.RawBytes) error { return nil })
		_, listed := t.columns[name]
		switch {
		case is(err, privilegeErrors):
			return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the user may not read column %q: GRANT SELECT ON %s", name, t.quoted())
		case err != nil && !is(err, columnErrors) && !is(err, []uint16{1064, 1059, 1166}):
			return err
		case err != nil || !listed:
			return retention.Fail(v1alpha1.ReasonColumnNotFound,
				"table %s has no column %q: correct the rule (names are literal: upper and lower case differ)", t.quoted(), name)
		}
	}
	return nil
}

// maxKeyOctets is the longest key whose position fits into the run's status.
const maxKeyOctets = 2900

// checkKey makes sure that the rule's key leads through the whole table, each record once.
func checkKey(rule *retention.Rule, t *table) error {
	if _, ok := t.ordered(rule); !ok {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch,
			"%v is neither the primary key of %s nor a unique key of whole columns that are never null: correct the collection's key in the DataStore, or create one", rule.Key, t.quoted())
	}
	var octets int64
	for _, name := range rule.Key {
		c := t.columns[name]
		if !slices.Contains(keyable, c.kind) {
			return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "key column %q has type %s, which cannot be walked along: use another key", name, c.full)
		}
		octets += c.octets
	}
	if octets > maxKeyOctets {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the key %v of %s may be %d bytes long, at most %d are possible: use another key", rule.Key, t.quoted(), octets, maxKeyOctets)
	}
	return nil
}

// visibleSQL is true if the user has a privilege on the whole database, without which the catalog hides other tables' foreign keys.
const visibleSQL = `SELECT EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE DATABASE() LIKE TABLE_SCHEMA AND PRIVILEGE_TYPE <> 'USAGE')
	OR EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES
	WHERE PRIVILEGE_TYPE IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'REFERENCES', 'INDEX', 'ALTER', 'CREATE VIEW', 'SHOW VIEW', 'TRIGGER'))`

// checkReferences refuses what would take records of other tables along, past their rules and holds.
func (s *session) checkReferences(ctx context.Context, t *table) error {
	var visible bool
	if err := s.one(ctx, text(visibleSQL), &visible); err != nil {
		return err
	}
	if !visible {
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing,
			"the user does not see which tables refer to %s, whose records might go along: GRANT SHOW VIEW ON the database, which opens no records", t.quoted())
	}
	for i := range t.references {
		ref := &t.references[i]
		if ref.onDelete != "NO ACTION" && ref.onDelete != "RESTRICT" {
			return retention.Fail(v1alpha1.ReasonReferenced,
				"constraint %q of %s changes its records when those of %s are deleted (ON DELETE %s), past rules and holds: change it to NO ACTION, and give %s a rule of its own",
				ref.constraint, ref.quoted(), t.quoted(), ref.onDelete, ref.quoted())
		}
	}
	return nil
}

// checkField makes sure that a column can take its replacement.
func (s *session) checkField(ctx context.Context, f retention.Anonymize, t *table) error {
	c := t.columns[f.Name]
	for i := range t.references {
		if ref := &t.references[i]; slices.Contains(ref.targets, f.Name) {
			return retention.Fail(v1alpha1.ReasonReferenced, "constraint %q of %s refers to column %q, so that its records would change along, or keep the value: let it refer to the key",
				ref.constraint, ref.quoted(), f.Name)
		}
	}
	if c.generated || c.autoIncrement {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "column %q is generated by the store: anonymize the columns that it comes from", f.Name)
	}
	if c.unique && f.Merges() {
		return retention.Fail(v1alpha1.ReasonConstraintViolated, "column %q is unique, and strategy %s gives many records one value: use strategy Null, KeyedHash or Fake", f.Name, f.Strategy)
	}
	switch v1alpha1.AnonymizeStrategy(f.Strategy) {
	case v1alpha1.AnonymizeNull:
		if !c.nullable {
			return retention.Fail(v1alpha1.ReasonConstraintViolated, "column %q may not be null: use another strategy, or drop the constraint", f.Name)
		}
	case v1alpha1.AnonymizeConstant:
		if err := c.checkConstant(f); err != nil {
			return err
		}
		return s.checkCharset(ctx, f, c)
	default:
		isText := c.isText() && c.kind != "enum" && c.kind != "set"
		if !t.isDate(f) && (!isText || c.chars < int64(f.Width())) {
			return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "column %q has type %s, strategy %s needs %s: change the column or use another strategy",
				f.Name, c.full, f.Strategy, f.Needs())
		}
	}
	return nil
}

var charsetName = regexp.MustCompile(`^[a-z0-9_]+$`)

// checkCharset makes sure that a column's character set has all characters of its constant.
func (s *session) checkCharset(ctx context.Context, f retention.Anonymize, c *column) error {
	if !c.isText() || !charsetName.MatchString(c.charset) {
		return nil
	}
	var kept string
	if err := s.one(ctx, compose("SELECT CONVERT(CONVERT(% USING "+c.charset+") USING utf8mb4)", value(f.Value)), &kept); err != nil {
		return err
	}
	if kept != f.Value {
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the constant for column %q has characters that its character set %s has not: correct it", f.Name, c.charset)
	}
	return nil
}

// inspectHold checks a hold. One that cannot be applied stops the run, and so does one of a table that does not exist: it may be a rule's, misspelled.
func (s *session) inspectHold(ctx context.Context, hold *retention.Hold, tables map[string]*table) error {
	t := tables[hold.Collection]
	if t == nil {
		var kind, engine string
		err := s.one(ctx, part{text: tableSQL, args: []any{hold.Collection, []byte(hold.Collection)}}, &kind, &engine)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && kind == "VIEW") {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: there is no table %q in the database, or the user may not see it: correct or delete the hold, or GRANT SHOW VIEW ON the database",
				hold.Name, hold.Collection)
		}
		return err
	}
	for _, f := range hold.Where {
		c, err := t.heldColumn(hold, f.Field)
		if err != nil {
			return err
		}
		if err := c.checkFilter(f); err != nil {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: %s", hold.Name, err)
		}
	}
	if hold.Subject != nil {
		return t.checkSubject(hold)
	}
	return nil
}

// heldColumn is a column that a hold names.
func (t *table) heldColumn(hold *retention.Hold, name string) (*column, error) {
	c, ok := t.columns[name]
	if !ok {
		return nil, retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: table %s has no column %q, or the user may not read it: correct or delete the hold, or GRANT SELECT ON %s",
			hold.Name, t.quoted(), name, t.quoted())
	}
	return c, nil
}

// dryRun has the store analyze the statements of a rule, with all its types, operators and privileges.
func (s *session) dryRun(ctx context.Context, rule *retention.Rule, holds []retention.Hold, t *table) error {
	if err := s.explain(ctx, t.countSQL(rule, holds, time.Unix(0, 0))); err != nil {
		return refused(err, "SELECT", t)
	}
	if len(rule.Fields) == 0 {
		return refused(s.explain(ctx, t.deleteSQL(rule, holds, span{}, s.returning)), "DELETE", t)
	}
	replacements := make([]any, len(t.computed(rule.Fields)))
	for i := range replacements {
		replacements[i] = ""
	}
	return refused(s.explain(ctx, t.updateSQL(rule, holds, span{}, replacements)), "UPDATE", t)
}

// refused says which privilege a statement would need.
func refused(err error, privilege string, t *table) error {
	if is(err, privilegeErrors) {
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the user may not do what the rule does: GRANT %s ON %s", privilege, t.quoted())
	}
	return err
}

func (s *session) explain(ctx context.Context, p part) error {
	p.text = "EXPLAIN " + p.text
	return s.each(ctx, p, func([]sql.RawBytes) error { return nil })
}
