//go:build integration

package postgresql_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

func newBucket(t *testing.T) *s3test.Bucket {
	t.Helper()
	return s3test.Shared(t, workDir).NewBucket(t, s3test.Flavor{Versioned: true, Locked: true})
}

// archiver purges public.events into a bucket.
func archiver(t *testing.T, db *database, b *s3test.Bucket) *runner {
	t.Helper()
	rule := deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90)
	rule.Archive = &retention.ArchiveTarget{Collection: b.Name + "/shop/"}
	r := newRunner(t, db, rule)
	r.Plan.Archive = &retention.Store{Name: "cold", Type: string(v1alpha1.StoreS3), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: b.Server.CA}
	r.Archive = &s3.Archive{Dir: b.Secret, Store: *r.Plan.Archive}
	return r
}

// lines of all archived records.
func lines(t *testing.T, b *s3test.Bucket) (all []string) {
	t.Helper()
	for _, content := range b.Objects() {
		packed, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(packed)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return all
}

// A line has all columns, whatever their types and names, and can be put back as it was.
func TestArchivedRecordsAreWholeAndCanBePutBack(t *testing.T) {
	db, b := newDatabase(t), newBucket(t)
	db.exec(`CREATE TYPE size AS ENUM ('S', 'XL');
		CREATE TABLE events (id bigint, at timestamptz, t text, "a ""b" text, n numeric, f float8, j json, jb jsonb, bin bytea, list text[], s size, span tstzrange, gone text,
			PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		ALTER TABLE events DROP COLUMN gone;
		CREATE TABLE early PARTITION OF events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
		CREATE TABLE late PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
		INSERT INTO events VALUES
			(9007199254740993, '2019-06-01 12:00:00.123456+02', E'line\nend "quoted"', 'Zoë', 12345678901234567890.10, 0.1, E'{"a":\n 1,\r\n "a": 2}', '{"b": [1, null]}', '\xdeadbeef', '{a,NULL,"c d"}', 'XL', '[2020-01-01,infinity)'),
			(2, '2020-06-01', NULL, NULL, 'NaN', 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL);
		GRANT SELECT, DELETE ON events, early, late TO ` + purgerRole)
	// Line ends in json, which mean nothing there, become spaces.
	const whole = `SELECT id, at, t, "a ""b", n, f, translate(j::text, E'\r\n', '  ') AS j, jb, bin, list, s, span FROM events`
	before := db.rows(whole)
	r := archiver(t, db, b)
	r.Plan.Rules[0].Key = []string{"id", "at"}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != 2 || got.ArchivedObjects != 2 {
		t.Errorf("result %+v", got)
	}
	for _, line := range lines(t, b) {
		db.exec("INSERT INTO events SELECT * FROM json_populate_record(NULL::events, $1::text::json)", line)
	}
	if diff := cmp.Diff(before, db.rows(whole)); diff != "" {
		t.Error("records that were put back", diff)
	}
}
