package purgerun

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/datastore"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// FieldManager owns the run's children and the operator's part of its status.
const FieldManager = "carrier-operator-purgerun"

// The manager may grant a run's pod only what it may do itself: get of configmaps and purgeruns, patch of purgeruns/status.
// +kubebuilder:rbac:groups=carrier-operator.io,resources=purgeruns,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=purgeruns/status,verbs=patch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=purgeruns/finalizers,verbs=update
// +kubebuilder:rbac:groups=carrier-operator.io,resources=retentionpolicies;datastores;legalholds,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Options say how runs are carried out.
type Options struct {
	// Image of the purger. PullPolicy says when it is pulled; empty: as Kubernetes does by default.
	Image      string
	PullPolicy corev1.PullPolicy
	// APIServerPorts are the TCP ports at which pods reach the API server, before and after the Service's translation; usually 443 and 6443.
	APIServerPorts []int32
}

// Controller carries out PurgeRuns.
type Controller struct {
	// Client reads through the cache; Live reads what is not cached or must not be stale.
	Client  client.Client
	Live    client.Reader
	Events  events.EventRecorder
	Clock   clock.PassiveClock
	Options Options
	// Ended is told of each run that ends, and why.
	Ended func(run *v1alpha1.PurgeRun, reason string)
}

// Reconcile starts, watches over and closes one run.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	run, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.PurgeRun{})
	if err != nil || run == nil || !run.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err // children go with their run
	}
	kids, err := c.children(ctx, run)
	if err != nil {
		return ctrl.Result{}, err
	}
	if runs.Finished(run) {
		return ctrl.Result{}, c.cleanUp(ctx, run, kids)
	}
	in, err := c.gather(ctx, run, kids)
	if err != nil {
		return ctrl.Result{}, err
	}
	p := decide(in)
	if err := c.apply(ctx, in, kids, &p); err != nil {
		return ctrl.Result{}, err
	}
	if err := c.report(ctx, in, &p); err != nil {
		return ctrl.Result{}, err
	}
	if p.cleanUp {
		return ctrl.Result{}, c.cleanUp(ctx, run, kids)
	}
	var again time.Duration
	if !p.again.IsZero() {
		again = p.again.Sub(in.now)
	}
	if kids.job != nil && !p.suspend && podUnready(kids.job) && (again == 0 || again > podPoll) {
		again = podPoll
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

// gather reads everything that the decision depends on.
func (c *Controller) gather(ctx context.Context, run *v1alpha1.PurgeRun, kids *children) (*input, error) {
	in := &input{run: run, config: kids.config, job: kids.job, taken: kids.taken, now: c.Clock.Now()}
	policy, err := ssa.Get(ctx, c.Client, run.Namespace, run.Spec.PolicyRef.Name, &v1alpha1.RetentionPolicy{})
	if err != nil {
		return nil, err
	}
	if policy != nil && string(policy.UID) == run.Spec.PolicyUID {
		in.policy = policy
	}
	if in.store, err = ssa.Get(ctx, c.Client, run.Namespace, run.Spec.StoreRef.Name, &v1alpha1.DataStore{}); err != nil {
		return nil, err
	}
	var others v1alpha1.DataStoreList
	if err := c.Client.List(ctx, &others, client.InNamespace(run.Namespace)); err != nil {
		return nil, err
	}
	in.stores = others.Items
	if in.holds, in.policies, err = c.bound(ctx, run, kids.job == nil); err != nil {
		return nil, err
	}
	if in.store != nil {
		connection, problem, err := datastore.ReadConnection(ctx, c.Live, in.store)
		if err != nil {
			return nil, err
		}
		in.caBundle, in.storePort = connection.CABundle, connection.Port
		if problem != nil {
			in.connection = &block{reason: problem.Reason, message: problem.Message}
		}
	}
	if in.archive, err = c.readArchive(ctx, in); err != nil {
		return nil, err
	}
	if kids.job != nil && podUnready(kids.job) {
		in.pod, err = c.podState(ctx, run)
	}
	return in, err
}

// bound reads what binds the run besides its own policy: holds of its store, and the store's policies, which may demand a minimum. Before
// the run starts they are read from the API server: what was made a moment ago binds.
func (c *Controller) bound(ctx context.Context, run *v1alpha1.PurgeRun, live bool) ([]v1alpha1.LegalHold, []v1alpha1.RetentionPolicy, error) {
	reader := client.Reader(c.Client)
	if live {
		reader = c.Live
	}
	holds, err := storemap.ListHolds(ctx, reader, run.Namespace, run.Spec.StoreRef.Name)
	if err != nil {
		return nil, nil, err
	}
	policies, err := storemap.ListPolicies(ctx, reader, run.Namespace, run.Spec.StoreRef.Name)
	return holds, policies, err
}

func (c *Controller) podState(ctx context.Context, run *v1alpha1.PurgeRun) (podState, error) {
	var pods corev1.PodList
	err := c.Live.List(ctx, &pods, client.InNamespace(run.Namespace), client.MatchingLabels{
		v1alpha1.LabelRun: run.Name, v1alpha1.LabelComponent: v1alpha1.ComponentPurger})
	return readPods(pods.Items), err
}

// report applies the operator's part of the status, and tells by event when the run came to a turn.
func (c *Controller) report(ctx context.Context, in *input, p *plan) error {
	r, run := newReport(in, p), in.run
	status := apiac.PurgeRunStatus().WithObservedGeneration(run.Generation).
		WithConditions(ssa.Conditions(r.conditions, run.Status.Conditions, run.Generation, in.now)...)
	if !r.startedAt.IsZero() {
		status.WithStartedAt(metav1.NewTime(r.startedAt.UTC()))
	}
	if r.stopReason != "" {
		status.WithStopReason(r.stopReason)
	}
	if r.summary != "" {
		status.WithSummary(r.summary)
	}
	changed, err := ssa.ApplyStatus(ctx, c.Client, FieldManager,
		apiac.PurgeRun(run.Name, run.Namespace).WithStatus(status), run, apiac.ExtractPurgeRunStatus)
	if err != nil || !changed {
		return err
	}
	if p.end != nil && c.Ended != nil {
		c.Ended(run, p.end.reason)
	}
	if complete := ssa.Changed(run.Status.Conditions, r.conditions, v1alpha1.ConditionComplete); complete != nil {
		kind := corev1.EventTypeNormal
		if stalled := p.end != nil && !p.end.good || p.block != nil && !p.block.waiting; stalled {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(run, nil, kind, complete.Reason, "Run", "%s", complete.Message)
	}
	return nil
}
