package evidence

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// sharedRun is a run of two pods, signed.
func sharedRun(t *testing.T, signer *Signer) *v1alpha1.PurgeRun {
	t.Helper()
	run := &signedRuns(t, signer, 1)[0]
	s := &run.Status
	s.Shards = []v1alpha1.RunShard{
		{Index: 0, Batches: 3, Digest: "a", Results: []v1alpha1.ShardResult{{Rule: "events", Done: 5, ArchivedObjects: 2, ArchiveDigest: "c"}}},
		{Index: 1, Batches: 2, Digest: "b", Results: []v1alpha1.ShardResult{{Rule: "events", Done: 3, ArchivedObjects: 1, ArchiveDigest: "d"}}},
	}
	s.Results[0].Inferred, s.Results[0].Done = 1, 0
	s.Results[0].ArchivedObjects, s.Results[0].ArchiveDigest = retention.ShardsArchived(s.Shards, "events")
	s.Checkpoint.Batches, s.Evidence.RecordsDigest = 5, retention.ShardsDigest(s.Shards)
	sign(t, signer, run)
	return run
}

func TestForgedShardsAreFound(t *testing.T) {
	signer, keys := newSigner(t)
	for name, test := range map[string]struct {
		forge func(*v1alpha1.PurgeRunStatus)
		want  string // empty: nothing is wrong
	}{
		"sound":                    {func(*v1alpha1.PurgeRunStatus) {}, ""},
		"a pod did more":           {func(s *v1alpha1.PurgeRunStatus) { s.Shards[1].Results[0].Done++ }, "what its shards did is not what it did"},
		"a record changes its pod": {func(s *v1alpha1.PurgeRunStatus) { s.Shards[0].Results[0].Done--; s.Shards[1].Results[0].Done++ }, "does not have the recorded digest"},
		"a pod is missing":         {func(s *v1alpha1.PurgeRunStatus) { s.Shards = s.Shards[:1] }, "what its shards did is not what it did"},
		"digests change places": {func(s *v1alpha1.PurgeRunStatus) {
			s.Shards[0].Digest, s.Shards[1].Digest = s.Shards[1].Digest, s.Shards[0].Digest
		}, "are not those of its shards"},
		"an object of a pod":  {func(s *v1alpha1.PurgeRunStatus) { s.Shards[0].Results[0].ArchivedObjects-- }, "what its shards archived is not what it archived"},
		"another object":      {func(s *v1alpha1.PurgeRunStatus) { s.Results[0].ArchiveDigest = "e" }, "what its shards archived is not what it archived"},
		"batches of a pod":    {func(s *v1alpha1.PurgeRunStatus) { s.Shards[0].Batches++ }, "are not those of its shards"},
		"all shards are gone": {func(s *v1alpha1.PurgeRunStatus) { s.Shards = nil }, "does not have the recorded digest"},
	} {
		t.Run(name, func(t *testing.T) {
			run := sharedRun(t, signer)
			test.forge(&run.Status)
			_, problems := checkRun(t.Context(), run, keys)
			got := strings.Join(problems, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}
