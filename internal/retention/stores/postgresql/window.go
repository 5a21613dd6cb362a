package postgresql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// place is where a window begins: a leaf's OID and a block. Its form is "oid:block".
type place struct {
	leaf  uint32
	block int64
}

func (p place) String() string { return fmt.Sprintf("%d:%d", p.leaf, p.block) }

// parsePlace reads a position. What it does not understand is the start.
func parsePlace(s string) place {
	oid, block, _ := strings.Cut(s, ":")
	o, err := strconv.ParseUint(oid, 10, 32)
	b, err2 := strconv.ParseInt(block, 10, 64)
	if err != nil || err2 != nil || b < 0 {
		return place{}
	}
	return place{leaf: uint32(o), block: b}
}

// Window works on the next blocks of a leaf. It ends when no leaf has blocks beyond the position, so that blocks that were added while
// the run worked are visited too. An anonymized record may come again, further behind: then it is no longer due.
func (s *session) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	t, err := s.table(w.Rule)
	if err != nil {
		return retention.Batch{}, err
	}
	if w.Position == "" {
		if t, err = s.refresh(ctx, w); err != nil {
			return retention.Batch{}, err
		}
	}
	at, l, err := s.locate(ctx, t, parsePlace(w.Position), w.Shard)
	if err != nil || l == nil {
		return retention.Batch{}, classify(ctx, err)
	}
	_, end := own(w.Shard, l.oid, at.block, s.stripe)
	to := min(at.block+max(w.Size, 1), end)
	finish, cancel := stores.Finish(ctx)
	defer cancel()
	records := w.Records()
	on := target{table: t, leaf: *l, from: at.block, to: to, countOnly: w.CountOnly}
	var archived string
	if w.Rule.Archive != nil {
		archived, err = s.archive(finish, w, on, records)
	} else {
		err = s.change(finish, w, on, records)
	}
	if err != nil {
		return retention.Batch{}, classify(context.WithoutCancel(ctx), err)
	}
	if records.Count() > 0 {
		s.written++
	}
	return retention.Batch{
		Next: place{leaf: l.oid, block: to}.String(), Commits: 1, Done: records.Count(), Digest: records.Sum(), Archived: archived,
	}, nil
}

// freshFor is how long what was read of tables counts as new.
const freshFor = time.Second

// refresh looks at the rule's table again: partitions come and go, and holds of a partition with them.
func (s *session) refresh(ctx context.Context, w retention.Window) (*table, error) {
	if t, ok := s.tables[w.Rule.Collection]; ok && time.Since(s.looked) < freshFor {
		s.looked = time.Time{} // once: another pass is there for what came since
		return t, nil
	}
	tables, _, err := s.look(ctx, []retention.Rule{*w.Rule}, w.Holds)
	if err != nil {
		return nil, err
	}
	s.tables[w.Rule.Collection] = tables[w.Rule.Collection]
	return tables[w.Rule.Collection], nil
}

// locate finds the first leaf that has blocks of the shard at or after the place; nil: there is none.
func (s *session) locate(ctx context.Context, t *table, at place, shard retention.Shard) (place, *leaf, error) {
	for i := range t.leaves {
		l := &t.leaves[i]
		if l.kind != "r" || l.oid < at.leaf {
			continue
		}
		if l.oid > at.leaf {
			at = place{leaf: l.oid}
		}
		at.block, _ = own(shard, l.oid, at.block, s.stripe)
		var blocks *int64 // null: it was dropped
		err := s.conn.QueryRow(ctx, "SELECT pg_relation_size($1::oid::regclass) / current_setting('block_size')::bigint", l.oid).Scan(&blocks)
		if err != nil {
			return at, nil, err
		}
		if blocks != nil && at.block < *blocks {
			return at, l, nil
		}
	}
	return at, nil, nil
}

// change is the transaction of a window: one statement, which commits by itself, or two if values are hashed here.
func (s *session) change(ctx context.Context, w retention.Window, on target, records *retention.RecordsDigest) error {
	fields := on.table.computed(w.Rule.Fields)
	if len(fields) == 0 {
		text, args := changeSQL(w.Rule, w.Holds, on)
		return account(ctx, s.conn, text, args, records)
	}
	return pgx.BeginTxFunc(ctx, s.conn, pgx.TxOptions{}, func(tx pgx.Tx) error {
		places, values, err := lock(ctx, tx, w, on, fields)
		if err != nil || len(places) == 0 {
			return err
		}
		text, args := replaceSQL(w.Rule, w.Holds, on, places, values)
		return account(ctx, tx, text, args, records)
	})
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// account runs a changing statement and takes account of the records that it changed.
func account(ctx context.Context, on querier, text string, args []any, records *retention.RecordsDigest) error {
	rows, err := on.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	if err := readKeys(rows, records); err != nil {
		return err
	}
	if records.CountOnly() {
		records.AddCount(rows.CommandTag().RowsAffected())
	}
	return nil
}

// lock locks the window's records and returns their places and, field by field, their replacements. The hash key never goes to the store.
func lock(ctx context.Context, tx pgx.Tx, w retention.Window, on target, fields []retention.Anonymize) (places []string, values [][]*string, err error) {
	text, args := lockSQL(w.Rule, w.Holds, on)
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return nil, nil, err
	}
	values = make([][]*string, len(fields))
	row, into := scanner(1 + len(fields))
	_, err = pgx.ForEachRow(rows, into, func() error {
		places = append(places, row[0].String)
		for i := range fields {
			value, err := replacement(&fields[i], w.Hasher, row[i+1])
			if err != nil {
				return err
			}
			values[i] = append(values[i], value)
		}
		return nil
	})
	return places, values, err
}

// replacement of a value: null stays null.
func replacement(f *retention.Anonymize, hasher *retention.Hasher, value pgtype.Text) (*string, error) {
	if !value.Valid {
		return nil, nil
	}
	result, err := f.Replace(hasher, value.String)
	return &result, err
}

// readKeys adds the keys of the changed records to their digest as they come: memory does not grow with the window.
func readKeys(rows pgx.Rows, records *retention.RecordsDigest) error {
	for rows.Next() {
		records.AddBytes(rows.RawValues()) // text, whose bytes are the same in both of the protocol's formats
	}
	return rows.Err()
}

func scanner(fields int) (row []pgtype.Text, into []any) {
	row, into = make([]pgtype.Text, fields), make([]any, fields)
	for i := range row {
		into[i] = &row[i]
	}
	return row, into
}
