package mongodb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

func raw(t *testing.T, v any) bson.RawValue {
	t.Helper()
	document, err := bson.Marshal(bson.D{{Key: "_id", Value: v}})
	if err != nil {
		t.Fatal(err)
	}
	return bson.Raw(document).Lookup("_id")
}

func json(t *testing.T, condition bson.D) string {
	t.Helper()
	text, err := bson.MarshalExtJSON(condition, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPositionsSurviveAndNameNobody(t *testing.T) {
	id, _ := bson.ObjectIDFromHex("0123456789abcdef01234567")
	decimal, _ := bson.ParseDecimal128("1.5")
	for _, v := range []any{id, int32(5), int64(-5), 0.5, math.Inf(1), math.NaN(), decimal, true, bson.DateTime(5), bson.Timestamp{T: 1, I: 2},
		bson.Binary{Subtype: bson.TypeBinaryUUID, Data: make([]byte, 16)}} {
		value := raw(t, v)
		at := place{bracket: bracketOf(value), after: value}
		position := new(notes).write(at)
		got, ok := new(notes).read(position) // another purger reads it
		if !ok || got.bracket != at.bracket || !got.after.Equal(value) || len(position) > maxPlace+32 {
			t.Errorf("%v: position %q is read as %+v", v, position, got)
		}
	}
	for _, v := range []any{"person@example.com", bson.D{{Key: "email", Value: "person@example.com"}}, bson.Binary{Data: []byte("person@example.com")}} {
		n := &notes{}
		value := raw(t, v)
		at := place{bracket: bracketOf(value), after: value}
		position := n.write(at)
		if strings.Contains(position, "person") {
			t.Errorf("position %q names a record", position)
		}
		if got, ok := n.read(position); !ok || !got.after.Equal(value) {
			t.Errorf("position %q is read as %+v", position, got)
		}
		if got, ok := new(notes).read(position); !ok || got.bracket != at.bracket || !got.after.IsZero() {
			t.Errorf("position %q is read by another purger as %+v", position, got)
		}
	}
	for _, position := range []string{"", "end", "nonsense:", "{"} {
		if _, ok := new(notes).read(position); ok {
			t.Errorf("%q is read", position)
		}
	}
	if got, ok := new(notes).read(`objectId:{"_id":"text"}`); !ok || !got.after.IsZero() {
		t.Errorf("a key of another bracket is taken: %+v", got)
	}
}

func TestEveryTypeOfKeyHasItsBracket(t *testing.T) {
	last := -1
	for _, v := range []any{bson.MinKey{}, nil, math.NaN(), int32(1), "x", bson.D{}, bson.Binary{}, bson.ObjectID{}, false, bson.DateTime(1), bson.Timestamp{},
		bson.DBPointer{}, bson.JavaScript("x"), bson.CodeWithScope{Scope: bson.D{}}, bson.MaxKey{}} {
		b := bracketOf(raw(t, v))
		if b <= last {
			t.Errorf("%T comes not after what comes before it", v)
		}
		last = b
	}
	if bracketOf(raw(t, bson.Symbol("x"))) != bracketOf(raw(t, "x")) || bracketOf(raw(t, 1.5)) != bracketOf(raw(t, int64(1))) {
		t.Error("types that are compared with each other are apart")
	}
}

func TestEveryChangeCarriesRuleAndHoldsInItself(t *testing.T) {
	rule := &retention.Rule{Collection: "events", Clock: retention.Clock{Field: "order.at", Unit: "TimestampTZ"}, Before: time.Unix(1e9, 1).UTC(),
		Where: []retention.Filter{{Field: "shop", Operator: "In", Values: []string{"$gt"}}}}
	holds := []retention.Hold{{Name: "elsewhere", Collection: "orders"}, {Name: "case-1", Collection: "events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}}}}
	want := `{"$and":[{"$and":[{"$and":[{"$and":[{"order.at":{"$type":"date"}},{"$nor":[{"order":{"$type":"array"}},{"order.at":{"$type":"array"}}]}]},` +
		`{"order.at":{"$lt":{"$date":"2001-09-09T01:46:40Z"}}}]},{"shop":{"$in":["$gt"]}}]},` +
		`{"$nor":[{"$nor":[{"$or":[{"shop":{"$ne":null}},{"shop":{"$type":"array"}}]}]}]}]}`
	w := retention.Window{Rule: rule, Holds: holds}
	if diff := cmp.Diff(want, json(t, new(batch).condition(w))); diff != "" {
		t.Error(diff)
	}
	w.Holds = []retention.Hold{{Name: "all", Collection: "events"}}
	if got := json(t, new(batch).condition(w)); !strings.HasSuffix(got, `{"$nor":[{}]}]}`) {
		t.Errorf("a hold without filters holds the whole collection, but the condition is %s", got)
	}
	w.Holds, rule.Clock.Unit = nil, "RFC3339"
	if got := json(t, (&batch{texts: []string{"2001-09-09T01:46:39Z"}}).condition(w)); !strings.Contains(got, `{"order.at":{"$in":["2001-09-09T01:46:39Z"]}}`) {
		t.Errorf("the clocks that were read are not in the condition: %s", got)
	}
}

// FerretDB stores neither NaN nor infinity. MongoDB does: a comparison is false for NaN, and infinity is not less than itself.
func TestEpochsThatAreNoNumbersSayNothing(t *testing.T) {
	got := json(t, clock{field: "at", unit: v1alpha1.ClockEpochSeconds}.sound())
	if want := `{"$and":[{"at":{"$gt":0,"$lt":{"$numberDouble":"Infinity"}}},{"$nor":[{"at":{"$type":"array"}}]}]}`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestMeaningsOfAValue(t *testing.T) {
	id, _ := bson.ObjectIDFromHex("0123456789abcdef01234567")
	tenth, _ := bson.ParseDecimal128("0.1")
	for value, want := range map[string]bson.A{
		"5": {"5", int64(5)}, "-5": {"-5", int64(-5)}, "5.0": {"5.0", int64(5)}, "0.5": {"0.5", 0.5}, "0.1": {"0.1", 0.1, tenth}, "007": {"007"}, "+5": {"+5"}, "1e9": {"1e9"}, "NaN": {"NaN"}, "0x5": {"0x5"},
		"9223372036854775807": {"9223372036854775807", int64(math.MaxInt64)}, "true": {"true", true}, "True": {"True"}, "1": {"1", int64(1)}, "": {""}, "$ne": {"$ne"},
		id.Hex(): {id.Hex(), id}, "2001-09-09T01:46:40Z": {"2001-09-09T01:46:40Z", bson.DateTime(1e12)},
		"00000000-0000-0000-0000-000000000001": {"00000000-0000-0000-0000-000000000001", bson.Binary{Subtype: 4, Data: []byte{15: 1}}},
	} {
		if diff := cmp.Diff(want, meanings([]string{value}), cmp.Comparer(func(a, b bson.Decimal128) bool { return a == b })); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
}

func TestInstantsAreRoundedDown(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 58, 999_999_999, time.UTC)
	for unit, want := range map[v1alpha1.ClockUnit]any{v1alpha1.ClockEpochSeconds: int64(-2), v1alpha1.ClockEpochMilliseconds: int64(-1001), v1alpha1.ClockEpochMicroseconds: int64(-1_000_001),
		v1alpha1.ClockTimestampTZ: bson.DateTime(-1001), v1alpha1.ClockStoreTime: bson.ObjectID{}} {
		if got := (clock{unit: unit}).instant(at); got != want {
			t.Errorf("%s: %v, want %v", unit, got, want)
		}
	}
	if objectID(year10000).Hex() <= objectID(time.Unix(math.MaxUint32, 0)).Hex() {
		t.Error("an ObjectId lies after its last second")
	}
}

func TestErrorsOfTheStoreBecomeWhatTheEngineUnderstands(t *testing.T) {
	const personal = "dup key: { email: person@example.com }"
	for code, want := range map[int32]any{
		50: retention.ErrBusy, 112: retention.ErrBusy, 24: retention.ErrBusy, 43: retention.ErrBusy, 14031: retention.ErrBusy,
		91: retention.ErrUnreachable, 189: retention.ErrUnreachable, 10107: retention.ErrUnreachable, 11600: retention.ErrUnreachable, 13435: retention.ErrUnreachable,
		13: v1alpha1.ReasonPrivilegeMissing, 26: v1alpha1.ReasonTableNotFound, 121: v1alpha1.ReasonConstraintViolated, 11000: v1alpha1.ReasonConstraintViolated,
		28: v1alpha1.ReasonColumnTypeMismatch, 18: errLogin,
	} {
		err := classify(t.Context(), fmt.Errorf("window: %w", mongo.CommandError{Code: code, Message: personal}))
		checkError(t, fmt.Sprint(code), err, want)
		if strings.Contains(err.Error(), "person@") {
			t.Errorf("%d: the error quotes a record: %v", code, err)
		}
	}
	checkError(t, "validator", classify(t.Context(), mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{Code: 121, Message: personal}}}), v1alpha1.ReasonConstraintViolated)
	checkError(t, "broken connection", classify(t.Context(), io.ErrUnexpectedEOF), retention.ErrUnreachable)
	checkError(t, "slow", classify(t.Context(), context.DeadlineExceeded), retention.ErrBusy)
	checkError(t, "slow change", doubtful(t.Context(), context.DeadlineExceeded), retention.ErrUnreachable)
	checkError(t, "unconfirmed change", doubtful(t.Context(), mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}}), retention.ErrUnreachable)
	checkError(t, "refused change", doubtful(t.Context(), mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 121}}}), v1alpha1.ReasonConstraintViolated)
	checkError(t, "unknown CA", connecting(t.Context(), x509.UnknownAuthorityError{}), v1alpha1.ReasonStoreTLSFailed)
	checkError(t, "refused", connecting(t.Context(), errors.New("connection refused")), retention.ErrUnreachable)
	checkError(t, "secondary", (&hello{Secondary: true}).check(), retention.ErrUnreachable)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	checkError(t, "told to stop", classify(stopped, io.ErrUnexpectedEOF), context.Canceled)
}

