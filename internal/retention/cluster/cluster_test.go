//go:build envtest

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1ac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

var server *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not start: %v\n", err)
		os.Exit(1)
	}
	server = config
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not stop: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

var slot = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// newRun makes a PurgeRun and the purger's view of it.
func newRun(t *testing.T, name string) (*Run, *v1alpha1.PurgeRun, *retention.Plan) {
	t.Helper()
	object := &v1alpha1.PurgeRun{
		Namespace: "default", Name: name,
		Spec: v1alpha1.PurgeRunSpec{
			PolicyRef: v1alpha1.LocalReference{Name: "orders"}, PolicyUID: "policy-uid", PolicyGeneration: 1, RulesDigest: fmt.Sprintf("%064d", 0),
			StoreRef: v1alpha1.LocalReference{Name: "orders"}, Mode: v1alpha1.RunPurge, Trigger: v1alpha1.TriggerRequest, Slot: metav1.NewTime(slot),
			Cutoffs: []v1alpha1.RuleCutoff{{Rule: "events", Before: metav1.NewTime(slot.AddDate(0, 0, -30))}},
		},
	}
	plan := &retention.Plan{
		Namespace: "default", Run: name, Policy: "orders", PolicyUID: "policy-uid", Mode: "Purge", Slot: slot, Store: retention.Store{Name: "orders"},
		Rules: []retention.Rule{{Name: "events", Collection: "public.events", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: "Date"},
			Before: slot.AddDate(0, 0, -30), Action: "Delete"}},
		Caps: retention.Caps{MaxSharePercent: 20, MaxRows: 100}, Throttle: retention.Throttle{TargetBatchMilliseconds: 100},
	}
	run, err := New(server, plan, "first")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	plan.RunUID, run.uid = string(object.UID), object.UID
	if status, after, err := run.Take(t.Context()); err != nil || after || status.ObservedGeneration != -1 {
		t.Fatalf("taken after another %t, status %+v, %v", after, status, err)
	}
	if err := run.client.Get(t.Context(), run.key, object); err != nil {
		t.Fatal(err)
	}
	return run, object, plan
}

