package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// lastAccess is the clock's field with unit StoreTime.
const lastAccess = "lastAccess"

// maxIdle is the longest idle time that a cutoff may ask for. The store counts idle seconds in 24 bits, about 194 days, and begins again.
const maxIdle = 1<<24*time.Second - 24*time.Hour

// Inspect checks rules and holds, and looks at records until it saw every field that they name.
func (s *session) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (retention.Inspection, error) {
	if s.server["cluster_enabled"] == "1" {
		return retention.Inspection{}, errCluster
	}
	if err := stores.RefuseArchives(rules, v1alpha1.StoreRedis); err != nil {
		return retention.Inspection{}, err
	}
	if err := stores.RefuseSubjects(holds, v1alpha1.StoreRedis); err != nil {
		return retention.Inspection{}, err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return retention.Inspection{}, err
	}
	var warnings []string
	for i := range rules {
		rule := &rules[i]
		if err := checkRule(rule, s.server, now); err != nil {
			return retention.Inspection{}, stores.Named(err, "rule "+rule.Name)
		}
		if err := checkTogether(rule, rules, holds); err != nil {
			return retention.Inspection{}, stores.Named(err, "rule "+rule.Name)
		}
		found, err := s.look(ctx, rule, holds)
		if err != nil {
			return retention.Inspection{}, stores.Named(err, "rule "+rule.Name)
		}
		warnings = append(warnings, found...)
	}
	return retention.Inspection{SchemaDigest: schemaDigest(rules), Warnings: warnings}, nil
}

// checkRule checks what needs no look at records.
func checkRule(rule *retention.Rule, server map[string]string, now time.Time) error {
	storeTime := rule.Clock.Unit == string(v1alpha1.ClockStoreTime)
	switch {
	case !slices.Equal(rule.Key, []string{keyField}):
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "what identifies a record of Redis is its key: set key of collection %q to [%s]", rule.Collection, keyField)
	case !storeTime && rule.Clock.Field == keyField:
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "%q is the key's name and cannot be a clock: choose a field of the hash", keyField)
	case !storeTime:
		return nil
	case rule.Clock.Field != lastAccess:
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "unit StoreTime goes with clock %q, the last access of a key: correct clock.field", lastAccess)
	case strings.Contains(server["maxmemory_policy"], "lfu"):
		return errFrequency
	case now.Sub(rule.Before) > maxIdle:
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch,
			"the store counts idle times up to 194 days and then begins again, so that nothing would ever be due: keep for %d days or less, or use a clock in a field of the hash", int(maxIdle.Hours()/24))
	case rule.Action != string(v1alpha1.ActionDelete):
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "reading a field counts as an access, so that unit StoreTime does not go with Anonymize: use a clock in a field of the hash")
	}
	if f := fieldFilter(rule.Where); f != "" {
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "reading field %q counts as an access, so that unit StoreTime goes with filters on %q only: use a clock in a field of the hash", f, keyField)
	}
	return nil
}

// checkTogether makes sure that a rule with StoreTime is the only one that looks at its records: reading a field counts as an access.
func checkTogether(rule *retention.Rule, rules []retention.Rule, holds []retention.Hold) error {
	if rule.Clock.Unit != string(v1alpha1.ClockStoreTime) {
		return nil
	}
	for i := range rules {
		if rules[i].Clock.Unit != rule.Clock.Unit && mayOverlap(rules[i].Collection, rule.Collection) {
			return retention.Fail(v1alpha1.ReasonClockTypeMismatch,
				"rule %s reads fields of keys that match both patterns, which counts as an access and resets the clock %q: use a field of the hash as clock in both", rules[i].Name, lastAccess)
		}
	}
	for i := range holds {
		if f := fieldFilter(holds[i].Where); f != "" && mayOverlap(holds[i].Collection, rule.Collection) {
			return retention.Fail(v1alpha1.ReasonHoldInvalid,
				"hold %s: reading field %q counts as an access and resets the clock %q of the rule: hold the whole collection, filter by %q, or use another clock", holds[i].Name, f, lastAccess, keyField)
		}
	}
	return nil
}

// fieldFilter is the first field of the hash that the filters read; empty: they read none.
func fieldFilter(where []retention.Filter) string {
	for _, f := range where {
		if f.Field != keyField {
			return f.Field
		}
	}
	return ""
}

// sight is what a walk over a rule's keys saw.
type sight struct {
	keys, hashes int64
	// held are the holds that cover some hash.
	held map[int]bool
}

