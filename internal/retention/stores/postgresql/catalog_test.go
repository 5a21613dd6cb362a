//go:build integration

package postgresql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// The role may read one table and still hears of the columns of all: what it may not read is the likelier place that nobody thought of.
func TestRunTellsOfFieldsWithoutADecision(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec(`CREATE TABLE "Unseen Table" (id int, recipient_phone text, weight int);
		CREATE TABLE parted (id int, street text) PARTITION BY RANGE (id);
		CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
		CREATE VIEW shown AS SELECT email FROM events`)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Store.Decided = map[string][]string{"public.events": {"id", "email", "at"}}

	got := r.Run(v1alpha1.ReasonCompleted)

	want := v1alpha1.RunDiscovery{Looked: true, Undecided: 5, Fields: []v1alpha1.UndecidedField{
		{Collection: "public.Unseen Table", Field: "recipient_phone", LooksLike: "user.contact.phone_number"},
		{Collection: "public.events", Field: "city", LooksLike: "user.contact.address.city"},
		{Collection: "public.parted", Field: "street", LooksLike: "user.contact.address.street"},
		{Collection: "public.events", Field: "shop"},
		{Collection: "public.events", Field: "note"},
	}}
	if diff := cmp.Diff(want, got.Discovery); diff != "" {
		t.Error(diff)
	}
}

func TestVerificationNotesWhereTheLogWas(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	before := db.rows("SELECT pg_current_wal_lsn()")
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	got := r.Run(v1alpha1.ReasonCompleted)
	if n := db.int("SELECT ('" + got.Results[0].LogPosition + "'::pg_lsn - pg_current_wal_lsn() <= 0)::int"); n != 1 || got.Results[0].LogPosition == "" {
		t.Errorf("position %q, before %v", got.Results[0].LogPosition, before)
	}
	record := retention.NewRecord(retention.SubjectOfRun(objectOf(r.Plan, *got)), got)
	if digest, err := record.Digest(); err != nil || digest != got.Evidence.Digest {
		t.Errorf("digest %s, error %v, recorded %s", digest, err, got.Evidence.Digest)
	}
}
