package s3

import (
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Names of the fields that a record has.
const (
	keyField     = "key"
	lastModified = "lastModified"
)

// decision says what is to become of records of one rule.
type decision struct {
	rule  *retention.Rule
	holds []retention.Hold
	// slack is how much later than the cutoff a record is due.
	slack time.Duration
}

// applies says whether the rule's filters select the key.
func (d *decision) applies(key string) bool { return matches(d.rule.Where, key) }

// due says whether the rule wants the record gone, holds apart.
func (d *decision) due(key string, clock time.Time) bool {
	return d.applies(key) && !clock.IsZero() && !clock.Add(d.slack).After(d.rule.Before)
}

// held says whether some hold keeps the key.
func (d *decision) held(key string) bool {
	bucket := splitCollection(d.rule.Collection).bucket
	return slices.ContainsFunc(d.holds, func(h retention.Hold) bool {
		c := splitCollection(h.Collection)
		return c.bucket == bucket && strings.HasPrefix(key, c.prefix) && matches(h.Where, key)
	})
}

// matches says whether all filters select the key. Inspect made sure that they ask for nothing else.
func matches(where []retention.Filter, key string) bool {
	for _, f := range where {
		ok := false
		switch v1alpha1.FilterOperator(f.Operator) {
		case v1alpha1.FilterIn:
			ok = slices.Contains(f.Values, key)
		case v1alpha1.FilterNotIn:
			ok = !slices.Contains(f.Values, key)
		case v1alpha1.FilterExists:
			ok = true
		case v1alpha1.FilterDoesNotExist: // every object has a key
		}
		if !ok {
			return false
		}
	}
	return true
}

var (
	year1971  = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	year10000 = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// tally counts a record's clock.
func (d *decision) tally(c *retention.Counts, key string, clock, slot time.Time) {
	c.Total++
	if !d.applies(key) {
		return
	}
	switch {
	case clock.IsZero():
		c.NullClock++
		return
	case clock.Before(year1971):
		c.Early++
	case !clock.Before(year10000):
		c.Far++
	default:
		c.Sound++
	}
	if clock.After(slot) {
		c.FutureClock++
	}
}
