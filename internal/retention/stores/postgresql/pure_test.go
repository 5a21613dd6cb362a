package postgresql

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

func TestCutoffInTheColumnsUnitNeverLiesAfterTheCutoff(t *testing.T) {
	at := time.Date(2026, 3, 29, 1, 30, 15, 123_456_789, time.FixedZone("", 2*60*60)) // 2026-03-28T23:30:15Z
	for unit, want := range map[string]any{
		"TimestampTZ":       time.Date(2026, 3, 28, 23, 30, 15, 123_456_000, time.UTC),
		"Timestamp":         time.Date(2026, 3, 28, 23, 30, 15, 123_456_000, time.UTC),
		"Date":              time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC),
		"EpochSeconds":      int64(1774740615),
		"EpochMilliseconds": int64(1774740615123),
		"EpochMicroseconds": int64(1774740615123456),
	} {
		if diff := cmp.Diff(want, instant(unit, at)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", unit, diff)
		}
	}
	if got := instant("EpochMilliseconds", time.UnixMicro(-1)); got != int64(-1) {
		t.Errorf("a microsecond before 1970 is %v milliseconds, want -1: rounded down", got)
	}
}

// hostile are names and values that would break out of a statement if they were written into it.
const hostile = `x" = 1; DROP TABLE "t'; --`

func TestNothingOfAUserIsEverPartOfAStatementsText(t *testing.T) {
	rule := &retention.Rule{
		Name: "r", Collection: "s.t", Key: []string{hostile}, Clock: retention.Clock{Field: hostile, Unit: "TimestampTZ"}, Before: time.Unix(1e9, 0),
		Where:  []retention.Filter{{Field: hostile, Operator: "In", Values: []string{"secret-1"}}, {Field: hostile, Operator: "NotIn", Values: []string{"secret-2"}}},
		Fields: []retention.Anonymize{{Name: hostile, Strategy: "Constant", Value: "secret-3"}, {Name: "email", Strategy: "KeyedHash"}},
	}
	holds := []retention.Hold{{Name: hostile, Collection: "s.t", Where: []retention.Filter{{Field: hostile, Operator: "In", Values: []string{"secret-4"}}}}}
	tab := &table{schema: hostile, name: hostile, covered: map[string]coverage{"s.t": {all: true}}, columns: map[string]column{hostile: {full: "text", base: "text"}, "email": {full: "text", base: "text"}}}
	on := target{table: tab, leaf: leaf{schema: hostile, name: hostile}, from: 0, to: 32}
	hash := "kh1-x"
	statements := map[string]func() (string, []any){
		"count":  func() (string, []any) { return countSQL(rule, holds, time.Unix(2e9, 0), tab) },
		"delete": func() (string, []any) { return deleteSQL(rule, holds, on) },
		"lock":   func() (string, []any) { return lockSQL(rule, holds, on) },
		"hash":   func() (string, []any) { return replaceSQL(rule, holds, on, []string{"(0,1)"}, [][]*string{{&hash}}) },
		"referenced": func() (string, []any) {
			return referencedSQL(rule, holds, tab, reference{schema: hostile, name: hostile})
		},
	}
	for name, build := range statements {
		text, args := build()
		bare := strings.ReplaceAll(text, `"`+strings.ReplaceAll(hostile, `"`, `""`)+`"`, "") // quoted as one identifier
		for _, bad := range []string{"DROP", "secret", "--", ";", "kh1-x"} {
			if strings.Contains(bare, bad) {
				t.Errorf("%s: the text contains %q: %s", name, bad, text)
			}
		}
		for i := range args {
			if !strings.Contains(text, fmt.Sprintf("$%d", i+1)) {
				t.Errorf("%s: parameter %d is not used", name, i+1)
			}
		}
	}
}

func TestEveryChangeCarriesRuleAndHoldsInItself(t *testing.T) {
	rule := &retention.Rule{Collection: "public.events", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: "Date"}, Before: time.Unix(1e9, 0)}
	holds := []retention.Hold{
		{Name: "elsewhere", Collection: "public.orders"},
		{Name: "case-1", Collection: "public.events", Where: []retention.Filter{{Field: "shop", Operator: "DoesNotExist"}}},
	}
	tab := &table{schema: "public", name: "events", columns: map[string]column{"shop": {base: "text"}},
		covered: map[string]coverage{"public.events": {all: true}, "public.orders": {}}}
	text, _ := deleteSQL(rule, holds, target{table: tab, leaf: leaf{schema: "public", name: "events"}, from: 5, to: 9})
	want := `DELETE FROM ONLY "public"."events" AS t WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND ` +
		`t."at" > '-infinity'::date AND t."at" < $3::date AND NOT ((t."shop" IS NULL)) RETURNING t."id"::text`
	if text != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
	text, _ = deleteSQL(rule, []retention.Hold{{Name: "all", Collection: "public.events"}}, target{table: tab})
	if !strings.Contains(text, "AND NOT true") {
		t.Errorf("a hold without filters holds the whole collection, but the statement is %s", text)
	}
}