// look walks over the rule's keys until each field was seen, and says which were not.
func (s *session) look(ctx context.Context, rule *retention.Rule, holds []retention.Hold) (warnings []string, err error) {
	saw, err := s.walkFields(ctx, rule, holds)
	if err != nil {
		return nil, err
	}
	if saw.keys == 0 {
		return []string{fmt.Sprintf("rule %s: no key matches %q: if there should be some, correct the collection, or database in the store's Secret", rule.Name, rule.Collection)}, nil
	}
	has := func(field string) bool { return field == keyField || s.seen[fieldOf{rule.Collection, field}] }
	switch storeTime := rule.Clock.Unit == string(v1alpha1.ClockStoreTime); {
	case storeTime || has(rule.Clock.Field):
	case saw.hashes == 0:
		return nil, retention.Fail(v1alpha1.ReasonClockTypeMismatch,
			"none of the keys that match %q is a hash, so that they have no field %q: use clock %q with unit StoreTime", rule.Collection, rule.Clock.Field, lastAccess)
	default:
		return nil, retention.Fail(v1alpha1.ReasonColumnNotFound, "no hash that matches %q has the field %q: correct clock.field (upper and lower case differ)", rule.Collection, rule.Clock.Field)
	}
	for i := range holds {
		if f := unseen(holds[i].Where, has); saw.held[i] && f != "" {
			return nil, retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: no hash that matches %q has the field %q, so that it holds nothing: correct or delete the hold", holds[i].Name, rule.Collection, f)
		}
	}
	if f := unseen(rule.Where, has); f != "" {
		warnings = append(warnings, fmt.Sprintf("rule %s: no hash that matches %q has the field %q, so that nothing is due: if some should, correct the filter", rule.Name, rule.Collection, f))
	}
	for _, f := range rule.Fields {
		if !has(f.Name) {
			warnings = append(warnings, fmt.Sprintf("rule %s: no hash that matches %q has the field %q any more: if some should, correct action.fields", rule.Name, rule.Collection, f.Name))
		}
	}
	return warnings, nil
}

// unseen is the first field without which the filters match nothing and that no record has; empty: there is none.
func unseen(where []retention.Filter, has func(field string) bool) string {
	for _, f := range where {
		if f.Operator != string(v1alpha1.FilterDoesNotExist) && !has(f.Field) {
			return f.Field
		}
	}
	return ""
}

// walkFields marks the fields that it sees in s.seen, and stops when it saw a key and all fields.
func (s *session) walkFields(ctx context.Context, rule *retention.Rule, holds []retention.Hold) (sight, error) {
	fields, needed := fieldsOf(rule, holds), commands(rule)
	saw := sight{held: map[int]bool{}}
	d := &decision{rule: rule, holds: holds}
	err := s.walk(ctx, rule.Collection, func(keys []string) (bool, error) {
		shapes, err := s.survey(ctx, keys, fields, needed)
		if err != nil {
			return false, err
		}
		for i, shape := range shapes {
			if shape.kind != "none" {
				saw.keys++
			}
			if shape.kind == "hash" {
				saw.hashes++
				s.mark(rule.Collection, fields, shape)
				saw.cover(d, keys[i])
			}
		}
		missing := func(field string) bool { return !s.seen[fieldOf{rule.Collection, field}] }
		return saw.keys > 0 && !slices.ContainsFunc(fields, missing), nil
	})
	return saw, err
}

// mark remembers the fields that a hash has.
func (s *session) mark(collection string, fields []string, hash shape) {
	for f, has := range hash.fields {
		if has {
			s.seen[fieldOf{collection, fields[f]}] = true
		}
	}
}

// cover remembers the holds that cover a hash.
func (w *sight) cover(d *decision, key string) {
	for h := range d.holds {
		w.held[h] = w.held[h] || d.covers(h, key)
	}
}

// fieldsOf are the fields of a hash that the rule, and holds that may cover its keys, read. With StoreTime there are none.
func fieldsOf(rule *retention.Rule, holds []retention.Hold) []string {
	var fields []string
	if rule.Clock.Unit != string(v1alpha1.ClockStoreTime) {
		fields = append(fields, rule.Clock.Field)
	}
	where := slices.Clone(rule.Where)
	for i := range holds {
		if mayOverlap(holds[i].Collection, rule.Collection) {
			where = append(where, holds[i].Where...)
		}
	}
	for _, f := range where {
		if f.Field != keyField {
			fields = append(fields, f.Field)
		}
	}
	for _, f := range rule.Fields {
		fields = append(fields, f.Name)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// commands that the rule needs on its keys.
func commands(rule *retention.Rule) [][]string {
	needed := [][]string{{"type"}}
	if rule.Clock.Unit == string(v1alpha1.ClockStoreTime) {
		needed = append(needed, []string{"object", "idletime"})
	} else {
		needed = append(needed, []string{"hmget"})
	}
	if rule.Action == string(v1alpha1.ActionDelete) {
		return append(needed, []string{"unlink"})
	}
	return append(needed, []string{"hset"}, []string{"hdel"})
}

// schemaDigest is the SHA-256 of the fields that the rules read. Redis has no schema: what records look like is each record's affair.
func schemaDigest(rules []retention.Rule) string {
	sum := sha256.New()
	for i := range rules {
		fmt.Fprintf(sum, "%q %q %q\n", rules[i].Collection, rules[i].Clock.Unit, fieldsOf(&rules[i], nil))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
