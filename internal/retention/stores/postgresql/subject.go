package postgresql

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Settings of the session that hold the key's pads in hexadecimal. Statements name them, so that neither their text nor their parameters,
// which the server may log, hold the key.
const (
	innerPad = "carrier.inner_pad"
	outerPad = "carrier.outer_pad"
)

// showKey gives the session the key if a hold needs it.
func (s *session) showKey(ctx context.Context, holds []retention.Hold) error {
	needed, err := stores.NeedsKey(holds, s.hasher)
	if !needed || err != nil {
		return err
	}
	inner, outer := s.hasher.Pads()
	_, err = s.conn.Exec(ctx, "SELECT set_config('"+innerPad+"', $1, false), set_config('"+outerPad+"', $2, false)", hex.EncodeToString(inner), hex.EncodeToString(outer))
	return classify(ctx, err)
}

// subject is the condition of records of people that a hold names by keyed hash: the store computes it, or it is the value already. It is
// never null, and true for all records of anybody if the session has lost its key.
func (s *statement) subject(subject *retention.HeldSubject) string {
	value, hashes := field(subject.Field)+"::text", s.arg(subject.Hashes)+"::text[]"
	return fmt.Sprintf("coalesce(%[1]s = ANY(%[2]s) OR %[3]s = ANY(%[2]s), %[1]s IS NOT NULL)", value, hashes, hmac(value))
}

// hmac is retention.Hasher.Value of a text.
func hmac(text string) string {
	// Subqueries without a reference to the record are computed once a statement.
	pad := func(setting string) string {
		return fmt.Sprintf("(SELECT decode(nullif(current_setting('%s', true), ''), 'hex'))", setting)
	}
	return fmt.Sprintf("'%s' || encode(sha256(%s || sha256(%s || convert_to(%s, 'UTF8'))), 'hex')", retention.HashPrefix, pad(outerPad), pad(innerPad), text)
}
