//go:build integration

package postgresql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

func TestNamesAreLiteral(t *testing.T) {
	for _, name := range []struct{ schema, table, column string }{
		{"public", "Order Items", "At"},
		{"public", `say "hi"`, `q"uote`},
		{"Größe", "таблица.v2", "время"},
		{"public", "'; DROP TABLE x; --", "$1"},
		{"public", strings.Repeat("n", 63), strings.Repeat("c", 63)},
	} {
		t.Run(name.table, func(t *testing.T) {
			db := newDatabase(t)
			quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
			table := quote(name.schema) + "." + quote(name.table)
			db.exec("CREATE SCHEMA IF NOT EXISTS " + quote(name.schema))
			db.exec(fmt.Sprintf(`CREATE TABLE %s (id int PRIMARY KEY, %s timestamptz, "from" text);
				INSERT INTO %s SELECT n, timestamptz '2026-11-24' - make_interval(days => n), 'x' || n FROM generate_series(1, 200) n;
				GRANT USAGE ON SCHEMA %s TO carrier_purger; GRANT SELECT, DELETE, UPDATE ON %s TO carrier_purger`,
				table, quote(name.column), table, quote(name.schema), table))
			rule := deleteRule("r", name.schema+"."+name.table, name.column, v1alpha1.ClockTimestampTZ, 90)
			rule.Where = []retention.Filter{{Field: "from", Operator: "NotIn", Values: []string{"x95", "'; DROP TABLE x; --", `{"}`, "NULL"}}}
			newRunner(t, db, rule).Run(v1alpha1.ReasonCompleted)
			if n := db.int("SELECT count(*) FROM " + table); n != 90 {
				t.Errorf("%d rows are left, want the 89 young ones and x95", n)
			}
		})
	}
}

func TestPartitionsAreWorkedOnEach(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE parts (id int, at timestamptz, shop text) PARTITION BY RANGE (id);
		CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (1000);
		CREATE TABLE parts_b (shop text, dropped int, at timestamptz, id int); ALTER TABLE parts_b DROP dropped;
		ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES FROM (1000) TO (2000);
		CREATE TABLE parts_c PARTITION OF parts FOR VALUES FROM (2000) TO (4000) PARTITION BY RANGE (id);
		CREATE TABLE parts_c1 PARTITION OF parts_c FOR VALUES FROM (2000) TO (3000);
		CREATE TABLE parts_empty PARTITION OF parts_c FOR VALUES FROM (3000) TO (3500);
		CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
		INSERT INTO parts SELECT n, timestamptz '2026-11-24' - make_interval(days => n % 200), 's' || n % 3 FROM generate_series(0, 4999) n WHERE n NOT BETWEEN 3000 AND 3999;
		GRANT SELECT, DELETE ON parts TO carrier_purger`)
	rule := deleteRule("parts", "public.parts", "at", v1alpha1.ClockTimestampTZ, 90)
	r := newRunner(t, db, rule)
	if got := r.Run(v1alpha1.ReasonPrivilegeMissing); !strings.Contains(got.Outcome.Message, "parts_") {
		t.Errorf("the message does not name the partition: %s", got.Outcome.Message)
	}
	db.exec("GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO carrier_purger")
	r = newRunner(t, db, rule)
	r.InForce = []retention.Hold{{Name: "case", Collection: "public.parts", Where: []retention.Filter{retentiontest.In("shop", "s1")}}}
	late := false
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, After: func(retention.Batch) error {
		if !late {
			late = true // a partition that is attached while the run works
			db.exec(`CREATE TABLE parts_late (LIKE parts); INSERT INTO parts_late SELECT n, '2026-01-01', 's2' FROM generate_series(3500, 3599) n;
				ALTER TABLE parts_c ATTACH PARTITION parts_late FOR VALUES FROM (3500) TO (4000); GRANT SELECT, DELETE ON parts_late TO carrier_purger`)
		}
		return nil
	}}
	want := db.rows("SELECT * FROM parts WHERE NOT " + due90 + " OR shop = 's1'")
	r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM parts")); diff != "" {
		t.Error(diff)
	}
}

// A hold binds the records that it names, whichever name of their table it uses.
func TestHoldsBindUnderEveryNameOfATable(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE parts (id int, at timestamptz) PARTITION BY RANGE (id);
		CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (1000); CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
		INSERT INTO parts SELECT n, '2026-01-01' FROM generate_series(0, 1999) n; GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO carrier_purger`)
	few := []retention.Filter{retentiontest.In("id", "5", "1005")}
	for _, tc := range []struct {
		rule string
		hold retention.Hold
		left int64
	}{
		{"public.parts", retention.Hold{Name: "h", Collection: "parts", Where: few}, 2},
		{"parts", retention.Hold{Name: "h", Collection: "public.parts", Where: few}, 2},
		{"parts", retention.Hold{Name: "h", Collection: "parts_a", Where: few}, 1},
		{"parts_b", retention.Hold{Name: "h", Collection: "parts", Where: few}, 1001},
		{"parts", retention.Hold{Name: "h", Collection: "parts_b"}, 1000},
	} {
		t.Run(tc.rule+" held by "+tc.hold.Collection, func(t *testing.T) {
			db.exec("TRUNCATE parts; INSERT INTO parts SELECT n, '2026-01-01' FROM generate_series(0, 1999) n")
			r := newRunner(t, db, deleteRule("parts", tc.rule, "at", v1alpha1.ClockTimestampTZ, 90))
			r.InForce = []retention.Hold{tc.hold}
			r.Run(v1alpha1.ReasonCompleted)
			if n := db.int("SELECT count(*) FROM parts"); n != tc.left {
				t.Errorf("%d rows are left, want %d", n, tc.left)
			}
		})
	}
}

