//go:build envtest

package purgerun_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	plan "github.com/carrier-operator/carrier-operator/internal/retention"
)

func (w *world) plan(run string) plan.Plan {
	w.t.Helper()
	config := &corev1.ConfigMap{}
	if !w.get(run, config) {
		w.t.Fatalf("run %s has no ConfigMap", run)
	}
	var p plan.Plan
	if err := json.Unmarshal([]byte(config.Data[plan.PlanFile]), &p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) suspended(run string) bool {
	w.t.Helper()
	job := &batchv1.Job{}
	if !w.get(run, job) {
		w.t.Fatalf("run %s has no Job", run)
	}
	return ptr.Deref(job.Spec.Suspend, false)
}

func childrenOf(run string) []client.Object {
	m := metav1.ObjectMeta{Name: run}
	return []client.Object{
		&corev1.ConfigMap{ObjectMeta: m}, &corev1.ServiceAccount{ObjectMeta: m}, &rbacv1.Role{ObjectMeta: m},
		&rbacv1.RoleBinding{ObjectMeta: m}, &networkingv1.NetworkPolicy{ObjectMeta: m}, &batchv1.Job{ObjectMeta: m},
	}
}

func TestPreviewComesFirstThenTheNextSlotPurges(t *testing.T) {
	w := shop(t)
	if len(w.runs()) != 0 {
		t.Fatal("a run was made before any slot was due")
	}
	slot := w.policy().Status.NextSlot
	if got := slot.In(berlin(t)).Format("15:04"); got != "03:00" {
		t.Errorf("the next slot is at %s in Berlin, want 03:00", got)
	}

	preview := w.nextSlot()
	if preview.Spec.Mode != v1alpha1.RunPreview || preview.Name != "shipments-"+slot.UTC().Format("200601021504") {
		t.Errorf("first run is %s %s", preview.Spec.Mode, preview.Name)
	}
	if want := slot.Add(-30 * 24 * time.Hour); !preview.Spec.Cutoffs[0].Before.Time.Equal(want) {
		t.Errorf("cutoff is %s, want %s", preview.Spec.Cutoffs[0].Before, want)
	}
	w.expect(&v1alpha1.PurgeRun{}, preview.Name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	p := w.plan(preview.Name)
	if got := []string{p.Rules[0].Name, p.Rules[1].Name}; !slices.Equal(got, []string{"events", "shipments"}) {
		t.Errorf("rules run in the order %v, want the referring collection first", got)
	}
	if !strings.Contains(p.Store.CABundle, "BEGIN CERTIFICATE") || !p.HashKey || p.Mode != "Preview" {
		t.Errorf("plan lacks the CA bundle, the hash key or the mode: %+v", p)
	}

	w.purger(preview, v1alpha1.ReasonCompleted, 0, 12)
	w.settle()
	w.expect(preview, preview.Name, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonCompleted)
	if preview.Status.StopReason != v1alpha1.ReasonCompleted || preview.Status.Summary != "0/12" || preview.Status.StartedAt.IsZero() {
		t.Errorf("status after the run: %+v", preview.Status)
	}
	if got := w.policy().Status; got.PreviewedRulesDigest != preview.Spec.RulesDigest || got.LastRun.Result != v1alpha1.ReasonCompleted {
		t.Errorf("the policy does not know of its preview: %+v", got)
	}
	ds := &v1alpha1.DataStore{}
	if w.get("orders", ds); ds.Status.Identity != "7301/16384" {
		t.Errorf("store identity is %q", ds.Status.Identity)
	}

	purge := w.nextSlot()
	if purge.Spec.Mode != v1alpha1.RunPurge || purge.Spec.PreviousDigest != "sha256:"+preview.Name {
		t.Errorf("second run is %s after %q", purge.Spec.Mode, purge.Spec.PreviousDigest)
	}
	if got := w.plan(purge.Name).ExpectedIdentity; got != "7301/16384" {
		t.Errorf("the run expects identity %q", got)
	}
	w.purger(purge, v1alpha1.ReasonCompleted, 12, 12)
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
	if diff := cmp.Diff([]string{preview.Name + " Completed", purge.Name + " Completed"}, w.ended); diff != "" {
		t.Errorf("runs whose end was counted (-want +got): %s", diff)
	}
	w.get(purge.Name, purge)
	if got := w.policy().Status.LastSucceededAt; got.IsZero() || !got.Equal(&purge.Status.Outcome.FinishedAt) {
		t.Errorf("the last purge succeeded at %s, and ended at %s", got, purge.Status.Outcome.FinishedAt)
	}
	for _, child := range childrenOf(purge.Name) {
		_, isJob := child.(*batchv1.Job)
		if w.get(purge.Name, child) != isJob {
			t.Errorf("%T after the run: only the Job should be left", child)
		}
	}
}

func TestChangedRulesArePreviewedAgain(t *testing.T) {
	w := shop(t)
	w.purger(w.nextSlot(), v1alpha1.ReasonCompleted, 0, 1)
	w.settle()
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Keep.Days = 10 })
	w.settle()
	if run := w.nextSlot(); run.Spec.Mode != v1alpha1.RunPreview {
		t.Errorf("a shorter period was purged at once (%s)", run.Spec.Mode)
	}
}

