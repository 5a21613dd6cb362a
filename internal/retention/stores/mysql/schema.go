package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// table is a collection as the catalog describes it.
type table struct {
	name    string
	columns map[string]*column
	// indexes are those that could be a key: unique, of whole columns that are never null.
	indexes    []index
	references []reference
	triggers   int64
}

// index is a unique one.
type index struct {
	name    string
	columns []string
}

// column of a table.
type column struct {
	// full is the type with its modifiers, kind without.
	full, kind, charset string
	// chars and octets are the greatest length of text, precision and scale those of a number, fraction the digits of a second.
	chars, octets, precision, scale, fraction              int64
	nullable, unsigned, generated, onUpdate, autoIncrement bool
	unique                                                 bool // a unique index of this column alone
}

// reference is a foreign key of another table, or the same one, to the table.
type reference struct {
	constraint   string
	schema, name string
	// columns refer to targets, pairwise.
	columns, targets []string
	// onDelete is RESTRICT, NO ACTION, CASCADE, SET NULL or SET DEFAULT.
	onDelete string
	self     bool
}

func (r *reference) quoted() string { return quote(r.schema) + "." + quote(r.name) }

// childAlias names the i-th referring table in a statement.
func childAlias(i int) string { return fmt.Sprintf("`carrier child %d`", i) }

// condition is that the aliased record refers to a record of t.
func (r *reference) condition(t *table, alias string) part {
	parts := make([]part, len(r.columns))
	for i := range r.columns {
		parts[i] = compose("% = %", text(alias+"."+quote(r.columns[i])), t.field(r.targets[i]))
	}
	return and(parts...)
}

// exists is the condition that some record refers to one of t.
func (r *reference) exists(t *table, alias string) part {
	return compose("EXISTS (SELECT 1 FROM % AS % WHERE %)", text(r.quoted()), text(alias), r.condition(t, alias))
}

const tableSQL = `SELECT TABLE_TYPE, COALESCE(ENGINE, '') FROM information_schema.TABLES
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = ?`

