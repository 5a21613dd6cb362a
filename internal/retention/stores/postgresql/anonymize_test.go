//go:build integration

package postgresql_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

func anonymizeRule(fields ...retention.Anonymize) retention.Rule {
	rule := deleteRule("people", "public.events", "at", v1alpha1.ClockTimestampTZ, 90)
	rule.Action, rule.Fields = string(v1alpha1.ActionAnonymize), fields
	return rule
}

func hashOf(value string) string {
	mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
	mac.Write([]byte(value))
	return "kh1-" + hex.EncodeToString(mac.Sum(nil))
}

func TestAnonymizeReplacesOnceAndKeepsEqualValuesEqual(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec("CREATE TABLE before AS TABLE events")
	db.exec("UPDATE events SET email = NULL WHERE id % 9 = 0; UPDATE before SET email = NULL WHERE id % 9 = 0")
	db.exec("CREATE TABLE hashes (email text PRIMARY KEY, hash text)")
	for _, email := range db.rows("SELECT DISTINCT email AS e FROM before WHERE email IS NOT NULL") {
		email = email[1 : len(email)-1] // a row of one value, as text
		db.exec("INSERT INTO hashes VALUES ($1, $2)", email, hashOf(email))
	}
	r := newRunner(t, db, anonymizeRule(
		retention.Anonymize{Name: "shop", Strategy: "Null"},
		retention.Anonymize{Name: "note", Strategy: "Constant", Value: "removed"},
		retention.Anonymize{Name: "email", Strategy: "KeyedHash"}))
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "public.events", Where: []retention.Filter{retentiontest.In("email", "person7@example.com", "person8@example.com")}}}
	const held = `coalesce(b.email IN ('person7@example.com', 'person8@example.com'), false)`
	want := db.rows(`SELECT id, CASE WHEN d THEN NULL ELSE shop END AS shop, CASE WHEN d THEN h.hash ELSE b.email END AS email, city, at,
		CASE WHEN d THEN 'removed' ELSE note END AS note
		FROM (SELECT *, (` + due90 + ` AND NOT ` + held + `) IS TRUE AS d FROM before AS b) AS b LEFT JOIN hashes h ON h.email = b.email`)

	first := r.Run(v1alpha1.ReasonCompleted).DeepCopy()

	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows", diff)
	}
	if result := first.Results[0]; result.Done == 0 || result.Held == 0 || result.Done+result.Held != result.Due || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v", result)
	}

	again := newRunner(t, db, r.Plan.Rules...)
	again.InForce = r.InForce
	second := again.Run(v1alpha1.ReasonCompleted) // the held ones are still due
	if result := second.Results[0]; result.Done != 0 || result.Due != first.Results[0].Held {
		t.Errorf("a second run: %+v", result)
	}
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows after a second run", diff)
	}
	again = newRunner(t, db, r.Plan.Rules...) // the holds are released
	if result := again.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != first.Results[0].Held || result.Held != 0 {
		t.Errorf("after the release: %+v", result)
	}
	newRunner(t, db, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
}

func TestConstantsTakeTheFormOfTheirColumn(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TYPE state AS ENUM ('open', 'gone'); CREATE DOMAIN zip AS varchar(10) CHECK (value ~ '^[0-9]*$');
		CREATE TABLE events (id int PRIMARY KEY, at timestamptz, price numeric(6,2), state state, zip zip, day date, code char(5), tags int[]);
		INSERT INTO events SELECT n, timestamptz '2026-01-01' + make_interval(days => n), n, 'open', n::text, '2026-01-01', n::text, '{1,2}' FROM generate_series(1, 400) n;
		GRANT SELECT, UPDATE ON events TO ` + purgerRole)
	r := newRunner(t, db, anonymizeRule(
		retention.Anonymize{Name: "price", Strategy: "Constant", Value: "1.005"}, retention.Anonymize{Name: "state", Strategy: "Constant", Value: "gone"},
		retention.Anonymize{Name: "zip", Strategy: "Constant", Value: ""}, retention.Anonymize{Name: "day", Strategy: "Constant", Value: "1970-01-01"},
		retention.Anonymize{Name: "code", Strategy: "Constant", Value: "x"}, retention.Anonymize{Name: "tags", Strategy: "Constant", Value: "{}"}))
	due := db.int("SELECT count(*) FROM events WHERE " + due90)
	got := r.Run(v1alpha1.ReasonCompleted)
	if n := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND (price, state, zip, day, code, tags) = (1.01, 'gone', '', '1970-01-01', 'x', '{}')"); n != due || got.Results[0].Done != due {
		t.Errorf("%d of %d due records hold the constants; %+v", n, due, got.Results[0])
	}
}

func TestDatesAreCoarsenedInTheirOwnType(t *testing.T) {
	db := newDatabase(t)
	db.exec(`SET TIME ZONE 'Pacific/Auckland'; CREATE TABLE events (id int PRIMARY KEY, at timestamptz, born date, seen timestamptz, local timestamp);
		INSERT INTO events VALUES (1, '2026-01-01 00:00Z', '1987-05-17', '2026-02-28 23:59:59.999999Z', '2026-02-28 23:59:59.5'), (2, '2026-01-01 00:00Z', '1987-05-01', '2026-02-01 00:00Z', '2026-01-01'),
			(3, '2026-01-01 00:00Z', NULL, 'infinity', '-infinity'), (4, '2026-01-01 00:00Z', 'infinity', NULL, NULL), (5, '2026-01-01 00:00Z', '0044-03-15 BC', '2026-02-01 00:00+01', NULL),
			(6, '2026-11-01 00:00Z', '1987-05-17', '2026-02-28 00:00Z', '2026-02-28');
		SET TIME ZONE 'UTC'; GRANT SELECT, UPDATE ON events TO ` + purgerRole)
	r := newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "born", Strategy: "CoarsenDate", Precision: "Month"},
		retention.Anonymize{Name: "seen", Strategy: "CoarsenDate", Precision: "Month"}, retention.Anonymize{Name: "local", Strategy: "CoarsenDate", Precision: "Year"}))
	if result := r.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != 2 || result.Due != 2 {
		t.Errorf("result %+v, want what the first and the fifth record have", result)
	}
	want := []string{
		"(1,1987-05-01,\"2026-02-01 00:00:00+00\",\"2026-01-01 00:00:00\")", "(2,1987-05-01,\"2026-02-01 00:00:00+00\",\"2026-01-01 00:00:00\")",
		"(3,,infinity,-infinity)", "(4,infinity,,)", "(5,\"0044-03-01 BC\",\"2026-01-01 00:00:00+00\",)", "(6,1987-05-17,\"2026-02-28 00:00:00+00\",\"2026-02-28 00:00:00\")",
	}
	if diff := cmp.Diff(want, db.rows("SELECT id, born, seen, local FROM events ORDER BY id")); diff != "" {
		t.Error(diff)
	}
	newRunner(t, db, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
}
