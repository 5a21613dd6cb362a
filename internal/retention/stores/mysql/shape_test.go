//go:build integration

package mysql_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func quote(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func TestNamesAreLiteral(t *testing.T) {
	for _, name := range []struct{ table, column string }{
		{"Order Items", "At"}, {"say `hi`", "q`uote"}, {"таблица.v2", "время"}, {"'; DROP TABLE x; --x", "? %"}, {"100%", `back\slash"`},
		{strings.Repeat("n", 64), strings.Repeat("c", 64)}, {"select", "from"}, {"carrier child 0", "id?"},
	} {
		for _, action := range []string{"Delete", "Anonymize"} {
			t.Run(name.table+" "+action, func(t *testing.T) {
				db := newDatabase(t)
				table := quote(name.table)
				db.exec(fmt.Sprintf("CREATE TABLE %[1]s (id int PRIMARY KEY, %[2]s datetime, `e?` varchar(80)); "+
					"INSERT INTO %[1]s SELECT seq, timestamp'2026-11-24 00:00:00' - INTERVAL seq DAY, concat('x', seq) FROM seq_1_to_200; GRANT SELECT, DELETE, UPDATE ON %[1]s TO carrier_purger", table, quote(name.column)))
				rule := deleteRule("r", name.table, name.column, v1alpha1.ClockTimestamp, 90)
				rule.Where = []retention.Filter{{Field: "e?", Operator: "NotIn", Values: []string{"x95", "'; DROP TABLE x; --", `\`, "NULL", `\'`}}}
				if rule.Action = action; action == "Anonymize" {
					rule.Fields = []retention.Anonymize{{Name: "e?", Strategy: "KeyedHash"}}
				}
				newRunner(t, db, rule).Run(v1alpha1.ReasonCompleted)
				if n := db.int("SELECT count(*) FROM " + table + " WHERE length(`e?`) < 68"); n != 90 {
					t.Errorf("%d rows are left as they were, want the 89 young ones and x95", n)
				}
			})
		}
	}
}

// Keys of all kinds and orders are walked along, in windows of few records, each record once.
func TestKeysOfEveryKind(t *testing.T) {
	for _, tc := range []struct{ columns, values, key string }{
		{"a bigint AUTO_INCREMENT PRIMARY KEY", "seq", "a"},
		{"a bigint AUTO_INCREMENT PRIMARY KEY", "seq + (seq > 100) * 1000000000 + (seq > 300) * seq * 1000", "a"},
		{"a bigint PRIMARY KEY", "CAST(seq AS SIGNED) - 300", "a"},
		{"a bigint unsigned PRIMARY KEY", "18446744073709551615 - seq", "a"},
		{"a decimal(30, 4) PRIMARY KEY", "seq * 100000000000000000.0001", "a"},
		{"a varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY", "concat(elt(seq % 4 + 1, 'É', 'zé', '日', 'A'), seq)", "a"},
		{"a varchar(40) CHARACTER SET latin1 PRIMARY KEY", "concat(elt(seq % 4 + 1, 'É', 'zé', 'ß', 'A'), seq)", "a"},
		{"a char(36) PRIMARY KEY", "uuid()", "a"},
		{"a uuid PRIMARY KEY", "uuid()", "a"},
		{"a binary(16) PRIMARY KEY", "unhex(md5(seq))", "a"},
		{"a varbinary(40) PRIMARY KEY", "concat(x'00ff27', unhex(sha1(seq)))", "a"},
		{"a datetime(6) PRIMARY KEY", "timestamp'2026-01-01 00:00:00' + INTERVAL seq MICROSECOND", "a"},
		{"a date PRIMARY KEY", "date'2026-01-01' + INTERVAL seq DAY", "a"},
		{"a varchar(20), b int, PRIMARY KEY (a, b)", "concat('g', seq % 3), seq", "a,b"},
		{"a varchar(20), b int, PRIMARY KEY (b, a)", "concat('g', seq % 3), seq % 7 + seq * 100", "a,b"},
		{"a int, b date, c smallint, PRIMARY KEY (a, b, c)", "seq % 2, date'2026-01-01' + INTERVAL seq % 5 DAY, seq", "c,a,b"},
		{"id int AUTO_INCREMENT PRIMARY KEY, a varchar(40) NOT NULL UNIQUE", "NULL, concat('x', seq)", "a"},
	} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s by %s without returning %t", tc.columns, tc.key, plain), func(t *testing.T) {
				db := newDatabase(t)
				db.exec("CREATE TABLE events (" + tc.columns + ", at date, email varchar(90)); INSERT INTO events SELECT " + tc.values +
					", date'2026-11-24' - INTERVAL (seq * 7919 % 600) DAY, concat('p', seq) FROM seq_1_to_600; GRANT SELECT, DELETE, UPDATE ON events TO carrier_purger")
				rule := deleteRule("events", "events", "at", v1alpha1.ClockDate, 90)
				rule.Key = strings.Split(tc.key, ",")
				anonymize := rule
				anonymize.Name, anonymize.Action, anonymize.Before = "older", "Anonymize", rule.Before
				anonymize.Fields = []retention.Anonymize{{Name: "email", Strategy: "KeyedHash"}}
				want := db.rows("SELECT * FROM events WHERE at >= '2026-08-26'")
				due := db.int("SELECT count(*) FROM events WHERE at < '2026-08-26'")

				for _, rule := range []retention.Rule{anonymize, rule} {
					r := newRunner(t, db, rule)
					if plain {
						r.Driver = mysql.WithoutReturning(r.Driver.(*mysql.Driver))
					}
					r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 16}
					got := r.Run(v1alpha1.ReasonCompleted)
					if result := got.Results[0]; result.Done != due || result.Due != due || result.Inferred != 0 || got.Checkpoint.Batches < 600/17 {
						t.Errorf("%+v in %d windows, want %d", result, got.Checkpoint.Batches, due)
					}
				}
				if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestChildrenGoBeforeTheirParents(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("without returning %t", plain), func(t *testing.T) {
			db := newDatabase(t)
			db.exec(`CREATE TABLE orders (id int PRIMARY KEY, at datetime, parent int, FOREIGN KEY (parent) REFERENCES orders (id));
				CREATE TABLE line_items (id int PRIMARY KEY, at datetime, ` + "`order`" + ` int, FOREIGN KEY (` + "`order`" + `) REFERENCES orders (id));
				INSERT INTO orders SELECT seq, timestamp'2026-11-24 00:00:00' - INTERVAL seq % 200 DAY, CASE WHEN seq > 5 AND seq % 200 > 95 THEN seq - 5 END FROM seq_1_to_1000;
				INSERT INTO line_items SELECT seq, o.at, o.id FROM seq_1_to_3000 JOIN orders o ON o.id = seq DIV 3;
				GRANT SELECT, DELETE ON orders TO carrier_purger; GRANT SELECT, DELETE ON line_items TO carrier_purger`)
			r := newRunner(t, db, deleteRule("lines", "line_items", "at", v1alpha1.ClockTimestamp, 90), deleteRule("orders", "orders", "at", v1alpha1.ClockTimestamp, 90))
			if plain {
				r.Driver = mysql.WithoutReturning(r.Driver.(*mysql.Driver))
			}
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
			if n := db.int("SELECT count(*) FROM line_items WHERE " + due90); n != 0 {
				t.Errorf("%d due lines are left", n)
			}
		})
	}
}

// Foreign keys in a circle that nobody declared: neither side can go first, until the reference of one side is taken away.
func TestForeignKeysInACircleAreRefusedUntilOneIsNull(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, at datetime, invoice int); CREATE TABLE invoices (id int PRIMARY KEY, at datetime, of int, FOREIGN KEY (of) REFERENCES orders (id));
		INSERT INTO orders SELECT seq, timestamp'2026-11-24 00:00:00' - INTERVAL seq DAY, seq FROM seq_1_to_200; INSERT INTO invoices SELECT id, at, id FROM orders;
		ALTER TABLE orders ADD FOREIGN KEY (invoice) REFERENCES invoices (id);
		GRANT SELECT, DELETE, UPDATE ON orders TO carrier_purger; GRANT SELECT, DELETE ON invoices TO carrier_purger`)
	orders, invoices := deleteRule("orders", "orders", "at", v1alpha1.ClockTimestamp, 90), deleteRule("invoices", "invoices", "at", v1alpha1.ClockTimestamp, 90)
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

func TestTextIsComparedByteByByteAndHoldsKeepMoreInDoubt(t *testing.T) {
	db := newDatabase(t)
	setUp := "DROP TABLE IF EXISTS events; CREATE TABLE events (id int PRIMARY KEY, at date, shop varchar(20) COLLATE utf8mb4_general_ci); " +
		"INSERT INTO events VALUES (1, '2026-01-01', 'acme'), (2, '2026-01-01', 'ACME'), (3, '2026-01-01', 'Acmé'), (4, '2026-01-01', 'acme '), (5, '2026-01-01', NULL), (6, '2026-01-01', 'other'); " +
		"GRANT SELECT, DELETE ON events TO carrier_purger"
	filter := func(operator string) []retention.Filter {
		return []retention.Filter{{Field: "shop", Operator: operator, Values: []string{"acme"}}}
	}
	for name, tc := range map[string]struct {
		rule, hold []retention.Filter
		want       []string
	}{
		"rule in":     {filter("In"), nil, []string{"2", "3", "4", "5", "6"}},
		"rule not in": {filter("NotIn"), nil, []string{"1", "2", "3", "4", "5"}},
		"hold in":     {nil, filter("In"), []string{"1", "2", "3", "4"}},
		"hold not in": {nil, filter("NotIn"), []string{"2", "3", "4", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			db.exec(setUp)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockDate, 90))
			if r.Plan.Rules[0].Where = tc.rule; tc.hold != nil {
				r.InForce = []retention.Hold{{Name: "case-1", Collection: "events", Where: tc.hold}}
			}
			r.Run(v1alpha1.ReasonCompleted)
			if diff := cmp.Diff(tc.want, db.rows("SELECT id FROM events")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFiltersOnEveryType(t *testing.T) {
	for _, tc := range []struct{ column, stored, other, value string }{
		{"int", "7", "8", "7"}, {"bigint", "9007199254740993", "9007199254740992", "9007199254740993"}, {"bigint unsigned", "18446744073709551615", "1", "18446744073709551615"},
		{"decimal(10, 2)", "7.10", "7.11", "7.1"}, {"date", "2026-01-02", "2026-01-03", "2026-01-02"}, {"datetime(6)", "2026-01-02 03:04:05.000006", "2026-01-02 03:04:05", "2026-01-02 03:04:05.000006"},
		{"timestamp NULL", "2026-01-02 03:04:05", "2026-01-02 03:04:06", "2026-01-02T04:04:05+01:00"}, {"enum('a', 'b')", "a", "b", "a"}, {"varbinary(9)", "a ", "a", "a "},
		{"uuid", "123e4567-e89b-12d3-a456-426655440000", "123e4567-e89b-12d3-a456-426655440001", "123E4567-E89B-12D3-A456-426655440000"}, {"tinyint(1)", "1", "0", "1"}, {"text", "it's", "its", "it's"},
	} {
		t.Run(tc.column, func(t *testing.T) {
			db := newDatabase(t)
			db.exec("CREATE TABLE events (id int PRIMARY KEY, at date, f " + tc.column + " DEFAULT NULL); GRANT SELECT, DELETE ON events TO carrier_purger")
			db.exec("INSERT INTO events VALUES (1, '2026-01-01', ?), (2, '2026-01-01', ?), (3, '2026-01-01', NULL)", tc.stored, tc.other)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockDate, 90))
			r.Plan.Rules[0].Where = []retention.Filter{retentiontest.In("f", tc.value)}
			r.Run(v1alpha1.ReasonCompleted)
			if diff := cmp.Diff([]string{"2", "3"}, db.rows("SELECT id FROM events")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTLSModes(t *testing.T) {
	db := newDatabase(t)
	db.exec(small)
	for _, tc := range []struct{ mode, host, ca string }{
		{"VerifyFull", "127.0.0.1", server.ca}, {"VerifyCA", "127.0.0.1", server.ca}, {"VerifyCA", "localhost", server.ca}, {"Disable", "localhost", ""},
	} {
		t.Run(tc.mode+" "+tc.host, func(t *testing.T) {
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			r.Plan.Mode, r.Plan.Store.TLSMode, r.Plan.Store.CABundle = string(v1alpha1.RunPreview), tc.mode, tc.ca
			db.secret("host", tc.host)
			r.Run(v1alpha1.ReasonCompleted)
		})
	}
}

// The server is killed between windows and comes back: the run goes on, and its store is the same. Another server is another one.
func TestServerIsKilledAndComesBack(t *testing.T) {
	other := newServer(t, "--server-id=2")
	db := newDatabaseOn(t, other)
	db.exec(events)
	r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
	r.Plan.Store.CABundle = other.ca
	want := db.rows(remaining90)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 500, Before: func() error {
		if windows++; windows == 5 {
			db.conn.Close()
			other.stop(syscall.SIGKILL)
			if err := other.start(); err != nil {
				t.Fatal(err)
			}
			db.connect()
			db.exec("USE " + db.name)
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" || got.Results[0].Done != got.Results[0].Due {
		t.Errorf("%+v %s", got.Results[0], diff)
	}

	identity := func(r *runner) string {
		s, err := r.Driver.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		id, err := s.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	elsewhere := newRunner(t, newDatabase(t), r.Plan.Rules...)
	if a, b := identity(r), identity(elsewhere); a != got.Evidence.StoreIdentity || a == b || a == "" {
		t.Errorf("identities %q before, %q after, %q of another server", got.Evidence.StoreIdentity, a, b)
	}
}
