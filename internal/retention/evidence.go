package retention

import (
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

// RecordType names the form of the evidence record.
const RecordType = "carrier-operator.io/purge-outcome/v1"

// Subject is whose run a record describes.
type Subject struct {
	Namespace, Run, RunUID, Policy, PolicyUID, Mode string
	Slot                                            time.Time
	Cutoffs                                         map[string]time.Time
	Previous                                        string
}

// SubjectOfPlan is the subject as the purger knows it.
func SubjectOfPlan(p *Plan) Subject {
	s := Subject{Namespace: p.Namespace, Run: p.Run, RunUID: p.RunUID, Policy: p.Policy, PolicyUID: p.PolicyUID, Mode: p.Mode,
		Slot: p.Slot, Previous: p.PreviousDigest, Cutoffs: map[string]time.Time{}}
	for i := range p.Rules {
		s.Cutoffs[p.Rules[i].Name] = p.Rules[i].Before
	}
	return s
}

// SubjectOfRun is the subject as the PurgeRun tells it: whoever has the object can compute the digest again.
func SubjectOfRun(run *v1alpha1.PurgeRun) Subject {
	s := Subject{Namespace: run.Namespace, Run: run.Name, RunUID: string(run.UID), Policy: run.Spec.PolicyRef.Name, PolicyUID: run.Spec.PolicyUID,
		Mode: string(run.Spec.Mode), Slot: run.Spec.Slot.Time, Previous: run.Spec.PreviousDigest, Cutoffs: map[string]time.Time{}}
	for _, c := range run.Spec.Cutoffs {
		s.Cutoffs[c.Rule] = c.Before.Time
	}
	return s
}

// Record is the outcome of a run as evidence: nothing in it that the PurgeRun does not show, so that its digest can be checked by
// anyone who has the object.
type Record map[string]any

// NewRecord builds the record of a run from whose it is and what the purger reported.
func NewRecord(s Subject, status *v1alpha1.PurgeRunStatus) Record {
	cutoffs := map[string]any{}
	for rule, before := range s.Cutoffs {
		cutoffs[rule] = instant(before)
	}
	results := make([]any, len(status.Results))
	for i := range status.Results {
		r := &status.Results[i]
		result := map[string]any{
			"rule": r.Rule, "collection": r.Collection, "total": r.Total, "due": r.Due, "done": r.Done, "inferred": r.Inferred, "held": r.Held,
			"nullClock": r.NullClock, "futureClock": r.FutureClock, "remaining": r.Remaining, "verification": string(r.Verification),
		}
		if r.Deferred > 0 {
			result["deferred"] = r.Deferred
		}
		results[i] = result
	}
	return Record{
		"type":      RecordType,
		"namespace": s.Namespace, "run": s.Run, "runUID": s.RunUID, "policy": s.Policy, "policyUID": s.PolicyUID,
		"mode": s.Mode, "slot": instant(s.Slot), "cutoffs": cutoffs,
		"results": results, "batches": status.Checkpoint.Batches, "recordsDigest": status.Evidence.RecordsDigest,
		"storeIdentity": status.Evidence.StoreIdentity, "schemaDigest": status.Evidence.SchemaDigest,
		"reason": status.Outcome.Reason, "message": status.Outcome.Message, "finishedAt": instant(status.Outcome.FinishedAt.Time),
		"previous": s.Previous,
	}
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
