//go:build integration

package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/conformance"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

// fill puts objects, some of them several times, some of them young, and returns what must remain of the prefix's due ones.
func fill(b *s3test.Bucket, versioned bool) (remain []string, due int64) {
	for i := range 40 {
		key := fmt.Sprintf("orders/%02d \"ü+&%%", i)
		versions := []string{b.Put(key)}
		if versioned && i%3 == 0 {
			versions = append(versions, b.Put(key), b.Put(key))
		}
		last := versions[len(versions)-1]
		if i%4 == 0 {
			b.Age(key, cutoff.Add(time.Minute))
			remain = append(remain, key+" "+last)
			due--
		}
		due += int64(len(versions))
	}
	other := b.Put("other/1")
	return append(remain, "other/1 "+other), due
}

func TestDelete(t *testing.T) {
	for name, f := range map[string]s3test.Flavor{"unversioned": {}, "versioned": {Versioned: true}} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, f)
			remain, due := fill(b, f.Versioned)
			if !f.Versioned {
				for i := range remain {
					remain[i] += "null"
				}
			}
			r := newRunner(t, b, deleteRule(b.Name+"/orders/"))
			r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 7}
			status := r.Run(v1alpha1.ReasonCompleted)
			slices.Sort(remain)
			if diff := cmp.Diff(remain, b.Left()); diff != "" {
				t.Error(diff)
			}
			if got := status.Results[0]; got.Due != due || got.Done != due || got.Inferred != 0 {
				t.Errorf("due %d, done %d, inferred %d, want %d", got.Due, got.Done, got.Inferred, due)
			}
		})
	}
}

func TestOnlyOneOfTwoPurgersWorks(t *testing.T) {
	for name, test := range map[string]func(*conformance.Rivals){
		"the first of two stops":                  (*conformance.Rivals).FirstStops,
		"a frozen one changes nothing afterwards": (*conformance.Rivals).FirstIsFrozen,
	} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, s3test.Flavor{Versioned: true})
			remain, due := fill(b, true)
			slices.Sort(remain)
			test(&conformance.Rivals{
				Runner: newRunner(t, b, deleteRule(b.Name+"/orders/")), Size: 7, Due: due,
				Driver: func(p *retention.Plan) retention.Driver { return &s3.Driver{Dir: b.Secret, Plan: p} },
				Check: func() {
					if diff := cmp.Diff(remain, b.Left()); diff != "" {
						t.Error(diff)
					}
				},
			})
		})
	}
}

func TestRecordsCountedAlone(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true})
	b.Put("a")
	b.Put("a")
	r := newRunner(t, b, deleteRule(b.Name))
	r.Plan.Records = string(v1alpha1.RecordsCount)
	status := r.Run(v1alpha1.ReasonCompleted)
	if got, e := status.Results[0], status.Evidence; got.Done != 2 || e.RecordsDigest != "" || e.Records != v1alpha1.RecordsCount {
		t.Errorf("result %+v, evidence %+v", got, e)
	}
}

func TestDeleteMarkerAndUploads(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true})
	b.Put("a")
	b.Put("a")
	b.Remove("a")
	_, err := b.Server.Core.NewMultipartUpload(t.Context(), b.Name, "part", minio.PutObjectOptions{})
	b.Must(err)
	r := newRunner(t, b, deleteRule(b.Name))
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 2}
	if got := r.Run(v1alpha1.ReasonCompleted).Results[0]; got.Done != 4 || got.Total != 4 {
		t.Errorf("done %d of %d, want 4", got.Done, got.Total)
	}
	uploads, err := b.Server.Core.ListMultipartUploads(t.Context(), b.Name, "", "", "", "", 10)
	b.Must(err)
	if left := b.Left(); len(left) != 0 || len(uploads.Uploads) != 0 {
		t.Errorf("left: %q and %d uploads", left, len(uploads.Uploads))
	}
}

