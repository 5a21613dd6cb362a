// Package storemap answers questions about a DataStore's map of personal data, and about what refers to it: the retention, purgerun,
// datastore and legalhold controllers must come to the same answer. All but index.go and database.go is pure.
package storemap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Problem is what a person has to mend: Reason is one of the API's reason constants, Message says what to do.
type Problem struct {
	Reason, Message string
}

// Error makes a Problem an error, so that the first one found can be returned.
func (p *Problem) Error() string { return p.Reason + ": " + p.Message }

// NewProblem formats a Problem.
func NewProblem(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Collection returns the collection of that name.
func Collection(store *v1alpha1.DataStore, name string) (*v1alpha1.Collection, *Problem) {
	for i := range store.Spec.Collections {
		if store.Spec.Collections[i].Name == name {
			return &store.Spec.Collections[i], nil
		}
	}
	return nil, NewProblem(v1alpha1.ReasonCollectionNotFound,
		"DataStore %q has no collection %q: add it to spec.collections or correct the name", store.Name, name)
}

// CheckFields returns a problem unless each field has a decision: a category, an entry in ignore, or a place in the key, the subject
// or a reference.
func CheckFields(store *v1alpha1.DataStore, collection *v1alpha1.Collection, fields ...string) *Problem {
	for _, field := range fields {
		if !decided(collection, field) {
			return NewProblem(v1alpha1.ReasonFieldNotDecided,
				"DataStore %q has no decision about field %q of collection %q: give it a category in fields, or list it in ignore",
				store.Name, field, collection.Name)
		}
	}
	return nil
}

// decided says whether the store's map has a decision about a field.
func decided(c *v1alpha1.Collection, field string) bool {
	return slices.Contains(discovery.DecidedFields(c), field)
}

// FilterFields returns the fields that the filters compare.
func FilterFields(where []v1alpha1.RecordFilter) []string {
	fields := make([]string, len(where))
	for i := range where {
		fields[i] = where[i].Field
	}
	return fields
}

// HoldEnd returns the instant at which the hold ends: midnight UTC after its last day. ok is false for a hold without an end. A day
// that the calendar does not have (2027-02-30) is an error.
func HoldEnd(hold *v1alpha1.LegalHold) (end time.Time, ok bool, err error) {
	if hold.Spec.Until == "" {
		return time.Time{}, false, nil
	}
	day, err := time.Parse(time.DateOnly, hold.Spec.Until)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("until is %q, which is no day of the calendar: write the last day as YYYY-MM-DD", hold.Spec.Until)
	}
	return day.AddDate(0, 0, 1), true, nil
}

// HoldInForce says whether the hold binds at that instant. A hold whose last day cannot be read binds: in doubt records are kept.
func HoldInForce(hold *v1alpha1.LegalHold, now time.Time) bool {
	end, ok, err := HoldEnd(hold)
	return err != nil || !ok || now.Before(end)
}

// CheckHold returns a problem if the hold cannot be understood against its store, which is nil if it does not exist.
func CheckHold(hold *v1alpha1.LegalHold, store *v1alpha1.DataStore) *Problem {
	if _, _, err := HoldEnd(hold); err != nil {
		return &Problem{Reason: v1alpha1.ReasonHoldInvalid, Message: err.Error()}
	}
	if store == nil {
		return StoreNotFound(hold.Spec.StoreRef.Name)
	}
	collection, p := Collection(store, hold.Spec.Collection)
	if p != nil {
		return p
	}
	fields := FilterFields(hold.Spec.Where)
	if subject := hold.Spec.Subject.Field; subject != "" {
		if kind, _ := stores.Of(store.Spec.Type); !kind.SubjectHolds {
			return NewProblem(v1alpha1.ReasonHoldInvalid,
				"a store of type %s cannot check whose record it is by keyed hash while it changes it: leave subject out, and hold records by where, or the whole collection", store.Spec.Type)
		}
		fields = append(fields, subject)
	}
	return CheckFields(store, collection, fields...)
}

