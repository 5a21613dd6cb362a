package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// statement is an in-toto statement as far as intents are checked.
type statement struct {
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// checkRun checks one run by itself: its digests, its signatures, and that they speak of what the object says. It returns the identity of
// the key that signed the outcome, empty without keys, and everything that is wrong.
func checkRun(ctx context.Context, run *v1alpha1.PurgeRun, keys Keys) (signedBy string, problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	e := &run.Status.Evidence
	if e.Digest == "" {
		if e.IntentDigest != "" {
			problem("it recorded what it was about to do and never what it did: see its Job, and what is left in the store")
		} else {
			problem("it ended without evidence")
		}
		return "", problems
	}
	record := retention.NewRecord(retention.SubjectOfRun(run), &run.Status)
	digest, err := record.Digest()
	switch {
	case err != nil:
		problem("its record cannot be computed: %v", err)
	case digest != e.Digest:
		problem("its content does not have the recorded digest: it was edited")
	}
	if e.Previous != run.Spec.PreviousDigest {
		problem("intent and evidence name different previous runs: it was edited")
	}
	if err := checkShards(&run.Status); err != nil {
		problem("%v", err)
	}
	if !isTallied(&run.Status) {
		problem("its progress is not that of its results: it was edited")
	}
	if keys == nil {
		return "", problems
	}
	if signedBy, err = checkOutcome(ctx, keys, record, e.OutcomeEnvelope); err != nil {
		problem("outcome: %v", err)
	}
	if run.Spec.Mode == v1alpha1.RunPreview || len(run.Status.Results) == 0 {
		return signedBy, problems // nothing was going to be changed, or it stopped before it had a plan
	}
	if err := checkIntent(ctx, keys, run); err != nil {
		problem("intent: %v", err)
	}
	return signedBy, problems
}

// isTallied says whether the progress that people read, which no digest covers, is that of the results. Runs that stopped early have none.
func isTallied(s *v1alpha1.PurgeRunStatus) bool {
	said, want := s.Progress, retention.Tally(s.Results)
	return said == (v1alpha1.RunProgress{}) || (said.Done == want.Done && said.Due == want.Due && said.Percent == want.Percent)
}

// checkShards makes sure that the totals of a run that several pods shared are those of its shards.
func checkShards(s *v1alpha1.PurgeRunStatus) error {
	if len(s.Shards) == 0 {
		return nil
	}
	for i := range s.Results {
		r := &s.Results[i]
		if r.Done != retention.ShardsDone(s.Shards, r.Rule)+r.Inferred {
			return fmt.Errorf("rule %s: what its shards did is not what it did: it was edited", r.Rule)
		}
		if objects, digest := retention.ShardsArchived(s.Shards, r.Rule); objects != r.ArchivedObjects || digest != r.ArchiveDigest {
			return fmt.Errorf("rule %s: what its shards archived is not what it archived: it was edited", r.Rule)
		}
	}
	if s.Checkpoint.Batches != retention.ShardsBatches(s.Shards) || s.Evidence.RecordsDigest != retention.ShardsDigest(s.Shards) {
		return errors.New("batches and records digest are not those of its shards: it was edited")
	}
	return nil
}

var errUnsigned = errors.New("it is not signed: set signingKeyRef of the policy for its next runs")

func checkOutcome(ctx context.Context, keys Keys, record retention.Record, envelope string) (signedBy string, err error) {
	if envelope == "" {
		return "", errUnsigned
	}
	payload, signedBy, err := keys.open(ctx, envelope)
	if err != nil {
		return "", err
	}
	want, err := newStatement(record)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(payload, want) {
		return "", errors.New("what was signed is not what the object says: the object was edited, or the signature belongs to another run")
	}
	return signedBy, nil
}

// checkIntent checks the signed intent, which has counts that the object does not keep, by its digest and by whose it is.
func checkIntent(ctx context.Context, keys Keys, run *v1alpha1.PurgeRun) error {
	e := &run.Status.Evidence
	if e.IntentEnvelope == "" {
		return errUnsigned
	}
	payload, _, err := keys.open(ctx, e.IntentEnvelope)
	if err != nil {
		return err
	}
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return fmt.Errorf("what was signed is no in-toto statement: %w", err)
	}
	if s.PredicateType != predicatePrefix+retention.IntentType {
		return fmt.Errorf("what was signed is a %q", s.PredicateType)
	}
	sum := sha256.Sum256(s.Predicate)
	if e.IntentDigest != "sha256:"+hex.EncodeToString(sum[:]) {
		return errors.New("what was signed does not have the recorded digest: it was replaced")
	}
	var signed map[string]json.RawMessage
	if err := json.Unmarshal(s.Predicate, &signed); err != nil {
		return err
	}
	subject := retention.SubjectOfRun(run)
	own := retention.NewIntent(subject, &v1alpha1.PurgeRunStatus{Evidence: *e}, nil, run.CreationTimestamp.Time)
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if name == "plan" || name == "holds" || name == "plannedAt" {
			continue // as they were then
		}
		want, err := retention.Record{name: own[name]}.Canonical()
		if err != nil {
			return err
		}
		if got := slices.Concat([]byte(`{"`+name+`":`), signed[name], []byte("}")); !bytes.Equal(got, want) {
			return fmt.Errorf("its %s is not that of the object: the object was edited, or the signature belongs to another run", name)
		}
	}
	return nil
}
