package purgerun

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

// ready is a run that may start: policy and store are as the run's intent says.
func ready() *input {
	slot := metav1.NewTime(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))
	store := &v1alpha1.DataStore{
		Name: "orders", UID: "store-uid", Generation: 1,
		Spec: v1alpha1.DataStoreSpec{Type: v1alpha1.StorePostgreSQL, Connection: v1alpha1.StoreConnection{SecretRef: v1alpha1.LocalReference{Name: "orders-purger"}},
			Collections: []v1alpha1.Collection{{Name: "public.events", Key: []string{"id"}, Ignore: []string{"occurred_at"}}}},
		Status: v1alpha1.DataStoreStatus{Identity: "7301/16384", Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 1}}},
	}
	policy := &v1alpha1.RetentionPolicy{
		Name: "events", Namespace: "shop", UID: "policy-uid",
		Spec: v1alpha1.RetentionPolicySpec{StoreRef: v1alpha1.LocalReference{Name: "orders"}, HashKeyRef: v1alpha1.LocalReference{Name: "hash-key"},
			Rules: []v1alpha1.RetentionRule{{Name: "events", Collection: "public.events",
				Clock:  v1alpha1.RetentionClock{Field: "occurred_at", Unit: v1alpha1.ClockTimestampTZ},
				Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete}}}},
	}
	return &input{
		run: &v1alpha1.PurgeRun{
			Name: "events-202611240300", Namespace: "shop", UID: "run-uid",
			Spec: v1alpha1.PurgeRunSpec{PolicyRef: v1alpha1.LocalReference{Name: "events"}, PolicyUID: "policy-uid", StoreRef: v1alpha1.LocalReference{Name: "orders"},
				Mode: v1alpha1.RunPurge, Slot: slot, RulesDigest: runs.RulesDigest(policy, store), PreviousDigest: "sha256:before",
				Cutoffs: []v1alpha1.RuleCutoff{{Rule: "events", Before: metav1.NewTime(slot.AddDate(0, 0, -30))}}},
		},
		policy: policy, store: store, storePort: 5432, now: slot.Time,
	}
}

// working is a run with its Job and plan.
func working(t *testing.T) *input {
	t.Helper()
	in := ready()
	p := decide(in)
	if p.purge == nil {
		t.Fatalf("a run that may start does not: %+v", p.block)
	}
	in.config = &corev1.ConfigMap{Data: map[string]string{"plan.json": string(encodePlan(p.purge))}}
	in.job = &batchv1.Job{}
	in.job.Spec.Template.Annotations = map[string]string{v1alpha1.AnnotationPlanDigest: frozenDigest(p.purge)}
	return in
}

func over(in *input, how batchv1.JobConditionType, reason string) {
	in.job.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue, Reason: reason}}
}

func heldBy(in *input, name, collection string) {
	in.holds = append(in.holds, v1alpha1.LegalHold{Name: name, Spec: v1alpha1.LegalHoldSpec{
		StoreRef: v1alpha1.LocalReference{Name: "orders"}, Collection: collection}})
}

// demand makes another policy of the store that keeps the run's records for so many days by law. The run takes those of 30 days.
func demand(in *input, days int32) {
	books := in.policy.DeepCopy()
	books.Name = "books"
	books.Spec.Rules[0].Minimum = v1alpha1.MinimumPeriod{Keep: v1alpha1.KeepPeriod{Days: days}, Basis: v1alpha1.LegalBasis{Kind: "LegalObligation"}}
	in.policies = append(in.policies, *books)
}

func windows(in *input, from, to string) {
	in.policy.Spec.Throttle.WorkWindows = []v1alpha1.WorkWindow{{From: from, To: to}}
}

