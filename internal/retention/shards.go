package retention

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// This file decides what each of several pods that share a run does. It does no I/O.

// MaxParallelism is the largest number of pods that share a run.
const MaxParallelism = 8

// shared says whether several pods work on the run. A pod of another index than 0 knows it even from a plan that it cannot read.
func (p *Plan) shared() bool { return p.Parallelism > 1 || p.Index > 0 }

// leads says whether this pod counts, verifies and ends the run.
func (p *Plan) leads() bool { return p.Index == 0 }

// LockName is what the pod locks in the store: two pods of one run and index never work at once.
func (p *Plan) LockName() string {
	if p.shared() {
		return fmt.Sprintf("%s/%d", p.RunUID, p.Index)
	}
	return p.RunUID
}

// shardOf returns the status's shard of the index, a new one if it has none.
func shardOf(status *v1alpha1.PurgeRunStatus, index int32) *v1alpha1.RunShard {
	at, found := slices.BinarySearchFunc(status.Shards, index, func(s v1alpha1.RunShard, index int32) int { return int(s.Index - index) })
	if !found {
		status.Shards = slices.Insert(status.Shards, at, v1alpha1.RunShard{Index: index})
	}
	return &status.Shards[at]
}

// follow is next for a pod that does not lead: it works on the leader's rule and pass, and waits otherwise.
func follow(p *Plan, status *v1alpha1.PurgeRunStatus) (s step, rule *Rule, err error) {
	if shardOf(status, p.Index).Stop.Reason != "" {
		return stepDone, nil, nil
	}
	if f := stopOf(status.Shards); f != nil {
		return stepDone, nil, f
	}
	at := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Name == status.Checkpoint.Rule })
	if at < 0 || slices.Contains(status.Checkpoint.CompletedRules, status.Checkpoint.Rule) {
		return stepWait, nil, nil
	}
	return share(p, status, &p.Rules[at]), &p.Rules[at], nil
}

// share is the step of one of several pods inside of a rule. They pass the collection together: the rule is verified, and the next one
// begins, only once all of them are through.
func share(p *Plan, status *v1alpha1.PurgeRunStatus, rule *Rule) step {
	own := shardOf(status, p.Index)
	pass := parsePosition(status.Checkpoint.Position).pass
	through := func(s v1alpha1.RunShard) bool {
		at := parsePosition(s.Position)
		return s.Rule == rule.Name && at.pass == pass && at.end
	}
	switch {
	case own.Rule != rule.Name || parsePosition(own.Position).pass != pass:
		return stepJoin
	case !through(*own):
		return stepWindow
	case p.leads() && len(status.Shards) == int(p.Parallelism) && !slices.ContainsFunc(status.Shards, func(s v1alpha1.RunShard) bool { return !through(s) }):
		return stepVerify
	}
	return stepWait
}

// stopOf is the failure of the first shard that has one.
func stopOf(shards []v1alpha1.RunShard) *Failure {
	for i := range shards {
		if stop := shards[i].Stop; stop.Reason != "" {
			return &Failure{Reason: stop.Reason, Message: stop.Message}
		}
	}
	return nil
}

// working are the indexes of shards that have begun and not said that they stopped.
func working(shards []v1alpha1.RunShard) []string {
	var indexes []string
	for i := range shards {
		if shards[i].Rule != "" && shards[i].Stop.Reason == "" {
			indexes = append(indexes, fmt.Sprint(shards[i].Index))
		}
	}
	return indexes
}

// interrupted says whether some shard may have handled records of the rule without counting them.
func interrupted(shards []v1alpha1.RunShard, rule string) bool {
	return slices.ContainsFunc(shards, func(s v1alpha1.RunShard) bool { return s.Interrupted && s.Rule == rule })
}

// broken says whether a pod that finds this status was interrupted inside of the rule at hand.
func broken(p *Plan, status *v1alpha1.PurgeRunStatus) bool {
	own := shardOf(status, p.Index)
	return own.Rule != "" && own.Rule == status.Checkpoint.Rule && !parsePosition(own.Position).end
}

// countDone adds what a shard did under a rule in one window.
func countDone(s *v1alpha1.RunShard, rule string, batch Batch) {
	at := slices.IndexFunc(s.Results, func(r v1alpha1.ShardResult) bool { return r.Rule == rule })
	if at < 0 {
		at = len(s.Results)
		s.Results = append(s.Results, v1alpha1.ShardResult{Rule: rule})
	}
	result := &s.Results[at]
	result.Done += batch.Done
	countArchived(&result.ArchivedObjects, &result.ArchiveDigest, batch.Archived)
}