// checkError wants an error of the kind, or a failure with the reason.
func checkError(t *testing.T, name string, err error, want any) {
	t.Helper()
	var failure *retention.Failure
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	case string:
		if !errors.As(err, &failure) || failure.Reason != want || failure.Message == "" {
			t.Errorf("%s: error %v, want a failure with reason %s", name, err, want)
		}
	}
}

// The reply is in the form of the manual's page on replSetGetStatus; no server here has replicas.
func TestLagIsThatOfTheSlowestSecondary(t *testing.T) {
	start := time.Unix(1e9, 0)
	reply := func(states ...member) (members []member) {
		document, err := bson.Marshal(bson.D{{Key: "members", Value: states}})
		if err != nil {
			t.Fatal(err)
		}
		var decoded struct {
			Members []member `bson:"members"`
		}
		if err := bson.Unmarshal(document, &decoded); err != nil {
			t.Fatal(err)
		}
		return decoded.Members
	}
	primary := member{Name: "a:27017", State: statePrimary, Health: 1, Optime: start}
	near := member{Name: "b:27017", State: stateSecondary, Health: 1, Optime: start.Add(-time.Second)}
	far := member{Name: "c:27017", State: stateSecondary, Health: 1, Optime: start.Add(-time.Minute)}
	ahead := member{Name: "d:27017", State: stateSecondary, Health: 1, Optime: start.Add(time.Second)}
	for name, tc := range map[string]struct {
		members []member
		behind  time.Duration
		unknown string
	}{
		"slowest counts":                {[]member{far, primary, near}, time.Minute, ""},
		"read before the primary":       {[]member{primary, ahead}, 0, ""},
		"arbiter has no data":           {[]member{primary, near, {Name: "e", State: stateArbiter, Health: 1}}, time.Second, ""},
		"member that is down":           {[]member{primary, near, {Name: "c:27017", State: 8}}, 0, "c:27017"},
		"member that copies all anew":   {[]member{primary, near, {Name: "c:27017", State: 5, Health: 1}}, 0, "c:27017"},
		"no primary":                    {[]member{near, far}, 0, "no primary"},
		"a primary that nobody follows": {[]member{primary}, 0, "no secondary"},
	} {
		got := behind(reply(tc.members...))
		if got.Behind != tc.behind || (tc.unknown == "") != (got.Unknown == "") || !strings.Contains(got.Unknown, tc.unknown) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The privileges are in the form of the manual's page on connectionStatus; FerretDB has none.
func TestPrivilegesThatAreMissing(t *testing.T) {
	all, shop, events, other := "", "shop", "events", "other"
	grant := func(db, collection *string, actions ...string) privilege {
		p := privilege{Actions: actions}
		p.Resource.DB, p.Resource.Collection = db, collection
		return p
	}
	root := privilege{Actions: []string{"find", "remove", "update"}}
	root.Resource.Any = true
	cluster := privilege{Actions: []string{"find", "remove", "update"}}
	remove := &retention.Rule{Name: "r", Collection: "events"}
	update := &retention.Rule{Name: "r", Collection: "events", Fields: []retention.Anonymize{{Name: "email"}}}
	for name, tc := range map[string]struct {
		privileges []privilege
		rule       *retention.Rule
		missing    string
	}{
		"on the collection":           {[]privilege{grant(&shop, &events, "find", "remove")}, remove, ""},
		"on the database":             {[]privilege{grant(&shop, &all, "find", "insert", "remove", "update")}, remove, ""},
		"on all databases":            {[]privilege{grant(&all, &all, "find", "remove")}, remove, ""},
		"on anything":                 {[]privilege{root}, update, ""},
		"in two roles":                {[]privilege{grant(&shop, &events, "find"), grant(&shop, &events, "update")}, update, ""},
		"reading alone":               {[]privilege{grant(&shop, &all, "find")}, remove, "remove"},
		"deleting is not anonymizing": {[]privilege{grant(&shop, &all, "find", "remove")}, update, "update"},
		"another collection":          {[]privilege{grant(&shop, &other, "find", "remove")}, remove, "find"},
		"another database":            {[]privilege{grant(&other, &all, "find", "remove")}, remove, "find"},
		"the cluster is no data":      {[]privilege{cluster}, remove, "find"},
		"none":                        {[]privilege{}, remove, "find"},
	} {
		err := checkPrivileges(tc.privileges, "shop", tc.rule)
		if (err == nil) != (tc.missing == "") {
			t.Errorf("%s: %v", name, err)
		}
		if tc.missing != "" {
			checkError(t, name, err, v1alpha1.ReasonPrivilegeMissing)
			if !strings.Contains(err.Error(), "may not "+tc.missing) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOnlyPlainCollectionsArePurged(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"name":"c","type":"collection","options":{}}`: true, `{"name":"c","type":"collection","options":{"capped":true}}`: false,
		`{"name":"c","type":"view","options":{"viewOn":"x"}}`: false, `{"name":"c","type":"timeseries","options":{}}`: false,
	} {
		var c collection
		if err := bson.UnmarshalExtJSON([]byte(text), false, &c); err != nil {
			t.Fatal(err)
		}
		if err := c.check(); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
