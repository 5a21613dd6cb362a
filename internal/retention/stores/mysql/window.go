package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// span is a part of a table in the order of an index: after one key, up to and with another. Without a key it is open at that end.
type span struct {
	index    index
	from, to [][]byte
	// only, if there is one, is the key of the single record, and keys, if there are some, those of all records.
	only [][]byte
	keys [][][]byte
}

// condition of the span's records.
func (w span) condition(t *table) part {
	parts := []part{text("TRUE")}
	for i := range w.only {
		c := t.columns[w.index.columns[i]]
		parts = append(parts, compose("% = %", t.field(w.index.columns[i]), c.key(w.only[i])))
	}
	if len(w.keys) > 0 {
		parts = append(parts, t.among(w.index.columns, w.keys))
	}
	if w.from != nil {
		parts = append(parts, t.beyond(w.index.columns, w.from, " > ", " > "))
	}
	if w.to != nil {
		parts = append(parts, t.beyond(w.index.columns, w.to, " < ", " <= "))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return and(parts[1:]...)
}

// among is the condition of records that have one of the keys.
func (t *table) among(columns []string, keys [][][]byte) part {
	all := make([]part, len(keys))
	for i, key := range keys {
		own := make([]part, len(columns))
		for j, name := range columns {
			own[j] = t.columns[name].key(key[j])
		}
		all[i] = list(", ", own)
		if len(columns) > 1 {
			all[i] = compose("(%)", all[i])
		}
	}
	fields := t.fields(columns)
	if len(columns) > 1 {
		fields = compose("(%)", fields)
	}
	return compose("% IN (%)", fields, list(", ", all))
}

// beyond compares columns with a key, the first column before the second: spelled out, so that the store uses the index.
func (t *table) beyond(columns []string, key [][]byte, operator, last string) part {
	name, at := t.field(columns[0]), t.columns[columns[0]].key(key[0])
	if len(columns) == 1 {
		return compose("%"+last+"%", name, at)
	}
	return or(compose("%"+operator+"%", name, at), and(compose("% = %", name, at), t.beyond(columns[1:], key[1:], operator, last)))
}

// key is a value that the store wrote, as a parameter that it compares in the order of the column's index.
func (c *column) key(v []byte) part {
	switch c.kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return value(n)
		}
		n, _ := strconv.ParseUint(string(v), 10, 64)
		return value(n)
	case "decimal":
		return compose(fmt.Sprintf("CAST(%% AS DECIMAL(%d, %d))", c.precision, c.scale), value(string(v)))
	case "date":
		return compose("CAST(% AS DATE)", value(string(v)))
	case "datetime", "timestamp":
		return compose("CAST(% AS DATETIME(6))", value(string(v)))
	case "uuid":
		return compose("CAST(% AS UUID)", value(string(v)))
	case "binary", "varbinary":
		return value(v)
	default:
		return value(string(v))
	}
}

// Window works on the records up to the key that lies w.Size records behind the position. The last window has no upper end.
func (s *session) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	t, err := s.table(w.Rule)
	if err == nil && w.Position == "" {
		t, err = s.refresh(ctx, w)
	}
	if err != nil {
		return retention.Batch{}, classify(ctx, err)
	}
	x, ok := t.ordered(w.Rule)
	if !ok {
		return retention.Batch{}, checkKey(w.Rule, t)
	}
	at, ok, err := s.stripe(t, x, w)
	if err != nil || !ok {
		return retention.Batch{}, err
	}
	plain, on := t.plain(x), span{index: x, from: at.from, to: at.until}
	size := max(w.Size, 1)
	switch {
	case w.Rule.Archive != nil:
		size = min(size, maxArchived)
	case len(t.computed(w.Rule.Fields)) > 0:
		size = min(size, maxComputed)
	}
	to, err := s.end(ctx, t, on, size)
	if err != nil {
		return retention.Batch{}, classify(ctx, err)
	}
	place := ""
	if to != nil {
		on.to, place = to, position(to, plain, t.name, w.Hasher)
	}
	finish, cancel := stores.Finish(ctx)
	defer cancel()
	records := w.Records()
	var archived string
	if w.Rule.Archive != nil {
		archived, err = s.archive(finish, w, t, on, records)
	} else {
		err = s.change(finish, w, t, on, records)
	}
	if err != nil {
		return retention.Batch{}, classify(context.WithoutCancel(ctx), err)
	}
	if records.Count() == 0 {
		s.guesses = 0 // maybe there is nothing any more that has such numbers
	}
	return retention.Batch{Next: at.next(w, place, to == nil), Commits: 1, Done: records.Count(), Digest: records.Sum(), Archived: archived}, nil
}