func TestChildrenGoBeforeTheirParents(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, parent int REFERENCES orders);
		CREATE TABLE lines (id int PRIMARY KEY, at timestamptz, "order" int REFERENCES orders);
		INSERT INTO orders SELECT n, timestamptz '2026-11-24' - make_interval(days => n % 200), CASE WHEN n > 5 AND n % 200 > 95 THEN n - 5 END FROM generate_series(1, 1000) n;
		UPDATE orders SET parent = id WHERE id = 191;
		INSERT INTO lines SELECT n, o.at, o.id FROM generate_series(1, 3000) n JOIN orders o ON o.id = n / 3;
		CREATE INDEX ON orders (parent);
		GRANT SELECT, DELETE ON orders, lines TO carrier_purger`)
	r := newRunner(t, db, deleteRule("lines", "public.lines", "at", v1alpha1.ClockTimestampTZ, 90), deleteRule("orders", "public.orders", "at", v1alpha1.ClockTimestampTZ, 90))
	// What may go is what no record that stays refers to.
	want := db.rows(`WITH RECURSIVE stays AS (SELECT id, parent FROM orders WHERE (` + due90 + `) IS NOT TRUE UNION SELECT o.id, o.parent FROM orders o JOIN stays s ON s.parent = o.id)
		SELECT id FROM stays`)
	young := db.int("SELECT count(*) FROM orders WHERE (" + due90 + ") IS NOT TRUE")
	reason := v1alpha1.ReasonCompleted
	if int64(len(want)) > young {
		reason = v1alpha1.ReasonVerificationDisagreed
	}
	got := r.Run(reason)
	if diff := cmp.Diff(want, db.rows("SELECT id FROM orders")); diff != "" {
		t.Errorf("%s: %s", got.Outcome.Message, diff)
	}
	if !strings.Contains(got.Outcome.Message, "no index") {
		t.Errorf("nothing warns about the reference without index: %s", got.Outcome.Message)
	}
	if n := db.int("SELECT count(*) FROM lines WHERE " + due90); n != 0 {
		t.Errorf("%d due lines are left", n)
	}
}

// Foreign keys in a circle that nobody declared: neither side can go first, until the reference of one side is taken away.
func TestForeignKeysInACircleAreRefusedUntilOneIsNull(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, invoice int); CREATE TABLE invoices (id int PRIMARY KEY, at timestamptz, "order" int REFERENCES orders);
		INSERT INTO orders SELECT n, timestamptz '2026-11-24' - make_interval(days => n), n FROM generate_series(1, 200) n; INSERT INTO invoices SELECT id, at, id FROM orders;
		ALTER TABLE orders ADD FOREIGN KEY (invoice) REFERENCES invoices; CREATE INDEX ON orders (invoice); CREATE INDEX ON invoices ("order");
		GRANT SELECT, DELETE, UPDATE ON orders, invoices TO carrier_purger`)
	orders, invoices := deleteRule("orders", "public.orders", "at", v1alpha1.ClockTimestampTZ, 90), deleteRule("invoices", "public.invoices", "at", v1alpha1.ClockTimestampTZ, 90)
	for _, rules := range [][]retention.Rule{{orders, invoices}, {invoices, orders}} {
		if got := newRunner(t, db, rules...).Run(v1alpha1.ReasonReferenced); db.int("SELECT count(*) FROM orders") != 200 || db.int("SELECT count(*) FROM invoices") != 200 {
			t.Errorf("something went: %s", got.Outcome.Message)
		}
	}
	cut := orders
	cut.Name, cut.Action, cut.Fields = "references", string(v1alpha1.ActionAnonymize), []retention.Anonymize{{Name: "invoice", Strategy: "Null"}}
	newRunner(t, db, cut).Run(v1alpha1.ReasonCompleted)
	newRunner(t, db, invoices, orders).Run(v1alpha1.ReasonCompleted)
	if db.int("SELECT count(*) FROM orders") != 89 || db.int("SELECT count(*) FROM invoices") != 89 {
		t.Error("not exactly the young ones are left")
	}
}