// StoreNotFound is the problem of a reference to a DataStore that does not exist.
func StoreNotFound(name string) *Problem {
	return NewProblem(v1alpha1.ReasonStoreNotFound, "DataStore %q does not exist in this namespace: create it or correct storeRef", name)
}

// HoldsInForce returns the holds that bind at that instant in order of their names, or the problem of the first that cannot be
// understood. Such a hold is never left out: it stops the store's runs.
func HoldsInForce(holds []v1alpha1.LegalHold, store *v1alpha1.DataStore, now time.Time) ([]v1alpha1.LegalHold, *Problem) {
	var force []v1alpha1.LegalHold
	for i := range holds {
		hold := &holds[i]
		if !HoldInForce(hold, now) {
			continue
		}
		if p := CheckHold(hold, store); p != nil {
			return nil, NewProblem(v1alpha1.ReasonHoldInvalid,
				"LegalHold %q cannot be understood, so no run may touch the store until it is mended or deleted: %s", hold.Name, p.Message)
		}
		force = append(force, *hold)
	}
	slices.SortFunc(force, func(a, b v1alpha1.LegalHold) int { return strings.Compare(a.Name, b.Name) })
	return force, nil
}

// ErrReferenceCycle is returned by Order for rules that can be put in no order.
var ErrReferenceCycle = errors.New("collections refer to each other in a circle")

// Order returns the rules in the order in which they may run: a collection whose records are deleted comes after all collections that
// refer to it, directly or through collections without a rule. Apart from that the order of the list is kept. References of a
// collection to itself order nothing.
func Order(store *v1alpha1.DataStore, rules []v1alpha1.RetentionRule) ([]v1alpha1.RetentionRule, error) {
	refers := reachable(store)
	deletes := map[string]bool{}
	for i := range rules {
		if rules[i].Action.Type != v1alpha1.ActionAnonymize {
			deletes[rules[i].Collection] = true
		}
	}
	waitsFor := func(rule, other *v1alpha1.RetentionRule) bool {
		return rule.Collection != other.Collection && deletes[rule.Collection] && refers[other.Collection][rule.Collection]
	}

	ordered := make([]v1alpha1.RetentionRule, 0, len(rules))
	rest := slices.Clone(rules)
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(rule v1alpha1.RetentionRule) bool {
			return !slices.ContainsFunc(rest, func(other v1alpha1.RetentionRule) bool { return waitsFor(&rule, &other) })
		})
		if next < 0 {
			return nil, cycle(rest)
		}
		ordered = append(ordered, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return ordered, nil
}

func cycle(rules []v1alpha1.RetentionRule) error {
	var names []string
	for i := range rules {
		if !slices.Contains(names, rules[i].Collection) {
			names = append(names, rules[i].Collection)
		}
	}
	return fmt.Errorf("%w: %s", ErrReferenceCycle, strings.Join(names, ", "))
}

// reachable returns, for each collection, the collections that it refers to directly or through others.
func reachable(store *v1alpha1.DataStore) map[string]map[string]bool {
	direct := map[string][]string{}
	for _, c := range store.Spec.Collections {
		for _, r := range c.References {
			direct[c.Name] = append(direct[c.Name], r.Collection)
		}
	}
	all := map[string]map[string]bool{}
	for _, c := range store.Spec.Collections {
		seen := map[string]bool{}
		stack := slices.Clone(direct[c.Name])
		for len(stack) > 0 {
			name := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if !seen[name] {
				seen[name] = true
				stack = append(stack, direct[name]...)
			}
		}
		all[c.Name] = seen
	}
	return all
}

// Ready says whether the DataStore is ready in its current generation.
func Ready(store *v1alpha1.DataStore) bool { return isTrue(store, v1alpha1.ConditionReady) }

// Stalled says whether the DataStore needs a person in its current generation.
func Stalled(store *v1alpha1.DataStore) bool { return isTrue(store, v1alpha1.ConditionStalled) }

func isTrue(store *v1alpha1.DataStore, conditionType string) bool {
	c := meta.FindStatusCondition(store.Status.Conditions, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == store.Generation
}
