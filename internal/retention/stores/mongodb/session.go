package mongodb

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// session is one client.
type session struct {
	client *mongo.Client
	db     *mongo.Database
	plan   *retention.Plan
	hello  *hello
	notes  *notes
	// found are the fields that some record was seen to have, by collection and name.
	found map[[2]string]bool
}

// Close gives up the connections.
func (s *session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.client.Disconnect(ctx) // the server notices a connection that cannot say goodbye
}

// Identity is the id of the replica set and the database's name. Where there is none or the login may not read it (privilege
// replSetGetConfig), the UUID of the collection of the first rule stands in its place: a restored, cloned or recreated collection has another one.
func (s *session) Identity(ctx context.Context) (string, error) {
	if s.hello.SetName != "" {
		var reply struct {
			Config struct {
				Settings struct {
					ID bson.ObjectID `bson:"replicaSetId"`
				} `bson:"settings"`
			} `bson:"config"`
		}
		err := s.client.Database(admin).RunCommand(ctx, bson.D{{Key: "replSetGetConfig", Value: 1}}).Decode(&reply)
		if err != nil && len(codesOf(err)) == 0 {
			return "", classify(ctx, err)
		}
		if id := reply.Config.Settings.ID; err == nil && !id.IsZero() {
			return fmt.Sprintf("set %s/%s", id.Hex(), s.db.Name()), nil
		}
	}
	c, err := s.readCollection(ctx, s.plan.Rules[0].Collection)
	if err != nil {
		return "", err
	}
	if len(c.Info.UUID.Data) == 0 {
		return "unknown/" + s.db.Name(), nil
	}
	return fmt.Sprintf("collection %x/%s", c.Info.UUID.Data, s.db.Name()), nil
}

// Now returns the store's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	h, err := s.sayHello(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return h.LocalTime, nil
}

// CheckReferences finds nothing: MongoDB knows no references.
func (s *session) CheckReferences(context.Context, *retention.Rule, []retention.Hold) error {
	return nil
}

// countTimeout is for reading, which blocks nobody.
const countTimeout = time.Hour

// reading runs queries in one snapshot if the store can (a replica set that still has it); otherwise each sees its own moment.
func (s *session) reading(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	if s.hello.isReplicated() {
		err := s.inSnapshot(ctx, do)
		if err == nil || !hasCode(err, codesSnapshot) {
			return classify(ctx, err)
		}
	}
	return classify(ctx, do(ctx))
}

func (s *session) inSnapshot(ctx context.Context, do func(context.Context) error) error {
	snapshot, err := s.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return err
	}
	defer snapshot.EndSession(context.WithoutCancel(ctx))
	return do(mongo.NewSessionContext(ctx, snapshot))
}

// Count counts all rules in one snapshot.
func (s *session) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (counted retention.Snapshot, err error) {
	err = s.reading(ctx, func(ctx context.Context) error {
		counted.Rules = nil
		for i := range rules {
			c, err := s.countRule(ctx, &rules[i], holds, slot)
			if err != nil {
				return err
			}
			counted.Rules = append(counted.Rules, c)
		}
		return nil
	})
	return counted, err
}

func (s *session) countRule(ctx context.Context, rule *retention.Rule, holds []retention.Hold, slot time.Time) (c retention.Counts, err error) {
	collection, clock, all := s.db.Collection(rule.Collection), clockOf(rule.Clock), applies(rule.Where)
	if err := s.checkFit(ctx, rule); err != nil {
		return c, err
	}
	if c.Total, err = collection.CountDocuments(ctx, bson.D{}); err != nil {
		return c, err
	}
	before := span{to: rule.Before}
	sums, err := s.tally(ctx, collection, clock, due(rule), before)
	if err != nil {
		return c, err
	}
	c.Due = sums[0]
	if keeps := held(holds, rule.Collection); len(keeps) > 0 {
		if sums, err = s.tally(ctx, collection, clock, and(due(rule), or(keeps...)), before); err != nil {
			return c, err
		}
		c.Held = sums[0]
	}
	sums, err = s.tally(ctx, collection, clock, all, span{}, span{after: slot}, span{from: year1970, to: year1971}, span{from: year10000}, span{to: year1970}, span{from: year1971, to: year10000})
	if err != nil {
		return c, err
	}
	n, err := collection.CountDocuments(ctx, all)
	if err != nil {
		return c, err
	}
	c.NullClock, c.FutureClock, c.Early, c.Far, c.Sound = max(n-sums[0], 0), sums[1], sums[2], sums[3], sums[4]+sums[5]
	return c, nil
}

// tally counts the records of a condition whose clocks lie in the spans.
func (s *session) tally(ctx context.Context, collection *mongo.Collection, c clock, condition bson.D, spans ...span) ([]int64, error) {
	sums := make([]int64, len(spans))
	if c.isText() {
		err := readTexts(ctx, collection, c, and(condition, c.sound()), func(at time.Time) bool {
			for i, span := range spans {
				if span.contains(at) {
					sums[i]++
				}
			}
			return true
		})
		return sums, err
	}
	for i, span := range spans {
		var err error
		if sums[i], err = collection.CountDocuments(ctx, and(condition, c.within(span))); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// readTexts reads the clocks of a condition's records, those that are RFC 3339, as long as do wants more.
func readTexts(ctx context.Context, collection *mongo.Collection, c clock, condition bson.D, do func(time.Time) bool) error {
	cursor, err := collection.Find(ctx, condition, options.Find().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: c.field, Value: 1}}))
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		if at, err := parseRFC3339(textAt(cursor.Current, c.field)); err == nil && !do(at) {
			return nil
		}
	}
	return cursor.Err()
}

// checkFit fails if a due record cannot be anonymized.
func (s *session) checkFit(ctx context.Context, rule *retention.Rule) error {
	conditions := unfit(rule.Fields)
	if len(conditions) == 0 {
		return nil
	}
	sums, err := s.tally(ctx, s.db.Collection(rule.Collection), clockOf(rule.Clock), and(due(rule), or(conditions...)), span{to: rule.Before})
	if err != nil || sums[0] == 0 {
		return err
	}
	return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "rule %s: %d due records have a field that cannot be replaced: %s",
		rule.Name, sums[0], unfitCause(rule.Fields))
}
