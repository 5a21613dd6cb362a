//go:build integration

package mongodb_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// FerretDB itself fails at double quotes in names.
func TestNamesAreLiteral(t *testing.T) {
	for _, name := range []struct{ collection, field string }{
		{"Order Items", "At"}, {"say 'hi'", "q'uote"}, {"таблица.v2", "время"}, {"'; db.dropDatabase(); --", "a b"}, {"{where: 1}", "{$ne: 1}"},
	} {
		t.Run(name.collection, func(t *testing.T) {
			db := newDatabase(t)
			for n := range 60 {
				db.insert(name.collection, bson.D{{Key: "_id", Value: n}, {Key: name.field, Value: bson.NewDateTimeFromTime(slot.AddDate(0, 0, -5*n))}, {Key: "from", Value: fmt.Sprint("x", n)}})
			}
			rule := deleteRule("r", name.collection, name.field, v1alpha1.ClockTimestampTZ, 90)
			rule.Where = []retention.Filter{{Field: "from", Operator: "NotIn", Values: []string{"x20", "$ne", `{"$gt": ""}`, "null"}}}
			newRunner(t, db, rule).Run(v1alpha1.ReasonCompleted)
			if n := db.count(name.collection, bson.D{}); n != 20 {
				t.Errorf("%d documents are left, want the 19 young ones and x20", n)
			}
		})
	}
}

