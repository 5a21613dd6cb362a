package mongodb

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

const (
	// sampled is how many records of a collection are looked at for their fields: half of them the newest, half the oldest, by _id.
	sampled = 400
	// maxDepth and maxLeaves bound what is taken from one record.
	maxDepth, maxLeaves = 16, 1000
)

// Catalog looks at some records of each collection, since MongoDB knows no columns. It keeps the names of their fields and never their values. Collections
// that the login may not read are left out, as are views and those of the store's own.
func (s *session) Catalog(ctx context.Context) (fields []discovery.Field, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	cursor, err := s.db.ListCollections(ctx, bson.D{}, options.ListCollections().SetAuthorizedCollections(true).SetNameOnly(true))
	if err != nil {
		return nil, classify(ctx, err)
	}
	var found []collection
	if err := cursor.All(ctx, &found); err != nil {
		return nil, classify(ctx, err)
	}
	slices.SortFunc(found, func(a, b collection) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range found {
		if strings.HasPrefix(c.Name, "system.") || (c.Type != "" && c.Type != "collection") {
			continue
		}
		sample, err := sampleOf(ctx, s.db.Collection(c.Name))
		if hasCode(err, codesPrivilege) {
			continue
		}
		if err != nil {
			return nil, classify(ctx, err)
		}
		fields = append(fields, sample.Fields(c.Name)...)
	}
	return fields, nil
}

// sampleOf looks at the newest and the oldest records.
func sampleOf(ctx context.Context, c *mongo.Collection) (*discovery.Sample, error) {
	sample, seen := &discovery.Sample{}, map[string]bool{}
	for _, order := range []int{-1, 1} {
		cursor, err := c.Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: order}}).SetLimit(sampled/2))
		if err != nil {
			return nil, err
		}
		for cursor.Next(ctx) {
			id := string(cursor.Current.Lookup("_id").Value)
			if seen[id] {
				continue
			}
			seen[id] = true
			leaves, err := leavesOf(nil, nil, cursor.Current)
			if err != nil {
				_ = cursor.Close(ctx)
				return nil, err
			}
			sample.Add(leaves)
		}
		if err := cursor.Err(); err != nil {
			return nil, err
		}
	}
	return sample, nil
}

// leavesOf adds the fields of a document. Those of documents in lists have the list's name in front, without a number.
func leavesOf(leaves []discovery.Leaf, path []string, document bson.Raw) ([]discovery.Leaf, error) {
	elements, err := document.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		if leaves, err = leavesOfValue(leaves, append(slices.Clone(path), e.Key()), e.Value()); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

func leavesOfValue(leaves []discovery.Leaf, path []string, value bson.RawValue) ([]discovery.Leaf, error) {
	if len(leaves) >= maxLeaves {
		return leaves, nil
	}
	document, isDocument := value.DocumentOK()
	list, isList := value.ArrayOK()
	before := len(leaves)
	var err error
	switch {
	case len(path) >= maxDepth:
	case isDocument:
		leaves, err = leavesOf(leaves, path, document)
	case isList:
		var values []bson.RawValue
		if values, err = list.Values(); err != nil {
			return nil, err
		}
		for _, v := range values {
			if leaves, err = leavesOfValue(leaves, path, v); err != nil {
				return nil, err
			}
		}
	}
	if err != nil || len(leaves) > before {
		return leaves, err
	}
	return append(leaves, discovery.Leaf{Path: path, Type: value.Type.String()}), nil
}