// sumShards makes results and checkpoint of a status the sum of its shards.
func sumShards(status *v1alpha1.PurgeRunStatus) {
	status.Checkpoint.Batches, status.Checkpoint.Digest = ShardsBatches(status.Shards), ShardsDigest(status.Shards)
	for i := range status.Results {
		r := &status.Results[i]
		r.Done = ShardsDone(status.Shards, r.Rule) + r.Inferred
		r.ArchivedObjects, r.ArchiveDigest = ShardsArchived(status.Shards, r.Rule)
	}
}

// ShardsBatches is the number of transactions of all shards.
func ShardsBatches(shards []v1alpha1.RunShard) (n int64) {
	for i := range shards {
		n += shards[i].Batches
	}
	return n
}

// ShardsDone is the number of records that shards handled under a rule.
func ShardsDone(shards []v1alpha1.RunShard, rule string) (n int64) {
	for i := range shards {
		for _, r := range shards[i].Results {
			if r.Rule == rule {
				n += r.Done
			}
		}
	}
	return n
}

// ShardsArchived is the number of objects that shards archived under a rule, and the digest over their digests in the order of the shards'
// indexes.
func ShardsArchived(shards []v1alpha1.RunShard, rule string) (objects int64, digest string) {
	for i := range shards {
		for _, r := range shards[i].Results {
			if r.Rule == rule {
				objects += r.ArchivedObjects
				digest = chain(digest, r.ArchiveDigest)
			}
		}
	}
	return objects, digest
}

// ShardsDigest is the digest over the shards' digests in the order of their indexes, empty if no records were handled.
func ShardsDigest(shards []v1alpha1.RunShard) (digest string) {
	for i := range shards {
		digest = chain(digest, shards[i].Digest)
	}
	return digest
}

// shardRecords are the shards as evidence has them: those that committed something.
func shardRecords(shards []v1alpha1.RunShard) []any {
	var records []any
	for i := range shards {
		if shards[i].Batches == 0 {
			continue
		}
		done, archived := map[string]any{}, map[string]any{}
		for _, r := range shards[i].Results {
			done[r.Rule] = r.Done
			if r.ArchivedObjects > 0 {
				archived[r.Rule] = archivedRecord(r.ArchivedObjects, r.ArchiveDigest)
			}
		}
		record := map[string]any{"index": int64(shards[i].Index), "batches": shards[i].Batches, "digest": shards[i].Digest, "done": done}
		if len(archived) > 0 {
			record["archived"] = archived
		}
		records = append(records, record)
	}
	return records
}

// Outdated says whether a pod's report must not be written over the status that is stored: an outcome is final, and knows everything that
// the other pods reported.
func Outdated(stored, report *v1alpha1.PurgeRunStatus, index int32) bool {
	if index > 0 {
		return stored.Outcome.Reason != ""
	}
	others := func(s *v1alpha1.PurgeRunStatus) []v1alpha1.RunShard {
		return slices.DeleteFunc(slices.Clone(s.Shards), func(s v1alpha1.RunShard) bool { return s.Index == 0 })
	}
	return report.Outcome.Reason != "" && !slices.EqualFunc(others(stored), others(report), func(a, b v1alpha1.RunShard) bool { return reflect.DeepEqual(a, b) })
}

// unheard says that pods did not answer before the outcome was written.
func unheard(indexes []string) string {
	if len(indexes) == 0 {
		return ""
	}
	return fmt.Sprintf(". Pods that did not say that they stopped, and may have handled records that are not counted: %s", strings.Join(indexes, ", "))
}

// Accept is what a Reporter does that keeps the status in memory: it writes a holder's report, or says why it must not.
func Accept(stored, report *v1alpha1.PurgeRunStatus, index int32, holder string) error {
	switch {
	case Holder(stored, index) != holder:
		return ErrReplaced
	case Outdated(stored, report, index):
		return ErrMoved
	}
	merge(stored, report, index)
	return nil
}

// merge writes a pod's report into a status: its own shard, and the rest if it leads.
func merge(stored, report *v1alpha1.PurgeRunStatus, index int32) {
	shared := len(stored.Shards)+len(report.Shards) > 0
	own := *shardOf(report.DeepCopy(), index)
	shards, holders := stored.Shards, stored.Holders
	if index == 0 {
		*stored = *report.DeepCopy()
	}
	stored.Shards, stored.Holders = shards, holders
	if shared {
		*shardOf(stored, index) = own
	}
}