func TestRulesOfOneCollectionAreCountedAsTheyBegin(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	old := deleteRule("old", "public.events", "at", v1alpha1.ClockTimestampTZ, 200)
	r := newRunner(t, db, old, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "Null"}))
	left := db.int("SELECT count(*) FROM events WHERE " + due90 + " AND at >= timestamptz '2026-11-24 03:00Z' - interval '200 days'")
	got := r.Run(v1alpha1.ReasonCompleted)
	if second := got.Results[1]; second.Due != left || second.Done != left {
		t.Errorf("%+v, want %d", second, left)
	}
}

func TestOneTableHasItsOwnKeyOrNone(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE events (a text, b int, at date); INSERT INTO events SELECT CASE WHEN n % 3 > 0 THEN 'k' END, n % 2, date '2026-11-24' - n FROM generate_series(1, 300) n;
		GRANT SELECT, DELETE ON events TO carrier_purger`)
	rule := deleteRule("events", "events", "at", v1alpha1.ClockDate, 90)
	rule.Key = []string{"a", "b"}
	newRunner(t, db, rule).Run(v1alpha1.ReasonCompleted)
	if n := db.int("SELECT count(*) FROM events"); n != 90 {
		t.Errorf("%d rows are left, want 90", n)
	}
}

func TestTLSModes(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	for _, tc := range []struct{ mode, host, ca string }{
		{"VerifyFull", "127.0.0.1", server.ca}, {"VerifyCA", "127.0.0.1", server.ca}, {"VerifyCA", "localhost", server.ca}, {"Disable", "localhost", ""},
	} {
		t.Run(tc.mode+" "+tc.host, func(t *testing.T) {
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.Plan.Mode, r.Plan.Store.TLSMode, r.Plan.Store.CABundle = string(v1alpha1.RunPreview), tc.mode, tc.ca
			db.secret("host", tc.host)
			r.Run(v1alpha1.ReasonCompleted)
		})
	}
}

func TestRunsFormAChainThatTheirObjectsProve(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	previous := ""
	for i, mode := range []v1alpha1.RunMode{v1alpha1.RunPreview, v1alpha1.RunPurge, v1alpha1.RunPurge} {
		r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
		r.Plan.Mode, r.Plan.PreviousDigest, r.Plan.Run = string(mode), previous, fmt.Sprintf("orders-%d", i)
		if i == 2 {
			r.Run(v1alpha1.ReasonNothingDue)
		} else {
			r.Run(v1alpha1.ReasonCompleted)
		}
		run := objectOf(r.Plan, r.Status)
		digest, err := retention.NewRecord(retention.SubjectOfRun(run), &run.Status).Digest()
		if err != nil || digest != r.Status.Evidence.Digest || r.Status.Evidence.Previous != previous {
			t.Errorf("the object proves %s, its evidence says %+v (%v)", digest, r.Status.Evidence, err)
		}
		run.Status.Results[0].Done++
		if forged, _ := retention.NewRecord(retention.SubjectOfRun(run), &run.Status).Digest(); forged == digest {
			t.Error("an edit does not show")
		}
		previous = digest
	}
}