func TestObjectLock(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true, Locked: true})
	until := time.Now().Add(24 * time.Hour)
	var want []string
	for _, mode := range []minio.RetentionMode{minio.Governance, minio.Compliance} {
		info, err := b.Server.Core.Client.PutObject(t.Context(), b.Name, string(mode), bytes.NewReader(nil), 0, minio.PutObjectOptions{Mode: mode, RetainUntilDate: until, SendContentMd5: true})
		b.Must(err)
		want = append(want, string(mode)+" "+info.VersionID)
	}
	info, err := b.Server.Core.Client.PutObject(t.Context(), b.Name, "held", bytes.NewReader(nil), 0, minio.PutObjectOptions{LegalHold: minio.LegalHoldEnabled, SendContentMd5: true})
	b.Must(err)
	want = append(want, "held "+info.VersionID)
	b.Remove("held") // the marker stays, or the object would be back
	b.Put("free")
	got := newRunner(t, b, deleteRule(b.Name)).Run(v1alpha1.ReasonCompleted).Results[0]
	if got.Due != 5 || got.Deferred != 4 || got.Done != 1 || got.Remaining != 0 {
		t.Errorf("due %d, deferred %d, done %d, remaining %d, want 5, 4, 1, 0", got.Due, got.Deferred, got.Done, got.Remaining)
	}
	left := b.Left()
	if len(left) != 4 {
		t.Errorf("left: %q", left)
	}
	for _, w := range want {
		if !slices.Contains(left, w) {
			t.Errorf("%q is gone", w)
		}
	}
}

func TestHolds(t *testing.T) {
	for name, test := range map[string]struct {
		hold func(bucket string) retention.Hold
		left []string
	}{
		"whole":    {func(b string) retention.Hold { return retention.Hold{Collection: b + "/a/"} }, []string{"a/1 null", "a/2 null", "a/b/3 null"}},
		"wider":    {func(b string) retention.Hold { return retention.Hold{Collection: b} }, []string{"a/1 null", "a/2 null", "a/b/3 null"}},
		"narrower": {func(b string) retention.Hold { return retention.Hold{Collection: b + "/a/b/"} }, []string{"a/b/3 null"}},
		"key": {func(b string) retention.Hold {
			return retention.Hold{Collection: b, Where: []retention.Filter{retentiontest.In("key", "a/2")}}
		}, []string{"a/2 null"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, s3test.Flavor{})
			for _, key := range []string{"a/1", "a/2", "a/b/3"} {
				b.Put(key)
			}
			r := newRunner(t, b, deleteRule(b.Name+"/a/"))
			hold := test.hold(b.Name)
			hold.Name = "case-1"
			r.Hold(hold)
			got := r.Run(v1alpha1.ReasonCompleted).Results[0]
			if diff := cmp.Diff(test.left, b.Left()); diff != "" || got.Held != int64(len(test.left)) {
				t.Errorf("held %d\n%s", got.Held, diff)
			}
		})
	}
}

