//go:build integration

package mysql_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

func anonymizeRule(fields ...retention.Anonymize) retention.Rule {
	rule := deleteRule("people", "events", "at", v1alpha1.ClockTimestamp, 90)
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
	db.exec("CREATE TABLE earlier AS SELECT * FROM events")
	db.exec("UPDATE events SET email = NULL WHERE id % 9 = 0; UPDATE earlier SET email = NULL WHERE id % 9 = 0")
	db.exec("CREATE TABLE hashes (email varchar(120) PRIMARY KEY, hash varchar(80))")
	for _, email := range db.rows("SELECT DISTINCT email AS e FROM earlier WHERE email IS NOT NULL") {
		db.exec("INSERT INTO hashes VALUES (?, ?)", email, hashOf(email))
	}
	r := newRunner(t, db, anonymizeRule(
		retention.Anonymize{Name: "shop", Strategy: "Null"},
		retention.Anonymize{Name: "note", Strategy: "Constant", Value: "removed"},
		retention.Anonymize{Name: "email", Strategy: "KeyedHash"}))
	r.holds = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{in("email", "person7@example.com", "person8@example.com")}}}
	const held = `coalesce(b.email IN ('person7@example.com', 'person8@example.com'), false)`
	want := db.rows(`SELECT id, CASE WHEN d THEN NULL ELSE shop END AS shop, CASE WHEN d THEN h.hash ELSE b.email END AS email, city, at,
		CASE WHEN d THEN 'removed' ELSE note END AS note
		FROM (SELECT *, (` + due90 + ` AND NOT ` + held + `) IS TRUE AS d FROM earlier AS b) AS b LEFT JOIN hashes h ON h.email = b.email`)

	first := r.run(v1alpha1.ReasonCompleted).DeepCopy()

	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows", diff)
	}
	if result := first.Results[0]; result.Done == 0 || result.Held == 0 || result.Done+result.Held != result.Due || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v", result)
	}

	again := newRunner(t, db, r.plan.Rules...)
	again.holds = r.holds
	second := again.run(v1alpha1.ReasonCompleted) // the held ones are still due
	if result := second.Results[0]; result.Done != 0 || result.Due != first.Results[0].Held {
		t.Errorf("a second run: %+v", result)
	}
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error("rows after a second run", diff)
	}
	again = newRunner(t, db, r.plan.Rules...) // the holds are released
	if result := again.run(v1alpha1.ReasonCompleted).Results[0]; result.Done != first.Results[0].Held || result.Held != 0 {
		t.Errorf("after the release: %+v", result)
	}
	newRunner(t, db, r.plan.Rules...).run(v1alpha1.ReasonNothingDue)
}
