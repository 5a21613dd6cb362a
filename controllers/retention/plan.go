package retention

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

const (
	defaultDeadline     = time.Hour
	defaultHistoryLimit = 30
	// maxRequest is what status.lastHandledRunRequest and its sibling can hold.
	maxRequest = 64
)

// input is everything that a decision about a policy depends on.
type input struct {
	policy *v1alpha1.RetentionPolicy
	store  *v1alpha1.DataStore // nil: it does not exist
	// archive is the store that the policy archives to, and ofArchive its policies; nil: it archives nothing, or the store does not exist.
	archive   *v1alpha1.DataStore
	ofArchive []v1alpha1.RetentionPolicy
	// policies of the same store, this one included or not.
	policies []v1alpha1.RetentionPolicy
	// keys is what is wrong with the Secrets of hashKeyRef and signingKeyRef.
	keys *problem
	// holds is which hold of the store the policy's key cannot check.
	holds *problem
	// nameTaken is set when a run could not be made because its name is taken by something that is not ours.
	nameTaken *problem
	// runs of the policy, oldest first.
	runs []v1alpha1.PurgeRun
	now  time.Time
}

// plan is what to do about a policy.
type plan struct {
	// create is the run to make, nil: none.
	create *v1alpha1.PurgeRun
	// prune are names of finished runs beyond the history limit, oldest first.
	prune []string
	// status to have once create exists; conditions apart.
	status v1alpha1.RetentionPolicyStatus
	// problem is why no runs are made.
	problem *problem
	// warning is what works, and should not stay so.
	warning string
	// failed is the latest run, if it needs a person.
	failed *v1alpha1.PurgeRun
	events []event
	// wakeUp is the next instant at which time alone changes the plan; zero: none.
	wakeUp time.Time
}

type event struct {
	warning               bool
	reason, action, about string
}

// decide is the whole decision about a policy.
func decide(in input) plan {
	d := &decider{input: in, status: *in.policy.Status.DeepCopy(), slotRuns: map[int64]bool{}}
	for i := range in.runs {
		if in.runs[i].Spec.Trigger == v1alpha1.TriggerSchedule {
			d.slotRuns[in.runs[i].Spec.Slot.Unix()] = true
		}
	}
	d.plan.status.ObservedGeneration = in.policy.Generation
	d.inspect()
	d.slots()
	for _, r := range d.requests() {
		d.request(r)
	}
	d.history()
	return d.plan
}

type decider struct {
	input
	plan
	schedule *schedule
	// slotRuns are the slots that have a run, in Unix seconds.
	slotRuns map[int64]bool
}

func (d *decider) suspended() bool { return d.policy.Spec.State == v1alpha1.PolicySuspended }

// going returns a run that has not ended, or is about to be made.
func (d *decider) going() *v1alpha1.PurgeRun {
	if d.create != nil {
		return d.create
	}
	return runs.Newest(d.runs, func(r *v1alpha1.PurgeRun) bool { return !runs.Finished(r) })
}

// inspect looks for what is wrong.
func (d *decider) inspect() {
	var p *problem
	d.schedule, p = timing(&d.policy.Spec, d.now)
	for _, candidate := range []*problem{p, storeProblem(d.policy, d.policies, d.store), archiveProblem(d.policy, d.archive), d.keys, d.holds, d.nameTaken} {
		if candidate != nil {
			d.problem = candidate
			return
		}
	}
	d.warning = archiveWarning(d.policy, d.ofArchive)
}

// slots finds the slots that passed since the last look, and makes a run for the newest or counts it as missed.
func (d *decider) slots() {
	if d.suspended() || d.schedule == nil {
		// Slots of this time are nobody's fault: they are not counted, and the schedule starts afresh afterwards.
		d.status.NextSlot = metav1.Time{}
		return
	}
	due := d.schedule.between(d.anchor(), d.now, d.hasRun)
	next := d.schedule.next(d.now)
	if due.count > 0 {
		next = d.handle(due, next)
	}
	if last := d.newestSlotRun(); last.After(d.status.LastSlot.Time) {
		d.status.LastSlot = instant(last)
	}
	d.status.NextSlot = instant(next)
	d.wake(next)
}

// anchor is the first instant whose slots have not been looked at: the slot announced last, so that editing the schedule cannot miss
// slots in hindsight.
func (d *decider) anchor() time.Time {
	switch {
	case !d.status.NextSlot.IsZero():
		return d.status.NextSlot.Time
	case d.policy.Status.ObservedGeneration <= 0:
		return d.policy.CreationTimestamp.Time
	default:
		return d.now
	}
}

// handle decides about slots that passed without a run and returns the slot to announce next: the newest one while it still waits.
func (d *decider) handle(due passed, next time.Time) time.Time {
	expires := due.newest.Add(deadline(&d.policy.Spec))
	switch {
	case d.going() != nil:
		d.miss(due.count, due.newest, "the previous run was still going")
	case d.now.After(expires):
		d.miss(due.count, due.newest, "no run could start in time")
	case d.problem != nil:
		d.miss(due.count-1, due.before, "no run could start in time")
		d.wake(next)
		d.wake(expires.Add(time.Second))
		return due.newest
	default:
		d.miss(due.count-1, due.before, "no run could start in time")
		d.create = d.newRun(slotName(d.policy.Name, due.newest), due.newest, v1alpha1.TriggerSchedule, "")
		d.status.LastSlot = instant(due.newest)
	}
	return next
}

