package s3

import (
	"context"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Count walks over the versions and uploads of one rule after the other: S3 has no snapshots.
func (s *session) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (retention.Snapshot, error) {
	var counted retention.Snapshot
	for i := range rules {
		counter := &counter{session: s, decision: decision{rule: &rules[i], holds: holds, slack: s.slack}, slot: slot}
		if err := counter.run(ctx); err != nil {
			return retention.Snapshot{}, stores.Named(err, "rule "+rules[i].Name)
		}
		counted.Rules = append(counted.Rules, counter.counts)
	}
	return counted, nil
}

// counter counts one rule's records.
type counter struct {
	*session
	decision
	slot   time.Time
	counts retention.Counts
	// key whose versions are being counted; hidden: its latest is a marker that would go; kept: one of its other versions stays.
	key          string
	hidden, kept bool
}

func (c *counter) run(ctx context.Context) error {
	at := splitCollection(c.rule.Collection)
	if err := c.walk(ctx, at, func(v version) error { return c.version(ctx, at.bucket, v) }); err != nil {
		return err
	}
	c.endKey()
	for from := (marker{}); ; {
		uploads, next, err := c.uploads(ctx, at, from, maxPage)
		if err != nil {
			return err
		}
		for _, u := range uploads {
			c.tally(&c.counts, u.Key, u.Initiated, c.slot)
			if c.due(u.Key, u.Initiated) {
				c.counts.Due++
				c.counts.Held += one(c.held(u.Key))
			}
		}
		if next == (marker{}) {
			return nil
		}
		from = next
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// version counts one version. Versions of a key come one after the other.
func (c *counter) version(ctx context.Context, bucket string, v version) error {
	if v.Key != c.key {
		c.endKey()
		c.key = v.Key
	}
	c.tally(&c.counts, v.Key, v.LastModified, c.slot)
	stays, err := c.outcome(ctx, bucket, v)
	if err != nil {
		return err
	}
	if v.marker && v.Latest {
		c.hidden = !stays
	} else {
		c.kept = c.kept || stays
	}
	return nil
}

// outcome counts a version as due, held or deferred, and says whether it stays.
func (c *counter) outcome(ctx context.Context, bucket string, v version) (stays bool, err error) {
	if !c.due(v.Key, v.LastModified) {
		return true, nil
	}
	c.counts.Due++
	if c.held(v.Key) {
		c.counts.Held++
		return true, nil
	}
	locked, err := c.locked(ctx, bucket, v)
	c.counts.Deferred += one(locked)
	return locked, err
}

// endKey defers the latest marker of a key of which something stays: without it an older version would be visible again.
func (c *counter) endKey() {
	c.counts.Deferred += one(c.hidden && c.kept)
	c.hidden, c.kept = false, false
}