func TestNamesAreSplitAtTheFirstDot(t *testing.T) {
	for collection, want := range map[string][2]string{
		"events": {"public", "events"}, "shop.events": {"shop", "events"}, "shop.events.2026": {"shop", "events.2026"}, "Shop.Order Items": {"Shop", "Order Items"},
	} {
		if schema, name := split(collection); schema != want[0] || name != want[1] {
			t.Errorf("%s is %q, %q", collection, schema, name)
		}
	}
}

func TestErrorsOfTheStoreBecomeWhatTheEngineUnderstands(t *testing.T) {
	const personal = "Key (email)=(person@example.com) is duplicated"
	for code, want := range map[string]any{
		"40001": retention.ErrBusy, "40P01": retention.ErrBusy, "55P03": retention.ErrBusy, "57014": retention.ErrBusy, "53200": retention.ErrBusy,
		"57P01": retention.ErrUnreachable, "08006": retention.ErrUnreachable, "25006": retention.ErrUnreachable,
		"42501": v1alpha1.ReasonPrivilegeMissing, "42P01": v1alpha1.ReasonTableNotFound, "42703": v1alpha1.ReasonColumnNotFound,
		"23503": v1alpha1.ReasonReferenced, "23502": v1alpha1.ReasonConstraintViolated, "23505": v1alpha1.ReasonConstraintViolated,
		"23514": v1alpha1.ReasonConstraintViolated, "P0001": v1alpha1.ReasonConstraintViolated, "22001": v1alpha1.ReasonColumnTypeMismatch,
	} {
		err := classify(t.Context(), fmt.Errorf("window: %w", &pgconn.PgError{Code: code, Message: personal, Detail: personal, TableName: "events"}))
		checkError(t, code, err, want)
		if strings.Contains(err.Error(), "person@") {
			t.Errorf("%s: the error quotes a record: %v", code, err)
		}
	}
	checkError(t, "broken connection", classify(t.Context(), io.ErrUnexpectedEOF), retention.ErrUnreachable)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	checkError(t, "told to stop", classify(stopped, io.ErrUnexpectedEOF), context.Canceled)
}

func TestErrorsOfConnectingSayWhatToMend(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want any
	}{
		"unknown CA":       {x509.UnknownAuthorityError{}, v1alpha1.ReasonStoreTLSFailed},
		"another host":     {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}, v1alpha1.ReasonStoreTLSFailed},
		"no TLS":           {errors.New("server refused TLS connection"), v1alpha1.ReasonStoreTLSFailed},
		"wrong password":   {&pgconn.PgError{Code: "28P01"}, v1alpha1.ReasonLoginRefused},
		"pg_hba.conf":      {&pgconn.PgError{Code: "28000"}, v1alpha1.ReasonLoginRefused},
		"no such database": {&pgconn.PgError{Code: "3D000"}, v1alpha1.ReasonLoginRefused},
		"starting up":      {&pgconn.PgError{Code: "57P03"}, retention.ErrUnreachable},
		"too many clients": {&pgconn.PgError{Code: "53300"}, retention.ErrUnreachable},
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

func TestLagIsTheAgeOfWhatTheSlowestReplicaHasReplayed(t *testing.T) {
	start := time.Unix(1e9, 0)
	var tracker stores.LagTracker
	step := func(seconds int, lsn int64, replicas ...replica) retention.Lag {
		return behind(&tracker, start.Add(time.Duration(seconds)*time.Second), lsn, replicas)
	}
	if got := step(0, 100); got.Unknown == "" {
		t.Error("no replica is connected, yet the lag is known")
	}
	if got := step(1, 100, replica{visible: false}); got.Unknown == "" {
		t.Error("the role sees nothing of the replica, yet the lag is known")
	}
	if got := step(2, 100, replica{visible: true, replayed: 100}); got != (retention.Lag{}) {
		t.Errorf("all is replayed, yet the lag is %+v", got)
	}
	step(3, 200, replica{visible: true, replayed: 100})
	if got := step(13, 300, replica{visible: true, replayed: 100}, replica{visible: true, replayed: 300}); got.Behind < 10*time.Second {
		t.Errorf("a replica stands still for ten seconds, yet the lag is %+v", got)
	}
	if got := step(14, 300, replica{visible: true, replayed: 300}); got.Behind != 0 {
		t.Errorf("the replica caught up, yet the lag is %+v", got)
	}
}
