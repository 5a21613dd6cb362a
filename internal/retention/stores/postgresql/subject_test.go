//go:build integration

package postgresql_test

import (
	"fmt"
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// holdOf holds whoever has one of the texts in a column of public.events.
func holdOf(column string, texts ...string) retention.Hold {
	return retentiontest.HoldOf("public.events", column, texts...)
}

// Values are hashed as the text that the store writes, byte by byte.
func TestSubjectIsItsTextByteByByte(t *testing.T) {
	for column, values := range map[string]struct{ kind, held, text, other string }{
		"number":         {"bigint", "4711", "4711", "47110"},
		"decimal":        {"numeric(8,2)", "1.5", "1.50", "1.51"},
		"uuid":           {"uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"},
		"case":           {"text", "'Ada@example.com'", "Ada@example.com", "'ada@example.com'"},
		"unicode":        {"text", "U&'Zo\\00EB'", "Zo\u00eb", "U&'Zoe\\0308'"},
		"space":          {"text", "'ada '", "ada ", "'ada'"},
		"fixed length":   {"char(80)", "'ada'", "ada", "'adb'"},
		"empty":          {"text", "''", "", "'x'"},
		`quoted "column`: {"varchar(20)", "'it''s'", "it's", "'its'"},
	} {
		t.Run(column, func(t *testing.T) {
			db := newDatabase(t)
			name := `"` + strings.ReplaceAll(column, `"`, `""`) + `"`
			db.exec(fmt.Sprintf(`CREATE TABLE events (id int PRIMARY KEY, at timestamptz DEFAULT '2020-01-01', %[1]s %[2]s);
				INSERT INTO events (id, %[1]s) VALUES (1, %[3]s), (2, %[4]s), (3, NULL); GRANT SELECT, DELETE ON events TO `+purgerRole, name, values.kind, values.held, values.other))
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.InForce = []retention.Hold{holdOf(column, values.text, "another")}
			got := r.Run(v1alpha1.ReasonCompleted).Results[0]
			if left := db.rows("SELECT id FROM events"); len(left) != 1 || left[0] != "(1)" || got.Held != 1 || got.Done != 2 {
				t.Errorf("records %v are left; %+v", left, got)
			}
		})
	}
}

// A hold that comes while a window of an anonymizing run waits for the next wins, as does one of a partition.
func TestSubjectHoldWinsOverAnonymizingAndInPartitions(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE events (id int, at timestamptz, email text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE early PARTITION OF events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01'); CREATE TABLE late PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
		INSERT INTO events SELECT n, CASE WHEN n % 2 = 0 THEN timestamptz '2019-06-01' ELSE '2020-06-01' END, 'person' || n % 10 || '@example.com' FROM generate_series(1, 200) n;
		GRANT SELECT, UPDATE ON events, early, late TO ` + purgerRole)
	r := newRunner(t, db, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "Null"}))
	r.Plan.Rules[0].Key = []string{"id", "at"}
	whole, part := holdOf("email", "person3@example.com"), holdOf("email", "person4@example.com", "person5@example.com")
	part.Name, part.Collection = "case-2", "public.early"
	r.InForce = []retention.Hold{whole, part}
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	want := []string{"(person3@example.com,20)", "(person4@example.com,20)", "(,160)"}
	left := db.rows("SELECT email, count(*) FROM events GROUP BY email")
	for _, row := range want {
		if !strings.Contains(strings.Join(left, " "), row) {
			t.Errorf("%v are left, without %s", left, row)
		}
	}
	if got.Held != 40 || got.Done != 160 {
		t.Errorf("result %+v", got)
	}
}

func TestSubjectOfAColumnThatIsNotThereStopsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.InForce = []retention.Hold{holdOf("mail", "ada@example.com")}
	r.Run(v1alpha1.ReasonHoldInvalid)
	if n := db.int("SELECT count(*) FROM events"); n != 20000 {
		t.Errorf("%d records are left", n)
	}
}
