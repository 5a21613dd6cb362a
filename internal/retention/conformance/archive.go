package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
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

// archive is where a run's records go.
type archive struct {
	*s3test.Bucket
	t     *testing.T
	store retention.Store
}

// archives makes the run archive to a bucket. Without a store that can archive it fails unless the run is refused: then it is nil.
func (r *run) archives() *archive {
	r.T.Helper()
	store := retention.Store{Name: "cold", Type: string(v1alpha1.StoreS3), TLSMode: string(v1alpha1.StoreTLSVerifyFull)}
	r.Plan.Archive, r.Plan.Rules[0].Archive = &store, &retention.ArchiveTarget{Collection: "archive/shop/"}
	if r.store.Bucket == nil {
		r.expect(v1alpha1.ReasonPlanInvalid)
		r.left(without(records(), func(Record) bool { return false }))
		return nil
	}
	a := &archive{Bucket: r.store.Bucket(r.T), t: r.T, store: store}
	a.store.CABundle = a.Server.CA
	r.Plan.Archive, r.Plan.Rules[0].Archive.Collection = &a.store, a.Name+"/shop/"
	r.Archive = a.archiver()
	return a
}

func (a *archive) archiver() *s3.Archive { return &s3.Archive{Dir: a.Secret, Store: a.store} }

// ids are the keys of the archived records, each as often as it is there, and the names of the objects below the rule's folder. Names that
// do not have the digest of what they hold, and lines that are no record of the suite, fail the test.
func (a *archive) ids() (ids, names []string) {
	a.t.Helper()
	for key, content := range a.Objects() {
		sum := sha256.Sum256(content)
		name, inFolder := strings.CutPrefix(key, "shop/orders-1/orders/")
		if !inFolder || !strings.HasSuffix(name, hex.EncodeToString(sum[:])+".jsonl.gz") {
			a.t.Errorf("object %s has another name than its content", key)
		}
		names = append(names, name)
		packed, err := gzip.NewReader(bytes.NewReader(content))
		a.Must(err)
		for lines := bufio.NewScanner(packed); lines.Scan(); {
			var record struct {
				ID          json.Number
				Shop, Email string
			}
			if err := json.Unmarshal(lines.Bytes(), &record); err != nil || !strings.HasPrefix(record.Email, "person") || !strings.HasPrefix(record.Shop, "shop-") {
				a.t.Errorf("line %s: %v", lines.Text(), err)
			}
			ids = append(ids, record.ID.String())
		}
	}
	slices.Sort(ids)
	return ids, names
}

// holds fails unless the archive has the accepted records once each, and nothing else.
func (a *archive) holds(all []Record, accept func(Record) bool) {
	a.t.Helper()
	want := slices.Sorted(maps.Keys(without(all, func(r Record) bool { return !accept(r) })))
	got, _ := a.ids()
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("archived records (-want +got):\n%s", diff)
	}
}

func archivesWhatGoes(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	a := r.archives()
	if a == nil {
		return
	}
	r.Plan.Rules[0].Where = []retention.Filter{retentiontest.In("shop", "shop-0", "shop-1", "shop-2")}
	r.InForce = []retention.Hold{s.holdOf("person1@example.com", "person2@example.com"),
		{Name: "case-2", Collection: s.Rule.Collection, Where: []retention.Filter{retentiontest.In("shop", "shop-2")}}}
	gone := func(r Record) bool { return due(r) && !isPerson(r) && r.Shop != "shop-2" && r.Shop != "shop-3" }

	preview := newRun(t, s)
	preview.Plan.Rules, preview.Plan.Archive, preview.Archive, preview.Plan.Mode = r.Plan.Rules, r.Plan.Archive, r.Archive, string(v1alpha1.RunPreview)
	preview.expect(v1alpha1.ReasonCompleted)
	if want := "would be archived to " + a.Name + "/shop/ of DataStore cold and deleted"; !strings.Contains(preview.Status.Outcome.Message, want) || len(a.Objects()) > 0 {
		t.Errorf("the preview says %q, and the archive has %d objects", preview.Status.Outcome.Message, len(a.Objects()))
	}
	got := r.expect(v1alpha1.ReasonCompleted)

	r.left(without(all, gone))
	a.holds(all, gone)
	_, names := a.ids()
	if n := count(all, gone); got.Done != n || got.ArchivedObjects != int64(len(names)) || len(names) < 2 || len(got.ArchiveDigest) != 64 || got.Held == 0 {
		t.Errorf("%d objects; result %+v, want %d done", len(names), got, n)
	}
}

