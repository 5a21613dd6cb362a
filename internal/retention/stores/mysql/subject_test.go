//go:build integration

package mysql_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
)

// holdOf holds whoever has one of the texts in a column of events.
func holdOf(column string, texts ...string) retention.Hold {
	return retentiontest.HoldOf("events", column, texts...)
}

// Values are hashed as the text that the store writes, byte by byte, whatever the column's character set and collation.
func TestSubjectIsItsTextByteByByte(t *testing.T) {
	for name, values := range map[string]struct{ kind, held, text, other string }{
		"number":         {"bigint unsigned", "18446744073709551615", "18446744073709551615", "1844674407370955161"},
		"decimal":        {"decimal(8,2)", "1.5", "1.50", "1.51"},
		"date":           {"date", "'1990-02-28'", "1990-02-28", "'1990-02-27'"},
		"bytes":          {"varbinary(16)", "x'616400'", "ad\x00", "x'6164'"},
		"case":           {"varchar(80)", "'Ada@example.com'", "Ada@example.com", "'ada@example.com'"},
		"character set":  {"varchar(80) CHARACTER SET latin1", "'Zo\u00eb'", "Zo\u00eb", "'Zoe'"},
		"space":          {"varchar(80)", "'ada '", "ada ", "'ada'"},
		"fixed length":   {"char(80)", "'ada'", "ada", "'adb'"},
		"beyond 16 bits": {"varchar(80) CHARACTER SET utf8mb4", "'\U0001F600'", "\U0001F600", "'\U0001F601'"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, returning := range []bool{true, false} {
				db := newDatabase(t)
				db.exec(fmt.Sprintf("CREATE TABLE events (id int PRIMARY KEY, at datetime DEFAULT '2020-01-01', `who is` %s)", values.kind))
				db.exec(fmt.Sprintf("INSERT INTO events (id, `who is`) VALUES (1, %s), (2, %s), (3, NULL)", values.held, values.other))
				db.exec("GRANT SELECT, DELETE ON events TO " + purgerUser)
				r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
				if !returning {
					r.Driver = mysql.WithoutReturning(r.Driver.(*mysql.Driver))
				}
				r.InForce = []retention.Hold{holdOf("who is", values.text, "another")}
				got := r.Run(v1alpha1.ReasonCompleted).Results[0]
				if diff := cmp.Diff([]string{"1"}, db.rows("SELECT id FROM events")); diff != "" || got.Held != 1 || got.Done != 2 {
					t.Errorf("returning %t: records %s; %+v", returning, diff, got)
				}
			}
		})
	}
}

func TestSubjectHoldWinsOverAnonymizing(t *testing.T) {
	for _, strategy := range []string{"Null", "KeyedHash"} {
		db := newDatabase(t)
		db.exec(small)
		r := newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "email", Strategy: strategy}))
		r.InForce = []retention.Hold{holdOf("email", db.rows("SELECT email FROM events WHERE id % 10 = 7")...)}
		want := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND id % 10 = 7")
		got := r.Run(v1alpha1.ReasonCompleted).Results[0]
		left := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND email LIKE 'person%'")
		if want == 0 || left != want || got.Held != want || got.Done+got.Held != got.Due {
			t.Errorf("%s: %d clear addresses are left, want %d; %+v", strategy, left, want, got)
		}
	}
}

func TestSubjectThatCannotBeToldStopsTheRun(t *testing.T) {
	for name, column := range map[string]string{"no such column": "mail", "no one form as text": "score"} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(small)
			db.exec("ALTER TABLE events ADD COLUMN score double DEFAULT 1.5")
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			r.InForce = []retention.Hold{holdOf(column, "1.5")}
			r.Run(v1alpha1.ReasonHoldInvalid)
			if n := db.int("SELECT count(*) FROM events"); n != 500 {
				t.Errorf("%d records are left", n)
			}
		})
	}
}