// The run is looked at again when a window opens or closes.
func TestWindowsAreLookedAtWhenTheyChange(t *testing.T) {
	for _, w := range [][2]string{{"05:00", "06:00"}, {"02:00", "05:00"}} {
		in := ready() // it is 03:00
		windows(in, w[0], w[1])
		p := decide(in)
		if want := in.now.Add(2 * time.Hour); !p.again.Equal(want) {
			t.Errorf("from %s to %s: again at %s, want %s", w[0], w[1], p.again, want)
		}
		if p.block != nil && !strings.Contains(p.block.message, "opens on Tue 2026-11-24 at 05:00 UTC") {
			t.Errorf("message %q", p.block.message)
		}
	}
	if p := decide(ready()); !p.again.IsZero() {
		t.Errorf("without windows: again at %s", p.again)
	}
}

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		working bool
		change  func(*input)
		want    string // what the run does, and the reason
	}{
		"may start":                               {false, func(*input) {}, "works"},
		"store is missing":                        {false, func(in *input) { in.store = nil }, "blocked StoreNotFound"},
		"store is not ready":                      {false, func(in *input) { in.store.Status.Conditions = nil }, "waits StoreNotReady"},
		"Secret was emptied just now":             {false, func(in *input) { in.connection = &block{reason: v1alpha1.ReasonSecretEmpty} }, "blocked SecretEmpty"},
		"a child's name is taken":                 {false, func(in *input) { in.taken = &block{reason: v1alpha1.ReasonNameConflict} }, "blocked NameConflict"},
		"hold of an unknown collection":           {false, func(in *input) { heldBy(in, "case-1", "public.nothing") }, "blocked HoldInvalid"},
		"policy's rules changed before the start": {false, func(in *input) { in.policy.Spec.Rules[0].Keep.Days = 1 }, "ends Canceled"},
		"policy is gone before the start":         {false, func(in *input) { in.policy = nil }, "ends Canceled"},
		"outside of the work windows":             {false, func(in *input) { windows(in, "12:00", "13:00") }, "waits OutsideWorkWindow"},
		"inside of a work window":                 {false, func(in *input) { windows(in, "02:00", "05:00") }, "works"},
		"a preview waits for no window":           {false, func(in *input) { windows(in, "12:00", "13:00"); in.run.Spec.Mode = v1alpha1.RunPreview }, "works"},
		"works, its window closed":                {true, func(in *input) { windows(in, "02:00", "03:00") }, "suspended OutsideWorkWindow"},
		"works, and the zone became invalid":      {true, func(in *input) { in.policy.Spec.TimeZone = "Mars" }, "suspended TimeZoneInvalid"},
		"policy is suspended":                     {false, func(in *input) { in.policy.Spec.State = v1alpha1.PolicySuspended }, "waits Suspended"},
		"plan does not fit": {false, func(in *input) {
			values := make([]string, 1000)
			for i := range values {
				values[i] = fmt.Sprintf("%0512d", i)
			}
			for _, name := range []string{"case-1", "case-2"} {
				heldBy(in, name, "public.events")
				in.holds[len(in.holds)-1].Spec.Where = []v1alpha1.RecordFilter{{Field: "id", Operator: v1alpha1.FilterIn, Values: values}}
			}
		}, "blocked PlanInvalid"},
		"works":                              {true, func(*input) {}, "works"},
		"works, store is not ready any more": {true, func(in *input) { in.store.Status.Conditions = nil }, "works"},
		"works, policy was edited":           {true, func(in *input) { in.policy.Spec.Rules[0].Keep.Days = 1 }, "works"},
		"works, policy is suspended":         {true, func(in *input) { in.policy.Spec.State = v1alpha1.PolicySuspended }, "suspended Suspended"},
		"works, and a policy demands more":   {true, func(in *input) { demand(in, 31) }, "suspended BelowMinimum"},
		"works, and a policy demands that":   {true, func(in *input) { demand(in, 30) }, "works"},
		"works with rules that were longer since, and a policy demands more": {true, func(in *input) {
			in.policy.Spec.Rules[0].Keep.Days = 60
			demand(in, 60)
		}, "suspended BelowMinimum"},
		"previews what a policy forbids": {false, func(in *input) {
			in.run.Spec.Mode = v1alpha1.RunPreview
			demand(in, 31)
		}, "works"},
		"a policy demands more before the start": {false, func(in *input) { demand(in, 31) }, "blocked BelowMinimum"},
		"store repeats another one":              {false, func(in *input) { in.store.Status.DuplicateOf = "shop" }, "blocked StoreDuplicate"},
		"works, store repeats another one":       {true, func(in *input) { in.store.Status.DuplicateOf = "shop" }, "suspended StoreDuplicate"},
		"works, store is gone":                   {true, func(in *input) { in.store = nil }, "suspended StoreNotFound"},
		"works, hold cannot be understood":       {true, func(in *input) { heldBy(in, "case-1", "public.nothing") }, "suspended HoldInvalid"},
		"works, plan was edited by hand":         {true, func(in *input) { in.config.Data["plan.json"] = "{}" }, "works"},
		"works, plan was edited and the policy too": {true, func(in *input) {
			in.config.Data["plan.json"] = "{}"
			in.policy.Spec.Rules[0].Keep.Days = 1
		}, "suspended PlanInvalid"},
		"outcome, pod still there": {true, func(in *input) { in.run.Status.Outcome.Reason = v1alpha1.ReasonCompleted }, "closes"},
		"outcome, Job complete": {true, func(in *input) {
			in.run.Status.Outcome.Reason = v1alpha1.ReasonCompleted
			over(in, batchv1.JobComplete, "")
		}, "ends well Completed"},
		"nothing due": {true, func(in *input) {
			in.run.Status.Outcome.Reason = v1alpha1.ReasonNothingDue
			over(in, batchv1.JobComplete, "")
		}, "ends well NothingDue"},
		"over the cap": {true, func(in *input) {
			in.run.Status.Outcome.Reason = v1alpha1.ReasonCapExceeded
			over(in, batchv1.JobComplete, "")
		}, "ends CapExceeded"},
		"outcome, Job was deleted": {true, func(in *input) { in.run.Status.Outcome.Reason = v1alpha1.ReasonCompleted; in.job = nil }, "ends well Completed"},
		"Job failed, no outcome":   {true, func(in *input) { over(in, batchv1.JobFailed, "BackoffLimitExceeded") }, "ends JobFailed"},
		"Job complete, no outcome": {true, func(in *input) { over(in, batchv1.JobComplete, "") }, "ends JobFailed"},
		"Job was deleted mid-run":  {true, func(in *input) { in.job = nil }, "works"},
		"finished":                 {true, func(in *input) { in.run.Status.StopReason = v1alpha1.ReasonCompleted }, "cleans up"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := ready()
			if tc.working {
				in = working(t)
			}
			tc.change(in)
			if got := describe(decide(in)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func describe(p plan) string {
	switch {
	case p.end != nil && p.end.good && p.cleanUp:
		return "ends well " + p.end.reason
	case p.end != nil && p.cleanUp:
		return "ends " + p.end.reason
	case p.suspend:
		return "suspended " + p.block.reason
	case p.block != nil && p.block.waiting:
		return "waits " + p.block.reason
	case p.block != nil:
		return "blocked " + p.block.reason
	case p.purge != nil:
		return "works"
	case p.cleanUp:
		return "cleans up"
	}
	return "closes"
}

func TestPodsThatCannotStartHaveOneTextForReasonsThatAlternate(t *testing.T) {
	pod := func(reason string) []corev1.Pod {
		return []corev1.Pod{{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}}}}
	}
	if a, b := readPods(pod("ErrImagePull")), readPods(pod("ImagePullBackOff")); a != b || a.waiting == "" {
		t.Errorf("%+v and %+v", a, b)
	}
	if got := readPods(pod("ContainerCreating")); got != (podState{}) {
		t.Errorf("a pod that is being made needs nobody: %+v", got)
	}
}

// The objects of a run, as a reader of the cluster sees them. UPDATE_GOLDEN=1 writes them anew.
func TestRenderedObjects(t *testing.T) {
	in := ready()
	in.caBundle = "-----BEGIN CERTIFICATE-----\n"
	heldBy(in, "case-4711", "public.events")
	p := decide(in)
	sources := jobSources{image: "registry.example/purger:1", store: secretsOf(in.store), hashKeySecret: "hash-key", signingKeySecret: "evidence", planDigest: frozenDigest(p.purge), pods: 1}
	var documents []string
	for _, object := range []any{
		renderServiceAccount(in.run), renderRole(in.run), renderRoleBinding(in.run), renderNetworkPolicy(in.run, []int32{5432}, []int32{443, 6443}),
		renderConfig(in.run, p.purge), renderJob(in.run, sources),
	} {
		document, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(document))
	}
	got := strings.Join(documents, "---\n")
	golden := filepath.Join("testdata", "run.yaml")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("rendered objects changed (-want +got); run with UPDATE_GOLDEN=1 if that is meant:\n%s", diff)
	}
}