// miss counts slots without a run; last is the newest of them.
func (d *decider) miss(count int64, last time.Time, why string) {
	if count == 0 {
		return
	}
	d.status.MissedSlots += count
	d.status.LastMissedSlot = instant(last)
	d.status.LastSlot = instant(last)
	d.event(true, v1alpha1.ReasonSlotMissed, "Schedule", fmt.Sprintf("%d slots passed without a run, the last at %s: %s. They are not made up for.",
		count, last.Format(time.RFC3339), why))
}

func (d *decider) hasRun(slot time.Time) bool { return d.slotRuns[slot.Unix()] }

func (d *decider) newestSlotRun() time.Time {
	var newest int64
	for slot := range d.slotRuns {
		newest = max(newest, slot)
	}
	return time.Unix(newest, 0).UTC()
}

// newRun is a run of the policy for an instant; mode empty: as the policy says.
func (d *decider) newRun(name string, slot time.Time, trigger v1alpha1.RunTrigger, mode v1alpha1.RunMode) *v1alpha1.PurgeRun {
	digest := runs.RulesDigest(d.policy, d.store)
	if mode == "" {
		mode = d.mode(digest)
	}
	run := renderRun(d.policy, name, v1alpha1.PurgeRunSpec{
		RulesDigest: digest,
		Mode:        mode,
		Trigger:     trigger,
		Slot:        instant(slot),
		Cutoffs:     Cutoffs(slot, d.policy.Spec.Rules, d.schedule.zone),
	})
	if previous := runs.Newest(d.runs, hasEvidence); previous != nil {
		run.Spec.PreviousDigest = previous.Status.Evidence.Digest
	}
	d.event(false, "RunCreated", "CreateRun", fmt.Sprintf("%s run %s for %s", run.Spec.Mode, name, slot.Format(time.RFC3339)))
	return run
}

// mode of the next run: rules that no preview has shown yet are previewed first.
func (d *decider) mode(digest string) v1alpha1.RunMode {
	if d.policy.Spec.FirstRun != v1alpha1.RunPurge && d.previewed() != digest {
		return v1alpha1.RunPreview
	}
	return d.policy.Spec.Mode
}

// previewed returns the rules digest of the newest preview that completed. Status remembers it when the run is gone.
func (d *decider) previewed() string {
	preview := runs.Newest(d.runs, func(r *v1alpha1.PurgeRun) bool {
		return r.Spec.Mode == v1alpha1.RunPreview && runs.Completed(r)
	})
	if preview != nil {
		return preview.Spec.RulesDigest
	}
	return d.policy.Status.PreviewedRulesDigest
}

// lastSucceeded is when the newest purge that ended well ended. Status remembers it when the run is gone.
func (d *decider) lastSucceeded() metav1.Time {
	purge := runs.Newest(d.runs, func(r *v1alpha1.PurgeRun) bool { return r.Spec.Mode == v1alpha1.RunPurge && runs.Completed(r) })
	if purge != nil && purge.Status.Outcome.FinishedAt.After(d.policy.Status.LastSucceededAt.Time) {
		return purge.Status.Outcome.FinishedAt
	}
	return d.policy.Status.LastSucceededAt
}

// history reports the latest run and finds finished runs beyond the limit. The newest finished one stays, and so does the newest with
// evidence: the next run's evidence builds on it.
func (d *decider) history() {
	d.status.PreviewedRulesDigest = d.previewed()
	d.status.LastSucceededAt = d.lastSucceeded()
	last := d.create
	if last == nil {
		last = runs.Newest(d.runs, func(*v1alpha1.PurgeRun) bool { return true })
	}
	if last != nil {
		d.status.LastRun = lastRun(last)
		if needsPerson(last) && last.Spec.PolicyGeneration == d.policy.Generation {
			d.failed = last
		}
	}

	chain := runs.Newest(d.runs, hasEvidence)
	var finished []string
	for i := range d.runs {
		if runs.Finished(&d.runs[i]) && d.runs[i].DeletionTimestamp.IsZero() {
			finished = append(finished, d.runs[i].Name)
		}
	}
	for _, name := range finished[:max(0, len(finished)-historyLimit(&d.policy.Spec))] {
		if chain == nil || name != chain.Name {
			d.prune = append(d.prune, name)
		}
	}
}

func hasEvidence(run *v1alpha1.PurgeRun) bool {
	return runs.Finished(run) && run.Status.Evidence.Digest != ""
}

func (d *decider) event(warning bool, reason, action, about string) {
	d.events = append(d.events, event{warning, reason, action, about})
}

// wake notes an instant at which to look again.
func (d *decider) wake(at time.Time) {
	if at.After(d.now) && (d.wakeUp.IsZero() || at.Before(d.wakeUp)) {
		d.wakeUp = at
	}
}

func deadline(spec *v1alpha1.RetentionPolicySpec) time.Duration {
	if spec.StartingDeadlineMinutes == 0 {
		return defaultDeadline
	}
	return time.Duration(spec.StartingDeadlineMinutes) * time.Minute
}

func historyLimit(spec *v1alpha1.RetentionPolicySpec) int {
	if spec.HistoryLimit == 0 {
		return defaultHistoryLimit
	}
	return int(spec.HistoryLimit)
}
