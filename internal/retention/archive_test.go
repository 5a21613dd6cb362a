package retention

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// keeper keeps objects by name.
type keeper map[string][]byte

func (k keeper) Check(context.Context, *ArchiveTarget) error { return nil }

func (k keeper) Write(_ context.Context, _ *ArchiveTarget, o Object) error {
	k[o.Name] = bytes.Clone(o.Content)
	return nil
}

func packs(t *testing.T, w Window, records ...string) (digest string) {
	t.Helper()
	p := w.Pack()
	for _, r := range records {
		if err := p.Add([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := p.Write(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestSameRecordsMakeTheSameObject(t *testing.T) {
	kept := keeper{}
	w := Window{Rule: &Rule{Name: "events"}, Archive: kept, Run: "run-1"}
	first := packs(t, w, `{"id":1}`, "{\"id\":\r\n2}")
	if again := packs(t, w, `{"id":1}`, "{\"id\":\r\n2}"); again != first || len(kept) != 1 {
		t.Errorf("digests %s and %s, %d objects", first, again, len(kept))
	}
	w.Shard = Shard{Index: 2, Count: 3}
	packs(t, w, `{"id":3}`)
	if none := packs(t, w); none != "" || len(kept) != 2 {
		t.Errorf("no records make an object %q", none)
	}
	for name, content := range kept {
		packed, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(packed)
		switch {
		case name == "run-1/events/"+first+".jsonl.gz" && string(text) == "{\"id\":1}\n{\"id\":  2}\n":
		case strings.HasPrefix(name, "run-1/events/2-") && string(text) == "{\"id\":3}\n":
		default:
			t.Errorf("object %s holds %q", name, text)
		}
	}
}

// What does not go into one object is tried in a smaller window, as long as there is one.
func TestObjectsHaveAGreatestSize(t *testing.T) {
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte('a' + rand.IntN(26))
	}
	for size, fails := range map[int64]func(error) bool{
		2: func(err error) bool { return errors.Is(err, ErrBusy) },
		1: func(err error) bool {
			f, ok := errors.AsType[*Failure](err)
			return ok && f.Reason == v1alpha1.ReasonArchiveFailed
		},
	} {
		p := (&Window{Rule: &Rule{Name: "events"}, Size: size}).Pack()
		p.limit = 1 << 20
		var err error
		for n := 0; err == nil && n < 100; n++ {
			err = p.Add(noise)
		}
		if !fails(err) || p.content.Len() > 2<<20 {
			t.Errorf("window of size %d: %v, after %d bytes", size, err, p.content.Len())
		}
	}
}

// Evidence of several pods has what each archived, and the run has their sum.
func TestArchivedObjectsOfPodsAreSummed(t *testing.T) {
	status := &v1alpha1.PurgeRunStatus{Results: []v1alpha1.RuleResult{{Rule: "events", Inferred: 1}, {Rule: "other"}}}
	for index, objects := range []string{"a", "bc"} {
		shard := shardOf(status, int32(index))
		for _, o := range objects {
			countDone(shard, "events", Batch{Done: 2, Archived: string(o)})
		}
		countDone(shard, "events", Batch{})
		shard.Batches = 3
	}
	sumShards(status)
	got := status.Results[0]
	want := chain(chain("", chain("", "a")), chain(chain("", "b"), "c"))
	if got.ArchivedObjects != 3 || got.ArchiveDigest != want || got.Done != 7 || status.Results[1].ArchivedObjects != 0 {
		t.Errorf("results %+v", status.Results)
	}
	record, err := NewRecord(Subject{}, status).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"archived":{"digest":"` + want + `","objects":3}`, `"archived":{"events":{"digest":"` + chain("", "a") + `","objects":1}}`} {
		if !bytes.Contains(record, []byte(member)) {
			t.Errorf("the evidence has no %s:\n%s", member, record)
		}
	}
	if n := bytes.Count(record, []byte(`"archived"`)); n != 3 { // two pods and the rule; the other rule has none
		t.Errorf("%d accounts of archives in the evidence", n)
	}
}