// Two policies of one table: one must keep for years what the other deletes after a month.
func TestAMinimumOfAnotherPolicyStopsThisOne(t *testing.T) {
	w := shop(t)
	books := policy()
	books.Name = "books"
	books.Spec.Rules = []v1alpha1.RetentionRule{rule("accounting", shipments, "delivered_at")}
	books.Spec.Rules[0].Keep = v1alpha1.KeepPeriod{Years: 12}
	books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Years: 10}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	w.create(books)
	w.settle()
	early := &v1alpha1.RetentionPolicy{}
	w.expect(early, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonBelowMinimum)
	w.expect(books, "books", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
	w.clock.SetTime(early.Status.NextSlot.Time)
	w.settle()
	for _, run := range w.runs() {
		if run.Spec.PolicyRef.Name == "shipments" {
			t.Errorf("run %s was made", run.Name)
		}
	}

	edit(w, "books", books, func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{} })
	w.settle()
	w.expect(early, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
	if early.Status.LastRun.Mode != v1alpha1.RunPreview {
		t.Errorf("the slot that waited gave %+v", early.Status.LastRun)
	}
}

func TestRequestedRunComesOnceAndOneAtATime(t *testing.T) {
	w := shop(t)
	first := w.nextSlot()
	asked := w.clock.Now().UTC().Truncate(time.Second)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) {
		p.Annotations = map[string]string{v1alpha1.AnnotationRunRequestedAt: asked.Format(time.RFC3339)}
	})
	w.settle()
	if got := len(w.runs()); got != 1 {
		t.Fatalf("%d runs at once", got)
	}
	w.purger(first, v1alpha1.ReasonCompleted, 0, 3)
	w.settle()
	name := "shipments-" + asked.Format("20060102150405") + "r"
	run := &v1alpha1.PurgeRun{}
	if !w.get(name, run) || run.Spec.Mode != v1alpha1.RunPurge || run.Spec.Trigger != v1alpha1.TriggerRequest {
		t.Fatalf("the requested run %s is %+v", name, run.Spec)
	}
	w.purger(run, v1alpha1.ReasonNothingDue, 0, 0)
	w.settle()
	w.expect(run, name, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonNothingDue)
	if got := len(w.runs()); got != 2 {
		t.Errorf("%d runs after one slot and one request", got)
	}
}

// A hold by subject that the policy's key cannot check stalls the policy and its run; with the right key it reaches the plan.
func TestEditedAndDeletedChildrenComeBack(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	before := w.plan(run.Name)
	edit(w, run.Name, &corev1.ConfigMap{}, func(c *corev1.ConfigMap) {
		c.Data[plan.PlanFile] = strings.Replace(c.Data[plan.PlanFile], `"maxRows": 5000000`, `"maxRows": 9000000`, 1)
	})
	edit(w, run.Name, &rbacv1.Role{}, func(r *rbacv1.Role) {
		r.Rules = append(r.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
	})
	edit(w, run.Name, &networkingv1.NetworkPolicy{}, func(n *networkingv1.NetworkPolicy) {
		n.Spec.Egress = append(n.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	})
	edit(w, run.Name, &batchv1.Job{}, func(j *batchv1.Job) { j.Spec.Suspend = new(true); j.Spec.Parallelism = ptr.To[int32](0) })
	w.settle()
	role, network := &rbacv1.Role{}, &networkingv1.NetworkPolicy{}
	w.get(run.Name, role)
	w.get(run.Name, network)
	if len(role.Rules) != 3 || len(network.Spec.Egress) != 1 || w.suspended(run.Name) {
		t.Errorf("edits stayed: %d rules, %d egress rules, suspended %t", len(role.Rules), len(network.Spec.Egress), w.suspended(run.Name))
	}
	if diff := cmp.Diff(before, w.plan(run.Name)); diff != "" {
		t.Error(diff)
	}
	w.remove(childrenOf(run.Name)...)
	w.settle()
	for _, child := range childrenOf(run.Name) {
		if !w.get(run.Name, child) {
			t.Errorf("%T did not come back", child)
		}
	}
}

func TestEditedPolicyDoesNotChangeARunThatWorks(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	before := w.plan(run.Name)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) {
		p.Spec.Rules[0].Keep.Days = 1
		p.Spec.Caps.MaxRows = 7
	})
	w.create(hold("case-4711"))
	w.settle()
	after := w.plan(run.Name)
	if len(after.Holds) != 1 {
		t.Error("the hold did not reach the run")
	}
	after.Holds = before.Holds
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestFailedRunStallsThePolicyUntilOneGoesWell(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	w.purger(run, v1alpha1.ReasonCapExceeded, 0, 900)
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCapExceeded)
	p := &v1alpha1.RetentionPolicy{}
	w.expect(p, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonLastRunFailed)
	w.expect(p, "shipments", v1alpha1.ConditionSchedulesRuns, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
	next := w.nextSlot()
	if next.Spec.Mode != v1alpha1.RunPreview {
		t.Error("a preview that failed counted as one")
	}
	w.purger(next, v1alpha1.ReasonCompleted, 0, 9)
	w.settle()
	w.expect(p, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
}

func TestJobThatFailsWithoutAnOutcomeSaysHowItsPodEnded(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	w.create(&corev1.Pod{
		Name: run.Name + "-0-x", Labels: map[string]string{
			v1alpha1.LabelRun: run.Name, v1alpha1.LabelComponent: v1alpha1.ComponentPurger},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "purger", Image: "x"}}},
	})
	pod := &corev1.Pod{}
	w.get(run.Name+"-0-x", pod)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "purger", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
	if err := w.user.Status().Update(w.ctx, pod); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPodNotStarting)

	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}}
	if err := w.user.Status().Update(w.ctx, pod); err != nil {
		t.Fatal(err)
	}
	w.endJob(run.Name, batchv1.JobFailed, "BackoffLimitExceeded")
	w.settle()
	w.expect(run, run.Name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonJobFailed)
	for _, c := range run.Status.Conditions {
		if !strings.Contains(c.Message, "OOMKilled, exit code 137") {
			t.Errorf("message does not say how the pod ended: %s", c.Message)
		}
	}
}