// readTable reads a collection from the catalog.
func (s *session) readTable(ctx context.Context, collection string) (*table, error) {
	t := &table{name: collection, columns: map[string]*column{}}
	var kind, engine string
	err := s.one(ctx, part{text: tableSQL, args: []any{collection, []byte(collection)}}, &kind, &engine)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, s.missingTable(ctx, collection)
	case err != nil:
		return nil, err
	case kind == "SYSTEM VERSIONED":
		return nil, retention.Fail(v1alpha1.ReasonTableNotFound, "table %q keeps old versions of its records (WITH SYSTEM VERSIONING), so that deleting removes nothing: drop the versioning", collection)
	case kind != "BASE TABLE":
		return nil, retention.Fail(v1alpha1.ReasonTableNotFound, "%q is no table (views and sequences cannot be purged): name the table behind it", collection)
	case engine != "InnoDB":
		return nil, retention.Fail(v1alpha1.ReasonTableNotFound, "table %q has engine %s, which has no transactions: ALTER TABLE ... ENGINE = InnoDB", collection, engine)
	}
	for _, read := range []func(context.Context, *table) error{s.readColumns, s.readIndexes, s.readReferences, s.readTriggers} {
		if err := read(ctx, t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// missingTable tells a table that does not exist from one that the user may not see.
func (s *session) missingTable(ctx context.Context, collection string) error {
	err := s.each(ctx, text("SELECT 1 FROM "+quote(collection)+" LIMIT 0"), func([]sql.RawBytes) error { return nil })
	if is(err, privilegeErrors) {
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the user may not read %s, if it exists: GRANT SELECT ON %s", quote(collection), quote(collection))
	}
	if err != nil && !is(err, tableErrors) && !is(err, []uint16{1064, 1103, 1059}) { // syntax, bad name, long name
		return err
	}
	return retention.Fail(v1alpha1.ReasonTableNotFound,
		"there is no table %q in the database: correct the collection's name (names are literal: no quotes, no database in front, upper and lower case differ)", collection)
}

const columnsSQL = `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE = 'YES', COALESCE(CHARACTER_MAXIMUM_LENGTH, 0), COALESCE(CHARACTER_OCTET_LENGTH, 0),
	COALESCE(NUMERIC_PRECISION, 0), COALESCE(NUMERIC_SCALE, 0), COALESCE(DATETIME_PRECISION, 0), COALESCE(CHARACTER_SET_NAME, ''), LOWER(EXTRA)
	FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = ?`

func (s *session) readColumns(ctx context.Context, t *table) error {
	return s.each(ctx, part{text: columnsSQL, args: []any{t.name, []byte(t.name)}}, func(row []sql.RawBytes) error {
		extra := string(row[10])
		t.columns[string(row[0])] = &column{
			kind: strings.ToLower(string(row[1])), full: string(row[2]), nullable: number(row[3]) == 1, chars: number(row[4]), octets: number(row[5]),
			precision: number(row[6]), scale: number(row[7]), fraction: number(row[8]), charset: string(row[9]),
			unsigned: strings.Contains(string(row[2]), "unsigned"), autoIncrement: strings.Contains(extra, "auto_increment"),
			onUpdate: strings.Contains(extra, "on update"), generated: strings.Contains(extra, "generated") && !strings.Contains(extra, "default_generated"),
		}
		return nil
	})
}

// Ascending columns, whole ones, that are never null: the others cannot be walked along. PRIMARY comes first.
const indexesSQL = `SELECT INDEX_NAME, COALESCE(COLUMN_NAME, ''), SUB_PART IS NULL AND COLLATION = 'A' AND NULLABLE <> 'YES' FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`

func (s *session) readIndexes(ctx context.Context, t *table) error {
	var all []index
	unfit := map[string]bool{}
	err := s.each(ctx, part{text: indexesSQL, args: []any{t.name, []byte(t.name)}}, func(row []sql.RawBytes) error {
		name := string(row[0])
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, index{name: name})
		}
		last := &all[len(all)-1]
		last.columns = append(last.columns, string(row[1]))
		unfit[name] = unfit[name] || number(row[2]) != 1
		return nil
	})
	for _, x := range all {
		if c, ok := t.columns[x.columns[0]]; ok && len(x.columns) == 1 {
			c.unique = true
		}
		if !unfit[x.name] {
			t.indexes = append(t.indexes, x)
		}
	}
	return err
}

const referencesSQL = `SELECT k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE,
	k.TABLE_SCHEMA = DATABASE() AND CAST(k.TABLE_NAME AS BINARY) = ?
	FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
	ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
	WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME = ? AND CAST(k.REFERENCED_TABLE_NAME AS BINARY) = ?
	ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`

func (s *session) readReferences(ctx context.Context, t *table) error {
	name := []byte(t.name)
	return s.each(ctx, part{text: referencesSQL, args: []any{name, t.name, name}}, func(row []sql.RawBytes) error {
		r := reference{constraint: string(row[0]), schema: string(row[1]), name: string(row[2]), onDelete: string(row[5]), self: number(row[6]) == 1}
		n := len(t.references)
		if n == 0 || t.references[n-1].constraint != r.constraint || t.references[n-1].quoted() != r.quoted() {
			t.references = append(t.references, r)
			n++
		}
		last := &t.references[n-1]
		last.columns, last.targets = append(last.columns, string(row[3])), append(last.targets, string(row[4]))
		return nil
	})
}

func (s *session) readTriggers(ctx context.Context, t *table) error {
	query := `SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? AND EVENT_MANIPULATION <> 'INSERT'`
	return s.one(ctx, part{text: query, args: []any{t.name}}, &t.triggers)
}

// schemaDigest is the SHA-256 of the tables' columns: names, types, and whether they may be null.
func schemaDigest(tables map[string]*table) string {
	sum := sha256.New()
	for _, collection := range slices.Sorted(maps.Keys(tables)) {
		columns := tables[collection].columns
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			fmt.Fprintf(sum, "%q %q %s %t\n", collection, name, columns[name].full, !columns[name].nullable)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// number reads one that the store wrote; what is none is 0.
func number(text []byte) (n int64) {
	_, _ = fmt.Sscan(string(text), &n)
	return n
}
