package postgresql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

// table is a collection as the catalog describes it.
type table struct {
	oid          uint32
	schema, name string
	columns      map[string]column
	// leaves hold the records: the partitions, or the table itself and its children. In order of their OIDs.
	leaves     []leaf
	references []reference
	// covered are the collections whose holds bind records of this one.
	covered map[string]coverage
}

// coverage says which records of a table a hold of another name for it, of its parent or of its partition binds.
type coverage struct {
	// all records, or those of the relations.
	all       bool
	relations []uint32
}

// leaf is a relation with records of its own.
type leaf struct {
	oid             uint32
	schema, name    string
	kind            string
	rowSecurity     bool
	selects, change bool
}

// column of a table.
type column struct {
	// full is the type with its modifiers, base the type below domains without modifiers, both as the catalog spells them.
	full, base string
	// kind is base's short name (int4, varchar); length its greatest length in characters, 0 for none.
	kind                            string
	length                          int32
	notNull, generated              bool
	selectable, updatable, identity bool
	unique                          bool // a unique index of this column alone
}

// reference is a foreign key of another table, or the same one, to the table.
type reference struct {
	constraint   string
	schema, name string
	// columns refer to targets, pairwise.
	columns, targets []string
	// onDelete is pg_constraint.confdeltype: a no action, r restrict, c cascade, n set null, d set default.
	onDelete      string
	self, indexed bool
	readable      bool
}

func (t *table) quoted() string { return pgx.Identifier{t.schema, t.name}.Sanitize() }
func (l leaf) quoted() string   { return pgx.Identifier{l.schema, l.name}.Sanitize() }

// exists is the condition that some record refers to t.
func (r reference) exists() string {
	parts := make([]string, len(r.columns))
	for i := range r.columns {
		parts[i] = fmt.Sprintf("c.%s = %s", quote(r.columns[i]), field(r.targets[i]))
	}
	condition := strings.Join(parts, " AND ")
	if r.self {
		// A record that refers to itself goes with itself.
		condition += " AND NOT (c.tableoid = t.tableoid AND c.ctid = t.ctid)"
	}
	return fmt.Sprintf("EXISTS (SELECT FROM %s AS c WHERE %s)", pgx.Identifier{r.schema, r.name}.Sanitize(), condition)
}

// split takes a collection's name apart at its first dot.
func split(collection string) (schema, name string) {
	if schema, name, ok := strings.Cut(collection, "."); ok {
		return schema, name
	}
	return "public", collection
}

const tableSQL = `SELECT c.oid, c.relkind::text, has_schema_privilege(n.oid, 'USAGE')
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`

// readTable reads a collection from the catalog.
func readTable(ctx context.Context, tx pgx.Tx, collection string) (*table, error) {
	t := &table{columns: map[string]column{}, covered: map[string]coverage{}}
	t.schema, t.name = split(collection)
	var kind string
	var usage bool
	err := tx.QueryRow(ctx, tableSQL, t.schema, t.name).Scan(&t.oid, &kind, &usage)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, retention.Fail(v1alpha1.ReasonTableNotFound,
			"there is no table %q in schema %q: correct the collection's name (names are literal: no quotes, upper and lower case differ)", t.name, t.schema)
	case err != nil:
		return nil, err
	case kind != "r" && kind != "p":
		return nil, retention.Fail(v1alpha1.ReasonTableNotFound, "%q in schema %q is no table (views and foreign tables cannot be purged): name the table behind it",
			t.name, t.schema)
	case !usage:
		return nil, retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the role may not use schema %q: GRANT USAGE ON SCHEMA", t.schema)
	}
	for _, read := range []func(context.Context, pgx.Tx) error{t.readColumns, t.readLeaves, t.readReferences} {
		if err := read(ctx, tx); err != nil {
			return nil, err
		}
	}
	return t, nil
}

const columnsSQL = `
	WITH RECURSIVE base AS (
		SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS mod, a.attnotnull AS required FROM pg_attribute a
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT b.attnum, b.attname, t.typbasetype, CASE WHEN b.mod >= 0 THEN b.mod ELSE t.typtypmod END, b.required OR t.typnotnull
		FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')
	SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(b.type, -1), t.typname,
		CASE WHEN t.typname IN ('varchar', 'bpchar') AND b.mod >= 4 THEN b.mod - 4 ELSE 0 END,
		b.required, a.attgenerated <> '', a.attidentity = 'a',
		has_column_privilege(a.attrelid, a.attnum, 'SELECT'), has_column_privilege(a.attrelid, a.attnum, 'UPDATE'),
		EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
	FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd' JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = b.attnum`

