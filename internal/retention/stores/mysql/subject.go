package mysql

import (
	"context"
	"encoding/hex"
	"slices"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Variables of the session that hold the key's pads. Statements name them, so that their text, which the server may show and log, does
// not hold the key.
const (
	innerPad = "@carrier_inner_pad"
	outerPad = "@carrier_outer_pad"
)

// showKey gives the session the key if a hold needs it: by a prepared statement, whose text does not hold the key either.
func (s *session) showKey(ctx context.Context, holds []retention.Hold) error {
	needed, err := stores.NeedsKey(holds, s.hasher)
	if !needed || err != nil {
		return err
	}
	inner, outer := s.hasher.Pads()
	set, err := s.conn.PrepareContext(ctx, "SET "+innerPad+" = UNHEX(?), "+outerPad+" = UNHEX(?)")
	if err != nil {
		return err
	}
	defer set.Close()
	_, err = set.ExecContext(ctx, hex.EncodeToString(inner), hex.EncodeToString(outer))
	return err
}

// subjects are kinds of columns whose text is the same whichever way it is read. The text of a binary one is its bytes.
var subjects = slices.Concat(integers, texts, binaries, []string{"decimal", "date", "datetime", "timestamp", "uuid"})

// checkSubject makes sure that a hold's subject can be told by its column.
func (t *table) checkSubject(hold *retention.Hold) error {
	c, err := t.heldColumn(hold, hold.Subject.Field)
	if err == nil && !slices.Contains(subjects, c.kind) {
		err = retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: column %q has type %s, whose values have no one form as text: use another column", hold.Name, hold.Subject.Field, c.full)
	}
	return err
}

// subject is the condition of records of people that a hold names by keyed hash: the store computes it, or it is the value already. It is
// never null, and true for all records of anybody if the session has lost its key.
func (t *table) subject(subject *retention.HeldSubject) part {
	column := t.field(subject.Field)
	hashes := make([]part, len(subject.Hashes))
	for i, hash := range subject.Hashes {
		hashes[i] = value([]byte(hash))
	}
	among := list(", ", hashes)
	text := t.columns[subject.Field].bytes(column)
	return compose("COALESCE(% IN (%) OR % IN (%), % IS NOT NULL)", text, among, hmac(text), among, column)
}

// bytes are those of a column's text in UTF-8.
func (c *column) bytes(column part) part {
	if slices.Contains(binaries, c.kind) {
		return column
	}
	return compose("CAST(CONVERT(% USING utf8mb4) AS BINARY)", column)
}

// hmac is retention.Hasher.Value of bytes.
func hmac(bytes part) part {
	return compose("CAST(CONCAT('"+retention.HashPrefix+"', SHA2(CONCAT("+outerPad+", UNHEX(SHA2(CONCAT("+innerPad+", %), 256))), 256)) AS BINARY)", bytes)
}
