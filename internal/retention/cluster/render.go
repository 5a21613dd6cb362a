package cluster

import (
	v1alpha1ac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// render is the pod's part of a run's status: who holds its index, its shard, if it has one, and the rest if it leads.
func (r *Run) render(s *v1alpha1.PurgeRunStatus, holder string) *v1alpha1ac.PurgeRunApplyConfiguration {
	status := v1alpha1ac.PurgeRunStatus()
	if r.index == 0 {
		status = renderStatus(s)
	}
	if holder != "" {
		status.WithHolders(v1alpha1ac.RunHolder().WithIndex(r.index).WithName(holder))
	}
	for i := range s.Shards {
		if s.Shards[i].Index == r.index {
			status.WithShards(renderShard(&s.Shards[i]))
		}
	}
	return v1alpha1ac.PurgeRun(r.key.Name, r.key.Namespace).WithStatus(status)
}

// renderStatus is the part of the run as a whole, see the field docs of PurgeRunStatus.
func renderStatus(s *v1alpha1.PurgeRunStatus) *v1alpha1ac.PurgeRunStatusApplyConfiguration {
	status := v1alpha1ac.PurgeRunStatus()
	for i := range s.Results {
		status.WithResults(renderResult(&s.Results[i]))
	}
	if c := s.Checkpoint; c.Rule != "" || c.Batches > 0 {
		status.WithCheckpoint(v1alpha1ac.RunCheckpoint().WithRule(c.Rule).WithPosition(c.Position).WithBatches(c.Batches).
			WithDigest(c.Digest).WithCompletedRules(c.CompletedRules...).WithBounds(c.Bounds...))
	}
	if p := s.Progress; p != (v1alpha1.RunProgress{}) {
		progress := v1alpha1ac.RunProgress().WithDone(p.Done).WithDue(p.Due).WithPercent(p.Percent).WithRecordsPerSecond(p.RecordsPerSecond)
		if p.Pace != "" {
			progress.WithPace(p.Pace)
		}
		if !p.EstimatedEnd.IsZero() {
			progress.WithEstimatedEnd(p.EstimatedEnd)
		}
		status.WithProgress(progress)
	}
	if s.Pause.Reason != "" {
		status.WithPause(v1alpha1ac.RunPause().WithReason(s.Pause.Reason).WithMessage(s.Pause.Message))
	}
	if o := s.Outcome; o.Reason != "" {
		status.WithOutcome(v1alpha1ac.RunOutcome().WithReason(o.Reason).WithMessage(o.Message).WithFinishedAt(o.FinishedAt))
	}
	if d := s.Discovery; d.Looked {
		discovery := v1alpha1ac.RunDiscovery().WithLooked(true).WithUndecided(d.Undecided)
		for _, f := range d.Fields {
			field := v1alpha1ac.UndecidedField().WithCollection(f.Collection).WithField(f.Field)
			if f.LooksLike != "" {
				field.WithLooksLike(f.LooksLike)
			}
			discovery.WithFields(field)
		}
		status.WithDiscovery(discovery)
	}
	if e := s.Evidence; e != (v1alpha1.RunEvidence{}) {
		status.WithEvidence(renderEvidence(e))
	}
	return status
}

func renderShard(s *v1alpha1.RunShard) *v1alpha1ac.RunShardApplyConfiguration {
	shard := v1alpha1ac.RunShard().WithIndex(s.Index)
	if s.Rule != "" {
		shard.WithRule(s.Rule).WithPosition(s.Position).WithInterrupted(s.Interrupted).WithBatches(s.Batches)
	}
	if s.Digest != "" {
		shard.WithDigest(s.Digest)
	}
	for _, r := range s.Results {
		result := v1alpha1ac.ShardResult().WithRule(r.Rule).WithDone(r.Done)
		if r.ArchivedObjects > 0 {
			result.WithArchivedObjects(r.ArchivedObjects).WithArchiveDigest(r.ArchiveDigest)
		}
		shard.WithResults(result)
	}
	if s.Pause.Reason != "" {
		shard.WithPause(v1alpha1ac.RunPause().WithReason(s.Pause.Reason).WithMessage(s.Pause.Message))
	}
	if s.Stop.Reason != "" {
		stop := v1alpha1ac.RunStop().WithReason(s.Stop.Reason)
		if s.Stop.Message != "" {
			stop.WithMessage(s.Stop.Message)
		}
		shard.WithStop(stop)
	}
	return shard
}

func renderResult(r *v1alpha1.RuleResult) *v1alpha1ac.RuleResultApplyConfiguration {
	result := v1alpha1ac.RuleResult().WithRule(r.Rule).WithCollection(r.Collection).
		WithTotal(r.Total).WithDue(r.Due).WithDone(r.Done).WithInferred(r.Inferred).WithHeld(r.Held).
		WithNullClock(r.NullClock).WithFutureClock(r.FutureClock).WithRemaining(r.Remaining)
	if r.Deferred > 0 {
		result.WithDeferred(r.Deferred)
	}
	if r.LogPosition != "" {
		result.WithLogPosition(r.LogPosition)
	}
	if r.ArchivedObjects > 0 {
		result.WithArchivedObjects(r.ArchivedObjects).WithArchiveDigest(r.ArchiveDigest)
	}
	if r.Verification != "" {
		result.WithVerification(r.Verification)
	}
	return result
}

// renderEvidence leaves out what is not known yet.
func renderEvidence(e v1alpha1.RunEvidence) *v1alpha1ac.RunEvidenceApplyConfiguration {
	evidence := v1alpha1ac.RunEvidence()
	if e.Records != "" {
		evidence.WithRecords(e.Records)
	}
	for value, with := range map[*string]func(string) *v1alpha1ac.RunEvidenceApplyConfiguration{
		&e.Digest: evidence.WithDigest, &e.Previous: evidence.WithPrevious, &e.RecordsDigest: evidence.WithRecordsDigest,
		&e.StoreIdentity: evidence.WithStoreIdentity, &e.SchemaDigest: evidence.WithSchemaDigest,
		&e.IntentDigest: evidence.WithIntentDigest, &e.IntentEnvelope: evidence.WithIntentEnvelope, &e.OutcomeEnvelope: evidence.WithOutcomeEnvelope,
	} {
		if *value != "" {
			with(*value)
		}
	}
	return evidence
}
