package retention

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// step is what a run does next.
type step int

const (
	stepDone step = iota
	// stepCount counts what is due, for all rules in one snapshot.
	stepCount
	// stepBegin starts a rule.
	stepBegin
	// stepWindow handles the next window of the rule.
	stepWindow
	// stepVerify looks for due records after the rule's last window.
	stepVerify
	// stepJoin starts the part of one of several pods.
	stepJoin
	// stepWait waits for the other pods.
	stepWait
	// stepFinish writes the outcome.
	stepFinish
)

// next is the whole decision about a run's way. It depends on the plan and the recorded status alone, so that a restarted pod goes on
// where the last one was. rule is set for stepBegin, stepJoin, stepWindow and stepVerify.
func next(p *Plan, status *v1alpha1.PurgeRunStatus) (s step, rule *Rule, err error) {
	if status.Outcome.Reason != "" {
		return stepDone, nil, nil
	}
	if !p.leads() {
		return follow(p, status)
	}
	if f := stopOf(status.Shards); f != nil {
		return stepDone, nil, f
	}
	if len(status.Results) != len(p.Rules) {
		return stepCount, nil, nil
	}
	if p.Mode == string(v1alpha1.RunPreview) {
		return stepFinish, nil, nil
	}
	if status.Checkpoint.Rule == "" {
		if f := checkCaps(p, status.Results); f != nil {
			return stepDone, nil, f
		}
	}
	for i := range p.Rules {
		rule = &p.Rules[i]
		switch {
		case slices.Contains(status.Checkpoint.CompletedRules, rule.Name):
			continue
		case status.Checkpoint.Rule != rule.Name:
			return stepBegin, rule, nil
		case p.shared():
			return share(p, status, rule), rule, nil
		case parsePosition(status.Checkpoint.Position).end:
			return stepVerify, rule, nil
		default:
			return stepWindow, rule, nil
		}
	}
	return stepFinish, nil, nil
}

// position inside of a rule: the pass over the collection, and the place in the store's own terms.
type position struct {
	pass  int
	place string
	end   bool
}

// atEnd is the place after the last window. No store uses it.
const atEnd = "end"

// String is the form of the checkpoint: the pass, a slash, the place.
func (p position) String() string {
	if p.end {
		return fmt.Sprintf("%d/%s", p.pass, atEnd)
	}
	return fmt.Sprintf("%d/%s", p.pass, p.place)
}

// parsePosition reads a checkpoint. What it does not understand is the start: handling a window again changes nothing.
func parsePosition(s string) position {
	pass, place, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(pass)
	if err != nil || n < 1 {
		return position{pass: 1}
	}
	if place == atEnd {
		return position{pass: n, end: true}
	}
	return position{pass: n, place: place}
}

// checkCaps fails if a purge would change more than anyone expects. Rules of one collection are added up against its share.
func checkCaps(p *Plan, results []v1alpha1.RuleResult) *Failure {
	var rows, share []string
	changes, totals := map[string]int64{}, map[string]int64{}
	for i := range results {
		r := &results[i]
		change := r.Due - r.Held - r.Deferred
		if change > p.Caps.MaxRows {
			rows = append(rows, fmt.Sprintf("rule %s would change %d records, at most %d are allowed (caps.maxRows)", r.Rule, change, p.Caps.MaxRows))
		}
		changes[r.Collection] += change
		totals[r.Collection] = r.Total
	}
	for collection, change := range changes {
		// Divided, not multiplied by 100: no overflow, and exact enough for whole percents.
		if total := totals[collection]; float64(change) > float64(total)*float64(p.Caps.MaxSharePercent)/100 {
			share = append(share, fmt.Sprintf("%d of %d records of %s would change, at most %d %% are allowed (caps.maxSharePercent)",
				change, total, collection, p.Caps.MaxSharePercent))
		}
	}
	if len(rows)+len(share) == 0 {
		return nil
	}
	slices.Sort(share)
	return Fail(v1alpha1.ReasonCapExceeded, "nothing was changed: %s. If that is what you expect, raise the cap of the policy; otherwise check clock, unit and period",
		strings.Join(append(rows, share...), "; "))
}

// checkClocks fails if the clock's values do not fit its unit: seconds read as milliseconds lie in 1970 and are all due, milliseconds
// read as seconds lie ten thousands of years ahead and never are.
func checkClocks(rule *Rule, c Counts) *Failure {
	epoch := strings.HasPrefix(rule.Clock.Unit, "Epoch")
	advice := "compare clock.unit of the rule with what the field holds"
	switch {
	case c.Early > 0 && (epoch || c.Sound == 0):
		return Fail(v1alpha1.ReasonClockUnitImplausible, "rule %s: read as %s, %d clocks in field %q of %s lie in the year 1970, %d do not: %s",
			rule.Name, rule.Clock.Unit, c.Early, rule.Clock.Field, rule.Collection, c.Sound, advice)
	case c.Far > 0 && c.Sound == 0:
		return Fail(v1alpha1.ReasonClockUnitImplausible, "rule %s: read as %s, all %d clocks in field %q of %s lie after the year 9999: %s",
			rule.Name, rule.Clock.Unit, c.Far, rule.Clock.Field, rule.Collection, advice)
	}
	return nil
}
