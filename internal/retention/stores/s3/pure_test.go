package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

var before = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func TestSlack(t *testing.T) {
	for name, test := range map[string]struct {
		behind, want time.Duration
	}{
		"same":         {0, time.Second},
		"ahead":        {-time.Hour, time.Second},
		"within error": {2 * time.Second, time.Second},
		"behind":       {3 * time.Second, time.Minute + time.Second},
		"two minutes":  {61 * time.Second, 2*time.Minute + time.Second},
	} {
		if got := slack(before, before.Add(-test.behind)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestDue(t *testing.T) {
	d := &decision{rule: &retention.Rule{Collection: "b", Before: before, Where: []retention.Filter{{Field: "key", Operator: "NotIn", Values: []string{"x"}}}}, slack: time.Second}
	for name, test := range map[string]struct {
		key   string
		clock time.Time
		want  bool
	}{
		"earlier":        {"a", before.Add(-time.Second), true},
		"same second":    {"a", before.Add(-time.Millisecond), false},
		"no clock":       {"a", time.Time{}, false},
		"other filtered": {"x", before.Add(-time.Hour), false},
	} {
		if got := d.due(test.key, test.clock); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

func TestListing(t *testing.T) {
	const answer = `<?xml version="1.0" encoding="UTF-8"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated><NextKeyMarker>b%2Bc</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>
<DeleteMarker><Key>a+b</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-24T03:00:00.000Z</LastModified></DeleteMarker>
<Version><Key>b%2Bc</Key><VersionId>2</VersionId><IsLatest>false</IsLatest><LastModified>2026-11-24T03:00:00Z</LastModified><Owner><ID>o</ID></Owner></Version></ListVersionsResult>`
	var l listing
	if err := xml.Unmarshal([]byte(answer), &l); err != nil {
		t.Fatal(err)
	}
	got, err := l.page()
	if err != nil {
		t.Fatal(err)
	}
	want := page{more: true, next: marker{key: "b+c", id: "2"}, versions: []version{
		{Key: "a b", ID: "1", Latest: true, LastModified: before, marker: true}, {Key: "b+c", ID: "2", LastModified: before},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(page{}, marker{}, version{})); diff != "" {
		t.Error(diff)
	}
	if _, err := (&listing{Truncated: true}).page(); err == nil {
		t.Error("a listing that goes on nowhere is taken for an end")
	}
}

func TestClassify(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		reason string
		is     error
	}{
		"denied":      {minio.ErrorResponse{Code: "AccessDenied", Message: "secret-key"}, v1alpha1.ReasonPrivilegeMissing, nil},
		"signature":   {minio.ErrorResponse{Code: "SignatureDoesNotMatch"}, v1alpha1.ReasonLoginRefused, nil},
		"region":      {minio.ErrorResponse{Code: "PermanentRedirect"}, v1alpha1.ReasonLoginRefused, nil},
		"bucket":      {minio.ErrorResponse{Code: "NoSuchBucket"}, v1alpha1.ReasonTableNotFound, nil},
		"slow down":   {minio.ErrorResponse{Code: "SlowDown", StatusCode: http.StatusServiceUnavailable, Message: "secret-key"}, "", retention.ErrBusy},
		"connection":  {errors.New("connection refused"), "", retention.ErrUnreachable},
		"plain 403":   {minio.ErrorResponse{StatusCode: http.StatusForbidden}, v1alpha1.ReasonPrivilegeMissing, nil},
		"not to read": {minio.ErrorResponse{Code: "Odd", Message: "secret-key"}, "", retention.ErrBusy},
	} {
		err := classify(context.Background(), test.err)
		f, _ := errors.AsType[*retention.Failure](err)
		if (f == nil) != (test.reason == "") || (f != nil && f.Reason != test.reason) || (test.is != nil && !errors.Is(err, test.is)) || strings.Contains(err.Error(), "secret-key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	var p places
	at := marker{key: "jane@example.com", id: "1"}
	position := p.keep(stageUploads, at)
	if stage, found := p.find(position); stage != stageUploads || found != at || strings.Contains(position, "jane") {
		t.Errorf("%s: %s, %v", position, stage, found)
	}
	if stage, found := p.find("uploads/before-a-restart"); stage != stageUploads || found != (marker{}) {
		t.Errorf("unknown: %s, %v", stage, found)
	}
	if stage, found := p.find(""); stage != stageVersions || found != (marker{}) {
		t.Errorf("empty: %s, %v", stage, found)
	}
}

func TestCheckRule(t *testing.T) {
	good := retention.Rule{Collection: "b/p/", Key: []string{"key"}, Clock: retention.Clock{Field: "lastModified", Unit: "StoreTime"}, Action: "Delete"}
	for name, test := range map[string]struct {
		change func(*retention.Rule)
		reason string
	}{
		"good":      {func(*retention.Rule) {}, ""},
		"bucket":    {func(r *retention.Rule) { r.Collection = "b" }, ""},
		"no slash":  {func(r *retention.Rule) { r.Collection = "b/p" }, v1alpha1.ReasonTableNotFound},
		"key":       {func(r *retention.Rule) { r.Key = []string{"name"} }, v1alpha1.ReasonColumnNotFound},
		"clock":     {func(r *retention.Rule) { r.Clock.Field = "created" }, v1alpha1.ReasonClockTypeMismatch},
		"unit":      {func(r *retention.Rule) { r.Clock.Unit = "EpochSeconds" }, v1alpha1.ReasonClockTypeMismatch},
		"anonymize": {func(r *retention.Rule) { r.Action = "Anonymize" }, v1alpha1.ReasonPlanInvalid},
	} {
		rule := good
		test.change(&rule)
		f, _ := errors.AsType[*retention.Failure](checkRule(&rule))
		if (f == nil) != (test.reason == "") || (f != nil && f.Reason != test.reason) {
			t.Errorf("%s: %v, want %q", name, f, test.reason)
		}
	}
}

func TestIsDoubtful(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"broken connection": {errors.New("EOF"), true},
		"server's fault":    {minio.ErrorResponse{Code: "InternalError", StatusCode: http.StatusInternalServerError}, true},
		"slow down":         {minio.ErrorResponse{Code: "SlowDown", StatusCode: http.StatusServiceUnavailable}, false},
		"one key":           {minio.ErrorResponse{Code: "InternalError"}, false},
	} {
		if got := isDoubtful(test.err); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	a, b := identity("s3.example.com:443", "eu"), identity("other.example.com:443", "eu")
	if a == b || a != "s3.example.com:443/eu" || len(identity(strings.Repeat("a", 300), "eu")) > maxIdentity {
		t.Errorf("%q, %q", a, b)
	}
}

func TestHeld(t *testing.T) {
	rule := &retention.Rule{Collection: "b/p/"}
	for name, test := range map[string]struct {
		hold retention.Hold
		want bool
	}{
		"same":         {retention.Hold{Collection: "b/p/"}, true},
		"wider":        {retention.Hold{Collection: "b"}, true},
		"narrower":     {retention.Hold{Collection: "b/p/q/"}, true},
		"other prefix": {retention.Hold{Collection: "b/p/r/"}, false},
		"other bucket": {retention.Hold{Collection: "c"}, false},
		"other key":    {retention.Hold{Collection: "b", Where: []retention.Filter{{Field: "key", Operator: "In", Values: []string{"x"}}}}, false},
		"exists":       {retention.Hold{Collection: "b", Where: []retention.Filter{{Field: "key", Operator: "Exists"}}}, true},
		"exists not":   {retention.Hold{Collection: "b", Where: []retention.Filter{{Field: "key", Operator: "DoesNotExist"}}}, false},
	} {
		d := &decision{rule: rule, holds: []retention.Hold{test.hold}}
		if got := d.held("p/q/1"); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
