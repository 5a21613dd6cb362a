// Package conformance is the suite of tests that every store's driver passes, whatever the store: what is due goes, everything else stays, and
// nothing is reported that did not happen. What must be left is computed here from the records themselves.
package conformance

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
)

// Cutoff of the suite's rule.
var Cutoff = retentiontest.Slot.AddDate(0, 0, -90)

// Record is what the suite stores. ID is its key as text; At is null if it is zero.
type Record struct {
	ID, Shop, Email string
	At              time.Time
}

// Store is a store under test: empty, for one test alone.
type Store struct {
	// Plan is how the store is reached: Store and HashKey are set.
	Plan retention.Plan
	// Rule names collection, key and clock of the suite's records. Fields of the records are called shop and email.
	Rule retention.Rule
	// Driver of a plan.
	Driver func(*retention.Plan) retention.Driver
	// Fill stores records. Left returns those that are there, by ID.
	Fill func([]Record)
	Left func() map[string]Record
	// Missing is the reason with which a run of a collection that does not exist ends.
	Missing string
	// Unit is how many records a window of size 1 has, at least 1: one for most stores, a block's for PostgreSQL.
	Unit int
	// Shared says that several pods can work on the store at once.
	Shared bool
	// Locks says that the store itself keeps two pods of one run and index apart.
	Locks bool
	// Bucket makes the bucket that records are archived to; nil: the store refuses to archive.
	Bucket func(*testing.T) *s3test.Bucket
	// Refuse makes the store refuse the login from now on.
	Refuse func()
}

// Run runs the suite; newStore is called once a test.
func Run(t *testing.T, newStore func(*testing.T) *Store) {
	for name, test := range map[string]func(*testing.T, *Store){
		"a preview counts and changes nothing":                       previewChangesNothing,
		"what is due goes, and nothing else":                         deletesExactlyWhatIsDue,
		"records may be counted alone":                               countsAlone,
		"a hold by filter keeps its records":                         holdByFilter,
		"a hold of the collection keeps all":                         holdOfTheCollection,
		"a hold that comes in the middle of a run wins":              holdInTheMiddle,
		"a hold by subject keeps a person's records, or is refused":  holdBySubject,
		"a hold by subject knows values that are hashed already":     holdOfHashedSubject,
		"a hold by hashes of another key stops the run":              holdOfAnotherKey,
		"anonymizing leaves the record and no datum, once":           anonymizes,
		"a keyed hash is the same for the same value, and not twice": keyedHash,
		"a text that is no date ends the run of CoarsenDate":         noDate,
		"a filter narrows the rule":                                  filterNarrows,
		"a purger that dies at a report goes on from there":          diesAtEveryReport,
		"a run after a run has nothing to do":                        nothingDueAfterwards,
		"a cap stops before the first change":                        capStops,
		"a refused login is a failure, not an empty success":         refusedLogin,
		"a missing collection is a failure, not an empty success":    missingCollection,
		"another store is not touched":                               anotherStore,
		"of two purgers of one run the first stops":                  firstPurgerStops,
		"a purger that was frozen changes nothing afterwards":        frozenPurger,
		"what one of several pods works on is its own":               partsAreDisjoint,
		"several pods share a run":                                   podsShareARun,
		"several pods that die at their reports go on from there":    sharingPodsDie,
		"what goes was archived, or archives are refused":            archivesWhatGoes,
		"several pods archive each their part":                       podsArchive,
		"a purger that dies before the commit deletes nothing":       diesBeforeTheCommit,
		"what cannot be archived stays":                              archiveBreaks,
		"an archive that comes back is waited for":                   archiveComesBack,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
	for name, field := range strategies() {
		t.Run(name+" replaces every value once", func(t *testing.T) { replacesOnce(t, newStore(t), field) })
	}
}

// records are 400 of skewed age: every tenth without a clock, every twenty-fifth with one in the future. Their due date is never near the cutoff.
func records() []Record {
	all := make([]Record, 400)
	for i := range all {
		r := Record{ID: strconv.Itoa(i + 1), Shop: fmt.Sprintf("shop-%d", i%4), Email: fmt.Sprintf("person%d@example.com", i%50),
			At: retentiontest.Slot.Add(-time.Duration(i*i) * 2 * time.Hour / 20).Add(-time.Minute)}
		switch {
		case i%10 == 3:
			r.At = time.Time{}
		case i%25 == 4:
			r.At = retentiontest.Slot.AddDate(0, 1, 0)
		}
		all[i] = r
	}
	return all
}

func due(r Record) bool { return !r.At.IsZero() && r.At.Before(Cutoff) }

func count(all []Record, accept func(Record) bool) (n int64) {
	for _, r := range all {
		if accept(r) {
			n++
		}
	}
	return n
}

// without are the records that are not accepted, by ID.
func without(all []Record, accept func(Record) bool) map[string]Record {
	left := map[string]Record{}
	for _, r := range all {
		if !accept(r) {
			left[r.ID] = r
		}
	}
	return left
}

// run is one run of the suite against a store, in small windows.
type run struct {
	*retentiontest.Runner
	store  *Store
	faulty *retentiontest.Faulty
}

func newRun(t *testing.T, s *Store) *run {
	t.Helper()
	rule := s.Rule
	rule.Name, rule.Before, rule.Action = "orders", Cutoff, string(v1alpha1.ActionDelete)
	plan := retentiontest.NewPlan(s.Plan.Store, rule)
	plan.RunUID, plan.HashKey = "run-uid-"+rand.Text(), s.Plan.HashKey
	faulty := &retentiontest.Faulty{Driver: s.Driver(plan)}
	r := &run{Runner: retentiontest.NewRunner(t, plan, faulty), store: s, faulty: faulty}
	r.windows(16)
	return r
}

// windows sets how many records a window has at most, or a few more.
func (r *run) windows(records int) { r.faulty.Size = int64(max(records/r.store.Unit, 1)) }

// expect runs to an outcome with the reason and returns the rule's result.
func (r *run) expect(reason string) v1alpha1.RuleResult {
	r.T.Helper()
	if results := r.Run(reason).Results; len(results) > 0 {
		return results[0]
	}
	return v1alpha1.RuleResult{}
}

// left fails unless exactly the wanted records are there.
func (r *run) left(want map[string]Record) {
	r.T.Helper()
	if diff := cmp.Diff(want, r.store.Left()); diff != "" {
		r.T.Errorf("records (-want +got):\n%s", diff)
	}
}