// refresh looks at the rule's table again: between passes it may have been altered or replaced.
func (s *session) refresh(ctx context.Context, w retention.Window) (*table, error) {
	tables, _, err := s.look(ctx, []retention.Rule{*w.Rule}, w.Holds)
	if err != nil {
		return nil, err
	}
	s.tables[w.Rule.Collection] = tables[w.Rule.Collection]
	return tables[w.Rule.Collection], nil
}

// guesses is how many windows over numbered records are measured by their numbers before their records are counted again.
const guesses = 15

// numberOf is a key that is a number.
func numberOf(key [][]byte) (int64, error) {
	if len(key) != 1 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(string(key[0]), 10, 64)
}

// end is the key size records after the beginning of the span; nil: there are fewer. Where records have numbers without great gaps, the
// number says it, which may come short, and need not be looked up.
func (s *session) end(ctx context.Context, t *table, on span, size int64) (key [][]byte, err error) {
	var from int64
	known := on.from != nil && len(on.index.columns) == 1 && slices.Contains(integers, t.columns[on.index.columns[0]].kind)
	if known {
		from, err = numberOf(on.from)
		known = err == nil && from < math.MaxInt64-size
	}
	if known && s.guesses > 0 {
		s.guesses--
		if until, err := numberOf(on.to); err == nil && from+size >= until {
			return nil, nil // the span ends before
		}
		return [][]byte{strconv.AppendInt(nil, from+size, 10)}, nil
	}
	columns := t.fields(on.index.columns)
	query := compose("SELECT % FROM % FORCE INDEX (%) WHERE % ORDER BY % LIMIT %, 1",
		columns, text(t.quoted()), text(quote(on.index.name)), on.condition(t), columns, value(size-1))
	err = s.each(ctx, query, func(row []sql.RawBytes) error {
		for _, v := range row {
			key = append(key, bytes.Clone(v))
		}
		return nil
	})
	s.guesses = 0
	if known && key != nil {
		if to, err := numberOf(key); err == nil && to-from <= 2*size {
			s.guesses = guesses
		}
	}
	return key, err
}

// change is the transaction of a window.
func (s *session) change(ctx context.Context, w retention.Window, t *table, on span, records *retention.RecordsDigest) error {
	if w.CountOnly && len(t.computed(w.Rule.Fields)) == 0 {
		return s.changeUnseen(ctx, w, t, on, records)
	}
	if s.returning && len(w.Rule.Fields) == 0 {
		return s.each(ctx, t.deleteSQL(w.Rule, w.Holds, on, true), adder(records, len(w.Rule.Key))) // commits by itself
	}
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // see reading; after a commit it does nothing
	changed, err := s.changeLocked(ctx, w, t, on, records)
	if err != nil {
		return err
	}
	if changed != records.Count() {
		// A record became due between the two statements.
		return fmt.Errorf("%w: records changed while they were handled", retention.ErrBusy)
	}
	return tx.Commit()
}

