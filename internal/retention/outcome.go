package retention

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Lengths of messages in the status, in bytes.
const (
	maxMessage      = 1024
	maxPauseMessage = 512
)

// outcome is the reason and the message with which a run ends.
func outcome(p *Plan, results []v1alpha1.RuleResult, holds []Hold, failure *Failure) (reason, message string) {
	if failure != nil {
		return failure.Reason, failure.Message + changed(results)
	}
	if p.Mode == string(v1alpha1.RunPreview) {
		return previewOutcome(p, results, holds)
	}
	reason = v1alpha1.ReasonNothingDue
	var parts []string
	for i := range results {
		r := &results[i]
		switch {
		case r.Verification == v1alpha1.VerificationDisagreed:
			reason = v1alpha1.ReasonVerificationDisagreed
		case r.Due > 0 && reason == v1alpha1.ReasonNothingDue:
			reason = v1alpha1.ReasonCompleted
		}
		parts = append(parts, describe(p, r, holds))
	}
	message = strings.Join(parts, "; ")
	if p.CountOnly() && reason != v1alpha1.ReasonNothingDue {
		message += ". Records are counted, their keys are not digested (evidence.records: Count)"
	}
	if reason == v1alpha1.ReasonVerificationDisagreed {
		message += ". Due records are left that no hold explains: look for triggers or programs that keep or restore them"
	}
	return reason, message
}

func previewOutcome(p *Plan, results []v1alpha1.RuleResult, holds []Hold) (reason, message string) {
	reason = v1alpha1.ReasonNothingDue
	var parts []string
	for i := range results {
		r := &results[i]
		if r.Due == 0 {
			parts = append(parts, describe(p, r, holds))
			continue
		}
		reason = v1alpha1.ReasonCompleted
		parts = append(parts, fmt.Sprintf("%s: %d of %d records would be %s%s", r.Rule, r.Due-r.Held-r.Deferred, r.Total, done(p, r.Rule), kept(r, holds)))
	}
	message = "preview, nothing was changed: " + strings.Join(parts, "; ")
	if f := checkCaps(p, results); f != nil {
		message += ". A purge would stop: " + strings.TrimPrefix(f.Message, "nothing was changed: ")
	}
	return reason, message
}

// describe says what became of one rule's records.
func describe(p *Plan, r *v1alpha1.RuleResult, holds []Hold) string {
	var b strings.Builder
	if r.Due == 0 && r.Done == 0 {
		fmt.Fprintf(&b, "%s: none of %d records was due", r.Rule, r.Total)
	} else {
		fmt.Fprintf(&b, "%s: %d of %d due records %s%s", r.Rule, r.Done, r.Due, done(p, r.Rule), kept(r, holds))
	}
	if r.NullClock > 0 {
		fmt.Fprintf(&b, ", %d kept without a clock", r.NullClock)
	}
	if r.FutureClock > 0 {
		fmt.Fprintf(&b, ", %d kept with a clock in the future", r.FutureClock)
	}
	if r.Remaining > 0 {
		fmt.Fprintf(&b, ", %d left", r.Remaining)
	}
	if r.Inferred > 0 {
		fmt.Fprintf(&b, " (%d counted by comparison after a break)", r.Inferred)
	}
	return b.String()
}

func done(p *Plan, rule string) string {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Name == rule })
	switch {
	case i >= 0 && p.Rules[i].Action == string(v1alpha1.ActionAnonymize):
		return "anonymized"
	case i >= 0 && p.Rules[i].Archive != nil:
		return fmt.Sprintf("archived to %s of DataStore %s and deleted", p.Rules[i].Archive.Collection, p.Archive.Name)
	}
	return "deleted"
}

// kept says why due records stay: holds, and the store itself.
func kept(r *v1alpha1.RuleResult, holds []Hold) string {
	if r.Deferred == 0 {
		return heldBy(r, holds)
	}
	return heldBy(r, holds) + fmt.Sprintf(", %d deferred because the store keeps them for now", r.Deferred)
}

// heldBy names up to three holds: more would not help anyone. Where collections are patterns or prefixes, any hold of the store may be meant.
func heldBy(r *v1alpha1.RuleResult, holds []Hold) string {
	if r.Held == 0 {
		return ""
	}
	var names, all []string
	for i := range holds {
		all = append(all, holds[i].Name)
		if holds[i].Collection == r.Collection {
			names = append(names, holds[i].Name)
		}
	}
	if len(names) == 0 {
		names = all
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	return fmt.Sprintf(", %d held by %s", r.Held, strings.Join(names, ", "))
}

// changed says what a run that failed had done before.
func changed(results []v1alpha1.RuleResult) string {
	var n int64
	for i := range results {
		n += results[i].Done
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(". Before it stopped, %d records were handled; that stays", n)
}

// truncate cuts a message to at most n bytes, between characters.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
