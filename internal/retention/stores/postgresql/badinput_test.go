//go:build integration

package postgresql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	field := func(name, strategy, value string) func(*runner) {
		return func(r *runner) {
			r.Plan.Rules[0].Action = "Anonymize"
			r.Plan.Rules[0].Fields = []retention.Anonymize{{Name: name, Strategy: strategy, Value: value}}
		}
	}
	hold := func(filters ...retention.Filter) func(*runner) {
		return func(r *runner) {
			r.InForce = []retention.Hold{{Name: "case-1", Collection: "public.events", Where: filters}}
		}
	}
	clock := func(name string, unit v1alpha1.ClockUnit) func(*runner) {
		return func(r *runner) { r.Plan.Rules[0].Clock = retention.Clock{Field: name, Unit: string(unit)} }
	}
	collection := func(name string) func(*runner) {
		return func(r *runner) { r.Plan.Rules[0].Collection = name }
	}
	for _, tc := range []struct {
		name, sql string
		edit      func(*runner)
		reason    string
		says      string
	}{
		{"wrong password", "", func(r *runner) { r.db.secret("password", "wrong") }, v1alpha1.ReasonLoginRefused, "username and password"},
		{"unknown user", "", func(r *runner) { r.db.secret("username", "nobody") }, v1alpha1.ReasonLoginRefused, "username and password"},
		{"unknown database", "", func(r *runner) { r.db.secret("database", "nowhere") }, v1alpha1.ReasonLoginRefused, "check database"},
		{"empty key of the Secret", "", func(r *runner) { r.db.secret("host", "\n") }, v1alpha1.ReasonLoginRefused, `"host"`},
		{"port that is none", "", func(r *runner) { r.db.secret("port", "postgres") }, v1alpha1.ReasonStoreUnreachable, "65535"},
		{"another CA", "", func(r *runner) { r.Plan.Store.CABundle = otherCA }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"another CA, chain only", "", func(r *runner) { r.Plan.Store.CABundle, r.Plan.Store.TLSMode = otherCA, "VerifyCA" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"public CAs alone", "", func(r *runner) { r.Plan.Store.CABundle = "" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"CA bundle without a certificate", "", func(r *runner) { r.Plan.Store.CABundle = "none" }, v1alpha1.ReasonStoreTLSFailed, "no certificate"},
		{"another host name", "", func(r *runner) { r.db.secret("host", "localhost") }, v1alpha1.ReasonStoreTLSFailed, "certificate"},
		{"another store", "", func(r *runner) { r.Plan.ExpectedIdentity = "7/7" }, v1alpha1.ReasonStoreIdentityChanged, v1alpha1.AnnotationStoreIdentity},
		{"missing table", "", collection("public.nowhere"), v1alpha1.ReasonTableNotFound, "literal"},
		{"missing schema", "", collection("nowhere.events"), v1alpha1.ReasonTableNotFound, "literal"},
		{"quotes in the name", "", collection(`public."events"`), v1alpha1.ReasonTableNotFound, "no quotes"},
		{"SQL in the name", "", collection(`public.events; DROP TABLE events`), v1alpha1.ReasonTableNotFound, "literal"},
		{"a view", "CREATE VIEW seen AS TABLE events; GRANT ALL ON seen TO carrier_purger", collection("public.seen"), v1alpha1.ReasonTableNotFound, "view"},
		{"missing clock", "", clock("missing", v1alpha1.ClockTimestampTZ), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"missing key", "", func(r *runner) { r.Plan.Rules[0].Key = []string{"ID"} }, v1alpha1.ReasonColumnNotFound, "upper and lower case"},
		{"missing field", "", field("missing", "Null", ""), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"clock of another type", "", clock("at", v1alpha1.ClockTimestamp), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"clock that is text", "", clock("note", v1alpha1.ClockTimestampTZ), v1alpha1.ReasonClockTypeMismatch, "text"},
		{"milliseconds in 32 bits", "ALTER TABLE events ADD s int", clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockTypeMismatch, "int8"},
		{"seconds read as milliseconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = extract(epoch FROM at) WHERE isfinite(at)",
			clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"one record in seconds among milliseconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = extract(epoch FROM at) * CASE id WHEN 7 THEN 1 ELSE 1000 END WHERE isfinite(at)",
			clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"milliseconds read as seconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = 1000 * extract(epoch FROM at) WHERE isfinite(at)",
			clock("s", v1alpha1.ClockEpochSeconds), v1alpha1.ReasonClockUnitImplausible, "9999"},
		{"microseconds read as milliseconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = 1000000 * extract(epoch FROM at) WHERE isfinite(at)",
			clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "9999"},
		{"timestamps that all lie in 1970", "UPDATE events SET at = '1970-01-20'", nil, v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"no privilege to delete", "REVOKE DELETE ON events FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT DELETE"},
		{"no privilege to read", "REVOKE SELECT ON events FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT SELECT"},
		{"no privilege for a column", "REVOKE UPDATE ON events FROM carrier_purger; GRANT UPDATE (note) ON events TO carrier_purger", field("email", "Null", ""), v1alpha1.ReasonPrivilegeMissing, `UPDATE ("email")`},
		{"privileges on columns alone", "REVOKE SELECT ON events FROM carrier_purger; GRANT SELECT (id, at) ON events TO carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT SELECT"},
		{"no privilege on the schema", "CREATE SCHEMA closed; CREATE TABLE closed.events AS TABLE events; GRANT ALL ON closed.events TO carrier_purger", collection("closed.events"), v1alpha1.ReasonPrivilegeMissing, "USAGE"},
		{"row security", "ALTER TABLE events ENABLE ROW LEVEL SECURITY", nil, v1alpha1.ReasonRowSecurity, "BYPASSRLS"},
		{"null where none may be", "ALTER TABLE events ALTER email SET NOT NULL", field("email", "Null", ""), v1alpha1.ReasonConstraintViolated, "may not be null"},
		{"one constant for a unique column", "ALTER TABLE events ADD token text; UPDATE events SET token = id; CREATE UNIQUE INDEX ON events (token)", field("token", "Constant", "x"), v1alpha1.ReasonConstraintViolated, "unique"},
		{"constant of another type", "ALTER TABLE events ADD price int", field("price", "Constant", "removed"), v1alpha1.ReasonColumnTypeMismatch, "constant"},
		{"constant that is too long", "", field("city", "Constant", strings.Repeat("é", 81)), v1alpha1.ReasonColumnTypeMismatch, "80"},
		{"constant against the domain", "CREATE DOMAIN zip AS text CHECK (value ~ '^[0-9]*$'); ALTER TABLE events ADD zip zip", field("zip", "Constant", "removed"), v1alpha1.ReasonColumnTypeMismatch, "zip"},
		{"constant of a type without equality", "ALTER TABLE events ADD doc json", field("doc", "Constant", "{}"), v1alpha1.ReasonColumnTypeMismatch, "type"},
		{"hash of a number", "ALTER TABLE events ADD price int", field("price", "KeyedHash", ""), v1alpha1.ReasonColumnTypeMismatch, "68"},
		{"hash in a narrow column", "ALTER TABLE events ADD name varchar(64)", field("name", "KeyedHash", ""), v1alpha1.ReasonColumnTypeMismatch, "68"},
		{"shortened text in a unique column", "ALTER TABLE events ADD token text; UPDATE events SET token = id; CREATE UNIQUE INDEX ON events (token)", replace(retention.Anonymize{Name: "token", Strategy: "Truncate", Length: 1}), v1alpha1.ReasonConstraintViolated, "unique"},
		{"invented text that comes twice in a unique column", "ALTER TABLE events ADD token text; UPDATE events SET token = id; CREATE UNIQUE INDEX ON events (token)", replace(retention.Anonymize{Name: "token", Strategy: "Fake", Form: "Text"}), v1alpha1.ReasonConstraintViolated, "constraint"},
		{"postcode of a number", "ALTER TABLE events ADD price int", replace(retention.Anonymize{Name: "price", Strategy: "CoarsenPostcode", Length: 2}), v1alpha1.ReasonColumnTypeMismatch, "needs text"},
		{"month of a number", "ALTER TABLE events ADD price int", replace(retention.Anonymize{Name: "price", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "a date, a time or text"},
		{"month of what is no date", "", replace(retention.Anonymize{Name: "email", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "RFC 3339"},
		{"invented address in a narrow column", "ALTER TABLE events ADD name varchar(35)", replace(retention.Anonymize{Name: "name", Strategy: "Fake", Form: "Email"}), v1alpha1.ReasonColumnTypeMismatch, "36"},
		{"generated column", "ALTER TABLE events ADD shout text GENERATED ALWAYS AS (upper(email)) STORED", field("shout", "Null", ""), v1alpha1.ReasonColumnTypeMismatch, "generated"},
		{"check constraint against null", "ALTER TABLE events ADD CONSTRAINT has_city CHECK (city IS NOT NULL)", field("city", "Null", ""), v1alpha1.ReasonConstraintViolated, "has_city"},
		{"trigger that refuses", `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never %', OLD.email; END $$;
			CREATE TRIGGER refuse BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse()`, nil, v1alpha1.ReasonConstraintViolated, "triggers"},
		{"filter value of another type", "", func(r *runner) { r.Plan.Rules[0].Where = []retention.Filter{retentiontest.In("id", "seven")} }, v1alpha1.ReasonColumnTypeMismatch, `"id"`},
		{"hold with a missing column", "", hold(retentiontest.In("missing", "x")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold with a value of another type", "", hold(retentiontest.In("id", "person7@example.com")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on a type without equality", "ALTER TABLE events ADD doc json", hold(retentiontest.In("doc", "{}")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on a missing table", "", func(r *runner) { r.InForce = []retention.Hold{{Name: "case-1", Collection: "public.evnets"}} }, v1alpha1.ReasonHoldInvalid, "case-1"},
		{"another type of store", "", func(r *runner) { r.Plan.Store.Type = "Redis" }, v1alpha1.ReasonPlanInvalid, "version"},
		{"hold without operator", "", hold(retention.Filter{Field: "id"}), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"children that cascade", "CREATE TABLE parts (id int, event bigint REFERENCES events ON DELETE CASCADE)", nil, v1alpha1.ReasonReferenced, "NO ACTION"},
		{"children that are set null", "CREATE TABLE parts (id int, event bigint REFERENCES events ON DELETE SET NULL)", nil, v1alpha1.ReasonReferenced, "NO ACTION"},
		{"children that are left", "CREATE TABLE parts (id int, event bigint REFERENCES events); INSERT INTO parts SELECT id, id FROM events; GRANT SELECT ON parts TO carrier_purger",
			nil, v1alpha1.ReasonReferenced, "still referenced"},
		{"children that are left and cannot be read", "CREATE TABLE parts (id int, event bigint REFERENCES events); INSERT INTO parts SELECT id, id FROM events",
			nil, v1alpha1.ReasonReferenced, "parts_event_fkey"},
		{"too many rows", "", func(r *runner) { r.Plan.Caps.MaxRows = 50 }, v1alpha1.ReasonCapExceeded, "maxRows"},
		{"too large a share", "", func(r *runner) { r.Plan.Caps.MaxSharePercent = 20 }, v1alpha1.ReasonCapExceeded, "maxSharePercent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(strings.Replace(events, "20000", "500", 1))
			if tc.sql != "" {
				db.exec(tc.sql)
			}
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			if tc.edit != nil {
				tc.edit(r)
			}
			before := db.rows("SELECT ctid, * FROM events")

			got := r.Run(tc.reason)

			if !strings.Contains(got.Outcome.Message, tc.says) {
				t.Errorf("message %q does not say %q", got.Outcome.Message, tc.says)
			}
			for _, secret := range []string{"person7@", "person8@", purgerLogin} {
				if strings.Contains(got.Outcome.Message+r.Log.String(), secret) {
					t.Errorf("message or log tell %q: %s\n%s", secret, got.Outcome.Message, r.Log.String())
				}
			}
			if got.Evidence.Digest == "" {
				t.Error("a run that stopped has evidence too")
			}
			if diff := cmp.Diff(before, db.rows("SELECT ctid, * FROM events")); diff != "" {
				t.Error("rows were changed", diff)
			}
		})
	}
}
