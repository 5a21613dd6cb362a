package mongodb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// collection is one as the store describes it.
type collection struct {
	Name    string   `bson:"name"`
	Type    string   `bson:"type"`
	Options bson.Raw `bson:"options"`
	Info    struct {
		UUID bson.Binary `bson:"uuid"`
	} `bson:"info"`
	// indexes as canonical extended JSON.
	indexes []string
}

// Inspect checks everything that could go wrong before anything is changed.
func (s *session) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (found retention.Inspection, err error) {
	if err := stores.RefuseArchives(rules, v1alpha1.StoreMongoDB); err != nil {
		return found, err
	}
	if err := stores.RefuseSubjects(holds, v1alpha1.StoreMongoDB); err != nil {
		return found, err
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	collections := map[string]*collection{}
	for i := range rules {
		warnings, err := s.inspectRule(ctx, &rules[i], collections)
		if err != nil {
			return found, stores.Named(classify(ctx, err), "rule "+rules[i].Name)
		}
		found.Warnings = append(found.Warnings, warnings...)
	}
	for i := range holds {
		if err := s.inspectHold(ctx, &holds[i], collections); err != nil {
			return found, classify(ctx, err)
		}
	}
	warnings, err := s.inspectPrivileges(ctx, rules)
	if err != nil {
		return found, classify(ctx, err)
	}
	found.Warnings = append(found.Warnings, warnings...)
	found.SchemaDigest = schemaDigest(collections)
	return found, nil
}

// readCollection looks for a collection. It fails if there is none.
func (s *session) readCollection(ctx context.Context, name string) (*collection, error) {
	found, err := s.lookUp(ctx, name)
	if err == nil && found == nil {
		err = retention.Fail(v1alpha1.ReasonTableNotFound,
			"there is no collection %q in database %q: correct the collection's name (names are literal: upper and lower case differ), or the Secret's database", name, s.db.Name())
	}
	return found, err
}

// lookUp looks for a collection; nil: there is none.
func (s *session) lookUp(ctx context.Context, name string) (*collection, error) {
	cursor, err := s.db.ListCollections(ctx, on("name", "$eq", name))
	if err != nil {
		return nil, classify(ctx, err)
	}
	var found []collection
	if err := cursor.All(ctx, &found); err != nil || len(found) == 0 {
		return nil, classify(ctx, err)
	}
	return &found[0], nil
}

func (s *session) inspectRule(ctx context.Context, rule *retention.Rule, collections map[string]*collection) (warnings []string, err error) {
	if err := checkNames(rule); err != nil {
		return nil, err
	}
	if collections[rule.Collection] == nil {
		c, err := s.readCollection(ctx, rule.Collection)
		if err != nil {
			return nil, err
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		if c.indexes, err = s.readIndexes(ctx, rule.Collection); err != nil {
			return nil, err
		}
		collections[rule.Collection] = c
	}
	return s.inspectFields(ctx, rule)
}

// check refuses what is no plain collection.
func (c *collection) check() error {
	capped, _ := c.Options.Lookup("capped").BooleanOK()
	switch {
	case c.Type != "" && c.Type != "collection":
		return retention.Fail(v1alpha1.ReasonTableNotFound, "%q is a %s, which cannot be purged: name the collection behind it, or let the store expire it", c.Name, c.Type)
	case capped:
		return retention.Fail(v1alpha1.ReasonTableNotFound, "%q is a capped collection, in which the store itself decides what goes: use a plain one", c.Name)
	default:
		return nil
	}
}

func (s *session) readIndexes(ctx context.Context, name string) ([]string, error) {
	cursor, err := s.db.Collection(name).Indexes().List(ctx)
	if err != nil {
		return nil, err
	}
	var indexes []string
	for cursor.Next(ctx) {
		text, err := bson.MarshalExtJSON(cursor.Current, true, false)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, string(text))
	}
	slices.Sort(indexes)
	return indexes, cursor.Err()
}

// checkNames refuses names that are no paths, and anonymized fields that contain each other, the clock or the key.
func checkNames(rule *retention.Rule) error {
	if !slices.Equal(rule.Key, []string{"_id"}) {
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "the key of a record in MongoDB is _id: correct key of the collection in the DataStore")
	}
	if rule.Clock.Unit == string(v1alpha1.ClockStoreTime) && rule.Clock.Field != "_id" {
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "unit StoreTime is the time inside of an ObjectId in _id: set clock.field to _id")
	}
	names := []string{rule.Clock.Field}
	for _, f := range rule.Fields {
		for _, other := range append(names, "_id") {
			if isWithin(f.Name, other) || isWithin(other, f.Name) {
				return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "field %q cannot be anonymized beside %q: one contains the other, or it is key or clock", f.Name, other)
			}
		}
		names = append(names, f.Name)
	}
	for _, f := range rule.Where {
		names = append(names, f.Field)
	}
	for _, name := range names {
		if !isPath(name) {
			return retention.Fail(v1alpha1.ReasonColumnNotFound, "%q is no field that can be named: write a path such as customer.email, no part of it empty or with $ in front", name)
		}
	}
	return nil
}

