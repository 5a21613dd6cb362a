package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Forms of evidence records: what a run is about to do, recorded before it changes anything, and what it did.
const (
	IntentType  = "carrier-operator.io/purge-intent/v1"
	OutcomeType = "carrier-operator.io/purge-outcome/v1"
)

// Subject is whose run a record describes.
type Subject struct {
	Namespace, Run, RunUID, Policy, PolicyUID, RulesDigest, Store, Mode string
	PolicyGeneration                                                    int64
	Slot                                                                time.Time
	Cutoffs                                                             map[string]time.Time
	Previous                                                            string
}

// Signer signs evidence. It returns a DSSE envelope in JSON.
type Signer interface {
	Sign(ctx context.Context, record Record) (string, error)
}

// SubjectOfPlan is the subject as the purger knows it.
func SubjectOfPlan(p *Plan) Subject {
	s := Subject{Namespace: p.Namespace, Run: p.Run, RunUID: p.RunUID, Policy: p.Policy, PolicyUID: p.PolicyUID,
		PolicyGeneration: p.PolicyGeneration, RulesDigest: p.RulesDigest, Store: p.Store.Name, Mode: p.Mode, Slot: p.Slot, Previous: p.PreviousDigest, Cutoffs: map[string]time.Time{}}
	for i := range p.Rules {
		s.Cutoffs[p.Rules[i].Name] = p.Rules[i].Before
	}
	return s
}

// SubjectOfRun is the subject as the PurgeRun tells it: whoever has the object can compute the digest again.
func SubjectOfRun(run *v1alpha1.PurgeRun) Subject {
	s := Subject{Namespace: run.Namespace, Run: run.Name, RunUID: string(run.UID), Policy: run.Spec.PolicyRef.Name, PolicyUID: run.Spec.PolicyUID,
		PolicyGeneration: run.Spec.PolicyGeneration, RulesDigest: run.Spec.RulesDigest, Store: run.Spec.StoreRef.Name, Mode: string(run.Spec.Mode), Slot: run.Spec.Slot.Time, Previous: run.Spec.PreviousDigest, Cutoffs: map[string]time.Time{}}
	for _, c := range run.Spec.Cutoffs {
		s.Cutoffs[c.Rule] = c.Before.Time
	}
	return s
}

// Record is evidence: members by name. It holds nothing that the PurgeRun does not show, so that anyone who has the object can check it.
type Record map[string]any

// record has what intents and outcomes of a run have in common.
func (s *Subject) record(form string) Record {
	cutoffs := map[string]any{}
	for rule, before := range s.Cutoffs {
		cutoffs[rule] = instant(before)
	}
	return Record{
		"type": form, "namespace": s.Namespace, "run": s.Run, "runUID": s.RunUID,
		"policy": s.Policy, "policyUID": s.PolicyUID, "policyGeneration": s.PolicyGeneration, "rulesDigest": s.RulesDigest,
		"store": s.Store, "mode": s.Mode, "slot": instant(s.Slot), "cutoffs": cutoffs, "previous": s.Previous,
	}
}

// NewIntent is what a run is about to do: the counts of its plan and the holds in force, at the store's time. It comes before the first change.
func NewIntent(s Subject, status *v1alpha1.PurgeRunStatus, holds []Hold, at time.Time) Record {
	record := s.record(IntentType)
	rules := make([]any, len(status.Results))
	for i := range status.Results {
		rules[i] = counts(&status.Results[i])
	}
	names := make([]any, len(holds))
	for i := range holds {
		names[i] = holds[i].Name
	}
	noteRecords(record, &status.Evidence)
	record["plan"], record["holds"], record["plannedAt"] = rules, names, instant(at)
	record["storeIdentity"], record["schemaDigest"] = status.Evidence.StoreIdentity, status.Evidence.SchemaDigest
	return record
}

