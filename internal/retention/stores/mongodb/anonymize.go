package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// anonymize changes the found records one by one, in one message.
func (s *session) anonymize(ctx context.Context, collection *mongo.Collection, w retention.Window, found *batch) ([]bson.RawValue, error) {
	condition := found.condition(w)
	models := make([]mongo.WriteModel, len(found.ids))
	for i, document := range found.documents {
		guards, sets, err := replacements(w, document)
		if err != nil {
			return nil, err
		}
		filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: found.ids[i]}}}, {Key: "$and", Value: append(guards, condition)}}
		models[i] = mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(bson.D{{Key: "$set", Value: sets}})
	}
	result, err := collection.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	var exception mongo.BulkWriteException
	if err != nil && (!errors.As(err, &exception) || result == nil || result.MatchedCount == 0) {
		return nil, err
	}
	if err == nil && result.MatchedCount == int64(len(found.ids)) {
		return found.ids, nil
	}
	// Some records changed meanwhile, or the store refused some: they do not hold their replacements.
	keys := on("_id", "$in", found.ids)
	finished, readErr := s.which(ctx, collection, and(keys, not(unfinished(w.Rule.Fields))))
	if readErr != nil {
		return nil, stores.Unreachable(errInDoubt)
	}
	left := map[string]bool{}
	for _, id := range found.ids {
		if key := keyText(id); !finished[key] {
			left[key] = true
		}
	}
	return found.without(left), err
}

// replacements are what a record's fields become, and the conditions under which what they were computed from is still what the
// record holds. The hash key never goes to the store.
func replacements(w retention.Window, document bson.Raw) (guards []bson.D, sets bson.D, err error) {
	for _, f := range w.Rule.Fields {
		value := valueAt(document, f.Name)
		if value.IsZero() {
			continue
		}
		switch v1alpha1.AnonymizeStrategy(f.Strategy) {
		case v1alpha1.AnonymizeNull:
			sets = append(sets, bson.E{Key: f.Name, Value: nil})
		case v1alpha1.AnonymizeConstant:
			sets = append(sets, bson.E{Key: f.Name, Value: f.Value})
		default:
			text, isText := value.StringValueOK()
			if !isText && value.Type != bson.TypeNull {
				return nil, nil, unfitFailure(w.Rule, f)
			}
			replaced, err := f.Replace(w.Hasher, text)
			if err != nil {
				return nil, nil, err
			}
			if isText && replaced != text {
				guards = append(guards, on(f.Name, "$eq", text))
				sets = append(sets, bson.E{Key: f.Name, Value: replaced})
			}
		}
	}
	if len(sets) == 0 {
		return nil, nil, unfitFailure(w.Rule, w.Rule.Fields[0])
	}
	return guards, sets, nil
}

func unfitFailure(rule *retention.Rule, f retention.Anonymize) error {
	return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "rule %s: field %q of a due record cannot be replaced: %s",
		rule.Name, f.Name, unfitCause([]retention.Anonymize{f}))
}

// unfitCause says why a field cannot be replaced, and what to do.
func unfitCause(fields []retention.Anonymize) string {
	causes := []string{"it lies inside of an array"}
	for _, f := range retention.Computed(fields) {
		form := ""
		if f.Strategy == string(v1alpha1.AnonymizeCoarsenDate) {
			form = " as in RFC 3339"
		}
		causes = append(causes, fmt.Sprintf("or holds no text%s, which strategy %s needs", form, f.Strategy))
	}
	return strings.Join(causes, ", ") + ". Name the array itself, or use strategy Null or Constant"
}
