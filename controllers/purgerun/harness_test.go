//go:build envtest

package purgerun_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/datastore"
	"github.com/carrier-operator/carrier-operator/controllers/legalhold"
	"github.com/carrier-operator/carrier-operator/controllers/purgerun"
	"github.com/carrier-operator/carrier-operator/controllers/retention"
)

var (
	// server is reached with all rights by the tests, which play the users; manager with the rights of the shipped ClusterRole by the
	// controllers: a missing right, or one granted to a run's pod that the manager does not have, fails the stories.
	server, manager *rest.Config

	scheme = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// A machine that builds something else at the same time is slow.
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not start: %v\n", err)
		os.Exit(1)
	}
	config.QPS, config.Burst = 1000, 1000
	server = config
	if manager, err = restricted(env); err != nil {
		fmt.Fprintf(os.Stderr, "the manager's rights cannot be granted: %v\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not stop: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

// restricted adds a user with the rights of the manager and no others.
func restricted(env *envtest.Environment) (*rest.Config, error) {
	user, err := env.AddUser(envtest.User{Name: "carrier-operator-manager"}, &rest.Config{QPS: 1000, Burst: 1000})
	if err != nil {
		return nil, err
	}
	file, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		return nil, err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(file, role); err != nil {
		return nil, err
	}
	admin, err := client.New(server, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	for _, object := range []client.Object{role, &rbacv1.ClusterRoleBinding{
		Name:     role.Name,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carrier-operator-manager"}},
	}} {
		if err := admin.Create(context.Background(), object); err != nil {
			return nil, err
		}
	}
	return user.Config(), nil
}

// world is one namespace with the four controllers of retention, called directly, a clock that only the test moves, and an observer of
// every write that the controllers send.
type world struct {
	t         *testing.T
	ctx       context.Context
	namespace string
	user      client.Client
	wire      *wire
	clock     *clocktesting.FakePassiveClock
	events    *events.FakeRecorder
	// ended are the runs that ended, with their reasons, as the metrics are told.
	ended []string
	// brief leaves out the checks after every settling: for tables of many small worlds, whose stories are checked elsewhere.
	brief bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	user, err := client.New(server, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{GenerateName: "shop-"}
	if err := user.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, ctx: t.Context(), namespace: namespace.Name, user: user, wire: &wire{},
		// Policies begin when the API server makes them, so the test's time begins there too.
		clock:  clocktesting.NewFakePassiveClock(time.Now().Truncate(time.Second)),
		events: events.NewFakeRecorder(10_000),
	}
}

// restart makes the controllers anew, as a restart of the manager does, and returns them by kind.
func (w *world) restart() []kindController {
	config := rest.CopyConfig(manager)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { w.wire.next = next; return w.wire })
	config.Timeout = 20 * time.Second
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		w.t.Fatal(err)
	}
	return []kindController{
		{"DataStore", &datastore.Controller{Client: c, Live: c, Events: w.events, Clock: w.clock}},
		{"LegalHold", &legalhold.Controller{Client: c, Events: w.events, Clock: w.clock}},
		{"RetentionPolicy", &retention.Controller{Client: c, Live: c, Events: w.events, Clock: w.clock}},
		{"PurgeRun", &purgerun.Controller{Client: c, Live: c, Events: w.events, Clock: w.clock,
			Ended: func(run *v1alpha1.PurgeRun, reason string) { w.ended = append(w.ended, run.Name+" "+reason) }, Options: purgerun.Options{
				Image: "registry.example/purger:test", APIServerPorts: []int32{443, 6443}}}},
	}
}

type kindController struct {
	kind       string
	controller reconcile.Reconciler
}

// round calls every controller once for every object of its kind and returns the first error.
func (w *world) round(controllers []kindController) error {
	var first error
	for _, kc := range controllers {
		for _, object := range w.list(kc.kind) {
			_, err := kc.controller.Reconcile(w.ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&object)})
			if err != nil && first == nil {
				first = fmt.Errorf("%s %s: %w", kc.kind, object.GetName(), err)
			}
		}
	}
	return first
}

// settle calls the controllers until they write nothing more, and checks what must hold after every story: nothing is written by two
// more rounds nor by a restarted manager, and kstatus agrees with the conditions.
func (w *world) settle() {
	w.t.Helper()
	controllers := w.restart()
	for range 12 {
		before := w.wire.count()
		if err := w.round(controllers); err != nil && !w.wire.brokeSince(before) {
			w.t.Fatal(err)
		}
		if w.wire.count() == before {
			break
		}
	}
	if w.brief {
		return
	}
	before := w.wire.count()
	for range 2 {
		if err := w.round(controllers); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.round(w.restart()); err != nil {
		w.t.Fatal(err)
	}
	if writes := w.wire.since(before); len(writes) > 0 {
		w.t.Errorf("a converged world was written to: %s", strings.Join(writes, ", "))
	}
	w.checkKstatus()
}

func (w *world) checkKstatus() {
	w.t.Helper()
	for _, kind := range []string{"DataStore", "LegalHold", "RetentionPolicy", "PurgeRun"} {
		for _, object := range w.list(kind) {
			result, err := status.Compute(&object)
			if err != nil {
				w.t.Fatal(err)
			}
			conditions := conditionsOf(w.t, &object)
			want := status.InProgressStatus
			switch {
			case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled):
				want = status.FailedStatus
			case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady):
				want = status.CurrentStatus
			}
			if result.Status != want {
				w.t.Errorf("%s %s: kstatus says %s, the conditions say %s: %s", kind, object.GetName(), result.Status, want, result.Message)
			}
		}
	}
}

func conditionsOf(t *testing.T, object *unstructured.Unstructured) []metav1.Condition {
	t.Helper()
	var parsed struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Status.Conditions
}