// changeLocked locks what is due, notes its keys, and changes it; rule and holds are checked again with the change.
func (s *session) changeLocked(ctx context.Context, w retention.Window, t *table, on span, records *retention.RecordsDigest) (int64, error) {
	if len(t.computed(w.Rule.Fields)) > 0 {
		return s.replace(ctx, w, t, on, records)
	}
	if err := s.each(ctx, t.lockSQL(w.Rule, w.Holds, on, t.fields(w.Rule.Key)), adder(records, len(w.Rule.Key))); err != nil || records.Count() == 0 {
		return 0, err
	}
	return s.changeDue(ctx, w, t, on)
}

// changeDue is the one statement that deletes or anonymizes what is due, and returns of how many records.
func (s *session) changeDue(ctx context.Context, w retention.Window, t *table, on span) (int64, error) {
	var statement part
	if len(w.Rule.Fields) == 0 {
		statement = t.deleteSQL(w.Rule, w.Holds, on, false)
	} else {
		statement = t.updateSQL(w.Rule, w.Holds, on, nil)
	}
	result, err := s.conn.ExecContext(ctx, statement.text, statement.args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// changeUnseen changes records and counts them, without their keys. It commits by itself.
func (s *session) changeUnseen(ctx context.Context, w retention.Window, t *table, on span, records *retention.RecordsDigest) error {
	changed, err := s.changeDue(ctx, w, t, on)
	records.AddCount(changed)
	return err
}

// adder adds keys to the digest as they come: memory does not grow with the window.
func adder(records *retention.RecordsDigest, fields int) func(row []sql.RawBytes) error {
	key := make([][]byte, fields)
	return func(row []sql.RawBytes) error {
		for i := range key {
			key[i] = row[i]
		}
		records.AddBytes(key)
		return nil
	}
}

const (
	// maxComputed bounds the records of a window whose replacements wait in memory.
	maxComputed = 10_000
	// updatesAtOnce is how many records one packet to the store changes.
	updatesAtOnce = 200
)

// replace writes computed replacements. The hash key never goes to the store.
func (s *session) replace(ctx context.Context, w retention.Window, t *table, on span, records *retention.RecordsDigest) (changed int64, err error) {
	fields, columns := t.computed(w.Rule.Fields), slices.Clone(w.Rule.Key)
	for _, f := range fields {
		columns = append(columns, f.Name)
	}
	add := adder(records, len(w.Rule.Key))
	var updates []part
	err = s.each(ctx, t.lockSQL(w.Rule, w.Holds, on, t.fields(append(columns, on.index.columns...))), func(row []sql.RawBytes) error {
		values, own := row[len(w.Rule.Key):len(columns)], row[len(columns):]
		replacements, key := make([]any, len(values)), make([][]byte, len(own))
		for i, v := range values {
			if v == nil {
				continue // null stays null
			}
			replaced, err := fields[i].Replace(w.Hasher, string(v))
			if err != nil {
				return err
			}
			replacements[i] = replaced
		}
		for i, v := range own {
			key[i] = bytes.Clone(v)
		}
		updates = append(updates, t.updateSQL(w.Rule, w.Holds, span{index: on.index, only: key}, replacements))
		return add(row)
	})
	for len(updates) > 0 && err == nil {
		n := min(updatesAtOnce, len(updates))
		var done int64
		done, err = s.together(ctx, list("; ", updates[:n]))
		changed, updates = changed+done, updates[n:]
	}
	return changed, err
}

// together runs several statements in one round trip and returns how many records they found.
func (s *session) together(ctx context.Context, p part) (found int64, err error) {
	args := make([]driver.NamedValue, len(p.args))
	for i, arg := range p.args {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	err = s.conn.Raw(func(conn any) error {
		executor, ok := conn.(driver.ExecerContext)
		if !ok {
			return errors.New("the client library cannot run several statements")
		}
		result, err := executor.ExecContext(ctx, p.text, args)
		if err != nil {
			return err
		}
		if all, ok := result.(mysql.Result); ok {
			for _, n := range all.AllRowsAffected() {
				found += n
			}
		}
		return nil
	})
	return found, err
}