func TestPlanTakesWhatEvidenceCoversFromThePolicy(t *testing.T) {
	in := ready()
	if p := decide(in); p.purge.CountOnly() {
		t.Error("records are counted alone though nobody asked for it")
	}
	in.policy.Spec.Evidence.Records = v1alpha1.RecordsCount
	if p := decide(in); !p.purge.CountOnly() {
		t.Error("records are digested though the policy asks for counts")
	}
}

func TestPlanKnowsTheDatabasesOfEarlierStores(t *testing.T) {
	in := ready()
	other := func(name, identity string, minute int, kind v1alpha1.DataStoreType) v1alpha1.DataStore {
		s := v1alpha1.DataStore{Name: name, CreationTimestamp: metav1.NewTime(in.now.Add(time.Duration(minute) * time.Minute))}
		s.Spec.Type, s.Status.Identity = kind, identity
		return s
	}
	in.store.CreationTimestamp = metav1.NewTime(in.now)
	in.stores = []v1alpha1.DataStore{*in.store, other("first", "1/1", -1, v1alpha1.StorePostgreSQL), other("later", "2/2", 1, v1alpha1.StorePostgreSQL),
		other("blind", "unknown/1", -1, v1alpha1.StorePostgreSQL), other("new", "", -1, v1alpha1.StorePostgreSQL), other("cache", "redis:6379/0", -1, v1alpha1.StoreRedis)}
	if diff := cmp.Diff(map[string]string{"1/1": "first"}, decide(in).purge.OtherStores); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
}

func TestStoreWithVeryManyFieldsStillHasAPlan(t *testing.T) {
	in := ready()
	for i := range 30_000 {
		in.store.Spec.Collections[0].Ignore = append(in.store.Spec.Collections[0].Ignore, fmt.Sprintf("column_with_a_long_name_%06d", i))
	}
	in.run.Spec.RulesDigest = runs.RulesDigest(in.policy, in.store)
	p := decide(in)
	if p.purge == nil || p.purge.Store.Decided != nil {
		t.Errorf("%s, decided %d", describe(p), len(p.purge.Store.Decided))
	}
}
