package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// stripesPerPod is how many parts of a table, in the order of its key, belong to each of several pods: due records are seldom spread evenly,
// and in turns all pods get some.
const stripesPerPod = 8

// stripe is a part of a table between two bounds: after from, up to and with until. Without one it is open at that end, so that records
// that are added belong to the first stripe or the last.
type stripe struct {
	number      int
	from, until [][]byte
}

// Bounds are the keys between stripes. Where the store numbers its records, the numbers are divided evenly; else the records are counted.
func (s *session) Bounds(ctx context.Context, rule *retention.Rule, pods int, hasher *retention.Hasher) (bounds []string, err error) {
	t, err := s.table(rule)
	if err != nil {
		return nil, err
	}
	x, ok := t.ordered(rule)
	if !ok {
		return nil, checkKey(rule, t)
	}
	plain := t.plain(x)
	err = s.reading(ctx, func() error {
		var keys [][][]byte
		if plain {
			keys, err = s.evenly(ctx, t, x, pods*stripesPerPod)
		}
		if err == nil && keys == nil {
			keys, err = s.counted(ctx, t, x, pods*stripesPerPod)
		}
		for _, key := range keys {
			bounds = append(bounds, position(key, plain, t.name, hasher))
		}
		return err
	})
	return bounds, err
}

// plain says whether the index is of numbers that the store gave its records.
func (t *table) plain(x index) bool {
	return len(x.columns) == 1 && t.columns[x.columns[0]].autoIncrement
}

// evenly divides numbers between the least and the greatest; nil: they cannot be divided.
func (s *session) evenly(ctx context.Context, t *table, x index, stripes int) (keys [][][]byte, err error) {
	var least, greatest sql.NullString
	column := t.field(x.columns[0])
	if err := s.one(ctx, compose("SELECT MIN(%), MAX(%) FROM %", column, column, text(t.quoted())), &least, &greatest); err != nil {
		return nil, err
	}
	from, err1 := strconv.ParseInt(least.String, 10, 64)
	to, err2 := strconv.ParseInt(greatest.String, 10, 64)
	if err1 != nil || err2 != nil {
		return nil, nil // an empty table, or numbers beyond what is counted on
	}
	for _, n := range divide(from, to, stripes) {
		keys = append(keys, [][]byte{strconv.AppendInt(nil, n, 10)})
	}
	return keys, nil
}

// divide returns the ends of all parts but the last of the numbers from and to: ascending, fewer if there are fewer numbers.
func divide(from, to int64, parts int) (ends []int64) {
	span := new(big.Int).Sub(big.NewInt(to), big.NewInt(from)) // may be no int64
	step := span.Div(span, big.NewInt(int64(parts))).Int64()
	for end := from; len(ends) < parts-1; {
		if end += max(step, 1); end >= to {
			break
		}
		ends = append(ends, end)
	}
	return ends
}

// counted walks along the index in steps of as many records as a stripe has.
func (s *session) counted(ctx context.Context, t *table, x index, stripes int) (keys [][][]byte, err error) {
	var records int64
	if err := s.one(ctx, compose("SELECT COUNT(*) FROM %", text(t.quoted())), &records); err != nil {
		return nil, err
	}
	columns, on := t.fields(x.columns), span{index: x}
	for len(keys) < stripes-1 {
		var key [][]byte
		query := compose("SELECT % FROM % FORCE INDEX (%) WHERE % ORDER BY % LIMIT %, 1",
			columns, text(t.quoted()), text(quote(x.name)), on.condition(t), columns, value(max(records/int64(stripes)-1, 0)))
		err := s.each(ctx, query, func(row []sql.RawBytes) error {
			for _, v := range row {
				key = append(key, bytes.Clone(v))
			}
			return nil
		})
		if err != nil || key == nil {
			return keys, err
		}
		keys, on.from = append(keys, key), key
	}
	return keys, nil
}

// stripeAt separates a position in the form "stripe@position" from its stripe.
const stripeAt = "@"

// stripe is the one that a window is in, and where in it the window begins; ok is false if the pod has none.
func (s *session) stripe(t *table, x index, w retention.Window) (at stripe, ok bool, err error) {
	read := func(p string) [][]byte { return parsePosition(p, len(x.columns), t.plain(x), t.name, w.Hasher) }
	if w.Shard.Count <= 1 {
		return stripe{from: read(w.Position)}, true, nil
	}
	bound := func(i int) [][]byte {
		key := read(w.Shard.Bounds[i])
		if key == nil {
			err = retention.Fail(v1alpha1.ReasonKeyInvalid, "the bounds between pods cannot be read: the Secret of hashKeyRef was changed while the run worked. The next run makes new ones")
		}
		return key
	}
	at.number = w.Shard.Index
	number, place, _ := strings.Cut(w.Position, stripeAt)
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n%w.Shard.Count == w.Shard.Index {
		at.number, at.from = n, read(place)
	}
	if at.number > len(w.Shard.Bounds) {
		return at, false, nil
	}
	if at.from == nil && at.number > 0 {
		at.from = bound(at.number - 1)
	}
	if at.number < len(w.Shard.Bounds) {
		at.until = bound(at.number)
	}
	return at, true, err
}

// next is the position after a window; end says that it was the stripe's last.
func (at stripe) next(w retention.Window, place string, end bool) string {
	switch {
	case w.Shard.Count <= 1:
		return place
	case !end:
		return fmt.Sprint(at.number, stripeAt, place)
	case at.number+w.Shard.Count <= len(w.Shard.Bounds):
		return fmt.Sprint(at.number+w.Shard.Count, stripeAt)
	}
	return ""
}

// checkShared makes sure that every pod can read the bounds.
func (s *session) checkShared(rule *retention.Rule, t *table) error {
	if x, ok := t.ordered(rule); s.unreadable && ok && !t.plain(x) {
		return retention.Fail(v1alpha1.ReasonParallelismUnsupported,
			"pods tell their parts of %s apart by its key %v, which may be personal data and is sealed: set hashKeyRef of the policy, or parallelism to 1", t.quoted(), slices.Clone(x.columns))
	}
	return nil
}
