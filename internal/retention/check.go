package retention

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// ParsePlan reads and checks a plan. Fields that it does not know are an error: a newer operator might mean a restriction by them.
func ParsePlan(encoded []byte) (*Plan, error) {
	var p Plan
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return nil, Fail(v1alpha1.ReasonPlanInvalid, "the plan cannot be read: %v. Operator and purger should have the same version", err)
	}
	if err := p.check(); err != nil {
		return nil, Fail(v1alpha1.ReasonPlanInvalid, "the plan is not sound: %v", err)
	}
	return &p, nil
}

func (p *Plan) check() error {
	switch {
	case p.Run == "" || p.Namespace == "" || p.RunUID == "":
		return fmt.Errorf("it does not say whose run it is")
	case p.Mode != string(v1alpha1.RunPreview) && p.Mode != string(v1alpha1.RunPurge):
		return fmt.Errorf("mode %q is not known", p.Mode)
	case p.Slot.IsZero():
		return fmt.Errorf("it has no slot")
	case len(p.Rules) == 0:
		return fmt.Errorf("it has no rules")
	case p.Caps.MaxSharePercent < 1 || p.Caps.MaxSharePercent > 100 || p.Caps.MaxRows < 1:
		return fmt.Errorf("the caps are out of range")
	case p.Records != "" && p.Records != string(v1alpha1.RecordsDigest) && !p.CountOnly():
		return fmt.Errorf("evidence of records %q is not known", p.Records)
	case p.Throttle.TargetBatchMilliseconds < 1 || p.Throttle.PauseMilliseconds < 0 || p.Throttle.MaxReplicaLagSeconds < 0:
		return fmt.Errorf("the throttle is out of range")
	case p.Parallelism < 0 || p.Parallelism > MaxParallelism:
		return fmt.Errorf("parallelism %d is out of range", p.Parallelism)
	}
	for _, l := range p.Throttle.PauseAbove {
		if _, known := signals[l.Signal]; !known || l.Above < 0 {
			return fmt.Errorf("the limit %d of signal %q is not sound", l.Above, l.Signal)
		}
	}
	seen := map[string]bool{}
	for i := range p.Rules {
		rule := &p.Rules[i]
		if seen[rule.Name] {
			return fmt.Errorf("rule %q is there twice", rule.Name)
		}
		seen[rule.Name] = true
		if err := p.checkRule(rule); err != nil {
			return fmt.Errorf("rule %q: %w", rule.Name, err)
		}
	}
	return p.checkHolds(p.Holds)
}

