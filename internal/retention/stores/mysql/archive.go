package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// maxArchived bounds the keys of one deleting statement: with very many the store reads the whole table instead.
const maxArchived = 2000

// checkArchive makes sure that records that are archived may be read whole. The catalog hides columns that may not.
func (s *session) checkArchive(ctx context.Context, rule *retention.Rule, t *table) error {
	if rule.Archive == nil {
		return nil
	}
	_, err := s.isWhole(ctx, t)
	if is(err, privilegeErrors) {
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the user may not read all columns, and records are archived whole: GRANT SELECT ON %s", t.quoted())
	}
	return err
}

// isWhole says whether all columns that the table has now are known. In a transaction it stays so until its end.
func (s *session) isWhole(ctx context.Context, t *table) (bool, error) {
	rows, err := s.conn.QueryContext(ctx, compose("SELECT * FROM % LIMIT 0", text(t.quoted())).text)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(names, func(name string) bool { return t.columns[name] == nil }), rows.Err()
}

// archive locks a window's due records, deletes exactly these, writes them to the archive, and commits once they are there. It returns the
// digest of the object, empty if nothing was due. Whatever fails before the commit, the records stay.
func (s *session) archive(ctx context.Context, w retention.Window, t *table, on span, records *retention.RecordsDigest) (digest string, err error) {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer tx.Rollback() //nolint:errcheck // see reading; after a commit it does nothing
	whole, err := s.isWhole(ctx, t)
	if err != nil {
		return "", err
	}
	if !whole {
		if _, err := s.refresh(ctx, w); err != nil {
			return "", err
		}
		return "", fmt.Errorf("%w: the table has new columns", retention.ErrBusy)
	}
	pack := w.Pack()
	if on.keys, err = s.pack(ctx, w, t, on, pack, records); err != nil || len(on.keys) == 0 {
		return "", err
	}
	deleted, err := s.changeDue(ctx, w, t, on)
	if err != nil {
		return "", err
	}
	if deleted != records.Count() {
		return "", fmt.Errorf("%w: records changed while they were handled", retention.ErrBusy)
	}
	if digest, err = pack.Write(ctx); err != nil {
		return "", err
	}
	return digest, tx.Commit()
}

// pack locks what is due, adds it to the window's object and returns its keys, in the order of the index.
func (s *session) pack(ctx context.Context, w retention.Window, t *table, on span, pack *retention.Pack, records *retention.RecordsDigest) (keys [][][]byte, err error) {
	names := slices.Sorted(maps.Keys(t.columns))
	at := func(columns []string) []int {
		places := make([]int, len(columns))
		for i, c := range columns {
			places[i] = slices.Index(names, c)
		}
		return places
	}
	ofRule, ofIndex := at(w.Rule.Key), at(on.index.columns)
	key := make([][]byte, len(ofRule))
	var record []byte
	err = s.each(ctx, t.lockSQL(w.Rule, w.Holds, on, t.wholeFields(names)), func(row []sql.RawBytes) error {
		for i, place := range ofRule {
			key[i] = row[place]
		}
		records.AddBytes(key)
		own := make([][]byte, len(ofIndex))
		for i, place := range ofIndex {
			own[i] = bytes.Clone(row[place])
		}
		keys = append(keys, own)
		record = t.appendRecord(record[:0], names, row)
		return pack.Add(record)
	})
	return keys, err
}

// wholeFields lists columns in a form in which nothing of their values is lost: a float as text has fewer digits than it needs.
func (t *table) wholeFields(names []string) part {
	parts := make([]part, len(names))
	for i, name := range names {
		parts[i] = t.field(name)
		if t.columns[name].kind == "float" {
			parts[i] = compose("(% + 0e0)", parts[i])
		}
	}
	return list(", ", parts)
}

// plainText are the kinds, besides texts, whose values the store writes as text.
var plainText = []string{"date", "datetime", "timestamp", "time", "uuid", "inet4", "inet6"}

// appendRecord writes a record as JSON: numbers and JSON as they are, what is neither text nor time in hexadecimal.
func (t *table) appendRecord(to []byte, names []string, row []sql.RawBytes) []byte {
	for i, name := range names {
		to = append(to, ',')
		to = append(appendText(to, name), ':')
		kind, value := t.columns[name].kind, row[i]
		switch {
		case value == nil:
			to = append(to, "null"...)
		case kind == "json":
			to = append(to, value...)
		case kind == "decimal", kind == "float", kind == "double", slices.Contains(integers, kind):
			for len(value) > 1 && value[0] == '0' && value[1] != '.' {
				value = value[1:] // of ZEROFILL
			}
			to = append(to, value...)
		case slices.Contains(texts, kind), slices.Contains(plainText, kind):
			to = appendText(to, string(value))
		default:
			to = hex.AppendEncode(append(to, '"'), value)
			to = append(to, '"')
		}
	}
	to[0] = '{'
	return append(to, '}')
}

func appendText(to []byte, text string) []byte {
	encoded, _ := json.Marshal(text) // of a string: cannot fail
	return append(to, encoded...)
}
