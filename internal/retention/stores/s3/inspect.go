package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Inspect checks rules and holds, and looks at the settings of the rules' buckets.
func (s *session) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (found retention.Inspection, err error) {
	if err := stores.RefuseArchives(rules, v1alpha1.StoreS3); err != nil {
		return found, err
	}
	if err := stores.RefuseSubjects(holds, v1alpha1.StoreS3); err != nil {
		return found, err
	}
	s.locks = map[string]bool{}
	sum := sha256.New()
	for i := range rules {
		rule := &rules[i]
		err := checkRule(rule)
		var warnings []string
		if err == nil {
			warnings, err = s.inspectRule(ctx, rule, func(setting string) { _, _ = sum.Write([]byte(setting + "\n")) })
		}
		if err != nil {
			return retention.Inspection{}, stores.Named(err, "rule "+rule.Name)
		}
		found.Warnings = append(found.Warnings, warnings...)
	}
	for i := range holds {
		if err := s.inspectHold(ctx, &holds[i]); err != nil {
			return retention.Inspection{}, err
		}
	}
	if s.slack > time.Second {
		found.Warnings = append(found.Warnings, fmt.Sprintf("the store's clock is behind the purger's: records are kept %s longer, set both clocks by NTP", s.slack))
	}
	found.SchemaDigest = hex.EncodeToString(sum.Sum(nil))
	return found, nil
}

// checkRule checks what needs no look at the store.
func checkRule(rule *retention.Rule) error {
	c := splitCollection(rule.Collection)
	switch {
	case c.bucket == "" || (c.prefix != "" && !strings.HasSuffix(c.prefix, "/")):
		return retention.Fail(v1alpha1.ReasonTableNotFound, "%q is no collection of S3: write bucket, or bucket/prefix/ with a slash at the end", rule.Collection)
	case !slices.Equal(rule.Key, []string{keyField}):
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "what identifies a record of S3 is its key: set key of collection %q to [%s]", rule.Collection, keyField)
	case rule.Clock.Field != lastModified || rule.Clock.Unit != string(v1alpha1.ClockStoreTime):
		return retention.Fail(v1alpha1.ReasonClockTypeMismatch, "the clock of S3 is %q with unit StoreTime: correct clock.field and clock.unit", lastModified)
	case rule.Action != string(v1alpha1.ActionDelete):
		return retention.Fail(v1alpha1.ReasonPlanInvalid, "objects of S3 cannot be anonymized: use action Delete")
	}
	if f := unknownField(rule.Where); f != "" {
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "filters of S3 know the field %q alone, not %q: tags and metadata would need a request for each version. Use prefixes", keyField, f)
	}
	return nil
}

// unknownField is the first field that is not the key; empty: there is none.
func unknownField(where []retention.Filter) string {
	for _, f := range where {
		if f.Field != keyField {
			return f.Field
		}
	}
	return ""
}

// inspectHold fails for a hold that cannot be decided, or whose bucket is not there.
func (s *session) inspectHold(ctx context.Context, hold *retention.Hold) error {
	if f := unknownField(hold.Where); f != "" {
		return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: filters of S3 know the field %q alone, not %q: hold keys or a prefix", hold.Name, keyField, f)
	}
	bucket := splitCollection(hold.Collection).bucket
	if _, inspected := s.locks[bucket]; inspected {
		return nil
	}
	// A bucket that the login may not look at is one that no rule works on.
	there, err := s.core.BucketExists(ctx, bucket)
	if err == nil && !there {
		return retention.Fail(v1alpha1.ReasonHoldInvalid, "hold %s: there is no bucket %q, so that it holds nothing: correct or delete the hold", hold.Name, bucket)
	}
	if err != nil && !hasCode(err, codesPrivilege) {
		return stores.Named(classify(ctx, err), "hold "+hold.Name)
	}
	return nil
}

// inspectRule looks whether the bucket and its uploads can be listed, and records its settings.
func (s *session) inspectRule(ctx context.Context, rule *retention.Rule, record func(setting string)) (warnings []string, err error) {
	c := splitCollection(rule.Collection)
	s.bucket = c.bucket
	if _, err := s.list(ctx, c, marker{}, 1); err != nil {
		return nil, err
	}
	if _, _, err := s.uploads(ctx, c, marker{}, 1); err != nil {
		return nil, err
	}
	versioning, err := s.core.GetBucketVersioning(ctx, c.bucket)
	if err != nil && !hasCode(err, codesNothing) {
		return nil, classify(ctx, err)
	}
	lock, mode, validity, unit, err := s.core.GetObjectLockConfig(ctx, c.bucket)
	if err != nil && !hasCode(err, codesNothing) {
		return nil, classify(ctx, err)
	}
	s.locks[c.bucket] = lock == "Enabled"
	record(fmt.Sprintf("%q versioning %q lock %q %s", c.bucket, versioning.Status, lock, lockDefault(mode, validity, unit)))
	if versioning.Status != "Enabled" {
		warnings = append(warnings, fmt.Sprintf("rule %s: bucket %q keeps no versions of what is written now, so that an object that is written over while it is deleted is lost: switch versioning on", rule.Name, c.bucket))
	}
	more, err := s.inspectRivals(ctx, rule, c.bucket, record)
	return append(warnings, more...), err
}

// lockDefault writes the default retention; empty: there is none.
func lockDefault[M ~string, V ~uint, U ~string](mode *M, validity *V, unit *U) string {
	if mode == nil || validity == nil || unit == nil {
		return ""
	}
	return fmt.Sprintf("%s %d %s", *mode, *validity, *unit)
}

// inspectRivals looks for what else deletes or copies the bucket's objects.
func (s *session) inspectRivals(ctx context.Context, rule *retention.Rule, bucket string, record func(setting string)) (warnings []string, err error) {
	warn := func(format string, args ...any) {
		warnings = append(warnings, "rule "+rule.Name+": "+fmt.Sprintf(format, args...))
	}
	lifecycle, err := s.core.GetBucketLifecycle(ctx, bucket)
	switch {
	case hasCode(err, codesPrivilege):
		warn("the login may not see whether bucket %q has lifecycle rules: grant s3:GetLifecycleConfiguration", bucket)
	case err != nil && !hasCode(err, codesNothing):
		return nil, classify(ctx, err)
	case err == nil && len(lifecycle.Rules) > 0:
		text, _ := xml.Marshal(lifecycle) // of a document that was just read
		record("lifecycle " + string(text))
		warn("bucket %q has lifecycle rules: what they delete is not in the run's evidence", bucket)
	}
	replication, err := s.core.GetBucketReplication(ctx, bucket)
	switch {
	case hasCode(err, codesPrivilege):
		warn("the login may not see whether bucket %q is replicated: grant s3:GetReplicationConfiguration", bucket)
	case err != nil && !hasCode(err, codesNothing):
		return nil, classify(ctx, err)
	case err == nil && len(replication.Rules) > 0:
		warn("bucket %q is replicated: deletions by version are not, so that the copies need a policy of their own", bucket)
	}
	return warnings, nil
}