// Windows reach every type of _id, however small they are, and though the purger restarts in the middle.
func TestKeysOfEveryType(t *testing.T) {
	ids := []any{nil, int32(-7), int64(1 << 60), 0.5, int32(3), "", "a", "person@example.com", "Ж", bson.D{{Key: "a", Value: int32(1)}}, bson.D{{Key: "b", Value: "x"}},
		bson.Binary{Subtype: 4, Data: []byte("0123456789abcdef")}, bson.Binary{Data: []byte{1}}, bson.NewObjectID(), bson.NewObjectID(), false, true,
		bson.DateTime(-5), bson.DateTime(5), bson.Timestamp{T: 5, I: 1}}
	for _, size := range []int64{1, 2, 3, 100} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(size, restarts), func(t *testing.T) {
				db := newDatabase(t)
				for i, id := range ids {
					at := slot.AddDate(0, 0, -100)
					if i%3 == 2 {
						at = slot
					}
					db.insert("events", bson.D{{Key: "_id", Value: id}, {Key: "at", Value: at}})
				}
				want := db.documents("events", bson.D{{Key: "at", Value: slot}})
				r := newRunner(t, db, eventsRule())
				windows := 0
				driver := &retentiontest.Faulty{Driver: r.Driver, Size: size}
				driver.After = func(b retention.Batch) error {
					if windows++; windows > 100 {
						t.Fatal("windows never end")
					}
					if strings.Contains(b.Next, "person") {
						t.Errorf("the position %q names a record", b.Next)
					}
					return nil
				}
				r.Driver = driver
				if restarts {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					driver.Before = func() error {
						if windows == 6 {
							cancel()
						}
						return nil
					}
					_ = r.Try(ctx)
					r.Driver = newRunner(t, db, eventsRule()).Driver
				}
				r.Run(v1alpha1.ReasonCompleted)
				if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// A value of a filter means all values that are written like it; holds keep what is in doubt, rules leave it alone.
func TestFiltersMeetEachValue(t *testing.T) {
	uuid := bson.Binary{Subtype: 4, Data: []byte{0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00}}
	id := bson.NewObjectID()
	values := []string{"5", "true", id.Hex(), "0.5", "123e4567-e89b-12d3-a456-426614174000", "2026-01-01T00:00:00Z", "text"}
	date := bson.NewDateTimeFromTime(slot)
	newYear := bson.NewDateTimeFromTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	const none = "none"
	tests := []struct {
		v any
		// operators that match; a hold matches those of doubt too.
		match, doubt string
	}{
		{"5", "In Exists", ""}, {int32(5), "In Exists", ""}, {int64(5), "In Exists", ""}, {5.0, "In Exists", ""}, {"5.0", "NotIn Exists", ""}, {int32(6), "NotIn Exists", ""},
		{true, "In Exists", ""}, {"true", "In Exists", ""}, {false, "NotIn Exists", ""}, {id, "In Exists", ""}, {id.Hex(), "In Exists", ""}, {0.5, "In Exists", ""},
		{uuid, "In Exists", ""}, {newYear, "In Exists", ""}, {date, "NotIn Exists", ""}, {"text", "In Exists", ""}, {"Text", "NotIn Exists", ""}, {"", "NotIn Exists", ""},
		{nil, "DoesNotExist", ""}, {none, "DoesNotExist", ""},
		{bson.A{"x", "text"}, "In Exists", "NotIn"}, {bson.A{"x"}, "NotIn Exists", "NotIn"}, {bson.A{}, "NotIn Exists", "NotIn"}, {bson.A{nil}, "Exists", "NotIn"},
		{bson.D{{Key: "gt", Value: ""}}, "NotIn Exists", ""},
	}
	for _, operator := range []string{"In", "NotIn", "Exists", "DoesNotExist"} {
		for _, hold := range []bool{false, true} {
			t.Run(fmt.Sprint(operator, hold), func(t *testing.T) {
				db := newDatabase(t)
				db.insert("events", bson.D{{Key: "_id", Value: int32(-1)}, {Key: "at", Value: slot}, {Key: "v", Value: "young"}})
				want := []int32{-1}
				for i, tc := range tests {
					d := bson.D{{Key: "_id", Value: int32(i)}, {Key: "at", Value: slot.AddDate(-1, 0, 0)}}
					if tc.v != none {
						d = append(d, bson.E{Key: "v", Value: tc.v})
					}
					db.insert("events", d)
					matches := strings.Contains(" "+tc.match+" ", " "+operator+" ")
					if hold {
						matches = matches || tc.doubt == operator
					}
					if matches == hold {
						want = append(want, int32(i))
					}
				}
				filter := retention.Filter{Field: "v", Operator: operator}
				if strings.HasSuffix(operator, "In") {
					filter.Values = values
				}
				r := newRunner(t, db, eventsRule())
				if hold {
					r.InForce = []retention.Hold{{Name: "h", Collection: "events", Where: []retention.Filter{filter}}}
				} else {
					r.Plan.Rules[0].Where = []retention.Filter{filter}
				}
				r.Run(v1alpha1.ReasonCompleted)
				var left []struct {
					ID int32 `bson:"_id"`
				}
				cursor, err := db.Collection("events").Find(t.Context(), bson.D{})
				if err != nil || cursor.All(t.Context(), &left) != nil {
					t.Fatal(err)
				}
				var got []int32
				for _, d := range left {
					got = append(got, d.ID)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// In an array of documents nobody knows which one a path means.
func TestPathsThroughArraysAreInDoubt(t *testing.T) {
	lines := bson.A{bson.D{{Key: "sku", Value: "a"}}, bson.D{{Key: "sku", Value: "b"}}}
	for _, operator := range []string{"In", "NotIn", "Exists", "DoesNotExist"} {
		filter := retention.Filter{Field: "lines.sku", Operator: operator}
		if strings.HasSuffix(operator, "In") {
			filter.Values = []string{"c"}
		}
		for _, hold := range []bool{false, true} {
			db := newDatabase(t)
			db.insert("events", bson.D{{Key: "_id", Value: 1}, {Key: "at", Value: slot.AddDate(-1, 0, 0)}, {Key: "lines", Value: lines}})
			r := newRunner(t, db, eventsRule())
			reason := v1alpha1.ReasonNothingDue
			if hold {
				r.InForce = []retention.Hold{{Name: "h", Collection: "events", Where: []retention.Filter{filter}}}
				reason = v1alpha1.ReasonCompleted // it is due, and held
			} else {
				r.Plan.Rules[0].Where = []retention.Filter{filter}
			}
			if got := r.Run(reason).Results[0]; got.Done != 0 || db.count("events", bson.D{}) != 1 {
				t.Errorf("%s, hold %t: %+v", operator, hold, got)
			}
		}
	}
}

func TestTLSModesAndLogins(t *testing.T) {
	for _, tc := range []struct {
		mode, host, ca, source string
		plain                  bool
	}{
		{"VerifyFull", "127.0.0.1", server.ca, "admin", false}, {"VerifyCA", "localhost", server.ca, "admin", false}, {"Disable", "localhost", "", "admin", true},
		{"VerifyFull", "127.0.0.1", server.ca, "logins", false},
	} {
		t.Run(tc.mode+" "+tc.source, func(t *testing.T) {
			db := newDatabase(t)
			if tc.source != "admin" {
				db.Database = server.client.Database(tc.source)
				db.secret("database", tc.source)
			}
			insertEvents(db, newEvents(60), notDue)
			r := newRunner(t, db, eventsRule())
			r.Plan.Mode, r.Plan.Store.TLSMode, r.Plan.Store.CABundle = string(v1alpha1.RunPreview), tc.mode, tc.ca
			db.secret("host", tc.host)
			db.secret("password", purgerLogin+" of "+tc.source)
			if tc.plain {
				db.secret("port", fmt.Sprint(server.plain))
			}
			r.Run(v1alpha1.ReasonCompleted)
		})
	}
}

// A member of a replica set reads in snapshots. This one has no other members.
func TestReplicaSet(t *testing.T) {
	own, err := newFerret(filepath.Join(t.TempDir(), "set"), "--repl-set-name=rs0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.stop)
	db := newDatabaseOf(t, own)
	want := insertEvents(db, newEvents(100), notDue)
	r := newRunner(t, db, eventsRule())
	session, err := r.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if lag, err := session.Lag(t.Context()); err != nil || !strings.Contains(lag.Unknown, "clusterMonitor") {
		t.Errorf("lag %+v, %v", lag, err)
	}
	r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.documents("events", bson.D{})); diff != "" {
		t.Error(diff)
	}
}

func TestIdentityTellsStoresApart(t *testing.T) {
	identity := func(db *database) string {
		session, err := newRunner(t, db, eventsRule()).Driver.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		id, err := session.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, second := newDatabase(t), newDatabase(t)
	first.insert("events", bson.D{{Key: "_id", Value: 1}})
	second.insert("events", bson.D{{Key: "_id", Value: 1}})
	before := identity(first)
	if before == identity(second) || before != identity(first) {
		t.Errorf("identities %q, %q, %q", before, identity(first), identity(second))
	}
	if err := first.Collection("events").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.insert("events", bson.D{{Key: "_id", Value: 1}})
	if before == identity(first) {
		t.Error("a collection that was made again is taken for the old one")
	}
}

func TestRulesOfOneCollectionAreCountedAsTheyBegin(t *testing.T) {
	db := newDatabase(t)
	events := newEvents(200)
	insertEvents(db, events, notDue)
	old := deleteRule("old", "events", "at", v1alpha1.ClockTimestampTZ, 200)
	r := newRunner(t, db, old, anonymizeRule(retention.Anonymize{Name: "customer.email", Strategy: "Null"}))
	left := countOf(events, func(e event) bool { return e.isDue() && !e.at.Before(slot.AddDate(0, 0, -200)) })
	if second := r.Run(v1alpha1.ReasonCompleted).Results[1]; second.Due != left || second.Done != left {
		t.Errorf("%+v, want %d", second, left)
	}
}
