//go:build integration

package mysql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// events are 20,000 rows of skewed age, with 1 % nulls, a few zero dates, futures and ends of time, from a fixed seed.
const events = `
	CREATE TABLE events (id bigint PRIMARY KEY AUTO_INCREMENT, shop varchar(40), email varchar(120), city varchar(80), at datetime(6), note text);
	INSERT INTO events SELECT seq, CASE WHEN seq % 7 = 0 THEN NULL ELSE concat('shop-', seq % 5) END, concat('person', seq % 500, '@example.com'), concat('city ', seq % 50),
		CASE WHEN seq % 100 = 1 THEN NULL WHEN seq % 1000 = 2 THEN '9999-12-31' WHEN seq % 1000 = 3 THEN '0000-00-00' WHEN seq % 1000 = 4 THEN '2026-12-24'
		ELSE timestamp'2026-11-24 03:00:00' - INTERVAL floor(pow(rand(42), 2) * 86400 * 400) SECOND END, repeat('x', seq % 200)
	FROM seq_1_to_20000;
	GRANT SELECT, DELETE, UPDATE ON events TO ` + purgerUser

// small is the same with few rows.
var small = strings.Replace(events, "20000", "500", 1)

const due90 = `at < timestamp'2026-11-24 03:00:00' - INTERVAL 90 DAY AND at > '1000-01-01'`

func TestPreviewCountsAndChangesNothing(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.Plan.Mode = string(v1alpha1.RunPreview)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("id", "5", "6", "7")}}}
	before := db.rows("SELECT * FROM events")

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(before, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("the preview changed rows", diff)
	}
	want := []v1alpha1.RuleResult{{
		Rule: "events", Collection: "events", Total: 20000, Verification: v1alpha1.VerificationNotApplicable,
		Due: db.int("SELECT count(*) FROM events WHERE " + due90), Held: db.int("SELECT count(*) FROM events WHERE id IN (5, 6, 7) AND " + due90),
		NullClock: db.int("SELECT count(*) FROM events WHERE at IS NULL OR month(at) = 0"), FutureClock: db.int("SELECT count(*) FROM events WHERE at > '2026-11-24 03:00:00'"),
	}}
	if diff := cmp.Diff(want, got.Results); diff != "" {
		t.Error("results", diff)
	}
	t.Log(got.Outcome.Message)
}

func TestDeleteRemovesExactlyWhatIsDueAndNotHeld(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec("CREATE TABLE other (id int)")
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.InForce = []retention.Hold{
		{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2"), retentiontest.In("city", "city 3")}},
		{Name: "case-2", Collection: "events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}, {Field: "email", Operator: "NotIn", Values: []string{"person7@example.com"}}}},
		{Name: "elsewhere", Collection: "other"},
	}
	const held = `((shop IN ('shop-1', 'shop-2') AND city = 'city 3') OR (shop IS NULL AND email <> 'person7@example.com'))`
	want := db.rows("SELECT * FROM events WHERE (" + due90 + " AND NOT coalesce(" + held + ", false)) IS NOT TRUE")
	due := db.int("SELECT count(*) FROM events WHERE " + due90)

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows", diff)
	}
	result := got.Results[0]
	if result.Due != due || result.Done != 20000-int64(len(want)) || result.Done+result.Held != due || result.Inferred != 0 || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v, due %d, remaining rows %d", result, due, len(want))
	}
	if got.Evidence.Digest == "" || got.Evidence.RecordsDigest == "" || got.Evidence.SchemaDigest == "" || got.Evidence.StoreIdentity == "" {
		t.Errorf("evidence %+v", got.Evidence)
	}
	t.Logf("%+v", got)
}
