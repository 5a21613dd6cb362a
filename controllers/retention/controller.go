package retention

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// FieldManager owns the whole status of a RetentionPolicy.
const FieldManager = "carrier-operator-retention"

const (
	// hashKeyItem is the key of the hash key's Secret.
	hashKeyItem = "key"
	// floor keeps wake-ups from coming in a burst.
	floor = time.Second
)

// +kubebuilder:rbac:groups=carrier-operator.io,resources=retentionpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=retentionpolicies/status,verbs=patch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=retentionpolicies/finalizers,verbs=update
// +kubebuilder:rbac:groups=carrier-operator.io,resources=purgeruns,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=carrier-operator.io,resources=datastores;legalholds,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Controller makes the runs of RetentionPolicies.
type Controller struct {
	// Client reads through the cache; Live reads from the API server: Secrets, and runs before one is made.
	Client client.Client
	Live   client.Reader
	Events events.EventRecorder
	Clock  clock.PassiveClock
}

// Reconcile makes the run that is due, reports, and comes back when the next one is.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	policy, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.RetentionPolicy{})
	if err != nil || policy == nil || !policy.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err // runs go with their policy
	}
	in, err := c.gather(ctx, policy)
	if err != nil {
		return ctrl.Result{}, err
	}
	p := decide(in)
	if p.create != nil {
		if p, err = c.create(ctx, in); err != nil {
			return ctrl.Result{}, err
		}
	}
	if err := c.report(ctx, policy, &p); err != nil {
		return ctrl.Result{}, err
	}
	if err := c.prune(ctx, &in, p.prune); err != nil {
		return ctrl.Result{}, err
	}
	if p.wakeUp.IsZero() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(floor, p.wakeUp.Sub(c.Clock.Now()))}, nil
}

func (c *Controller) gather(ctx context.Context, policy *v1alpha1.RetentionPolicy) (input, error) {
	in := input{policy: policy, now: c.Clock.Now()}
	var err error
	if in.store, err = ssa.Get(ctx, c.Client, policy.Namespace, policy.Spec.StoreRef.Name, &v1alpha1.DataStore{}); err != nil {
		return in, err
	}
	if name := storemap.ArchiveName(policy); name != "" {
		if in.archive, err = ssa.Get(ctx, c.Client, policy.Namespace, name, &v1alpha1.DataStore{}); err != nil {
			return in, err
		}
		if in.ofArchive, err = storemap.ListPolicies(ctx, c.Client, policy.Namespace, name); err != nil {
			return in, err
		}
	}
	var hashKey []byte
	if in.keys, hashKey, err = c.keysProblem(ctx, policy); err != nil {
		return in, err
	}
	if in.holds, err = c.holdsProblem(ctx, policy, in.store, hashKey, in.now); err != nil {
		return in, err
	}
	if in.policies, err = storemap.ListPolicies(ctx, c.Client, policy.Namespace, policy.Spec.StoreRef.Name); err != nil {
		return in, err
	}
	in.runs, err = listRuns(ctx, c.Client, policy)
	return in, err
}

func listRuns(ctx context.Context, reader client.Reader, policy *v1alpha1.RetentionPolicy) ([]v1alpha1.PurgeRun, error) {
	var list v1alpha1.PurgeRunList
	if err := reader.List(ctx, &list, client.InNamespace(policy.Namespace), client.MatchingLabels{v1alpha1.LabelPolicy: policy.Name}); err != nil {
		return nil, err
	}
	var own []v1alpha1.PurgeRun
	for i := range list.Items {
		if runs.Of(&list.Items[i], policy) {
			own = append(own, list.Items[i])
		}
	}
	runs.Sort(own)
	return own, nil
}

// create decides again with what the API server knows, so that a stale cache can neither start a second run nor miss a minimum that
// another policy demands, and makes the run. A run of
// that name is taken for ours only if it is the policy's; anything else is in the way.
func (c *Controller) create(ctx context.Context, in input) (plan, error) {
	var err error
	if in.runs, err = listRuns(ctx, c.Live, in.policy); err != nil {
		return plan{}, err
	}
	if in.policies, err = storemap.ListPolicies(ctx, c.Live, in.policy.Namespace, in.policy.Spec.StoreRef.Name); err != nil {
		return plan{}, err
	}
	p := decide(in)
	if p.create == nil {
		return p, nil
	}
	taken, err := ssa.Get(ctx, c.Live, in.policy.Namespace, p.create.Name, &v1alpha1.PurgeRun{})
	if err != nil {
		return plan{}, err
	}
	if taken != nil {
		in.nameTaken = &problem{reason: v1alpha1.ReasonNameConflict, message: fmt.Sprintf(
			"PurgeRun %q exists and is not this policy's: delete it", taken.Name)}
		return decide(in), nil
	}
	return p, c.Client.Create(ctx, p.create, client.FieldOwner(FieldManager))
}

// report applies the status, and tells by event what changed with it.
func (c *Controller) report(ctx context.Context, policy *v1alpha1.RetentionPolicy, p *plan) error {
	want := conditions(policy, p)
	changed, err := ssa.ApplyStatus(ctx, c.Client, FieldManager,
		renderStatus(policy, &p.status, ssa.Conditions(want, policy.Status.Conditions, policy.Generation, c.Clock.Now())),
		policy, apiac.ExtractRetentionPolicyStatus)
	if err != nil || !changed {
		return err
	}
	if ready := ssa.Changed(policy.Status.Conditions, want, v1alpha1.ConditionReady); ready != nil {
		p.events = append(p.events, event{ready.Status == "False", ready.Reason, "Reconcile", ready.Message})
	}
	for _, e := range p.events {
		kind := corev1.EventTypeNormal
		if e.warning {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(policy, nil, kind, e.reason, e.action, "%s", e.about)
	}
	return nil
}

// prune deletes finished runs beyond the history limit; their children go with them.
func (c *Controller) prune(ctx context.Context, in *input, names []string) error {
	for _, name := range names {
		for i := range in.runs {
			run := &in.runs[i]
			if run.Name != name {
				continue
			}
			err := c.Client.Delete(ctx, run, client.Preconditions{UID: &run.UID}, client.PropagationPolicy("Background"))
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return err
			}
		}
	}
	return nil
}
