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
			r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: filters}}
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
		{"port that is none", "", func(r *runner) { r.db.secret("port", "mysql") }, v1alpha1.ReasonStoreUnreachable, "65535"},
		{"another CA", "", func(r *runner) { r.Plan.Store.CABundle = otherCA }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"another CA, chain only", "", func(r *runner) { r.Plan.Store.CABundle, r.Plan.Store.TLSMode = otherCA, "VerifyCA" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"public CAs alone", "", func(r *runner) { r.Plan.Store.CABundle = "" }, v1alpha1.ReasonStoreTLSFailed, "caBundleRef"},
		{"CA bundle without a certificate", "", func(r *runner) { r.Plan.Store.CABundle = "none" }, v1alpha1.ReasonStoreTLSFailed, "no certificate"},
		{"another host name", "", func(r *runner) { r.db.secret("host", "localhost") }, v1alpha1.ReasonStoreTLSFailed, "certificate"},
		{"another store", "", func(r *runner) { r.Plan.ExpectedIdentity = "7/7" }, v1alpha1.ReasonStoreIdentityChanged, v1alpha1.AnnotationStoreIdentity},
		{"another type of store", "", func(r *runner) { r.Plan.Store.Type = "Redis" }, v1alpha1.ReasonPlanInvalid, "version"},
		{"missing table", "", collection("nowhere"), v1alpha1.ReasonPrivilegeMissing, "if it exists"},
		{"missing table that could be read", "GRANT SELECT ON %d.* TO carrier_purger", collection("nowhere"), v1alpha1.ReasonTableNotFound, "literal"},
		{"database in the name", "GRANT SELECT ON %d.* TO carrier_purger", collection("db.events"), v1alpha1.ReasonTableNotFound, "no database in front"},
		{"quotes in the name", "GRANT SELECT ON %d.* TO carrier_purger", collection("`events`"), v1alpha1.ReasonTableNotFound, "no quotes"},
		{"another case", "GRANT SELECT ON %d.* TO carrier_purger", collection("Events"), v1alpha1.ReasonTableNotFound, "upper and lower case"},
		{"SQL in the name", "GRANT SELECT ON %d.* TO carrier_purger", collection("events; DROP TABLE events"), v1alpha1.ReasonTableNotFound, "literal"},
		{"a name that is too long", "GRANT SELECT ON %d.* TO carrier_purger", collection(strings.Repeat("n", 65)), v1alpha1.ReasonTableNotFound, "literal"},
		{"a view", "CREATE VIEW seen AS SELECT * FROM events; GRANT ALL ON seen TO carrier_purger", collection("seen"), v1alpha1.ReasonTableNotFound, "view"},
		{"a table without transactions", "ALTER TABLE events ENGINE = Aria", nil, v1alpha1.ReasonTableNotFound, "Aria"},
		{"a table that keeps old versions", "ALTER TABLE events ADD SYSTEM VERSIONING", nil, v1alpha1.ReasonTableNotFound, "old versions"},
		{"missing clock", "", clock("missing", v1alpha1.ClockTimestamp), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"missing key", "", func(r *runner) { r.Plan.Rules[0].Key = []string{"ID"} }, v1alpha1.ReasonColumnNotFound, "upper and lower case"},
		{"missing field", "", field("missing", "Null", ""), v1alpha1.ReasonColumnNotFound, `"missing"`},
		{"a key that is not unique", "", func(r *runner) { r.Plan.Rules[0].Key = []string{"email"} }, v1alpha1.ReasonColumnTypeMismatch, "unique"},
		{"a key with nulls", "ALTER TABLE events ADD token varchar(40) UNIQUE", func(r *runner) { r.Plan.Rules[0].Key = []string{"token"} }, v1alpha1.ReasonColumnTypeMismatch, "never null"},
		{"a key of a part of a column", "ALTER TABLE events ADD token varchar(40) NOT NULL; UPDATE events SET token = id; CREATE UNIQUE INDEX part ON events (token(20))",
			func(r *runner) { r.Plan.Rules[0].Key = []string{"token"} }, v1alpha1.ReasonColumnTypeMismatch, "whole columns"},
		{"a part of the key", "ALTER TABLE events MODIFY id bigint, DROP PRIMARY KEY, MODIFY shop varchar(40) NOT NULL DEFAULT '', ADD PRIMARY KEY (id, shop)", nil, v1alpha1.ReasonColumnTypeMismatch, "primary key"},
		{"a key in floating point", "ALTER TABLE events ADD f double NOT NULL; UPDATE events SET f = id; CREATE UNIQUE INDEX f ON events (f)",
			func(r *runner) { r.Plan.Rules[0].Key = []string{"f"} }, v1alpha1.ReasonColumnTypeMismatch, "walked along"},
		{"a key that is too long", "ALTER TABLE events ADD token varchar(768) NOT NULL; UPDATE events SET token = id; CREATE UNIQUE INDEX token ON events (token)",
			func(r *runner) { r.Plan.Rules[0].Key = []string{"token"} }, v1alpha1.ReasonColumnTypeMismatch, "2900"},
		{"clock of another type", "", clock("at", v1alpha1.ClockTimestampTZ), v1alpha1.ReasonClockTypeMismatch, "clock.unit"},
		{"clock that is text", "", clock("note", v1alpha1.ClockTimestamp), v1alpha1.ReasonClockTypeMismatch, "text"},
		{"milliseconds in 32 bits", "ALTER TABLE events ADD s int", clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockTypeMismatch, "bigint"},
		{"seconds read as milliseconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = unix_timestamp(at) WHERE month(at) > 0",
			clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"one record in seconds among milliseconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = unix_timestamp(at) * CASE id WHEN 7 THEN 1 ELSE 1000 END WHERE month(at) > 0",
			clock("s", v1alpha1.ClockEpochMilliseconds), v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"milliseconds read as seconds", "ALTER TABLE events ADD s bigint; UPDATE events SET s = 1000 * unix_timestamp(at) WHERE month(at) > 0",
			clock("s", v1alpha1.ClockEpochSeconds), v1alpha1.ReasonClockUnitImplausible, "9999"},
		{"timestamps that all lie in 1970", "UPDATE events SET at = '1970-01-20'", nil, v1alpha1.ReasonClockUnitImplausible, "1970"},
		{"no privilege to delete", "REVOKE DELETE ON events FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT DELETE"},
		{"no privilege to change", "REVOKE UPDATE ON events FROM carrier_purger", field("email", "Null", ""), v1alpha1.ReasonPrivilegeMissing, "GRANT UPDATE"},
		{"no privilege to read", "REVOKE SELECT ON events FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT SELECT"},
		{"no privilege at all", "REVOKE ALL ON events FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "GRANT SELECT"},
		{"no privilege for a column", "REVOKE UPDATE ON events FROM carrier_purger; GRANT UPDATE (note) ON events TO carrier_purger", field("email", "Null", ""), v1alpha1.ReasonPrivilegeMissing, "GRANT UPDATE"},
		{"privileges on some columns alone", "REVOKE SELECT ON events FROM carrier_purger; GRANT SELECT (id) ON events TO carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, `"at"`},
		{"foreign keys that cannot be seen", "REVOKE SHOW VIEW ON %d.* FROM carrier_purger", nil, v1alpha1.ReasonPrivilegeMissing, "SHOW VIEW"},
		{"null where none may be", "ALTER TABLE events MODIFY email varchar(120) NOT NULL", field("email", "Null", ""), v1alpha1.ReasonConstraintViolated, "may not be null"},
		{"one constant for a unique column", "ALTER TABLE events ADD token varchar(40); UPDATE events SET token = id; CREATE UNIQUE INDEX token ON events (token)", field("token", "Constant", "x"), v1alpha1.ReasonConstraintViolated, "unique"},
		{"constant of another type", "ALTER TABLE events ADD price int", field("price", "Constant", "removed"), v1alpha1.ReasonColumnTypeMismatch, "constant"},
		{"constant that would be rounded", "ALTER TABLE events ADD price decimal(6, 2)", field("price", "Constant", "1.005"), v1alpha1.ReasonColumnTypeMismatch, "exactly"},
		{"constant that is too long", "", field("city", "Constant", strings.Repeat("é", 81)), v1alpha1.ReasonColumnTypeMismatch, "exactly"},
		{"constant that is not of the character set", "ALTER TABLE events ADD zip varchar(20) CHARACTER SET latin1", field("zip", "Constant", "Иван"), v1alpha1.ReasonColumnTypeMismatch, "latin1"},
		{"constant that is none of the values", "ALTER TABLE events ADD state enum('open', 'gone')", field("state", "Constant", "lost"), v1alpha1.ReasonColumnTypeMismatch, "enum"},
		{"constant against a check", "ALTER TABLE events ADD zip varchar(9), ADD CONSTRAINT digits CHECK (zip RLIKE '^[0-9]*$')", field("zip", "Constant", "removed"), v1alpha1.ReasonConstraintViolated, "4025"},
		{"hash of a number", "ALTER TABLE events ADD price int", field("price", "KeyedHash", ""), v1alpha1.ReasonColumnTypeMismatch, "68"},
		{"hash in a narrow column", "ALTER TABLE events ADD name varchar(64)", field("name", "KeyedHash", ""), v1alpha1.ReasonColumnTypeMismatch, "68"},
		{"shortened text in a unique column", "ALTER TABLE events ADD token varchar(40); UPDATE events SET token = id; CREATE UNIQUE INDEX token ON events (token)", replace(retention.Anonymize{Name: "token", Strategy: "Truncate", Length: 1}), v1alpha1.ReasonConstraintViolated, "unique"},
		{"invented text that comes twice in a unique column", "ALTER TABLE events ADD token varchar(40); UPDATE events SET token = id; CREATE UNIQUE INDEX token ON events (token)", replace(retention.Anonymize{Name: "token", Strategy: "Fake", Form: "Text"}), v1alpha1.ReasonConstraintViolated, "constraint"},
		{"postcode of a number", "ALTER TABLE events ADD price int", replace(retention.Anonymize{Name: "price", Strategy: "CoarsenPostcode", Length: 2}), v1alpha1.ReasonColumnTypeMismatch, "needs text"},
		{"month of a number", "ALTER TABLE events ADD price int", replace(retention.Anonymize{Name: "price", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "a date, a time or text"},
		{"month of what is no date", "", replace(retention.Anonymize{Name: "email", Strategy: "CoarsenDate", Precision: "Month"}), v1alpha1.ReasonColumnTypeMismatch, "RFC 3339"},
		{"invented address in a narrow column", "ALTER TABLE events ADD name varchar(35)", replace(retention.Anonymize{Name: "name", Strategy: "Fake", Form: "Email"}), v1alpha1.ReasonColumnTypeMismatch, "36"},
		{"generated column", "ALTER TABLE events ADD shout text GENERATED ALWAYS AS (upper(email)) STORED", field("shout", "Null", ""), v1alpha1.ReasonColumnTypeMismatch, "generated"},
		{"trigger that refuses", "CREATE TRIGGER refuse BEFORE DELETE ON events FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'person@example.com'", nil, v1alpha1.ReasonConstraintViolated, "triggers"},
		{"filter value of another type", "", func(r *runner) { r.Plan.Rules[0].Where = []retention.Filter{retentiontest.In("id", "7 years")} }, v1alpha1.ReasonColumnTypeMismatch, `"id"`},
		{"hold with a missing column", "", hold(retentiontest.In("missing", "x")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold with a value of another type", "", hold(retentiontest.In("id", "person7@example.com")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on floating point", "ALTER TABLE events ADD f float", hold(retentiontest.In("f", "0.1")), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on a missing table", "", func(r *runner) { r.InForce = []retention.Hold{{Name: "case-1", Collection: "evnets"}} }, v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold on another case of the table", "", func(r *runner) { r.InForce = []retention.Hold{{Name: "case-1", Collection: "Events"}} }, v1alpha1.ReasonHoldInvalid, "case-1"},
		{"hold without operator", "", hold(retention.Filter{Field: "id"}), v1alpha1.ReasonHoldInvalid, "case-1"},
		{"children that cascade", "CREATE TABLE parts (id int, event bigint, FOREIGN KEY (event) REFERENCES events (id) ON DELETE CASCADE)", nil, v1alpha1.ReasonReferenced, "NO ACTION"},
		{"children that are set null", "CREATE TABLE parts (id int, event bigint, FOREIGN KEY (event) REFERENCES events (id) ON DELETE SET NULL)", nil, v1alpha1.ReasonReferenced, "NO ACTION"},
		{"children that are left", "CREATE TABLE parts (id int, event bigint, FOREIGN KEY (event) REFERENCES events (id)); INSERT INTO parts SELECT id, id FROM events; GRANT SELECT ON parts TO carrier_purger",
			nil, v1alpha1.ReasonReferenced, "still referenced"},
		{"children that are left and cannot be read", "CREATE TABLE parts (id int, event bigint, CONSTRAINT of_event FOREIGN KEY (event) REFERENCES events (id)); INSERT INTO parts SELECT id, id FROM events",
			nil, v1alpha1.ReasonReferenced, "of_event"},
		{"a value that children refer to", "CREATE UNIQUE INDEX note ON events (email, id); CREATE TABLE parts (id int, email varchar(120), event bigint, FOREIGN KEY (email, event) REFERENCES events (email, id) ON UPDATE CASCADE); GRANT SELECT ON parts TO carrier_purger",
			field("email", "Null", ""), v1alpha1.ReasonReferenced, "along"},
		{"a record that refers to itself", "ALTER TABLE events ADD parent bigint, ADD FOREIGN KEY (parent) REFERENCES events (id); UPDATE events SET parent = id WHERE at < '2026-05-01' AND at > '2000-01-01'",
			nil, v1alpha1.ReasonReferenced, "themselves"},
		{"too many rows", "", func(r *runner) { r.Plan.Caps.MaxRows = 50 }, v1alpha1.ReasonCapExceeded, "maxRows"},
		{"too large a share", "", func(r *runner) { r.Plan.Caps.MaxSharePercent = 20 }, v1alpha1.ReasonCapExceeded, "maxSharePercent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(small)
			if tc.sql != "" {
				db.exec(strings.ReplaceAll(tc.sql, "%d", db.name))
			}
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			if tc.edit != nil {
				tc.edit(r)
			}
			before := db.rows("SELECT * FROM events")

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
			if diff := cmp.Diff(before, db.rows("SELECT * FROM events")); diff != "" {
				t.Error("rows were changed", diff)
			}
		})
	}
}