func (t *table) readColumns(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, columnsSQL, t.oid)
	if err != nil {
		return err
	}
	var name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&name, &c.full, &c.base, &c.kind, &c.length, &c.notNull, &c.generated, &c.identity,
		&c.selectable, &c.updatable, &c.unique}, func() error {
		t.columns[name] = c
		return nil
	})
	return err
}

// Windows address a leaf itself, so that its own privileges and row security count. A system column is granted with the table only.
const leavesSQL = `
	WITH RECURSIVE tree AS (
		SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
	SELECT c.oid, n.nspname, c.relname, c.relkind::text, row_security_active(c.oid),
		has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, 'ctid', 'SELECT'), has_table_privilege(c.oid, 'DELETE')
	FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind <> 'p' OR row_security_active(c.oid) ORDER BY c.oid`

func (t *table) readLeaves(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, leavesSQL, t.oid)
	if err != nil {
		return err
	}
	t.leaves, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l leaf, err error) {
		err = row.Scan(&l.oid, &l.schema, &l.name, &l.kind, &l.rowSecurity, &l.selects, &l.change)
		return l, err
	})
	return err
}

const referencesSQL = `
	WITH RECURSIVE tree AS (
		SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
	SELECT con.conname, n.nspname, c.relname, con.confdeltype::text, con.conrelid = $1,
		ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY k(num, place) JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num ORDER BY k.place),
		ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY k(num, place) JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.num ORDER BY k.place),
		EXISTS (SELECT FROM pg_index i WHERE i.indrelid = con.conrelid AND i.indisvalid AND i.indpred IS NULL
			AND (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(con.conkey)] @> con.conkey),
		has_schema_privilege(n.oid, 'USAGE') AND NOT row_security_active(c.oid)
			AND (SELECT bool_and(has_column_privilege(con.conrelid, num, 'SELECT')) FROM unnest(con.conkey) AS k(num))
	FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE con.contype = 'f' AND con.conparentid = 0 AND con.confrelid IN (SELECT oid FROM tree) ORDER BY n.nspname, c.relname, con.conname`

func (t *table) readReferences(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, referencesSQL, t.oid)
	if err != nil {
		return err
	}
	t.references, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reference, err error) {
		err = row.Scan(&r.constraint, &r.schema, &r.name, &r.onDelete, &r.self, &r.columns, &r.targets, &r.indexed, &r.readable)
		return r, err
	})
	return err
}

const treeSQL = `
	WITH RECURSIVE tree AS (
		SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
		UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
	SELECT oid FROM tree`

// readCoverage finds out what holds of a collection mean for the table. A collection that does not exist may be this one, misspelled.
func (t *table) readCoverage(ctx context.Context, tx pgx.Tx, hold *retention.Hold) error {
	if _, known := t.covered[hold.Collection]; known {
		return nil
	}
	schema, name := split(hold.Collection)
	rows, err := tx.Query(ctx, treeSQL, schema, name)
	if err != nil {
		return err
	}
	tree, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		return err
	}
	if len(tree) == 0 {
		return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: there is no table %q in schema %q: correct or delete the hold", hold.Name, name, schema)
	}
	c := coverage{all: slices.Contains(tree, t.oid)}
	for _, l := range t.leaves {
		if slices.Contains(tree, l.oid) {
			c.relations = append(c.relations, l.oid)
		}
	}
	t.covered[hold.Collection] = c
	return nil
}

// covers says whether holds of the collection bind records of the table at all.
func (t *table) covers(collection string) bool {
	c := t.covered[collection]
	return c.all || len(c.relations) > 0
}

// schemaDigest is the SHA-256 of the tables' columns: names, types, and whether they may be null.
func schemaDigest(tables map[string]*table) string {
	sum := sha256.New()
	for _, collection := range slices.Sorted(maps.Keys(tables)) {
		columns := tables[collection].columns
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			fmt.Fprintf(sum, "%q %q %s %t\n", collection, name, columns[name].full, columns[name].notNull)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Partitions and children of a table have its columns: the table stands for them.
const catalogSQL = `SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
		AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
	ORDER BY n.nspname, c.relname, a.attnum`

// Catalog lists the columns of all tables of the database. The system catalog is readable whatever the role may do with the tables.
func (s *session) Catalog(ctx context.Context) ([]discovery.Field, error) {
	rows, err := s.conn.Query(ctx, catalogSQL)
	if err != nil {
		return nil, classify(ctx, err)
	}
	fields, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f discovery.Field, err error) {
		err = row.Scan(&f.Collection, &f.Name, &f.Type)
		return f, err
	})
	return fields, classify(ctx, err)
}
