package retention

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

const today = "2026-11-24T03:00:00Z"

// daily is an input with a policy that runs at 03:00 UTC, made a month ago, previewed, and looked at since: the slot of today is due.
func daily(t *testing.T) input {
	t.Helper()
	store := &v1alpha1.DataStore{
		Name: "orders", UID: types.UID("store-uid"), Generation: 1,
		Spec: v1alpha1.DataStoreSpec{Type: v1alpha1.StorePostgreSQL, Collections: []v1alpha1.Collection{
			{Name: "public.events", Key: []string{"id"}, Ignore: []string{"occurred_at"}}}},
		Status: v1alpha1.DataStoreStatus{Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 1}}},
	}
	policy := &v1alpha1.RetentionPolicy{
		Name: "events", UID: types.UID("policy-uid"), Generation: 3,
		CreationTimestamp: metav1.NewTime(at(t, "2026-10-24T12:00:00Z")),
		Spec: v1alpha1.RetentionPolicySpec{
			Schedule: "0 3 * * *", Mode: v1alpha1.RunPurge, StoreRef: v1alpha1.LocalReference{Name: "orders"},
			Rules: []v1alpha1.RetentionRule{{
				Name: "events", Collection: "public.events", Keep: v1alpha1.KeepPeriod{Days: 30},
				Clock:  v1alpha1.RetentionClock{Field: "occurred_at", Unit: v1alpha1.ClockTimestampTZ},
				Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
			}},
		},
		Status: v1alpha1.RetentionPolicyStatus{
			ObservedGeneration: 3, NextSlot: metav1.NewTime(at(t, today)), LastSlot: metav1.NewTime(at(t, "2026-11-23T03:00:00Z")),
		},
	}
	policy.Status.PreviewedRulesDigest = runs.RulesDigest(policy, store)
	return input{policy: policy, store: store, now: at(t, today)}
}

func run(t *testing.T, name, slot, stopReason string) v1alpha1.PurgeRun {
	t.Helper()
	r := v1alpha1.PurgeRun{
		Name: name, CreationTimestamp: metav1.NewTime(at(t, slot)),
		Spec:   v1alpha1.PurgeRunSpec{Mode: v1alpha1.RunPurge, Trigger: v1alpha1.TriggerSchedule, Slot: metav1.NewTime(at(t, slot)), PolicyGeneration: 3},
		Status: v1alpha1.PurgeRunStatus{StopReason: stopReason},
	}
	if stopReason == v1alpha1.ReasonCompleted {
		r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionComplete, Status: metav1.ConditionTrue, Reason: stopReason}}
	} else if stopReason != "" {
		r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: stopReason}}
	}
	return r
}