func TestFutureClock(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{})
	b.Put("future")
	b.Age("future", slot.Add(time.Minute))
	if got := newRunner(t, b, deleteRule(b.Name)).Run(v1alpha1.ReasonNothingDue).Results[0]; got.FutureClock != 1 || got.Total != 1 {
		t.Errorf("future %d of %d, want 1", got.FutureClock, got.Total)
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		change func(*s3test.Bucket, *retentiontest.Runner)
	}{
		"secret":    {v1alpha1.ReasonLoginRefused, func(b *s3test.Bucket, _ *retentiontest.Runner) { b.Write("secretAccessKey", "wrong") }},
		"key":       {v1alpha1.ReasonLoginRefused, func(b *s3test.Bucket, _ *retentiontest.Runner) { b.Write("accessKeyID", "wrong") }},
		"authority": {v1alpha1.ReasonStoreTLSFailed, func(_ *s3test.Bucket, r *retentiontest.Runner) { r.Plan.Store.CABundle = otherCA }},
		"bucket":    {v1alpha1.ReasonTableNotFound, func(_ *s3test.Bucket, r *retentiontest.Runner) { r.Plan.Rules[0].Collection = "no-such-bucket" }},
		"clock":     {v1alpha1.ReasonClockTypeMismatch, func(_ *s3test.Bucket, r *retentiontest.Runner) { r.Plan.Rules[0].Clock.Field = "created" }},
		"filter": {v1alpha1.ReasonColumnNotFound, func(_ *s3test.Bucket, r *retentiontest.Runner) {
			r.Plan.Rules[0].Where = []retention.Filter{retentiontest.In("tag:a", "b")}
		}},
		"hold": {v1alpha1.ReasonHoldInvalid, func(b *s3test.Bucket, r *retentiontest.Runner) {
			r.Hold(retention.Hold{Name: "h", Collection: b.Name, Where: []retention.Filter{retentiontest.In("tag:a", "b")}})
		}},
		"hold's bucket": {v1alpha1.ReasonHoldInvalid, func(_ *s3test.Bucket, r *retentiontest.Runner) {
			r.Hold(retention.Hold{Name: "h", Collection: "no-such-bucket"})
		}},
		"permission": {v1alpha1.ReasonPrivilegeMissing, func(b *s3test.Bucket, _ *retentiontest.Runner) {
			b.Write("accessKeyID", s3test.Purger)
			b.Write("secretAccessKey", s3test.PurgerSecret)
		}},
		"permission to delete": {v1alpha1.ReasonPrivilegeMissing, func(b *s3test.Bucket, _ *retentiontest.Runner) {
			b.Write("accessKeyID", s3test.Purger)
			b.Write("secretAccessKey", s3test.PurgerSecret)
			policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["%[1]s"]},"Action":["s3:ListBucket*","s3:GetBucket*"],"Resource":"arn:aws:s3:::%[2]s"}]}`
			b.Must(b.Server.Core.SetBucketPolicy(t.Context(), b.Name, fmt.Sprintf(policy, s3test.Purger, b.Name)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, s3test.Flavor{Versioned: true})
			b.Put("a")
			r := newRunner(t, b, deleteRule(b.Name))
			test.change(b, r)
			r.Run(test.reason)
			if len(b.Left()) != 1 {
				t.Error("the object is gone")
			}
		})
	}
}

func TestServerKilled(t *testing.T) {
	g, err := s3test.Start(binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop() })
	b := g.NewBucket(t, s3test.Flavor{Versioned: true})
	remain, due := fill(b, true)
	r := newRunner(t, b, deleteRule(b.Name+"/orders/"))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 5, Before: func() error {
		if windows++; windows == 3 {
			g.Stop()
		}
		return nil
	}}
	started := false
	r.OnHolds = func() {
		if windows >= 3 && !started {
			started = true
			b.Must(g.Restart())
		}
	}
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	slices.Sort(remain)
	if diff := cmp.Diff(remain, b.Left()); diff != "" || got.Done != due {
		t.Errorf("done %d, want %d\n%s", got.Done, due, diff)
	}
}

func TestWindowRepeatedAndHoldAdded(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true})
	b.Put("a")
	kept := b.Put("b")
	r := newRunner(t, b, deleteRule(b.Name))
	ctx := context.Background()
	session, err := r.Driver.Open(ctx)
	b.Must(err)
	defer session.Close()
	_, err = session.Inspect(ctx, r.Plan.Rules, nil)
	b.Must(err)
	w := retention.Window{Rule: &r.Plan.Rules[0], Size: 10, Hasher: retention.NewHasher(retentiontest.HashKey)}
	w.Holds = []retention.Hold{{Name: "h", Collection: b.Name, Where: []retention.Filter{retentiontest.In("key", "b")}}}
	first, err := session.Window(ctx, w)
	b.Must(err)
	again, err := session.Window(ctx, w)
	b.Must(err)
	if first.Done != 1 || again.Done != 0 || again.Digest != "" {
		t.Errorf("done %d, then %d, want 1, then 0", first.Done, again.Done)
	}
	if diff := cmp.Diff([]string{"b " + kept}, b.Left()); diff != "" {
		t.Error(diff)
	}
	at, err := session.Now(ctx)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("now: %v, %v", at, err)
	}
}

func TestChangesWhileItRuns(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true})
	versions := map[string]string{}
	for i := range 20 {
		key := fmt.Sprintf("%02d", i)
		versions[key] = b.Put(key)
	}
	r := newRunner(t, b, deleteRule(b.Name))
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 5, Before: func() error {
		if windows++; windows == 2 {
			versions["18"] = b.Put("18")
			b.Age("18", cutoff.Add(time.Minute))
		}
		return nil
	}}
	// The hold comes after the count.
	reads := 0
	r.BeforeReport = func(*v1alpha1.PurgeRunStatus) error {
		if reads++; reads == 1 {
			r.Hold(retention.Hold{Name: "case-1", Collection: b.Name, Where: []retention.Filter{retentiontest.In("key", "19")}})
		}
		return nil
	}
	r.Clock, r.Plan.Throttle.TargetBatchMilliseconds = skipping{r.Clock}, 60_000
	got := r.Run(v1alpha1.ReasonCompleted).Results[0]
	if diff := cmp.Diff([]string{"18 " + versions["18"], "19 " + versions["19"]}, b.Left()); diff != "" || got.Done != 19 || got.Held != 1 {
		t.Errorf("done %d, held %d, want 19 and 1\n%s", got.Done, got.Held, diff)
	}
}

// skipping is a clock by which everything is long ago, so that holds are read for each window.
type skipping struct{ clock.Clock }

func (skipping) Since(time.Time) time.Duration { return time.Second }