func TestTwoHundredMissedSlotsAreReportedAndOneRunIsMade(t *testing.T) {
	w := shop(t)
	away := w.policy().Status.NextSlot.AddDate(0, 0, 200)
	w.clock.SetTime(away.Add(30 * time.Minute)) // 30 minutes after the newest slot, or 90 if the clocks changed meanwhile
	w.settle()
	status := w.policy().Status
	if total := int(status.MissedSlots) + len(w.runs()); total != 201 || len(w.runs()) > 1 {
		t.Errorf("%d slots missed and %d runs made, want 201 slots and at most one run", status.MissedSlots, len(w.runs()))
	}
	if status.NextSlot.Time.Before(w.clock.Now()) {
		t.Errorf("next slot %s has passed", status.NextSlot)
	}
}

func TestSlotPassesWhileTheRunBeforeIsGoing(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	w.clock.SetTime(w.policy().Status.NextSlot.Time)
	w.settle()
	if status := w.policy().Status; status.MissedSlots != 1 || len(w.runs()) != 1 {
		t.Errorf("missed %d, runs %d", status.MissedSlots, len(w.runs()))
	}
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionSchedulesRuns, metav1.ConditionTrue, v1alpha1.ReasonSlotMissed)
	w.purger(run, v1alpha1.ReasonCompleted, 0, 1)
	w.settle()
	if len(w.runs()) != 1 {
		t.Error("the missed slot was made up for")
	}
}

func TestSuspendedPolicyMakesNoRunsAndMissesNone(t *testing.T) {
	w := shop(t)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) { p.Spec.State = v1alpha1.PolicySuspended })
	w.settle()
	w.clock.SetTime(w.clock.Now().AddDate(0, 0, 10))
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) { p.Spec.State = v1alpha1.PolicyActive })
	w.settle()
	if status := w.policy().Status; status.MissedSlots != 0 || len(w.runs()) != 0 || status.NextSlot.IsZero() {
		t.Errorf("missed %d, runs %d, next %s", status.MissedSlots, len(w.runs()), status.NextSlot)
	}
}

func TestHistoryKeepsTheNewestRuns(t *testing.T) {
	w := shop(t)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) { p.Spec.HistoryLimit = 2 })
	var names []string
	for range 4 {
		run := w.nextSlot()
		names = append(names, run.Name)
		w.purger(run, v1alpha1.ReasonCompleted, 1, 1)
		w.settle()
	}
	var left []string
	for _, run := range w.runs() {
		left = append(left, run.Name)
	}
	slices.Sort(left)
	if !slices.Equal(left, names[2:]) {
		t.Errorf("left are %v of %v", left, names)
	}
}

func TestDeletedPolicyAndRunAreLeftAlone(t *testing.T) {
	w := shop(t)
	run := w.nextSlot()
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) { p.Finalizers = []string{"test.example/wait"} })
	edit(w, run.Name, &v1alpha1.PurgeRun{}, func(r *v1alpha1.PurgeRun) { r.Finalizers = []string{"test.example/wait"} })
	w.remove(policy(), &v1alpha1.PurgeRun{Name: run.Name})
	w.remove(childrenOf(run.Name)...)
	before := w.wire.count()
	if err := w.round(w.restart()); err != nil {
		t.Fatal(err)
	}
	if writes := w.wire.since(before); len(writes) > 0 {
		t.Errorf("objects that are being deleted were written to: %v", writes)
	}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