func (w *world) list(kind string) []unstructured.Unstructured {
	w.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	if err := w.user.List(w.ctx, list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// create makes objects as a user does, in the world's namespace.
func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, object := range objects {
		object.SetNamespace(w.namespace)
		if err := w.user.Create(w.ctx, object); err != nil {
			w.t.Fatal(err)
		}
	}
}

// get reads an object; false if it does not exist.
func (w *world) get(name string, into client.Object) bool {
	w.t.Helper()
	err := w.user.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, into)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// edit changes an object as a user does.
func edit[T client.Object](w *world, name string, into T, change func(T)) {
	w.t.Helper()
	if !w.get(name, into) {
		w.t.Fatalf("%T %s does not exist", into, name)
	}
	change(into)
	if err := w.user.Update(w.ctx, into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(objects ...client.Object) {
	w.t.Helper()
	for _, object := range objects {
		object.SetNamespace(w.namespace)
		if err := w.user.Delete(w.ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) runs() []v1alpha1.PurgeRun {
	w.t.Helper()
	var list v1alpha1.PurgeRunList
	if err := w.user.List(w.ctx, &list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

func (w *world) policy() *v1alpha1.RetentionPolicy {
	w.t.Helper()
	policy := &v1alpha1.RetentionPolicy{}
	if !w.get("shipments", policy) {
		w.t.Fatal("the policy is gone")
	}
	return policy
}

// nextSlot moves the clock to the policy's next slot and settles; it returns the run that this made.
func (w *world) nextSlot() *v1alpha1.PurgeRun {
	w.t.Helper()
	w.clock.SetTime(w.policy().Status.NextSlot.Time)
	w.settle()
	run := &v1alpha1.PurgeRun{}
	name := w.policy().Status.LastRun.Name
	if !w.get(name, run) {
		w.t.Fatalf("no run %q at the slot", name)
	}
	return run
}

// purger plays the purger and the Job controller: it reports the outcome and the counts, then the Job is over.
func (w *world) purger(run *v1alpha1.PurgeRun, reason string, done, due int64) {
	w.t.Helper()
	outcome := apiac.PurgeRun(run.Name, w.namespace).WithStatus(apiac.PurgeRunStatus().
		WithResults(apiac.RuleResult().WithRule("events").WithCollection("public.tracking_events").
			WithTotal(due * 10).WithDue(due).WithDone(done).WithHeld(0).WithNullClock(0).WithFutureClock(0).WithRemaining(0)).
		WithOutcome(apiac.RunOutcome().WithReason(reason).WithMessage("as the purger said it").WithFinishedAt(metav1.NewTime(w.clock.Now()))).
		WithEvidence(apiac.RunEvidence().WithDigest("sha256:" + run.Name).WithStoreIdentity("7301/16384")))
	if err := w.user.Status().Apply(w.ctx, outcome, client.FieldOwner("purger")); err != nil {
		w.t.Fatal(err)
	}
	w.endJob(run.Name, batchv1.JobComplete, "")
}

// endJob plays the Job controller.
func (w *world) endJob(name string, how batchv1.JobConditionType, reason string) {
	w.t.Helper()
	job := &batchv1.Job{}
	if !w.get(name, job) {
		w.t.Fatalf("Job %s does not exist", name)
	}
	now := metav1.NewTime(w.clock.Now())
	before := batchv1.JobSuccessCriteriaMet
	if how == batchv1.JobFailed {
		before = batchv1.JobFailureTarget
	} else {
		job.Status.CompletionTime = &now
		job.Status.Succeeded = 1
		job.Status.CompletedIndexes = "0"
	}
	job.Status.StartTime, job.Status.Active, job.Status.Ready = &now, 0, ptr.To[int32](0)
	job.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	for _, t := range []batchv1.JobConditionType{before, how} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: t, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: now, LastProbeTime: now})
	}
	if err := w.user.Status().Update(w.ctx, job); err != nil {
		w.t.Fatal(err)
	}
}

// expect checks a condition of an object.
func (w *world) expect(object client.Object, name, conditionType string, want metav1.ConditionStatus, reason string) {
	w.t.Helper()
	if !w.get(name, object) {
		w.t.Fatalf("%T %s does not exist", object, name)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		w.t.Fatal(err)
	}
	c := meta.FindStatusCondition(conditionsOf(w.t, &unstructured.Unstructured{Object: fields}), conditionType)
	if c == nil {
		w.t.Fatalf("%T %s has no condition %s", object, name, conditionType)
	}
	if c.Status != want || c.Reason != reason {
		w.t.Errorf("%T %s: %s is %s/%s (%s), want %s/%s", object, name, conditionType, c.Status, c.Reason, c.Message, want, reason)
	}
}

// wire sees every write of the controllers, and can break one.
type wire struct {
	next http.RoundTripper
	mu   sync.Mutex
	log  []string
	// breakAt is the number of the write to break, counted from 1; zero: none.
	breakAt int
	fault   func(next http.RoundTripper, request *http.Request) (*http.Response, error)
}

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet {
		return w.next.RoundTrip(request)
	}
	w.mu.Lock()
	w.log = append(w.log, request.Method+" "+request.URL.Path)
	broken := len(w.log) == w.breakAt
	w.mu.Unlock()
	if broken {
		return w.fault(w.next, request)
	}
	return w.next.RoundTrip(request)
}

func (w *wire) count() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.log) }

func (w *wire) since(n int) []string { w.mu.Lock(); defer w.mu.Unlock(); return w.log[n:] }

// brokeSince says whether the fault came after the first n writes.
func (w *wire) brokeSince(n int) bool { return n < w.breakAt && w.breakAt <= w.count() }