// NewRecord is the outcome of a run, from whose it is and what the purger reported.
func NewRecord(s Subject, status *v1alpha1.PurgeRunStatus) Record {
	record := s.record(OutcomeType)
	results := make([]any, len(status.Results))
	for i := range status.Results {
		results[i] = outcomeOf(&status.Results[i])
	}
	record["results"], record["batches"], record["recordsDigest"] = results, status.Checkpoint.Batches, status.Evidence.RecordsDigest
	noteRecords(record, &status.Evidence)
	record["storeIdentity"], record["schemaDigest"] = status.Evidence.StoreIdentity, status.Evidence.SchemaDigest
	record["reason"], record["message"] = status.Outcome.Reason, status.Outcome.Message
	record["finishedAt"] = instant(status.Outcome.FinishedAt.Time)
	if shards := shardRecords(status.Shards); len(shards) > 0 {
		record["shards"] = shards
	}
	if status.Evidence.IntentDigest != "" {
		record["intent"] = status.Evidence.IntentDigest
	}
	return record
}

// noteRecords says if records are counted alone. Evidence without the member is older, or has digests.
func noteRecords(record Record, e *v1alpha1.RunEvidence) {
	if e.Records != "" {
		record["records"] = string(e.Records)
	}
}

// counts of a rule's records, as the plan has them.
func counts(r *v1alpha1.RuleResult) map[string]any {
	c := map[string]any{
		"rule": r.Rule, "collection": r.Collection, "total": r.Total, "due": r.Due, "held": r.Held, "nullClock": r.NullClock, "futureClock": r.FutureClock,
	}
	if r.Deferred > 0 {
		c["deferred"] = r.Deferred
	}
	return c
}

func outcomeOf(r *v1alpha1.RuleResult) map[string]any {
	o := counts(r)
	o["done"], o["inferred"], o["remaining"], o["verification"] = r.Done, r.Inferred, r.Remaining, string(r.Verification)
	if r.LogPosition != "" {
		o["logPosition"] = r.LogPosition
	}
	if r.ArchivedObjects > 0 {
		o["archived"] = archivedRecord(r.ArchivedObjects, r.ArchiveDigest)
	}
	return o
}

// archivedRecord is the account of archived objects. Evidence of rules that archive nothing is without it.
func archivedRecord(objects int64, digest string) map[string]any {
	return map[string]any{"objects": objects, "digest": digest}
}

// Canonical returns the record as RFC 8785 has it: members sorted, no white space, strings escaped no more than needed, and no numbers
// but integers that a double holds exactly. Our names are ASCII, so that sorting by bytes is sorting by UTF-16 units; a rule's name is too.
func (r Record) Canonical() ([]byte, error) {
	encoded, err := canonical(nil, map[string]any(r))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return encoded, nil
}

// Digest is sha256: and the SHA-256 of the canonical record in hexadecimal.
func (r Record) Digest() (string, error) {
	encoded, err := r.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(encoded)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// instant is UTC to the second, as Kubernetes keeps times.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// maxExact is the largest integer that a double holds exactly, with all below it.
const maxExact = 1<<53 - 1

//nolint:gocognit // one switch over the kinds of values reads better in one piece
func canonical(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(canonicalString(b, name), ':')
			if b, err = canonical(b, v[name]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = canonical(b, v[i]); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case string:
		return canonicalString(b, v), nil
	case int64:
		if v > maxExact || v < -maxExact {
			return nil, fmt.Errorf("%d is too large for a JSON number", v)
		}
		return strconv.AppendInt(b, v, 10), nil
	}
	return nil, fmt.Errorf("a record has no values of type %T", v)
}

// canonicalString escapes what RFC 8785, section 3.2.2.2, says, and nothing else.
func canonicalString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		if i := strings.IndexRune("\"\\\b\f\n\r\t", r); i >= 0 {
			b = append(b, '\\', "\"\\bfnrt"[i])
		} else if r < 0x20 {
			b = fmt.Appendf(b, "\\u%04x", r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
