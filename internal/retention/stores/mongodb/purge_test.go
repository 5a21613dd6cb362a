//go:build integration

package mongodb_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

var cutoff = slot.AddDate(0, 0, -90)

// event is a document as the tests know it.
type event struct {
	id     bson.ObjectID
	at     time.Time // zero: no clock
	shop   string    // empty: no such field
	email  string
	tags   []string
	future bool
}

func (e event) document() bson.D {
	d := bson.D{{Key: "_id", Value: e.id}, {Key: "customer", Value: bson.D{{Key: "email", Value: e.email}}}, {Key: "tags", Value: e.tags}}
	if !e.at.IsZero() {
		d = append(d, bson.E{Key: "at", Value: bson.NewDateTimeFromTime(e.at)})
	}
	if e.shop != "" {
		d = append(d, bson.E{Key: "shop", Value: e.shop})
	}
	return d
}

func (e event) isDue() bool { return !e.at.IsZero() && e.at.Before(cutoff) }

// newEvents are of skewed age, with some missing clocks and futures, from a fixed seed.
func newEvents(n int) []event {
	random := rand.New(rand.NewPCG(4, 2))
	events := make([]event, n)
	for i := range events {
		e := event{id: bson.NewObjectIDFromTimestamp(slot.AddDate(-1, 0, 0)), email: fmt.Sprintf("person%d@example.com", i%50), tags: []string{fmt.Sprint("t", i%3), "all"}}
		age := random.Float64()
		e.at = slot.Add(-time.Duration(age * age * 400 * 24 * float64(time.Hour))).Truncate(time.Millisecond)
		switch {
		case i%100 == 1:
			e.at = time.Time{}
		case i%200 == 4:
			e.at, e.future = slot.AddDate(0, 1, 0), true
		}
		if i%7 != 0 {
			e.shop = fmt.Sprint("shop-", i%5)
		}
		events[i] = e
	}
	return events
}

// insertEvents fills the collection events and returns the documents for which keep is true.
func insertEvents(db *database, events []event, keep func(event) bool) (stay []string) {
	var all, kept []bson.D
	for _, e := range events {
		all = append(all, e.document())
		if keep(e) {
			kept = append(kept, e.document())
		}
	}
	db.insert("events", all...)
	return texts(db.t, kept)
}

func eventsRule() retention.Rule {
	return deleteRule("events", "events", "at", v1alpha1.ClockTimestampTZ, 90)
}

func notDue(e event) bool { return !e.isDue() }

func countOf(events []event, is func(event) bool) (n int64) {
	for _, e := range events {
		if is(e) {
			n++
		}
	}
	return n
}

func TestPreviewCountsAndChangesNothing(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(400)
	before := insertEvents(db, events, func(event) bool { return true })
	r := newRunner(t, db, eventsRule())
	r.Plan.Mode = string(v1alpha1.RunPreview)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("_id", events[5].id.Hex(), events[6].id.Hex(), events[7].id.Hex())}}}

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(before, db.documents("events", bson.D{})); diff != "" {
		t.Error("the preview changed documents", diff)
	}
	want := []v1alpha1.RuleResult{{
		Rule: "events", Collection: "events", Total: 400, Verification: v1alpha1.VerificationNotApplicable, Due: countOf(events, event.isDue),
		Held: countOf(events[5:8], event.isDue), NullClock: countOf(events, func(e event) bool { return e.at.IsZero() }), FutureClock: countOf(events, func(e event) bool { return e.future }),
	}}
	if diff := cmp.Diff(want, got.Results); diff != "" {
		t.Error("results", diff)
	}
	t.Log(got.Outcome.Message)
}

func TestDeleteRemovesExactlyWhatIsDueAndNotHeld(t *testing.T) {
	db := newDatabase(t)
	db.insert("other", bson.D{{Key: "_id", Value: 1}})
	events := newEvents(400)
	held := func(e event) bool {
		return ((e.shop == "shop-1" || e.shop == "shop-2") && e.tags[0] == "t1") || (e.shop == "" && e.email != "person7@example.com")
	}
	want := insertEvents(db, events, func(e event) bool { return notDue(e) || held(e) })
	r := newRunner(t, db, eventsRule())
	r.InForce = []retention.Hold{
		{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2"), retentiontest.In("tags", "t1")}},
		{Name: "case-2", Collection: "events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}, {Field: "customer.email", Operator: "NotIn", Values: []string{"person7@example.com"}}}},
		{Name: "elsewhere", Collection: "other"},
	}

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" {
		t.Error("documents", diff)
	}
	result := got.Results[0]
	if result.Due != countOf(events, event.isDue) || result.Done != 400-int64(len(want)) || result.Done+result.Held != result.Due || result.Inferred != 0 || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v, remaining documents %d", result, len(want))
	}
	if got.Evidence.Digest == "" || got.Evidence.RecordsDigest == "" || got.Evidence.SchemaDigest == "" || got.Evidence.StoreIdentity == "" {
		t.Errorf("evidence %+v", got.Evidence)
	}
	t.Log(got.Outcome.Message, got.Evidence.StoreIdentity, got.Checkpoint.Batches)
}