func writePlan(t *testing.T, run *Run, plan *retention.Plan) {
	t.Helper()
	encoded, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	config := &corev1.ConfigMap{Namespace: run.key.Namespace, Name: run.key.Name, Data: map[string]string{retention.PlanFile: string(encoded)}}
	if err := run.client.Update(t.Context(), config); err != nil {
		if err := run.client.Create(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatusComesBackAsReportedAndTheOperatorsPartStays(t *testing.T) {
	run, object, _ := newRun(t, "round-trip")
	operators := v1alpha1ac.PurgeRun(object.Name, object.Namespace).WithStatus(v1alpha1ac.PurgeRunStatus().WithSummary("0/3").WithStartedAt(metav1.NewTime(slot)))
	if err := run.client.Status().Apply(t.Context(), operators, client.FieldOwner("operator")); err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.PurgeRunStatus{
		ObservedGeneration: -1, Summary: "0/3", StartedAt: metav1.NewTime(slot),
		Results:    []v1alpha1.RuleResult{{Rule: "events", Collection: "public.events", Total: 9, Due: 3, Done: 1, Verification: v1alpha1.VerificationPending}},
		Progress:   v1alpha1.RunProgress{Done: 1, Due: 3, Percent: 33, RecordsPerSecond: 7, Pace: v1alpha1.PaceYielding, EstimatedEnd: metav1.NewTime(slot)},
		Checkpoint: v1alpha1.RunCheckpoint{Rule: "events", Position: "1/16385:32", Batches: 1, Digest: "d", CompletedRules: []string{"before"}},
		Pause:      v1alpha1.RunPause{Reason: "ReplicaLag", Message: "a replica is behind"},
		Evidence:   v1alpha1.RunEvidence{StoreIdentity: "1/2"},
		Holders:    []v1alpha1.RunHolder{{Name: "first"}},
	}
	report := func(change func()) {
		t.Helper()
		change()
		if err := run.Report(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := run.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("status (-reported +loaded):\n%s", diff)
		}
	}
	report(func() {})
	report(func() { want.Pause, want.Progress.EstimatedEnd = v1alpha1.RunPause{}, metav1.Time{} }) // what is left out is taken back
	report(func() {
		want.Outcome = v1alpha1.RunOutcome{Reason: "Completed", Message: "done", FinishedAt: metav1.NewTime(slot)}
		want.Evidence = v1alpha1.RunEvidence{Records: v1alpha1.RecordsCount, Digest: "sha256:1", Previous: "sha256:0", RecordsDigest: "r", StoreIdentity: "1/2", SchemaDigest: "s"}
	})
}

func TestRunThatIsGoneOrReplacedIsNotReportedTo(t *testing.T) {
	for name, again := range map[string]bool{"deleted": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			run, object, _ := newRun(t, "gone-"+name)
			if err := run.client.Delete(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if again {
				uid := run.uid
				run, _, _ = newRun(t, "gone-"+name)
				run.uid = uid
			}
			if _, err := run.Load(t.Context()); !errors.Is(err, retention.ErrGone) {
				t.Errorf("load: %v", err)
			}
			status := &v1alpha1.PurgeRunStatus{Outcome: v1alpha1.RunOutcome{Reason: "Completed", FinishedAt: metav1.NewTime(slot)}}
			if err := run.Report(t.Context(), status); !errors.Is(err, retention.ErrGone) {
				t.Errorf("report: %v", err)
			}
		})
	}
}

// Between the purger's look and its write the run may be replaced: what ties the two together is the version.
func TestStatusIsNotAppliedToAnotherVersion(t *testing.T) {
	run, object, _ := newRun(t, "version")
	stale := run.render(&v1alpha1.PurgeRunStatus{Pause: v1alpha1.RunPause{Reason: "ReplicaLag"}}, "first").WithResourceVersion(object.ResourceVersion)
	if err := run.Report(t.Context(), &v1alpha1.PurgeRunStatus{Checkpoint: v1alpha1.RunCheckpoint{Rule: "events"}}); err != nil {
		t.Fatal(err)
	}
	if err := run.client.Status().Apply(t.Context(), stale, client.FieldOwner(FieldManager), client.ForceOwnership); !apierrors.IsConflict(err) {
		t.Errorf("error %v, want a conflict", err)
	}
}

// another is a second purger of a run.
func another(t *testing.T, plan *retention.Plan, index int32, holder string) *Run {
	t.Helper()
	of := *plan
	of.Index = index
	run, err := New(server, &of, holder)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Two purgers of one run: whoever took it last may report, the other can neither overwrite what that one wrote nor read on.
func TestRunThatAnotherTookIsNotReportedTo(t *testing.T) {
	first, _, plan := newRun(t, "taken")
	second := another(t, plan, 0, "second")
	mine := &v1alpha1.PurgeRunStatus{Checkpoint: v1alpha1.RunCheckpoint{Rule: "events", Position: "1/7", Batches: 1}}
	if err := first.Report(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	theirs, after, err := second.Take(t.Context())
	if err != nil || !after {
		t.Fatalf("taken after another %t, %v", after, err)
	}
	if diff := cmp.Diff(mine.Checkpoint, theirs.Checkpoint); diff != "" {
		t.Errorf("checkpoint (-first +second):\n%s", diff)
	}
	theirs.Checkpoint.Position = "1/9"
	if err := second.Report(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	_, loadErr := first.Load(t.Context())
	for what, err := range map[string]error{"report": first.Report(t.Context(), mine), "leave": first.Leave(t.Context(), mine), "load": loadErr} {
		if !errors.Is(err, retention.ErrReplaced) {
			t.Errorf("%s of the first: %v", what, err)
		}
	}
	if err := second.Leave(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	got := &v1alpha1.PurgeRun{}
	if err := second.client.Get(t.Context(), second.key, got); err != nil || len(got.Status.Holders) != 0 || got.Status.Checkpoint.Position != "1/9" {
		t.Errorf("after the second left: %+v, %v", got.Status, err)
	}
	// A run that nobody holds is taken without a wait, and one that has an outcome not at all.
	third := another(t, plan, 0, "third")
	theirs, after, err = third.Take(t.Context())
	if err != nil || after {
		t.Fatalf("taken after another %t, %v", after, err)
	}
	theirs.Outcome = v1alpha1.RunOutcome{Reason: "Completed", FinishedAt: metav1.NewTime(slot)}
	if err := third.Report(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	if _, _, err = first.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := third.Load(t.Context()); err != nil || retention.Holder(got, 0) != "third" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Pods of different indexes hold their parts side by side, each in its own field.
func TestEachIndexHasItsHolder(t *testing.T) {
	first, _, plan := newRun(t, "shared")
	other := another(t, plan, 1, "other")
	if _, after, err := other.Take(t.Context()); err != nil || after {
		t.Fatalf("taken after another %t, %v", after, err)
	}
	for _, run := range []*Run{first, other, first} {
		if err := run.Report(t.Context(), &v1alpha1.PurgeRunStatus{Shards: []v1alpha1.RunShard{{Index: run.index, Rule: "events", Position: "1/"}}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := first.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]v1alpha1.RunHolder{{Index: 0, Name: "first"}, {Index: 1, Name: "other"}}, got.Holders); diff != "" {
		t.Errorf("holders (-want +got):\n%s", diff)
	}
	if err := other.Leave(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if got, err = first.Load(t.Context()); err != nil || retention.Holder(got, 1) != "" || len(got.Shards) != 2 {
		t.Errorf("after the other left: %+v, %v", got, err)
	}
}

func TestHoldsComeFromTheRunsCurrentPlan(t *testing.T) {
	run, _, plan := newRun(t, "holds")
	if _, err := run.Holds(t.Context()); err == nil || errors.Is(err, retention.ErrGone) {
		t.Errorf("a missing ConfigMap: %v, want an error that may pass", err)
	}
	for _, holds := range [][]retention.Hold{nil, {{Name: "case-4711", Collection: "public.events"}}} {
		plan.Holds = holds
		writePlan(t, run, plan)
		got, err := run.Holds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(holds, got); diff != "" {
			t.Errorf("holds (-want +got):\n%s", diff)
		}
	}
}

func TestPlanOfAnotherRunOrStoreSaysNothingAboutHolds(t *testing.T) {
	for name, change := range map[string]func(*retention.Plan){
		"run":      func(p *retention.Plan) { p.RunUID = "another" },
		"store":    func(p *retention.Plan) { p.Store.Name = "another" },
		"no-rules": func(p *retention.Plan) { p.Rules = nil },
	} {
		t.Run(name, func(t *testing.T) {
			run, _, plan := newRun(t, "another-"+name)
			change(plan)
			writePlan(t, run, plan)
			_, err := run.Holds(t.Context())
			var failure *retention.Failure
			if !errors.As(err, &failure) || failure.Reason != v1alpha1.ReasonPlanInvalid {
				t.Errorf("error %v, want a failure with reason %s", err, v1alpha1.ReasonPlanInvalid)
			}
		})
	}
}

func TestServerThatDoesNotAnswerIsGivenUpOn(t *testing.T) {
	run, _, _ := newRun(t, "no-answer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run.Load(ctx); err == nil || errors.Is(err, retention.ErrGone) {
		t.Errorf("error %v, want one that may pass", err)
	}
}