func (p *Plan) checkRule(r *Rule) error {
	switch {
	case r.Name == "" || r.Collection == "" || r.Clock.Field == "" || len(r.Key) == 0:
		return fmt.Errorf("name, collection, clock or key is missing")
	case !knownUnit(r.Clock.Unit):
		return fmt.Errorf("clock unit %q is not known", r.Clock.Unit)
	case r.Before.IsZero():
		return fmt.Errorf("it has no cutoff")
	case !r.Before.Before(p.Slot):
		return fmt.Errorf("its cutoff %s does not lie before the slot", r.Before.UTC())
	case (r.Action == string(v1alpha1.ActionAnonymize)) != (len(r.Fields) > 0):
		return fmt.Errorf("action %q does not go with %d fields", r.Action, len(r.Fields))
	case r.Action != string(v1alpha1.ActionDelete) && r.Action != string(v1alpha1.ActionAnonymize):
		return fmt.Errorf("action %q is not known", r.Action)
	case r.Archive != nil && (p.Archive == nil || r.Archive.Collection == "" || r.Archive.LockDays < 0 || r.Action != string(v1alpha1.ActionDelete)):
		return fmt.Errorf("its archive has no store or no collection, or it does not delete")
	}
	for _, f := range r.Fields {
		if err := p.checkField(r, f); err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	return checkFilters(r.Where)
}

func (p *Plan) checkField(r *Rule, f Anonymize) error {
	if f.Name == r.Clock.Field || slices.Contains(r.Key, f.Name) {
		return fmt.Errorf("key and clock cannot be anonymized: they say which records are due")
	}
	sound, keyed := true, false
	switch v1alpha1.AnonymizeStrategy(f.Strategy) {
	case v1alpha1.AnonymizeNull, v1alpha1.AnonymizeConstant:
	case v1alpha1.AnonymizeKeyedHash:
		keyed = true
	case v1alpha1.AnonymizeTruncate, v1alpha1.AnonymizeCoarsenPostcode:
		sound = f.Length >= 1 && f.Length <= 255
	case v1alpha1.AnonymizeCoarsenDate:
		sound = f.Precision == string(v1alpha1.PrecisionMonth) || f.Precision == string(v1alpha1.PrecisionYear)
	case v1alpha1.AnonymizeFake:
		keyed, sound = true, f.Form == string(v1alpha1.FakeEmail) || f.Form == string(v1alpha1.FakeText)
	default:
		return fmt.Errorf("strategy %q is not known", f.Strategy)
	}
	if keyed && !p.HashKey {
		return fmt.Errorf("strategy %s needs a key: set hashKeyRef of the policy", f.Strategy)
	}
	if !sound {
		return fmt.Errorf("strategy %s does not go with length %d, precision %q, form %q", f.Strategy, f.Length, f.Precision, f.Form)
	}
	return nil
}

func knownUnit(unit string) bool {
	return slices.Contains([]v1alpha1.ClockUnit{v1alpha1.ClockTimestampTZ, v1alpha1.ClockTimestamp, v1alpha1.ClockDate,
		v1alpha1.ClockEpochSeconds, v1alpha1.ClockEpochMilliseconds, v1alpha1.ClockEpochMicroseconds,
		v1alpha1.ClockRFC3339, v1alpha1.ClockStoreTime}, v1alpha1.ClockUnit(unit))
}

func (p *Plan) checkHolds(holds []Hold) error {
	for i := range holds {
		if holds[i].Name == "" || holds[i].Collection == "" {
			return fmt.Errorf("a hold has no name or no collection")
		}
		if err := checkFilters(holds[i].Where); err != nil {
			return fmt.Errorf("hold %q: %w", holds[i].Name, err)
		}
		if err := p.checkSubject(holds[i].Subject); err != nil {
			return fmt.Errorf("hold %q: %w", holds[i].Name, err)
		}
	}
	return nil
}

func (p *Plan) checkSubject(s *HeldSubject) error {
	switch {
	case s == nil:
		return nil
	case !p.HashKey:
		return fmt.Errorf("it names people by keyed hash, and the policy has no key: set hashKeyRef of the policy")
	case s.Field == "" || s.KeyID == "" || len(s.Hashes) == 0:
		return fmt.Errorf("its subject has no field, no key ID or no hashes")
	case slices.ContainsFunc(s.Hashes, func(h string) bool { return !IsHashed(h) }):
		return fmt.Errorf("a hash of its subject has not the form %s and 64 digits 0-9a-f", HashPrefix)
	}
	return nil
}

// CheckHoldKeys fails for a hold whose hashes are of another key: it would hold nobody, and nobody would notice.
func CheckHoldKeys(holds []Hold, keyID string) *Failure {
	for i := range holds {
		if s := holds[i].Subject; s != nil && s.KeyID != keyID {
			return Fail(v1alpha1.ReasonHoldKeyMismatch, "hold %s names people by hashes of key %s, the policy's hashKeyRef is key %s: compute the hashes again with "+
				"kubectl carrier hold hash, or let the policy use that key", holds[i].Name, s.KeyID, keyID)
		}
	}
	return nil
}

func checkFilters(where []Filter) error {
	for _, f := range where {
		compares := f.Operator == string(v1alpha1.FilterIn) || f.Operator == string(v1alpha1.FilterNotIn)
		tests := f.Operator == string(v1alpha1.FilterExists) || f.Operator == string(v1alpha1.FilterDoesNotExist)
		if f.Field == "" || (!compares && !tests) || compares != (len(f.Values) > 0) {
			return fmt.Errorf("filter %q %q with %d values is not sound", f.Field, f.Operator, len(f.Values))
		}
	}
	return nil
}
