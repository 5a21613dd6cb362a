//go:build integration

package postgresql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// events are 20,000 rows of skewed age, with 1 % nulls, a few futures and both infinities, from a fixed seed.
const events = `
	CREATE TABLE events (id bigint PRIMARY KEY, shop text, email text, city varchar(80), at timestamptz, note text);
	SELECT setseed(0.42);
	INSERT INTO events SELECT n, CASE WHEN n % 7 = 0 THEN NULL ELSE 'shop-' || n % 5 END, 'person' || n % 500 || '@example.com', 'city ' || n % 50,
		CASE WHEN n % 100 = 1 THEN NULL WHEN n % 1000 = 2 THEN 'infinity' WHEN n % 1000 = 3 THEN '-infinity' WHEN n % 1000 = 4 THEN timestamptz '2026-12-24'
		ELSE timestamptz '2026-11-24 03:00Z' - make_interval(secs => power(random(), 2) * 86400 * 400) END, repeat('x', (n % 200)::int)
	FROM generate_series(1, 20000) AS n;
	GRANT SELECT, DELETE, UPDATE ON events TO ` + purgerRole

const due90 = `at < timestamptz '2026-11-24 03:00Z' - interval '90 days' AND at > '-infinity'`

func TestPreviewCountsAndChangesNothing(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Plan.Mode = string(v1alpha1.RunPreview)
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "public.events", Where: []retention.Filter{retentiontest.In("id", "5", "6", "7")}}}
	before := db.rows("SELECT ctid, xmin, * FROM events")

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(before, db.rows("SELECT ctid, xmin, * FROM events")); diff != "" {
		t.Error("the preview changed rows", diff)
	}
	want := []v1alpha1.RuleResult{{
		Rule: "events", Collection: "public.events", Total: 20000, Verification: v1alpha1.VerificationNotApplicable,
		Due: db.int("SELECT count(*) FROM events WHERE " + due90), Held: db.int("SELECT count(*) FROM events WHERE id IN (5, 6, 7) AND " + due90),
		NullClock: db.int("SELECT count(*) FROM events WHERE at IS NULL OR at = '-infinity'"), FutureClock: db.int("SELECT count(*) FROM events WHERE at > '2026-11-24 03:00Z'"),
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
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.InForce = []retention.Hold{
		{Name: "case-1", Collection: "public.events", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2"), retentiontest.In("city", "city 3")}},
		{Name: "case-2", Collection: "public.events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}, {Field: "email", Operator: "NotIn", Values: []string{"person7@example.com"}}}},
		{Name: "elsewhere", Collection: "public.other"},
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
