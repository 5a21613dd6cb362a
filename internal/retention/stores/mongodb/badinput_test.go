//go:build integration

package mongodb_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// Every mistake ends the run with its reason and advice, and nothing was changed.
func TestBadInputStopsTheRunBeforeItTouchesAnything(t *testing.T) {
	replace := func(f retention.Anonymize) func(*runner) {
		return func(r *runner) {
			r.Plan.Rules[0].Action, r.Plan.Rules[0].Fields = string(v1alpha1.ActionAnonymize), []retention.Anonymize{f}
		}
	}
	field := func(name, strategy string) func(*runner) {
		return func(r *runner) {
			r.Plan.Rules[0].Action = "Anonymize"
			r.Plan.Rules[0].Fields = []retention.Anonymize{{Name: name, Strategy: strategy}}
		}
	}
	hold := func(filters ...retention.Filter) func(*runner) {
		return func(r *runner) {
			r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: filters}}
		}
	}
	where := func(f retention.Filter) func(*runner) {
		return func(r *runner) { r.Plan.Rules[0].Where = []retention.Filter{f} }
	}
	clock := func(name string, unit v1alpha1.ClockUnit) func(*runner) {
		return func(r *runner) { r.Plan.Rules[0].Clock = retention.Clock{Field: name, Unit: string(unit)} }
	}
	collection := func(name string) func(*runner) {
		return func(r *runner) { r.Plan.Rules[0].Collection = name }
	}
	secret := func(key, value string) func(*runner) {
		return func(r *runner) { r.db.secret(key, value) }
	}
	old := slot.AddDate(-1, 0, 0)
	every := func(name string, value any) func(*database) {
		return func(db *database) {
			if _, err := db.Collection("events").UpdateMany(context.Background(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: name, Value: value}}}}); err != nil {
				db.t.Fatal(err)
			}
		}
	}
	capped := func(db *database) {
		if err := db.CreateCollection(context.Background(), "ring", options.CreateCollection().SetCapped(true).SetSizeInBytes(4096)); err != nil {
			db.t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func(*database)
		edit    func(*runner)
		reason  string
		says    string
	}{
		{"wrong password", nil, secret("password", "wrong"), v1alpha1.ReasonLoginRefused, "username and password"},
		{"unknown user", nil, secret("username", "nobody"), v1alpha1.ReasonLoginRefused, "username and password"},
		{"empty key of the Secret", nil, secret("host", "\n"), v1alpha1.ReasonLoginRefused, `"host"`},
		{"port that is none", nil, secret("port", "mongo"), v1alpha1.ReasonStoreUnreachable, "65535"},
		{"another CA", nil, func(r *runner) { r.Plan.Store.CABundle = otherCA }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"another CA, chain only", nil, func(r *runner) { r.Plan.Store.CABundle, r.Plan.Store.TLSMode = otherCA, "VerifyCA" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"public CAs alone", nil, func(r *runner) { r.Plan.Store.CABundle = "" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"another host name", nil, secret("host", "localhost"), v1alpha1.ReasonStoreTLSFailed, "certificate"},
		{"another store", nil, func(r *runner) { r.Plan.ExpectedIdentity = "7/7" }, v1alpha1.ReasonStoreIdentityChanged, v1alpha1.AnnotationStoreIdentity},
		{"another type of store", nil, func(r *runner) { r.Plan.Store.Type = "Redis" }, v1alpha1.ReasonPlanInvalid, "version"},
		{"unknown database", nil, secret("database", "nowhere"), v1alpha1.ReasonTableNotFound, `"nowhere"`},
		{"missing collection", nil, collection("evnets"), v1alpha1.ReasonTableNotFound, "literal"},
		{"operator as the name", nil, collection("$where"), v1alpha1.ReasonTableNotFound, "literal"},
		{"capped collection", capped, collection("ring"), v1alpha1.ReasonTableNotFound, "capped"},
		{"missing clock", nil, clock("missing", v1alpha1.ClockTimestampTZ), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"another key", nil, func(r *runner) { r.Plan.Rules[0].Key = []string{"id"} }, v1alpha1.ReasonColumnNotFound, "_id"},
		{"missing field", nil, field("missing", "Null"), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"missing filter's field", nil, where(retentiontest.In("missing", "x")), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"operator as a field", nil, where(retentiontest.In("$where", "true")), v1alpha1.ReasonColumnNotFound, "path"},
		{"operator in a path", nil, where(retentiontest.In("customer.$gt", "x")), v1alpha1.ReasonColumnNotFound, "path"},
		{"empty part of a path", nil, where(retentiontest.In("customer..email", "x")), v1alpha1.ReasonColumnNotFound, "path"},
		{"dates read as text", nil, clock("at", v1alpha1.ClockRFC3339), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"dates read as seconds", nil, clock("at", v1alpha1.ClockEpochSeconds), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"text read as dates", nil, clock("customer.email", v1alpha1.ClockTimestampTZ), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"text that is no time", nil, clock("customer.email", v1alpha1.ClockRFC3339), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"time of the store in another field", nil, clock("at", v1alpha1.ClockStoreTime), v1alpha1.ReasonClockTypeMismatch, "_id"},
		{"dates in arrays", every("at", bson.A{old}), nil, v1alpha1.ReasonClockTypeMismatch, "another type"},
		{"seconds read as milliseconds", every("at", old.Unix()), clock("at", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"milliseconds read as seconds", every("at", old.UnixMilli()), clock("at", v1alpha1.ClockEpochSeconds), v1alpha1.ReasonClockUnitImplausible, "9999"},
		{"microseconds read as milliseconds", every("at", old.UnixMicro()), clock("at", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "9999"},
		{"hash of numbers", every("price", 5), field("price", "KeyedHash"), v1alpha1.ReasonColumnTypeMismatch, "KeyedHash"},
		{"hash of an array", nil, field("tags", "KeyedHash"), v1alpha1.ReasonColumnTypeMismatch, "KeyedHash"},
		{"postcode of numbers", every("zip", 10115), replace(retention.Anonymize{Name: "zip", Strategy: "CoarsenPostcode", Length: 2}), v1alpha1.ReasonColumnTypeMismatch, "CoarsenPostcode"},
		{"month of BSON dates", every("born", old), replace(retention.Anonymize{Name: "born", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "RFC 3339"},
		{"month of what is no date", nil, replace(retention.Anonymize{Name: "customer.email", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "RFC 3339"},
		{"field inside of an array", every("lines", bson.A{bson.D{{Key: "name", Value: "x"}}}), field("lines.name", "Null"), v1alpha1.ReasonColumnTypeMismatch, "array"},
		{"field around the clock", every("at", bson.D{{Key: "sent", Value: old}}), func(r *runner) {
			field("at", "Null")(r)
			clock("at.sent", v1alpha1.ClockTimestampTZ)(r)
		}, v1alpha1.ReasonColumnTypeMismatch, "contains"},
		{"hold with a missing field", nil, hold(retentiontest.In("missing", "x")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold with an operator as a field", nil, hold(retentiontest.In("$where", "x")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on a missing collection", nil, func(r *runner) { r.InForce = []retention.Hold{{Name: "case-1", Collection: "evnets"}} }, v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold without operator", nil, hold(retention.Filter{Field: "_id"}), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"too many records", nil, func(r *runner) { r.Plan.Caps.MaxRows = 5 }, v1alpha1.ReasonCapExceeded, "maxRows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			insertEvents(db, newEvents(60), notDue)
			if tc.prepare != nil {
				tc.prepare(db)
			}
			r := newRunner(t, db, eventsRule())
			if tc.edit != nil {
				tc.edit(r)
			}
			before := db.documents("events", bson.D{})

			got := r.Run(tc.reason)

			if !strings.Contains(got.Outcome.Message, tc.says) {
				t.Errorf("message %q does not say %q", got.Outcome.Message, tc.says)
			}
			if diff := cmp.Diff(before, db.documents("events", bson.D{})); diff != "" {
				t.Error("documents changed", diff)
			}
			for _, secret := range []string{"person", "password of", "@example.com"} {
				if strings.Contains(got.Outcome.Message, secret) {
					t.Errorf("message %q tells %q", got.Outcome.Message, secret)
				}
			}
		})
	}
}

func TestFilterThatNoRecordCanFailIsWarnedAbout(t *testing.T) {
	db := newDatabase(t)
	insertEvents(db, newEvents(60), notDue)
	r := newRunner(t, db, eventsRule())
	r.Plan.Mode, r.Plan.Rules[0].Where = string(v1alpha1.RunPreview), []retention.Filter{{Field: "keepUntill", Operator: "DoesNotExist"}}
	if got := r.Run(v1alpha1.ReasonCompleted); !strings.Contains(got.Outcome.Message, `"keepUntill"`) {
		t.Error(got.Outcome.Message)
	}
}
