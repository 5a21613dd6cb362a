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

// inTheMiddle runs the rule of events, and the SQL before its third window.
func inTheMiddle(t *testing.T, db *database, sql string) *runner {
	t.Helper()
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock = retentiontest.NewHurried(slot)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 8, Before: func() error {
		if windows++; windows == 3 {
			db.exec(sql)
		}
		return nil
	}}
	return r
}

// Whatever is done to the table while the run works, records that are not due stay, and the run says what became of it.
func TestTableThatIsChangedMidRun(t *testing.T) {
	for _, tc := range []struct {
		name, sql, reason string
	}{
		{"the clock has another type", "ALTER TABLE events ALTER at TYPE text", v1alpha1.ReasonColumnTypeMismatch},
		{"the table is gone", "DROP TABLE events", v1alpha1.ReasonTableNotFound},
		{"a privilege is taken away", "REVOKE DELETE ON events FROM carrier_purger", v1alpha1.ReasonPrivilegeMissing},
		{"row security hides rows", "ALTER TABLE events ENABLE ROW LEVEL SECURITY", v1alpha1.ReasonRowSecurity},
		{"a trigger refuses", `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
			CREATE TRIGGER refuse BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse()`, v1alpha1.ReasonConstraintViolated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			keep := db.int("SELECT count(*) FROM (" + remaining90 + ") r")
			r := inTheMiddle(t, db, tc.sql)
			got := r.Run(tc.reason)
			if result := got.Results[0]; result.Done == 0 || result.Done >= result.Due {
				t.Errorf("%+v", result)
			}
			if tc.reason == v1alpha1.ReasonTableNotFound {
				return
			}
			if left := db.int("SELECT count(*) FROM events"); left < keep {
				t.Errorf("%d rows are left, %d had to stay", left, keep)
			}
		})
	}
}

// A tool for changing tables online puts a copy in the table's place. The run goes on in whatever has the name.
func TestTableThatIsSwappedMidRunIsWorkedOnByName(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	r := inTheMiddle(t, db, "CREATE TABLE copy (LIKE events INCLUDING ALL); INSERT INTO copy SELECT * FROM events; GRANT SELECT, DELETE, UPDATE ON copy TO carrier_purger; "+
		"ALTER TABLE events RENAME TO old; ALTER TABLE copy RENAME TO events")
	want := db.rows(remaining90)
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" || got.Results[0].Remaining != 0 {
		t.Errorf("%+v, rows %s", got.Results[0], diff)
	}
}

func TestIndexThatIsDroppedMidRunChangesNothing(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec("CREATE INDEX by_time ON events (at)")
	r := inTheMiddle(t, db, "DROP INDEX by_time; ALTER TABLE events DROP CONSTRAINT events_pkey")
	want := db.rows(remaining90)
	r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error(diff)
	}
}

// What passes by itself is done again, with smaller windows. The trigger plays the store, which would be slow to bring there.
func TestFaultsThatPassAreWaitedOut(t *testing.T) {
	for name, code := range map[string]string{
		"deadlock": "40P01", "serialization failure": "40001", "statement timeout": "57014", "lock timeout": "55P03", "disk full": "53100", "out of memory": "53200",
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			db.exec(fmt.Sprintf(`CREATE SEQUENCE faults; GRANT USAGE ON faults TO carrier_purger;
				CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF nextval('faults') BETWEEN 100 AND 102 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '%s'; END IF; RETURN OLD; END $$;
				CREATE TRIGGER fault BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION fault()`, code))
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.Clock = retentiontest.NewHurried(slot)
			want := db.rows(remaining90)
			got := r.Run(v1alpha1.ReasonCompleted)
			if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
				t.Error("rows", diff)
			}
			if result := got.Results[0]; result.Done != result.Due || result.Inferred != 0 {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestDiskThatStaysFullEndsTheRun(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER full_disk BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION full_disk()`)
	before := db.rows("SELECT * FROM events")
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock = retentiontest.NewHurried(slot)
	got := r.Run(v1alpha1.ReasonStoreBusy)
	if diff := cmp.Diff(before, db.rows("SELECT * FROM events")); diff != "" || !strings.Contains(got.Outcome.Message, "53100") {
		t.Errorf("%s: %s", diff, got.Outcome.Message)
	}
}

func TestStoreThatBecomesReadOnlyIsWaitedFor(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	db.exec(`CREATE SEQUENCE faults; GRANT USAGE ON faults TO carrier_purger;
		CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('faults') BETWEEN 100 AND 104 THEN RAISE EXCEPTION 'cannot execute DELETE in a read-only transaction' USING ERRCODE = '25006'; END IF; RETURN OLD; END $$;
		CREATE TRIGGER fault BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION fault()`)
	r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	r.Clock = retentiontest.NewHurried(slot)
	want := db.rows(remaining90)
	r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error(diff)
	}
}

// Whatever time zone the login's sessions have, and change to, the same records are due.
func TestTimeZoneOfTheSessionSaysNothing(t *testing.T) {
	for _, zone := range []string{"Pacific/Auckland", "America/Anchorage"} {
		t.Run(zone, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			db.exec(fmt.Sprintf("ALTER DATABASE %s SET timezone = '%s'", db.name, zone))
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			want := db.rows(remaining90)
			r.Run(v1alpha1.ReasonCompleted)
			if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Two policies have a rule for one table, and their runs work at once.
func TestTwoPoliciesOnOneTable(t *testing.T) {
	db := newDatabase(t)
	db.exec(events)
	second := newRunner(t, db, deleteRule("late", "public.events", "at", v1alpha1.ClockTimestampTZ, 120))
	second.Plan.Policy, second.Plan.RunUID = "other", "uid-other-"+db.name
	first := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
	windows := 0
	first.Driver = &retentiontest.Faulty{Driver: first.Driver, Size: 8, After: func(retention.Batch) error {
		if windows++; windows == 3 {
			second.Run(v1alpha1.ReasonCompleted)
		}
		return nil
	}}
	want, due := db.rows(remaining90), db.int("SELECT count(*) FROM events WHERE "+due90)
	got := first.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Error(diff)
	}
	// What the other one took is not this one's.
	if a, b := got.Results[0].Done, second.Status.Results[0].Done; a+b != due || a == 0 || b == 0 {
		t.Errorf("they did %d and %d of %d", a, b, due)
	}
}

func TestPartitionThatIsAttachedMidRunIsWorkedOnToo(t *testing.T) {
	db := newDatabase(t)
	db.exec(strings.Replace(events, "20000", "3000", 1))
	db.exec(`ALTER TABLE events RENAME TO old; CREATE TABLE events (LIKE old INCLUDING DEFAULTS) PARTITION BY RANGE (id);
		ALTER TABLE old ALTER at DROP DEFAULT; ALTER TABLE events ATTACH PARTITION old FOR VALUES FROM (0) TO (1000000);
		CREATE TABLE more (LIKE events INCLUDING DEFAULTS); INSERT INTO more SELECT * FROM old; UPDATE more SET id = id + 1000000;
		GRANT SELECT, DELETE, UPDATE ON events, old, more TO carrier_purger`)
	r := inTheMiddle(t, db, "ALTER TABLE events ATTACH PARTITION more FOR VALUES FROM (1000000) TO (2000000)")
	want := db.rows("SELECT * FROM old WHERE (" + due90 + ") IS NOT TRUE UNION ALL SELECT * FROM more WHERE (" + due90 + ") IS NOT TRUE")
	got := r.Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, db.rows("SELECT * FROM events")); diff != "" {
		t.Errorf("%+v: %s", got.Results[0], diff)
	}
}
