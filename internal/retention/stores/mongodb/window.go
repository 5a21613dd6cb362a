package mongodb

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

const (
	// maxRecords of a window: its keys are parameters of one statement.
	maxRecords = 10_000
	// maxBytes that are read of a window's due records. A statement takes 16 MiB.
	maxBytes = 4 << 20
)

var byID = bson.D{{Key: "_id", Value: 1}}

// Window works on the next records in the order of _id. It ends after the last type of _id that the collection has.
func (s *session) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	collection := s.db.Collection(w.Rule.Collection)
	at, ok := s.notes.read(w.Position)
	if !ok {
		first, err := s.extreme(ctx, collection, 1)
		if err != nil || first < 0 {
			return retention.Batch{}, classify(ctx, err)
		}
		at = place{bracket: first}
	}
	ctx, cancel := stores.Finish(ctx)
	defer cancel()
	found, next, err := s.look(ctx, collection, w, at)
	if err != nil {
		return retention.Batch{}, classify(ctx, err)
	}
	done, err := s.change(ctx, collection, w, found)
	if err != nil && len(done) == 0 {
		return retention.Batch{}, doubtful(ctx, err)
	}
	if err != nil {
		next = &at // what was done is counted; the failure comes again without it
	}
	batch := retention.Batch{Commits: 1}
	if next != nil {
		batch.Next = s.notes.write(*next)
	}
	records := w.Records()
	for _, id := range done {
		records.Add(keyText(id))
	}
	batch.Done, batch.Digest = records.Count(), records.Sum()
	return batch, nil
}

// look reads what is due in the window that begins at a place, and where the next one begins; nil: there is none.
func (s *session) look(ctx context.Context, collection *mongo.Collection, w retention.Window, at place) (*batch, *place, error) {
	to, err := s.bound(ctx, collection, at, min(max(w.Size, 1), maxRecords))
	if err != nil {
		return nil, nil, err
	}
	found, err := s.candidates(ctx, collection, w, at, to)
	if err != nil {
		return nil, nil, err
	}
	if end := found.end(to); !end.IsZero() {
		return found, &place{bracket: at.bracket, after: end}, nil
	}
	next, err := s.following(ctx, collection, at.bracket)
	return found, next, err
}

// following is the start of the next bracket that has records; nil: there is none.
func (s *session) following(ctx context.Context, collection *mongo.Collection, bracket int) (*place, error) {
	last, err := s.extreme(ctx, collection, -1)
	if err != nil {
		return nil, err
	}
	for next := bracket + 1; next <= last; next++ {
		p := place{bracket: next}
		if filled, err := finds(ctx, collection, p.span(bson.RawValue{})); err != nil || filled {
			return &p, err
		}
	}
	return nil, nil
}

// extreme is the bracket of the first (1) or last (-1) record; -1: there is none.
func (s *session) extreme(ctx context.Context, collection *mongo.Collection, direction int) (int, error) {
	document, err := collection.FindOne(ctx, bson.D{}, options.FindOne().SetProjection(byID).SetSort(bson.D{{Key: "_id", Value: direction}})).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	return bracketOf(document.Lookup("_id")), nil
}

// bound is the _id of the size-th record of a place; zero: its bracket has fewer.
func (s *session) bound(ctx context.Context, collection *mongo.Collection, at place, size int64) (bson.RawValue, error) {
	document, err := collection.FindOne(ctx, at.span(bson.RawValue{}),
		options.FindOne().SetProjection(byID).SetSort(byID).SetHint(byID).SetSkip(size-1)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return bson.RawValue{}, nil
	}
	if err != nil {
		return bson.RawValue{}, err
	}
	return document.Lookup("_id"), nil
}

// batch is what a window found to be due.
type batch struct {
	ids []bson.RawValue
	// documents hold the fields to anonymize, in the order of ids.
	documents []bson.Raw
	// texts are the clocks of the records, if they are text: all of them due.
	texts []string
	// cut says that there is more than a window takes.
	cut bool
}

