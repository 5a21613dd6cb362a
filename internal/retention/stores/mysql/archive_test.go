//go:build integration

package mysql_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

func newBucket(t *testing.T) *s3test.Bucket {
	t.Helper()
	return s3test.Shared(t, workDir).NewBucket(t, s3test.Flavor{Versioned: true, Locked: true})
}

// archiver purges events into a bucket.
func archiver(t *testing.T, db *database, b *s3test.Bucket) *runner {
	t.Helper()
	rule := deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90)
	rule.Archive = &retention.ArchiveTarget{Collection: b.Name + "/shop/"}
	r := newRunner(t, db, rule)
	r.Plan.Archive = &retention.Store{Name: "cold", Type: string(v1alpha1.StoreS3), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: b.Server.CA}
	r.Archive = &s3.Archive{Dir: b.Secret, Store: *r.Plan.Archive}
	return r
}

// archived are all archived records, in falling order of their keys as text.
func archived(t *testing.T, b *s3test.Bucket) (all []map[string]any) {
	t.Helper()
	for _, content := range b.Objects() {
		packed, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(packed); lines.Scan(); {
			decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			decoder.UseNumber()
			record := map[string]any{}
			if err := decoder.Decode(&record); err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			all = append(all, record)
		}
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(b["id"]), fmt.Sprint(a["id"])) })
	return all
}

// A line has all columns, those that SELECT * leaves out too, and nothing of their values is lost.
func TestArchivedRecordsAreWhole(t *testing.T) {
	db, b := newDatabase(t), newBucket(t)
	db.exec("CREATE TABLE events (`a ``\"b` varchar(40), id bigint unsigned, shop varchar(10) CHARACTER SET latin1, PRIMARY KEY (shop, id), at datetime(6), " +
		"word text, filled int(6) zerofill, price decimal(30, 10), narrow float, wide double, bits bit(10), raw varbinary(10), big longblob, " +
		"day date, clock time(3), born year, kind enum('x', 'y'), tags set('p', 'q'), doc json, hidden int INVISIBLE DEFAULT 7, twice int AS (filled * 2))")
	db.exec("INSERT INTO events (`a ``\"b`, id, shop, at, word, filled, price, narrow, wide, bits, raw, big, day, clock, born, kind, tags, doc) VALUES " +
		"('Zoë 📦', 18446744073709551615, 'café', '2020-01-01 12:00:00.123456', 'tab\\tand\\nline \\0 <\"\\\\>', 42, 12345678901234567890.0123456789, 16777215, 0.1, b'1000000001', " +
		"X'00ff', X'deadbeef', '2020-02-29', '-12:30:00.5', 1999, 'y', 'p,q', '{\"a\": [1, null]}'), (NULL, 2, 'b', '2020-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
	db.exec("GRANT SELECT, DELETE ON events TO " + purgerUser)
	r := archiver(t, db, b)
	r.Plan.Rules[0].Key = []string{"id", "shop"}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != 2 || got.ArchivedObjects == 0 {
		t.Errorf("result %+v", got)
	}
	n := func(s string) any { return json.Number(s) }
	want := []map[string]any{
		{"a `\"b": nil, "id": n("2"), "shop": "b", "at": "2020-01-01 00:00:00.000000", "word": nil, "filled": nil, "price": nil, "narrow": nil, "wide": nil, "bits": nil, "raw": nil, "big": nil,
			"day": nil, "clock": nil, "born": nil, "kind": nil, "tags": nil, "doc": nil, "hidden": n("7"), "twice": nil},
		{"a `\"b": "Zoë 📦", "id": n("18446744073709551615"), "shop": "café", "at": "2020-01-01 12:00:00.123456", "word": "tab\tand\nline \x00 <\"\\>", "filled": n("42"),
			"price": n("12345678901234567890.0123456789"), "narrow": n("1.6777215e+07"), "wide": n("0.1"), "bits": "0201", "raw": "00ff", "big": "deadbeef",
			"day": "2020-02-29", "clock": "-12:30:00.500", "born": n("1999"), "kind": "y", "tags": "p,q", "doc": `{"a": [1, null]}`, "hidden": n("7"), "twice": n("84")},
	}
	if diff := cmp.Diff(want, archived(t, b)); diff != "" {
		t.Errorf("archived records (-want +got):\n%s", diff)
	}
	if left := db.rows("SELECT id FROM events"); len(left) != 0 {
		t.Errorf("records %v are left", left)
	}
}

func TestArchiveNeedsWholeRecords(t *testing.T) {
	db, b := newDatabase(t), newBucket(t)
	db.exec(events)
	db.exec("REVOKE ALL ON events FROM " + purgerUser + "; GRANT SELECT (id, at, shop), DELETE ON events TO " + purgerUser)
	r := archiver(t, db, b)
	r.Run(v1alpha1.ReasonPrivilegeMissing)
	if n := db.int("SELECT count(*) FROM events"); n != 20000 || !strings.Contains(r.Status.Outcome.Message, "archived whole") {
		t.Errorf("%d records are left: %s", n, r.Status.Outcome.Message)
	}
}

// A column that comes while the run works is archived too.
func TestColumnThatIsAddedIsArchivedToo(t *testing.T) {
	db, b := newDatabase(t), newBucket(t)
	db.exec(events)
	r := archiver(t, db, b)
	due := db.int("SELECT count(*) FROM events WHERE " + due90)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 2000, Before: func() error {
		if windows++; windows == 3 {
			db.exec("ALTER TABLE events ADD COLUMN late int DEFAULT 5")
		}
		return nil
	}}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != due {
		t.Errorf("result %+v, want %d done", got, due)
	}
	var with, without int64
	for _, record := range archived(t, b) {
		if record["late"] == json.Number("5") {
			with++
		} else {
			without++
		}
	}
	if with == 0 || without == 0 || with+without != due {
		t.Errorf("%d records with the new column and %d without, of %d", with, without, due)
	}
}
