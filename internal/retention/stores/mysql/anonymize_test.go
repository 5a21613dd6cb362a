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
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
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
	r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: []retention.Filter{retentiontest.In("email", "person7@example.com", "person8@example.com")}}}
	const held = `coalesce(b.email IN ('person7@example.com', 'person8@example.com'), false)`
	want := db.rows(`SELECT id, CASE WHEN d THEN NULL ELSE shop END AS shop, CASE WHEN d THEN h.hash ELSE b.email END AS email, city, at,
		CASE WHEN d THEN 'removed' ELSE note END AS note
		FROM (SELECT *, (` + due90 + ` AND NOT ` + held + `) IS TRUE AS d FROM earlier AS b) AS b LEFT JOIN hashes h ON h.email = b.email`)

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
	for _, plain := range []bool{false, true} {
		db := newDatabase(t)
		db.exec(`CREATE TABLE events (id int PRIMARY KEY, at datetime, price decimal(6,2), state enum('open', 'gone'), zip varchar(10) CHARACTER SET latin1, day date, code char(5), seen datetime(3),
			size int unsigned, lat double, raw varbinary(8), lang set('de', 'en'));
			INSERT INTO events SELECT seq, timestamp'2026-01-01 00:00:00' + INTERVAL seq DAY, seq, 'open', seq, '2026-01-01', seq, '2026-01-01', seq, seq / 7, seq, 'de' FROM seq_1_to_400;
			GRANT SELECT, UPDATE ON events TO ` + purgerUser)
		r := newRunner(t, db, anonymizeRule(
			retention.Anonymize{Name: "price", Strategy: "Constant", Value: "1.50"}, retention.Anonymize{Name: "state", Strategy: "Constant", Value: "gone"},
			retention.Anonymize{Name: "zip", Strategy: "Constant", Value: "é"}, retention.Anonymize{Name: "day", Strategy: "Constant", Value: "1970-01-01"},
			retention.Anonymize{Name: "code", Strategy: "Constant", Value: ""}, retention.Anonymize{Name: "seen", Strategy: "Constant", Value: "1970-01-01 00:00:00.5"},
			retention.Anonymize{Name: "size", Strategy: "Constant", Value: "4294967295"}, retention.Anonymize{Name: "lat", Strategy: "Constant", Value: "0"},
			retention.Anonymize{Name: "raw", Strategy: "Constant", Value: "x"}, retention.Anonymize{Name: "lang", Strategy: "Constant", Value: "en"}))
		if plain {
			r.Driver = mysql.WithoutReturning(r.Driver.(*mysql.Driver))
		}
		due := db.int("SELECT count(*) FROM events WHERE " + due90)
		got := r.Run(v1alpha1.ReasonCompleted)
		const changed = `price = 1.5 AND state = 'gone' AND zip = 'é' AND day = '1970-01-01' AND code = '' AND seen = '1970-01-01 00:00:00.5' AND size = 4294967295 AND lat = 0 AND raw = 'x' AND lang = 'en'`
		if n := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND " + changed); n != due || got.Results[0].Done != due || db.int("SELECT count(*) FROM events WHERE "+changed) != due {
			t.Errorf("%d of %d due records hold the constants; %+v", n, due, got.Results[0])
		}
		newRunner(t, db, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
	}
}

func TestAnonymizingDoesNotBeginTheRecordsTimeAnew(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE events (id int PRIMARY KEY, at datetime ON UPDATE CURRENT_TIMESTAMP, email varchar(80));
		INSERT INTO events VALUES (1, '2026-01-01', 'a'), (2, '2026-11-01', 'b'); GRANT SELECT, UPDATE ON events TO ` + purgerUser)
	newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "Null"})).Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff([]string{"1|2026-01-01 00:00:00|NULL", "2|2026-11-01 00:00:00|b"}, db.rows("SELECT * FROM events")); diff != "" {
		t.Error(diff)
	}
}

func TestDatesAreCoarsenedInTheirOwnType(t *testing.T) {
	db := newDatabase(t)
	db.exec(`SET SESSION sql_mode = 'ALLOW_INVALID_DATES';
		CREATE TABLE events (id int PRIMARY KEY, at datetime, born date, seen timestamp(6) NULL, local datetime(6));
		INSERT INTO events VALUES (1, '2026-01-01', '1987-05-17', '2026-02-28 23:59:59.999999', '2026-02-28 23:59:59.5'), (2, '2026-01-01', '1987-05-01', '2026-02-01', '2026-01-01'),
			(3, '2026-01-01', NULL, NULL, NULL), (4, '2026-01-01', '0000-00-00', '2026-02-01', '0000-00-00'), (5, '2026-01-01', '1987-00-00', NULL, '2026-01-01 00:00:00.000001'),
			(6, '2026-11-01', '1987-05-17', '2026-02-28', '2026-02-28');
		GRANT SELECT, UPDATE ON events TO ` + purgerUser)
	r := newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "born", Strategy: "CoarsenDate", Precision: "Month"},
		retention.Anonymize{Name: "seen", Strategy: "CoarsenDate", Precision: "Month"}, retention.Anonymize{Name: "local", Strategy: "CoarsenDate", Precision: "Year"}))
	if result := r.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != 2 || result.Due != 2 {
		t.Errorf("result %+v, want what the first and the fifth record have", result)
	}
	want := []string{
		"1|1987-05-01|2026-02-01 00:00:00.000000|2026-01-01 00:00:00.000000", "2|1987-05-01|2026-02-01 00:00:00.000000|2026-01-01 00:00:00.000000", "3|NULL|NULL|NULL",
		"4|0000-00-00|2026-02-01 00:00:00.000000|0000-00-00 00:00:00.000000", "5|1987-00-00|NULL|2026-01-01 00:00:00.000000", "6|1987-05-17|2026-02-28 00:00:00.000000|2026-02-28 00:00:00.000000",
	}
	if diff := cmp.Diff(want, db.rows("SELECT id, born, seen, local FROM events ORDER BY id")); diff != "" {
		t.Error(diff)
	}
	newRunner(t, db, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
}