// end is the last _id of the window; zero: the bracket's end.
func (b *batch) end(to bson.RawValue) bson.RawValue {
	if b.cut {
		return b.ids[len(b.ids)-1]
	}
	return to
}

// candidates reads the records between place and bound that are due and not held.
func (s *session) candidates(ctx context.Context, collection *mongo.Collection, w retention.Window, at place, to bson.RawValue) (*batch, error) {
	clock := clockOf(w.Rule.Clock)
	projection := bson.D{{Key: "_id", Value: 1}}
	if clock.isText() && clock.field != "_id" {
		projection = append(projection, bson.E{Key: clock.field, Value: 1})
	}
	for _, f := range w.Rule.Fields {
		projection = append(projection, bson.E{Key: f.Name, Value: 1})
	}
	cursor, err := collection.Find(ctx, and(at.span(to), due(w.Rule), not(held(w.Holds, w.Rule.Collection)...)),
		options.Find().SetProjection(projection).SetSort(byID).SetHint(byID))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	found := &batch{}
	texts := map[string]bool{}
	bytes := 0
	for !found.cut && cursor.Next(ctx) {
		document := slices.Clone(cursor.Current)
		if text := textAt(document, clock.field); clock.isText() {
			if t, err := parseRFC3339(text); err != nil || !t.Before(w.Rule.Before) {
				continue
			}
			if !texts[text] {
				texts[text] = true
				found.texts = append(found.texts, text)
			}
		}
		found.ids = append(found.ids, document.Lookup("_id"))
		if len(w.Rule.Fields) > 0 {
			found.documents = append(found.documents, document)
		}
		bytes += len(document)
		found.cut = bytes >= maxBytes || len(found.ids) >= maxRecords
	}
	return found, cursor.Err()
}

// condition is the whole predicate of a changing statement. Text clocks that the purger found to be due are spelled out in it.
func (b *batch) condition(w retention.Window) bson.D {
	parts := []bson.D{due(w.Rule), not(held(w.Holds, w.Rule.Collection)...)}
	if clock := clockOf(w.Rule.Clock); clock.isText() {
		parts = append(parts, on(clock.field, "$in", b.texts))
	}
	return and(parts...)
}

// change deletes or anonymizes what was found, and returns the keys of the records that it changed, in order. Changes may come with an error.
func (s *session) change(ctx context.Context, collection *mongo.Collection, w retention.Window, found *batch) ([]bson.RawValue, error) {
	if len(found.ids) == 0 {
		return nil, nil
	}
	if len(w.Rule.Fields) > 0 {
		return s.anonymize(ctx, collection, w, found)
	}
	keys := on("_id", "$in", found.ids)
	result, err := collection.DeleteMany(ctx, and(keys, found.condition(w)))
	if err != nil {
		return nil, err
	}
	if result.DeletedCount == int64(len(found.ids)) {
		return found.ids, nil
	}
	// Some records changed meanwhile: they are no longer due, or held. Those that are gone went here, or by another's hand at the same moment.
	left, err := s.which(ctx, collection, keys)
	if err != nil {
		return nil, stores.Unreachable(errInDoubt)
	}
	return found.without(left), nil
}

// errInDoubt says that something was changed, and that it is not known which records.
var errInDoubt = errors.New("it is not known which records were changed")

// which are the keys, in the form of keyText, of the records of a condition.
func (s *session) which(ctx context.Context, collection *mongo.Collection, condition bson.D) (map[string]bool, error) {
	cursor, err := collection.Find(ctx, condition, options.Find().SetProjection(byID))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	keys := map[string]bool{}
	for cursor.Next(ctx) {
		keys[keyText(cursor.Current.Lookup("_id"))] = true
	}
	return keys, cursor.Err()
}

// without are the keys of the found records that are not among the others.
func (b *batch) without(others map[string]bool) []bson.RawValue {
	return slices.DeleteFunc(slices.Clone(b.ids), func(id bson.RawValue) bool {
		return others[keyText(id)]
	})
}
