package evidence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Run is what Check found about one run.
type Run struct {
	Digest string    `json:"digest,omitempty"`
	Name   string    `json:"name"`
	Slot   time.Time `json:"slot"`
	Mode   string    `json:"mode"`
	Reason string    `json:"reason"`
	Totals Totals    `json:"totals"`
	// CountOnly says that the records that went are counted and their keys not digested.
	CountOnly bool `json:"countOnly,omitempty"`
	// SignedBy identifies the key that the outcome's signature holds with; empty: it was not checked, or does not hold.
	SignedBy string   `json:"signedBy,omitempty"`
	Problems []string `json:"problems,omitempty"`
	// Working runs have no evidence yet.
	Working bool `json:"working,omitempty"`
}

// Totals are counts over all rules of a run.
type Totals struct {
	Due  int64 `json:"due"`
	Done int64 `json:"done"`
	Held int64 `json:"held"`
}

// Chain is the chain of one policy's runs, in the order in which they build on each other.
type Chain struct {
	Namespace string `json:"namespace"`
	Policy    string `json:"policy"`
	PolicyUID string `json:"policyUID"`
	Runs      []Run  `json:"runs"`
	// After is the digest that the first run builds on; empty: it is the policy's first.
	After string `json:"after,omitempty"`
	// Last is the digest of the last run. Kept elsewhere, it shows whether later runs were removed.
	Last     string   `json:"last,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// Sound says whether nothing is wrong.
func (c *Chain) Sound() bool {
	return len(c.Problems) == 0 && !slices.ContainsFunc(c.Runs, func(r Run) bool { return len(r.Problems) > 0 })
}

// Holds says whether the chain has a run with the digest.
func (c *Chain) Holds(digest string) bool {
	return slices.ContainsFunc(c.Runs, func(r Run) bool { return r.Digest == digest })
}

// Check checks runs of any number of policies: each by itself, and each policy's as a chain. Without keys, signatures are not looked at, and
// whoever can write the objects could have made all digests anew.
func Check(ctx context.Context, runs []v1alpha1.PurgeRun, keys Keys) []Chain {
	byPolicy := map[string][]*v1alpha1.PurgeRun{}
	var order []string
	for i := range runs {
		uid := runs[i].Spec.PolicyUID
		if byPolicy[uid] == nil {
			order = append(order, uid)
		}
		byPolicy[uid] = append(byPolicy[uid], &runs[i])
	}
	chains := make([]Chain, 0, len(order))
	for _, uid := range order {
		chains = append(chains, checkChain(ctx, byPolicy[uid], keys))
	}
	return chains
}

func checkChain(ctx context.Context, runs []*v1alpha1.PurgeRun, keys Keys) Chain {
	chain := Chain{Namespace: runs[0].Namespace, Policy: runs[0].Spec.PolicyRef.Name, PolicyUID: runs[0].Spec.PolicyUID}
	slices.SortStableFunc(runs, func(a, b *v1alpha1.PurgeRun) int {
		return cmp.Or(a.Spec.Slot.Compare(b.Spec.Slot.Time), cmp.Compare(a.Name, b.Name))
	})
	links, others := split(runs)
	ordered := chain.follow(links)
	chain.checkOrder(ordered)
	for _, run := range slices.Concat(ordered, others) {
		report := Run{
			Name: run.Name, Slot: run.Spec.Slot.UTC(), Mode: string(run.Spec.Mode), Reason: run.Status.Outcome.Reason,
			Digest: run.Status.Evidence.Digest, Working: working(run), CountOnly: run.Status.Evidence.Records == v1alpha1.RecordsCount,
		}
		for i := range run.Status.Results {
			r := &run.Status.Results[i]
			report.Totals.Due, report.Totals.Done, report.Totals.Held = report.Totals.Due+r.Due, report.Totals.Done+r.Done, report.Totals.Held+r.Held
		}
		if !report.Working {
			report.SignedBy, report.Problems = checkRun(ctx, run, keys)
		}
		chain.Runs = append(chain.Runs, report)
	}
	return chain
}

// working says whether a run has not ended yet.
func working(run *v1alpha1.PurgeRun) bool {
	return run.Status.Outcome.Reason == "" && run.Status.StopReason == ""
}

// split tells runs with evidence, which are the chain's links, from those without.
func split(runs []*v1alpha1.PurgeRun) (links, others []*v1alpha1.PurgeRun) {
	for _, run := range runs {
		if run.Status.Evidence.Digest != "" {
			links = append(links, run)
		} else {
			others = append(others, run)
		}
	}
	return links, others
}

// follow orders the links from the first on. A run that is missing in between and runs that build on the same one are problems; that the
// oldest runs are no longer there is not: a policy keeps as many as its historyLimit says.
func (c *Chain) follow(links []*v1alpha1.PurgeRun) []*v1alpha1.PurgeRun {
	byDigest, next := map[string]*v1alpha1.PurgeRun{}, map[string][]*v1alpha1.PurgeRun{}
	for _, run := range links {
		if twin := byDigest[run.Status.Evidence.Digest]; twin != nil {
			c.problem("runs %s and %s have the same digest: one of them is a copy", twin.Name, run.Name)
		}
		byDigest[run.Status.Evidence.Digest] = run
		next[run.Spec.PreviousDigest] = append(next[run.Spec.PreviousDigest], run)
	}
	w := walk{chain: c, next: next, seen: map[*v1alpha1.PurgeRun]bool{}}
	for _, run := range links {
		if previous := run.Spec.PreviousDigest; !w.seen[run] && (previous == "" || byDigest[previous] == nil) {
			c.checkHead(run, len(w.ordered) == 0)
			w.from(run)
		}
	}
	for _, run := range links {
		if !w.seen[run] {
			c.problem("run %s cannot be reached from the first one: it was moved", run.Name)
			w.ordered = append(w.ordered, run)
		}
	}
	if len(w.ordered) > 0 {
		c.Last = w.ordered[len(w.ordered)-1].Status.Evidence.Digest
	}
	return w.ordered
}

// checkHead looks at a run that builds on no other one that is there. Only the first may.
func (c *Chain) checkHead(run *v1alpha1.PurgeRun, first bool) {
	switch previous := run.Spec.PreviousDigest; {
	case first:
		c.After = previous
	case previous == "":
		c.problem("run %s says that it is the policy's first, and it is not", run.Name)
	default:
		c.problem("run %s builds on %s, which no run has: a run before it is missing or was changed", run.Name, previous)
	}
}

// walk goes from run to run.
type walk struct {
	chain   *Chain
	next    map[string][]*v1alpha1.PurgeRun // by the digest that they build on
	seen    map[*v1alpha1.PurgeRun]bool
	ordered []*v1alpha1.PurgeRun
}

// from goes on from a head as long as there is a run that was not seen yet.
func (w *walk) from(head *v1alpha1.PurgeRun) {
	for at := []*v1alpha1.PurgeRun{head}; len(at) > 0 && !w.seen[at[len(at)-1]]; at = w.next[at[len(at)-1].Status.Evidence.Digest] {
		if len(at) > 1 {
			w.chain.problem("runs %s and %s build on the same run: one of them was inserted", at[0].Name, at[1].Name)
		}
		for _, run := range at {
			w.seen[run] = true
			w.ordered = append(w.ordered, run)
		}
	}
}

// checkOrder looks for runs that ended before the one that they build on did.
func (c *Chain) checkOrder(ordered []*v1alpha1.PurgeRun) {
	for i := 1; i < len(ordered); i++ {
		before, after := ordered[i-1], ordered[i]
		if after.Status.Outcome.FinishedAt.Before(&before.Status.Outcome.FinishedAt) {
			c.problem("run %s ended before %s, on which it builds: they were reordered, or the store's clock was set back", after.Name, before.Name)
		}
	}
}

func (c *Chain) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}
