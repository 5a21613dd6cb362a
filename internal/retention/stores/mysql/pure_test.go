package mysql

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

func TestCutoffInTheColumnsUnitNeverLiesAfterTheCutoff(t *testing.T) {
	at := time.Date(2026, 3, 29, 1, 30, 15, 123_456_789, time.FixedZone("", 2*60*60)) // 2026-03-28T23:30:15Z
	const literal = "TIMESTAMP'2026-03-28 23:30:15.123456'"
	for unit, want := range map[v1alpha1.ClockUnit]part{
		"TimestampTZ": text(literal), "Timestamp": text(literal), "RFC3339": text(literal), "Date": text("DATE'2026-03-28'"),
		"EpochSeconds": value(int64(1774740615)), "EpochMilliseconds": value(int64(1774740615123)), "EpochMicroseconds": value(int64(1774740615123456)),
	} {
		if diff := cmp.Diff(want, clockSQL{unit: unit}.instant(at), cmp.AllowUnexported(part{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", unit, diff)
		}
	}
	if got := (clockSQL{unit: "EpochMilliseconds"}).instant(time.UnixMicro(-1)).args[0]; got != int64(-1) {
		t.Errorf("a microsecond before 1970 is %v milliseconds, want -1: rounded down", got)
	}
}

// hostile are names and values that would break out of a statement if they were written into it.
const hostile = "x` = 1; DROP TABLE `t'; -- %?"

func TestNothingOfAUserIsEverPartOfAStatementsText(t *testing.T) {
	rule := &retention.Rule{
		Name: "r", Collection: hostile, Key: []string{hostile}, Clock: retention.Clock{Field: hostile, Unit: "RFC3339"}, Before: time.Unix(1e9, 0),
		Where:  []retention.Filter{{Field: hostile, Operator: "In", Values: []string{"secret-1"}}, {Field: hostile, Operator: "NotIn", Values: []string{"secret-2"}}},
		Fields: []retention.Anonymize{{Name: hostile, Strategy: "Constant", Value: "secret-3"}, {Name: "email", Strategy: "KeyedHash"}},
	}
	holds := []retention.Hold{{Name: hostile, Collection: hostile, Where: []retention.Filter{{Field: hostile, Operator: "In", Values: []string{"secret-4"}}}}}
	tab := &table{name: hostile, columns: map[string]*column{hostile: {kind: "varchar", full: "varchar(9)"}, "email": {kind: "text", full: "text"}},
		references: []reference{{schema: hostile, name: hostile, columns: []string{hostile}, targets: []string{hostile}, self: true}}}
	on := span{index: index{name: hostile, columns: []string{hostile}}, from: [][]byte{[]byte("secret-5")}, to: [][]byte{[]byte("secret-6")}}
	for name, p := range map[string]part{
		"count":         tab.countSQL(rule, holds, time.Unix(2e9, 0)),
		"delete":        tab.deleteSQL(rule, holds, on, true),
		"delete locked": tab.deleteSQL(rule, holds, on, false),
		"delete keys":   tab.deleteSQL(rule, holds, span{index: index{columns: []string{hostile, "email"}}, keys: [][][]byte{{[]byte("secret-5"), []byte("secret-6")}}}, false),
		"lock":          tab.lockSQL(rule, holds, on, tab.fields([]string{hostile})),
		"update":        tab.updateSQL(rule, holds, on, []any{"kh1-x"}),
		"referenced":    tab.referencedSQL(rule, holds, 0),
	} {
		bare := strings.ReplaceAll(p.text, quote(hostile), "") // quoted as one identifier
		for _, bad := range []string{"DROP", "secret", "--", ";", "kh1-x"} {
			if strings.Contains(bare, bad) {
				t.Errorf("%s: the text contains %q: %s", name, bad, p.text)
			}
		}
		if n := strings.Count(bare, "?"); n != len(p.args) {
			t.Errorf("%s: %d places for %d parameters", name, n, len(p.args))
		}
	}
}

func TestEveryChangeCarriesRuleAndHoldsInItself(t *testing.T) {
	rule := &retention.Rule{Collection: "events", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: "EpochSeconds"}, Before: time.Unix(1e9, 0)}
	holds := []retention.Hold{
		{Name: "elsewhere", Collection: "orders"},
		{Name: "case-1", Collection: "events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}}},
	}
	tab := &table{name: "events", columns: map[string]*column{"id": {kind: "bigint"}, "at": {kind: "bigint"}, "shop": {kind: "text"}}}
	on := span{index: index{columns: []string{"id"}}, from: [][]byte{[]byte("5")}, to: [][]byte{[]byte("9")}}
	got := tab.deleteSQL(rule, holds, on, true)
	want := "DELETE FROM `events` WHERE (((`events`.`id` > ? AND `events`.`id` <= ?) AND (`events`.`at` < ? AND `events`.`at` > 0) AND NOT `events`.`shop` IS NULL) AND TRUE) RETURNING `events`.`id`"
	if got.text != want {
		t.Errorf("\n got %s\nwant %s", got.text, want)
	}
	if diff := cmp.Diff([]any{int64(5), int64(9), int64(1e9)}, got.args); diff != "" {
		t.Error(diff)
	}
	got = tab.deleteSQL(rule, []retention.Hold{{Name: "all", Collection: "events"}}, on, true)
	if !strings.Contains(got.text, "AND NOT TRUE") {
		t.Errorf("a hold without filters holds the whole collection, but the statement is %s", got.text)
	}
}

func TestKeysOfSeveralColumnsAreComparedInOrder(t *testing.T) {
	tab := &table{name: "t", columns: map[string]*column{"a": {kind: "int"}, "b": {kind: "int"}, "c": {kind: "int"}}}
	on := span{index: index{columns: []string{"a", "b", "c"}}, to: [][]byte{[]byte("1"), []byte("2"), []byte("3")}}
	want := "(`t`.`a` < ? OR (`t`.`a` = ? AND (`t`.`b` < ? OR (`t`.`b` = ? AND `t`.`c` <= ?))))"
	got := on.condition(tab)
	if got.text != want {
		t.Errorf("\n got %s\nwant %s", got.text, want)
	}
	if diff := cmp.Diff([]any{int64(1), int64(1), int64(2), int64(2), int64(3)}, got.args); diff != "" {
		t.Error(diff)
	}
}

func TestPositionShowsNoPersonalDataAndGarbageIsTheStart(t *testing.T) {
	hasher := retention.NewHasher(bytes.Repeat([]byte("k"), 32))
	key := [][]byte{[]byte("person@example.com"), {}, {0, 255, 'x'}}
	at := position(key, false, "events", hasher)
	if strings.Contains(at, "person") || len(at) > 4000 {
		t.Errorf("position %s", at)
	}
	if diff := cmp.Diff(key, parsePosition(at, 3, false, "events", hasher)); diff != "" {
		t.Error(diff)
	}
	if n := len(position([][]byte{bytes.Repeat([]byte("x"), maxKeyOctets)}, false, "events", hasher)); n > 4000 {
		t.Errorf("the longest key has a position of %d characters, which the status cannot hold", n)
	}
	if got := position([][]byte{[]byte("-17")}, true, "events", hasher); got != "id:-17" {
		t.Errorf("a numbered record's position is %s", got)
	}
	for name, got := range map[string][][]byte{
		"another collection": parsePosition(at, 3, false, "orders", hasher), "another key": parsePosition(at, 3, false, "events", retention.NewHasher(nil)),
		"fewer columns": parsePosition(at, 2, false, "events", hasher), "garbage": parsePosition("key:AAAA", 1, false, "events", hasher),
		"nothing": parsePosition("", 1, true, "events", hasher), "no number": parsePosition("id:1 OR 1", 1, true, "events", hasher),
		"a number for a sealed key": parsePosition("id:7", 1, false, "events", hasher), "another store's": parsePosition("16385:4096", 1, true, "events", hasher),
	} {
		if got != nil {
			t.Errorf("%s is %q, want the start", name, got)
		}
	}
}

func TestConstantsThatTheStoreWouldChangeAreRefused(t *testing.T) {
	for _, tc := range []struct {
		column column
		value  string
		keeps  bool
	}{
		{column{kind: "varchar", chars: 3}, "äöü", true}, {column{kind: "varchar", chars: 3}, "äöüß", false}, {column{kind: "char", chars: 5}, "x ", false},
		{column{kind: "tinyint"}, "-128", true}, {column{kind: "tinyint"}, "128", false}, {column{kind: "tinyint", unsigned: true}, "255", true}, {column{kind: "int", unsigned: true}, "-1", false},
		{column{kind: "bigint", unsigned: true}, "18446744073709551615", true}, {column{kind: "bigint"}, "9223372036854775808", false}, {column{kind: "int"}, "7.5", false},
		{column{kind: "decimal", precision: 6, scale: 2}, "1234.50", true}, {column{kind: "decimal", precision: 6, scale: 2}, "1.005", false}, {column{kind: "decimal", precision: 6, scale: 2}, "12345", false},
		{column{kind: "float"}, "0.5", true}, {column{kind: "float"}, "0.1", false}, {column{kind: "double"}, "0.1", true}, {column{kind: "double"}, "NaN", false},
		{column{kind: "enum", full: "enum('a','it''s')"}, "it's", true}, {column{kind: "enum", full: "enum('a','b')"}, "c", false}, {column{kind: "set", full: "set('a','b')"}, "a", true},
		{column{kind: "date"}, "1970-01-01", true}, {column{kind: "date"}, "1970-01-01 01:00:00", false}, {column{kind: "date"}, "1970-02-30", false},
		{column{kind: "datetime"}, "1970-01-01 00:00:00.5", false}, {column{kind: "datetime", fraction: 3}, "1970-01-01 00:00:00.5", true},
		{column{kind: "binary", octets: 2}, "ab", true}, {column{kind: "binary", octets: 2}, "a", false}, {column{kind: "varbinary", octets: 2}, "a", true}, {column{kind: "text", octets: 65535}, "x", true},
		{column{kind: "json"}, "{}", false}, {column{kind: "point"}, "x", false}, {column{kind: "year"}, "1999", true}, {column{kind: "year"}, "70", false},
	} {
		if err := tc.column.checkConstant(retention.Anonymize{Name: "c", Value: tc.value}); (err == nil) != tc.keeps {
			t.Errorf("%s: %q: %v", tc.column.kind, tc.value, err)
		} else if err != nil && len(tc.value) > 3 && strings.Contains(err.Error(), tc.value) {
			t.Errorf("the error tells the value: %v", err)
		}
	}
}

func TestErrorsOfTheStoreBecomeWhatTheEngineUnderstands(t *testing.T) {
	const personal = "Duplicate entry 'person@example.com' for key 'email'"
	failed := func(number uint16, state string) error {
		m := &mysql.MySQLError{Number: number, Message: personal}
		copy(m.SQLState[:], state)
		return fmt.Errorf("window: %w", m)
	}
	for _, tc := range []struct {
		number uint16
		state  string
		want   any
	}{
		{1205, "HY000", retention.ErrBusy}, {1213, "40001", retention.ErrBusy}, {1969, "70100", retention.ErrBusy}, {3024, "HY000", retention.ErrBusy}, {1412, "HY000", retention.ErrBusy}, {1114, "HY000", retention.ErrBusy},
		{1053, "08S01", retention.ErrUnreachable}, {1927, "70100", retention.ErrUnreachable}, {1040, "08004", retention.ErrUnreachable}, {1290, "HY000", retention.ErrUnreachable}, {1047, "08S01", retention.ErrUnreachable},
		{1142, "42000", v1alpha1.ReasonPrivilegeMissing}, {1143, "42000", v1alpha1.ReasonPrivilegeMissing}, {1146, "42S02", v1alpha1.ReasonTableNotFound}, {1054, "42S22", v1alpha1.ReasonColumnNotFound},
		{1451, "23000", v1alpha1.ReasonReferenced}, {1048, "23000", v1alpha1.ReasonConstraintViolated}, {1062, "23000", v1alpha1.ReasonConstraintViolated}, {4025, "23000", v1alpha1.ReasonConstraintViolated},
		{1644, "45000", v1alpha1.ReasonConstraintViolated}, {1665, "HY000", v1alpha1.ReasonConstraintViolated}, {1406, "22001", v1alpha1.ReasonColumnTypeMismatch}, {1267, "HY000", v1alpha1.ReasonColumnTypeMismatch},
	} {
		err := classify(t.Context(), failed(tc.number, tc.state))
		checkError(t, fmt.Sprint(tc.number), err, tc.want)
		if strings.Contains(err.Error(), "person@") {
			t.Errorf("%d: the error quotes a record: %v", tc.number, err)
		}
	}
	checkError(t, "broken connection", classify(t.Context(), io.ErrUnexpectedEOF), retention.ErrUnreachable)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	checkError(t, "told to stop", classify(stopped, io.ErrUnexpectedEOF), context.Canceled)
	child, constraint := reference1451("Cannot delete or update a parent row: a foreign key constraint fails (`shop`.`line``s`, CONSTRAINT `of order` FOREIGN KEY (`order`) REFERENCES `orders` (`id`))")
	if child != "`shop`.`line``s`" || constraint != "`of order`" {
		t.Errorf("%s, %s", child, constraint)
	}
}

func TestErrorsOfConnectingSayWhatToMend(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want any
	}{
		"unknown CA":       {x509.UnknownAuthorityError{}, v1alpha1.ReasonStoreTLSFailed},
		"another host":     {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}, v1alpha1.ReasonStoreTLSFailed},
		"no TLS":           {mysql.ErrNoTLS, v1alpha1.ReasonStoreTLSFailed},
		"wrong password":   {&mysql.MySQLError{Number: 1045}, v1alpha1.ReasonLoginRefused},
		"no such database": {&mysql.MySQLError{Number: 1049}, v1alpha1.ReasonLoginRefused},
		"old login":        {mysql.ErrOldPassword, v1alpha1.ReasonLoginRefused},
		"too many clients": {&mysql.MySQLError{Number: 1040}, retention.ErrUnreachable},
		"refused":          {errors.New("connection refused"), retention.ErrUnreachable},
	} {
		checkError(t, name, connecting(t.Context(), fmt.Errorf("failed to connect: %w", test.err)), test.want)
	}
}