func TestDecideAboutSlots(t *testing.T) {
	type outcome struct {
		Create, Mode       string
		Missed             int64
		NextSlot, LastSlot string
		Problem            string
		WakeUp             string
	}
	const (
		yesterday = "2026-11-23T03:00:00Z"
		tomorrow  = "2026-11-25T03:00:00Z"
	)
	tests := map[string]struct {
		change func(*input)
		want   outcome
	}{
		"before the slot": {
			func(in *input) { in.now = at(t, "2026-11-24T02:59:59Z") },
			outcome{NextSlot: today, LastSlot: yesterday, WakeUp: today}},
		"at the slot": {
			func(*input) {},
			outcome{Create: "events-202611240300", Mode: "Purge", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"late, but within the deadline": {
			func(in *input) { in.now = at(t, "2026-11-24T04:00:00Z") },
			outcome{Create: "events-202611240300", Mode: "Purge", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"later than the deadline": {
			func(in *input) { in.now = at(t, "2026-11-24T04:00:01Z") },
			outcome{Missed: 1, NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"after two hundred days away only the newest slot runs": {
			func(in *input) { in.policy.Status.NextSlot = metav1.NewTime(at(t, today).AddDate(0, 0, -200)) },
			outcome{Create: "events-202611240300", Mode: "Purge", Missed: 200, NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"the run before is still going": {
			func(in *input) { in.runs = []v1alpha1.PurgeRun{run(t, "events-202611230300", yesterday, "")} },
			outcome{Missed: 1, NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"the slot's run exists, its status was lost": {
			func(in *input) { in.runs = []v1alpha1.PurgeRun{run(t, "events-202611240300", today, "")} },
			outcome{NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"the store is not ready, within the deadline": {
			func(in *input) { in.store.Status.Conditions = nil },
			outcome{Problem: v1alpha1.ReasonStoreNotReady, NextSlot: today, LastSlot: yesterday, WakeUp: "2026-11-24T04:00:01Z"}},
		"the store is not ready, later than the deadline": {
			func(in *input) { in.store.Status.Conditions = nil; in.now = at(t, "2026-11-24T04:00:01Z") },
			outcome{Problem: v1alpha1.ReasonStoreNotReady, Missed: 1, NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"the store's status is of an earlier generation": {
			func(in *input) { in.store.Generation = 2 },
			outcome{Problem: v1alpha1.ReasonStoreNotReady, NextSlot: today, LastSlot: yesterday, WakeUp: "2026-11-24T04:00:01Z"}},
		"suspended: slots pass without being missed": {
			func(in *input) { in.policy.Spec.State = v1alpha1.PolicySuspended },
			outcome{LastSlot: yesterday}},
		"active again: the schedule starts afresh": {
			func(in *input) { in.policy.Status.NextSlot = metav1.Time{}; in.now = at(t, "2026-11-24T03:30:00Z") },
			outcome{NextSlot: tomorrow, LastSlot: yesterday, WakeUp: tomorrow}},
		"never looked at: slots since it was made count": {
			func(in *input) { in.policy.Status = v1alpha1.RetentionPolicyStatus{ObservedGeneration: -1} },
			outcome{Create: "events-202611240300", Mode: "Preview", Missed: 30, NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"a denser schedule misses nothing in hindsight": {
			func(in *input) {
				in.policy.Spec.Schedule = "*/5 * * * *"
				in.policy.Status.NextSlot = metav1.NewTime(at(t, tomorrow))
				in.now = at(t, "2026-11-24T12:01:00Z")
			},
			outcome{NextSlot: "2026-11-24T12:05:00Z", LastSlot: yesterday, WakeUp: "2026-11-24T12:05:00Z"}},
		"rules that no preview showed": {
			func(in *input) { in.policy.Spec.Rules[0].Keep.Days = 3 },
			outcome{Create: "events-202611240300", Mode: "Preview", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"rules that no preview showed, and the spec says purge": {
			func(in *input) { in.policy.Spec.Rules[0].Keep.Days = 3; in.policy.Spec.FirstRun = v1alpha1.RunPurge },
			outcome{Create: "events-202611240300", Mode: "Purge", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"a note about the legal basis is no change of the rules": {
			func(in *input) { in.policy.Spec.Rules[0].Basis.Note = "reviewed" },
			outcome{Create: "events-202611240300", Mode: "Purge", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"a store that was made anew is previewed again": {
			func(in *input) { in.store.UID = "another" },
			outcome{Create: "events-202611240300", Mode: "Preview", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
		"a policy that only previews": {
			func(in *input) { in.policy.Spec.Mode = v1alpha1.RunPreview },
			outcome{Create: "events-202611240300", Mode: "Preview", NextSlot: tomorrow, LastSlot: today, WakeUp: tomorrow}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := daily(t)
			tc.change(&in)
			p := decide(in)
			got := outcome{Missed: p.status.MissedSlots, NextSlot: text(p.status.NextSlot.Time), LastSlot: text(p.status.LastSlot.Time), WakeUp: text(p.wakeUp)}
			if p.create != nil {
				got.Create, got.Mode = p.create.Name, string(p.create.Spec.Mode)
			}
			if p.problem != nil {
				got.Problem = p.problem.reason
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func TestDecideAboutRequests(t *testing.T) {
	const asked = "2026-11-24T12:00:00Z"
	tests := map[string]struct {
		value   string
		change  func(*input)
		create  string
		handled string
		events  []string
	}{
		"asked for": {value: asked, create: "events-20261124120000r", handled: asked, events: []string{"RunCreated"}},
		"asked for in another zone": {value: "2026-11-24T13:00:00+01:00", create: "events-20261124120000r", handled: "2026-11-24T13:00:00+01:00",
			events: []string{"RunCreated"}},
		"handled before": {value: asked, change: func(in *input) { in.policy.Status.LastHandledRunRequest = asked }, handled: asked},
		"the run exists, its status was lost": {value: asked,
			change: func(in *input) {
				in.runs = []v1alpha1.PurgeRun{run(t, "events-20261124120000r", asked, v1alpha1.ReasonCompleted)}
			},
			handled: asked},
		"not yet":              {value: "2026-11-24T18:00:00Z"},
		"a run is going":       {value: asked, change: func(in *input) { in.runs = []v1alpha1.PurgeRun{run(t, "events-1", today, "")} }},
		"no instant":           {value: "now", handled: "now", events: []string{"RunRequestInvalid"}},
		"suspended":            {value: asked, change: func(in *input) { in.policy.Spec.State = v1alpha1.PolicySuspended }, handled: asked, events: []string{"Suspended"}},
		"the store is missing": {value: asked, change: func(in *input) { in.store = nil }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := daily(t)
			in.policy.Annotations = map[string]string{v1alpha1.AnnotationRunRequestedAt: tc.value}
			in.now = at(t, "2026-11-24T12:00:01Z")
			in.policy.Status.NextSlot = metav1.NewTime(at(t, "2026-11-25T03:00:00Z"))
			if tc.change != nil {
				tc.change(&in)
			}
			p := decide(in)
			create := ""
			if p.create != nil {
				create = p.create.Name
			}
			var events []string
			for _, e := range p.events {
				events = append(events, e.reason)
			}
			if create != tc.create || p.status.LastHandledRunRequest != tc.handled || !slices.Equal(events, tc.events) {
				t.Errorf("created %q, handled %q, events %v; want %q, %q, %v", create, p.status.LastHandledRunRequest, events, tc.create, tc.handled, tc.events)
			}
		})
	}
}

func TestPreviewOnRequestWhateverTheModeIs(t *testing.T) {
	const asked = "2026-11-24T12:00:00Z"
	in := daily(t)
	in.policy.Spec.Mode, in.policy.Spec.FirstRun = v1alpha1.RunPurge, v1alpha1.RunPurge
	in.policy.Annotations = map[string]string{v1alpha1.AnnotationPreviewRequestedAt: asked, v1alpha1.AnnotationRunRequestedAt: asked}
	in.now = at(t, "2026-11-24T12:00:01Z")
	in.policy.Status.NextSlot = metav1.NewTime(at(t, "2026-11-25T03:00:00Z"))
	both := decide(in)
	if both.create == nil || both.create.Name != "events-20261124120000r" || both.create.Spec.Mode != v1alpha1.RunPurge || both.status.LastHandledPreviewRequest != "" {
		t.Fatalf("of two requests the run comes first and the preview waits: %+v, handled %q", both.create, both.status.LastHandledPreviewRequest)
	}
	in.policy.Status.LastHandledRunRequest = asked
	preview := decide(in)
	if preview.create == nil || preview.create.Name != "events-20261124120000p" || preview.create.Spec.Mode != v1alpha1.RunPreview ||
		preview.status.LastHandledPreviewRequest != asked {
		t.Errorf("preview %+v, handled %q", preview.create, preview.status.LastHandledPreviewRequest)
	}
}

func TestHistory(t *testing.T) {
	in := daily(t)
	in.policy.Spec.HistoryLimit = 2
	for day := 1; day <= 5; day++ {
		in.runs = append(in.runs, run(t, fmt.Sprintf("run-%d", day), fmt.Sprintf("2026-11-%02dT03:00:00Z", day), v1alpha1.ReasonCompleted))
	}
	in.runs[1].Status.Evidence.Digest = "sha256:chain" // the runs after it ended without evidence
	in.runs[4].Status = v1alpha1.PurgeRunStatus{}      // still going
	p := decide(in)
	if diff := cmp.Diff([]string{"run-1"}, p.prune); diff != "" {
		t.Errorf("pruned (-want +got): %s; want the oldest, but neither the newest two nor the end of the evidence chain", diff)
	}
}

func TestLastSuccessIsThatOfAPurgeAndOutlivesIt(t *testing.T) {
	ended := func(name, at0, reason string, mode v1alpha1.RunMode) v1alpha1.PurgeRun {
		r := run(t, name, at0, reason)
		r.Spec.Mode, r.Status.Outcome.FinishedAt = mode, metav1.NewTime(at(t, at0).Add(time.Minute))
		return r
	}
	in := daily(t)
	want := func(rfc3339 string) {
		t.Helper()
		if got := decide(in).status.LastSucceededAt; !got.Time.Equal(at(t, rfc3339)) {
			t.Errorf("last success %s, want %s", got, rfc3339)
		}
	}
	if got := decide(in).status.LastSucceededAt; !got.IsZero() {
		t.Errorf("last success %s before the first run", got)
	}
	in.runs = []v1alpha1.PurgeRun{
		ended("run-1", "2026-11-20T03:00:00Z", v1alpha1.ReasonCompleted, v1alpha1.RunPurge), ended("run-2", "2026-11-21T03:00:00Z", v1alpha1.ReasonCompleted, v1alpha1.RunPurge),
		ended("run-3", "2026-11-22T03:00:00Z", v1alpha1.ReasonCompleted, v1alpha1.RunPreview), ended("run-4", "2026-11-23T03:00:00Z", v1alpha1.ReasonCapExceeded, v1alpha1.RunPurge),
	}
	want("2026-11-21T03:01:00Z")
	in.policy.Status.LastSucceededAt, in.runs = metav1.NewTime(at(t, "2026-11-21T03:01:00Z")), in.runs[:1] // the later ones were deleted
	want("2026-11-21T03:01:00Z")
}

func TestEvidenceChainGoesOnFromTheNewestRunThatHasSome(t *testing.T) {
	in := daily(t)
	in.runs = []v1alpha1.PurgeRun{
		run(t, "run-1", "2026-11-21T03:00:00Z", v1alpha1.ReasonCompleted), run(t, "run-2", "2026-11-22T03:00:00Z", v1alpha1.ReasonCompleted),
		run(t, "run-3", "2026-11-23T03:00:00Z", v1alpha1.ReasonJobFailed),
	}
	in.runs[0].Status.Evidence.Digest, in.runs[1].Status.Evidence.Digest = "sha256:1", "sha256:2"
	if p := decide(in); p.create == nil || p.create.Spec.PreviousDigest != "sha256:2" {
		t.Errorf("run %+v", p.create)
	}
}

func TestFailureOfAnEarlierGenerationIsOver(t *testing.T) {
	in := daily(t)
	in.now = at(t, "2026-11-24T02:00:00Z")
	in.runs = []v1alpha1.PurgeRun{run(t, "run-1", "2026-11-23T03:00:00Z", v1alpha1.ReasonCapExceeded)}
	if p := decide(in); p.failed == nil {
		t.Error("a run over its cap needs a person")
	}
	in.policy.Generation = 4
	if p := decide(in); p.failed != nil {
		t.Error("the spec was changed since, so the next run decides")
	}
}
