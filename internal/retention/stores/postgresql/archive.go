package postgresql

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// archiveSQL is deleteSQL, which returns the whole records as JSON too, behind their keys.
func archiveSQL(rule *retention.Rule, holds []retention.Hold, w target) (string, []any) {
	w.countOnly = false
	text, args := deleteSQL(rule, holds, w)
	return text + ", row_to_json(t.*)::text", args
}

// archive deletes a window's due records, writes what the store returned of them to the archive, and commits once they are there. It
// returns the digest of the object, empty if nothing was due. Whatever fails before the commit, the records stay.
func (s *session) archive(ctx context.Context, w retention.Window, on target, records *retention.RecordsDigest) (digest string, err error) {
	err = pgx.BeginTxFunc(ctx, s.conn, pgx.TxOptions{}, func(tx pgx.Tx) error {
		text, args := archiveSQL(w.Rule, w.Holds, on)
		rows, err := tx.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		pack := w.Pack()
		for rows.Next() {
			values := rows.RawValues() // text, whose bytes are the same in both of the protocol's formats
			records.AddBytes(values[:len(values)-1])
			if err := pack.Add(values[len(values)-1]); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		digest, err = pack.Write(ctx)
		return err
	})
	return digest, err
}