// checkError wants an error of the kind, or a failure with the reason.
func checkError(t *testing.T, name string, err error, want any) {
	t.Helper()
	var failure *retention.Failure
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	case string:
		if !errors.As(err, &failure) || failure.Reason != want || failure.Message == "" {
			t.Errorf("%s: error %v, want a failure with reason %s", name, err, want)
		}
	}
}

func TestVersionsThatAreTooOldAreRefused(t *testing.T) {
	for version, want := range map[string]bool{
		"10.11.19-MariaDB-0+deb12u1-log": true, "5.5.5-10.11.6-MariaDB": true, "10.4.34-MariaDB": false, "11.4.2-MariaDB": true, "8.0.36": true, "8.4.0-commercial": true, "5.7.44-log": false, "": false,
	} {
		if got := newEnough(version, strings.Contains(version, "MariaDB")); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
}

func TestLagIsTheAgeOfWhatAReplicaHasApplied(t *testing.T) {
	start := time.Unix(1e9, 0)
	f := &follower{address: "replica:3306"}
	step := func(seconds int, primary, replica string) retention.Lag {
		return f.behind(sample{at: start.Add(time.Duration(seconds) * time.Second), gtid: primary}, func(gtid string) bool { return reached(replica, gtid) })
	}
	if got := step(0, "0-1-100", "0-1-90"); got.Unknown == "" {
		t.Error("the replica never caught up, yet the lag is known")
	}
	if got := step(2, "0-1-110", "0-1-105"); got != (retention.Lag{Behind: 2 * time.Second}) {
		t.Errorf("it applied what was there two seconds ago, yet the lag is %+v", got)
	}
	if got := step(12, "0-1-200", "0-1-105"); got.Behind != 12*time.Second {
		t.Errorf("it stands still, yet the lag is %+v", got)
	}
	if got := step(13, "0-1-200,5-1-7", "5-1-7,0-2-200"); got != (retention.Lag{}) {
		t.Errorf("it caught up, yet the lag is %+v", got)
	}
	if got := step(14, "0-1-200,5-1-8", "0-1-200"); got.Behind == 0 {
		t.Error("a domain is missing at the replica, yet it is not behind")
	}
}
