package retention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

// recordIntent signs what the run is about to do. The report that follows makes it durable before anything is changed: an intent without
// an outcome shows a run that did not end as it should.
func (r *run) recordIntent(ctx context.Context) error {
	if r.Signer == nil || r.Plan.Mode == string(v1alpha1.RunPreview) {
		return nil
	}
	r.noteRecords()
	record := NewIntent(SubjectOfPlan(r.Plan), r.status, r.holds, r.storeTime(ctx))
	digest, err := record.Digest()
	if err != nil {
		return err
	}
	r.status.Evidence.IntentDigest = digest
	if r.status.Evidence.IntentEnvelope, err = r.Signer.Sign(ctx, record); err != nil {
		return fmt.Errorf("signing the intent: %w", err)
	}
	return nil
}

// noteRecords tells evidence of counts alone from evidence whose digest covers each record.
func (r *run) noteRecords() {
	if r.Plan.CountOnly() {
		r.status.Evidence.Records = v1alpha1.RecordsCount
	}
}

// maxUndecided is how many fields without a decision a status lists.
const maxUndecided = 32

// discover looks for fields that nobody has decided about: columns that were added since, and tables that nobody thought of.
func (r *run) discover(ctx context.Context) error {
	if r.Plan.Store.Decided == nil {
		return nil
	}
	return r.with(ctx, func(ctx context.Context, s Session, _ []Hold) error {
		c, ok := s.(Cataloger)
		if !ok {
			return nil
		}
		fields, err := c.Catalog(ctx)
		if err != nil {
			return err
		}
		found := discovery.Undecided(fields, r.Plan.Store.Decided)
		r.status.Discovery = v1alpha1.RunDiscovery{Looked: true, Undecided: int32(min(len(found), math.MaxInt32))}
		for _, f := range found[:min(len(found), maxUndecided)] {
			r.status.Discovery.Fields = append(r.status.Discovery.Fields,
				v1alpha1.UndecidedField{Collection: f.Collection, Field: f.Field, LooksLike: f.LooksLike})
		}
		return nil
	})
}

// positionLog notes where the store's log was after a rule was verified: what was deleted is gone from every copy that has come so far.
func (r *run) positionLog(ctx context.Context, result *v1alpha1.RuleResult) error {
	return r.with(ctx, func(ctx context.Context, s Session, _ []Hold) (err error) {
		if p, ok := s.(Positioner); ok {
			result.LogPosition, err = p.LogPosition(ctx)
		}
		return err
	})
}

// finish records the outcome and its evidence. Failures have evidence too: a run that stopped is a link of the chain.
func (r *run) finish(ctx context.Context, failure *Failure) error {
	since := r.Clock.Now()
	for {
		err := r.conclude(ctx, failure)
		if !errors.Is(err, ErrMoved) {
			return err
		}
		if err := r.sleep(ctx, poll(r.Clock.Since(since))); err != nil {
			return err
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
}

func (r *run) conclude(ctx context.Context, failure *Failure) error {
	reason, message := outcome(r.Plan, r.status.Results, r.holds, failure)
	for _, w := range r.warnings {
		message += ". Warning: " + w
	}
	r.status.Pause = v1alpha1.RunPause{}
	r.noteRecords()
	r.status.Evidence.RecordsDigest = r.status.Checkpoint.Digest
	r.status.Outcome = v1alpha1.RunOutcome{Reason: reason, Message: truncate(message, maxMessage), FinishedAt: metav1.NewTime(r.storeTime(ctx))}
	record := NewRecord(SubjectOfPlan(r.Plan), r.status)
	digest, err := record.Digest()
	if err != nil {
		return err
	}
	r.status.Evidence.Previous = r.Plan.PreviousDigest
	r.status.Evidence.Digest = digest
	if r.Signer != nil {
		if r.status.Evidence.OutcomeEnvelope, err = r.Signer.Sign(ctx, record); err != nil {
			return fmt.Errorf("signing the outcome: %w", err)
		}
	}
	r.Log.Info("run ends", "reason", reason, "batches", r.status.Checkpoint.Batches, "evidence", digest)
	return r.report(ctx)
}

// storeTime is the store's clock, so that the evidence does not depend on the node's. Without a store it is the node's after all.
func (r *run) storeTime(ctx context.Context) time.Time {
	if r.session != nil {
		if now, err := r.session.Now(ctx); err == nil {
			return now.UTC().Truncate(time.Second)
		}
	}
	return r.Clock.Now().UTC().Truncate(time.Second)
}