// isWithin says whether a path is another one or lies in it.
func isWithin(path, other string) bool { return path == other || strings.HasPrefix(path, other+".") }

func isPath(name string) bool {
	return !strings.Contains(name, "\x00") && !slices.ContainsFunc(strings.Split(name, "."), func(part string) bool {
		return part == "" || part[0] == '$'
	})
}

// inspectFields looks for records that have the rule's fields: MongoDB has no columns, and a misspelled name would find nothing, for ever.
func (s *session) inspectFields(ctx context.Context, rule *retention.Rule) (warnings []string, err error) {
	if filled, err := finds(ctx, s.db.Collection(rule.Collection), bson.D{}); err != nil || !filled {
		return nil, err
	}
	if err := s.inspectClock(ctx, rule); err != nil {
		return nil, err
	}
	for _, f := range rule.Fields {
		if known, err := s.hasField(ctx, rule.Collection, f.Name); err != nil || !known {
			return nil, missing(err, f.Name)
		}
	}
	for _, f := range rule.Where {
		known, err := s.hasField(ctx, rule.Collection, f.Field)
		switch {
		case known && err == nil:
		case err == nil && f.Operator == string(v1alpha1.FilterDoesNotExist):
			warnings = append(warnings, fmt.Sprintf("rule %s: no record has a field %q, so that the filter DoesNotExist lets all pass: check its name", rule.Name, f.Field))
		default:
			return nil, missing(err, f.Field)
		}
	}
	return warnings, nil
}

func missing(err error, field string) error {
	if err != nil {
		return err
	}
	return retention.Fail(v1alpha1.ReasonColumnNotFound, "no record has a field %q: correct the rule (names are literal: upper and lower case differ)", field)
}

// inspectClock fails if no record's clock is of the unit's type.
func (s *session) inspectClock(ctx context.Context, rule *retention.Rule) error {
	c := clockOf(rule.Clock)
	typed, err := s.findsClock(ctx, rule.Collection, c)
	if err != nil || typed {
		return err
	}
	if other, err := finds(ctx, s.db.Collection(rule.Collection), and(has(c.field), not(c.saysNothing()...))); err != nil || other {
		return errors.Join(err, retention.Fail(v1alpha1.ReasonClockTypeMismatch, "no record has a clock of unit %s in field %q, but some have another type there: correct clock.unit or choose another field",
			rule.Clock.Unit, c.field))
	}
	if known, err := s.hasField(ctx, rule.Collection, c.field); err != nil || !known {
		return missing(err, c.field)
	}
	return nil
}

// finds says whether some record meets a condition.
func finds(ctx context.Context, collection *mongo.Collection, condition bson.D) (bool, error) {
	err := collection.FindOne(ctx, condition, options.FindOne().SetProjection(byID)).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// findsClock says whether some record has a clock of the unit's type, which for text must be RFC 3339.
func (s *session) findsClock(ctx context.Context, name string, c clock) (found bool, err error) {
	if !c.isText() {
		return finds(ctx, s.db.Collection(name), c.sound())
	}
	err = readTexts(ctx, s.db.Collection(name), c, c.sound(), func(time.Time) bool {
		found = true
		return false
	})
	return found, err
}

// hasField says whether some record has a field. What was found once is not looked for again.
func (s *session) hasField(ctx context.Context, name, field string) (bool, error) {
	key := [2]string{name, field}
	if s.found[key] {
		return true, nil
	}
	known, err := finds(ctx, s.db.Collection(name), on(field, "$exists", true))
	if known {
		if s.found == nil {
			s.found = map[[2]string]bool{}
		}
		s.found[key] = true
	}
	return known, err
}

// inspectHold checks what a hold means. A hold that cannot be applied, or keeps nothing because of a misspelled name, stops the run.
func (s *session) inspectHold(ctx context.Context, hold *retention.Hold, collections map[string]*collection) error {
	if collections[hold.Collection] == nil {
		c, err := s.lookUp(ctx, hold.Collection)
		if err == nil && c == nil {
			err = retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: there is no collection %q: correct or delete the hold", hold.Name, hold.Collection)
		}
		return err
	}
	filled, err := finds(ctx, s.db.Collection(hold.Collection), bson.D{})
	for _, f := range hold.Where {
		if !isPath(f.Field) {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: %q is no field that can be named: correct or delete the hold", hold.Name, f.Field)
		}
		if err != nil || !filled || f.Operator == string(v1alpha1.FilterDoesNotExist) {
			continue
		}
		var known bool
		if known, err = s.hasField(ctx, hold.Collection, f.Field); err == nil && !known {
			return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: no record of %q has a field %q: correct or delete the hold", hold.Name, hold.Collection, f.Field)
		}
	}
	return err
}

// schemaDigest is the SHA-256 of the collections' names, options (validator, collation) and indexes: MongoDB has no columns.
func schemaDigest(collections map[string]*collection) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(collections)) {
		c := collections[name]
		fmt.Fprintf(sum, "%q %s %q\n", name, c.Options, c.indexes)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