func podsArchive(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	a := r.archives()
	if a == nil {
		return
	}
	r.Plan.Records = string(v1alpha1.RecordsCount)
	pods := r.pods(3)
	for _, pod := range pods {
		pod.Archive = a.archiver()
	}
	together(t, pods, func(ctx context.Context, pod *retentiontest.Runner) error { return pod.Try(ctx) })
	r.left(without(all, due))
	a.holds(all, due)
	_, names := a.ids()
	got := r.Status.Results[0]
	if n := count(all, due); r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || got.Done != n || got.ArchivedObjects != int64(len(names)) {
		t.Errorf("outcome %+v, result %+v, want %d done and %d objects", r.Status.Outcome, got, n, len(names))
	}
	for _, shard := range r.Status.Shards {
		objects, digest := retention.ShardsArchived([]v1alpha1.RunShard{shard}, got.Rule)
		of := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, fmt.Sprintf("%d-", shard.Index)) })
		if objects == 0 || objects != int64(len(of)) || len(digest) != 64 {
			t.Errorf("pod %d archived %d objects with digest %q, the archive has %v", shard.Index, objects, digest, of)
		}
	}
}

// onWrite calls a hook around each object that is written.
type onWrite struct {
	retention.Archiver
	before, after func() error
	writes        int
}

func (o *onWrite) Write(ctx context.Context, target *retention.ArchiveTarget, object retention.Object) error {
	o.writes++
	if o.before != nil {
		if err := o.before(); err != nil {
			return err
		}
	}
	if err := o.Archiver.Write(ctx, target, object); err != nil || o.after == nil {
		return err
	}
	return o.after()
}

// diesBeforeTheCommit ends the purger at the moment at which the archive has a window's records and the store still has them too. The
// next one archives these records again, and no others.
func diesBeforeTheCommit(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	a := r.archives()
	if a == nil {
		return
	}
	inner := r.Archive
	dying := &onWrite{Archiver: inner}
	dying.after = func() error {
		if dying.writes == 2 {
			runtime.Goexit() // nothing is reported, as with kill -9
		}
		return nil
	}
	r.Archive = dying
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		err := r.Try(t.Context())
		t.Errorf("the purger outlived its death: %v", err)
	}()
	<-dead
	archived, names := a.ids()
	left := s.Left()
	both := slices.DeleteFunc(slices.Clone(archived), func(id string) bool { _, there := left[id]; return !there })
	if len(names) != 2 || len(both) == 0 || len(both) == len(archived) || len(all)-len(left) != len(archived)-len(both) {
		t.Errorf("%d objects with %d records, %d of which are still in the store with %d", len(names), len(archived), len(both), len(left))
	}
	r.Archive = inner
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, due))
	archived, _ = a.ids()
	once := slices.Compact(slices.Clone(archived))
	if want := slices.Sorted(maps.Keys(without(all, func(r Record) bool { return !due(r) }))); !slices.Equal(once, want) {
		t.Errorf("%d records are archived, want %d", len(once), len(want))
	}
	for i := 1; i < len(archived); i++ {
		if archived[i] == archived[i-1] && !slices.Contains(both, archived[i]) {
			t.Errorf("record %s is archived twice, and was not in the window that was interrupted", archived[i])
		}
	}
	if n := count(all, due); got.Done != n || got.Remaining != 0 {
		t.Errorf("result %+v, want %d done", got, n)
	}
}

// archiveBreaks lets the archive fail for good after two objects.
func archiveBreaks(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	a := r.archives()
	if a == nil {
		return
	}
	r.Clock = retentiontest.NewHurried(retentiontest.Slot)
	breaking := &onWrite{Archiver: r.Archive}
	breaking.before = func() error {
		if breaking.writes > 2 {
			return fmt.Errorf("%w: connection refused", retention.ErrArchive)
		}
		return nil
	}
	r.Archive = breaking
	got := r.expect(v1alpha1.ReasonArchiveFailed)
	archived, names := a.ids()
	gone := func(r Record) bool { return slices.Contains(archived, r.ID) }
	r.left(without(all, gone))
	if len(names) != 2 || got.Done != int64(len(archived)) || got.ArchivedObjects != 2 || !strings.Contains(r.Status.Outcome.Message, "see to the archive") {
		t.Errorf("%d objects, outcome %+v, result %+v", len(names), r.Status.Outcome, got)
	}
}

func archiveComesBack(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	a := r.archives()
	if a == nil {
		return
	}
	r.Clock = retentiontest.NewHurried(retentiontest.Slot)
	paused := false
	r.BeforeReport = func(status *v1alpha1.PurgeRunStatus) error {
		paused = paused || status.Pause.Reason == v1alpha1.ReasonArchiveFailed
		return nil
	}
	broken := &onWrite{Archiver: r.Archive}
	broken.before = func() error {
		if broken.writes >= 2 && broken.writes < 8 {
			return fmt.Errorf("%w: connection refused", retention.ErrArchive)
		}
		return nil
	}
	r.Archive = broken
	got := r.expect(v1alpha1.ReasonCompleted)
	r.left(without(all, due))
	a.holds(all, due)
	if n := count(all, due); got.Done != n || !paused {
		t.Errorf("result %+v, want %d done; it said that it waits: %t", got, n, paused)
	}
}
