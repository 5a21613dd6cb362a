// Package cluster keeps a run's status in its PurgeRun and reads the legal holds from its ConfigMap. It needs no more than the run's
// Role gives: get of both objects by name and patch of the run's status.
package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// FieldManager owns the purger's part of a run's status. Pods of other indexes than 0 have their own, with the index behind a dash.
const FieldManager = "purger"

// requestTimeout of one request to the API server: a lost answer must not stop the run for longer.
const requestTimeout = 10 * time.Second

// Run is the PurgeRun of a plan.
type Run struct {
	client client.Client
	key    types.NamespacedName
	uid    types.UID
	store  string
	// index of the pod that reports, and holder, the name that it holds the index by.
	index  int32
	holder string
}

var (
	_ retention.Reporter   = (*Run)(nil)
	_ retention.HoldSource = (*Run)(nil)
)

// New returns the run that a plan is for. The holder's name is that of no other process. It asks the server nothing yet.
func New(config *rest.Config, plan *retention.Plan, holder string) (*Run, error) {
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	// Two kinds that are known need no discovery.
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	mapper.Add(v1alpha1.GroupVersion.WithKind("PurgeRun"), meta.RESTScopeNamespace)
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("client of the Kubernetes API: %w", err)
	}
	return &Run{client: c, key: types.NamespacedName{Namespace: plan.Namespace, Name: plan.Run}, uid: types.UID(plan.RunUID), store: plan.Store.Name,
		index: plan.Index, holder: holder}, nil
}

// Take writes the holder's name into the status that it returns: nobody reported in between.
func (r *Run) Take(ctx context.Context) (status *v1alpha1.PurgeRunStatus, after bool, err error) {
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		run, err := r.get(ctx)
		if err != nil {
			return err
		}
		status, after = &run.Status, retention.TakeOver(&run.Status, r.index, r.holder)
		if status.Outcome.Reason != "" {
			return nil
		}
		return r.apply(ctx, run, status, r.holder)
	})
	return status, after, err
}

// Load returns the run's status.
func (r *Run) Load(ctx context.Context) (*v1alpha1.PurgeRunStatus, error) {
	run, err := r.held(ctx)
	if err != nil {
		return nil, err
	}
	return &run.Status, nil
}

func (r *Run) fieldManager() string {
	if r.index == 0 {
		return FieldManager
	}
	return fmt.Sprintf("%s-%d", FieldManager, r.index)
}

// get reads the run. One that was deleted and made again is another one.
func (r *Run) get(ctx context.Context) (*v1alpha1.PurgeRun, error) {
	run := &v1alpha1.PurgeRun{}
	if err := r.client.Get(ctx, r.key, run); err != nil {
		return nil, gone(err)
	}
	if run.UID != r.uid {
		return nil, fmt.Errorf("%w: %s is another run now", retention.ErrGone, r.key)
	}
	return run, nil
}

// held is get for the pod that holds its index.
func (r *Run) held(ctx context.Context) (*v1alpha1.PurgeRun, error) {
	run, err := r.get(ctx)
	if err == nil && retention.Holder(&run.Status, r.index) != r.holder {
		return nil, retention.ErrReplaced
	}
	return run, err
}

// Report applies the purger's part of the status; what it leaves out it takes back.
func (r *Run) Report(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	return r.report(ctx, status, r.holder)
}

// Leave is Report without the holder.
func (r *Run) Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	return r.report(ctx, status, "")
}

func (r *Run) report(ctx context.Context, status *v1alpha1.PurgeRunStatus, holder string) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		run, err := r.held(ctx)
		if err != nil {
			return err
		}
		if retention.Outdated(&run.Status, status, r.index) {
			return retention.ErrMoved
		}
		return r.apply(ctx, run, status, holder)
	})
}

// apply writes the purger's part of a status over the version that was read. An apply of a status ignores the UID, so the version ties it to
// this run, and to its holder; it meets the operator's writes at times.
func (r *Run) apply(ctx context.Context, read *v1alpha1.PurgeRun, status *v1alpha1.PurgeRunStatus, holder string) error {
	wanted := r.render(status, holder).WithResourceVersion(read.ResourceVersion)
	return gone(r.client.Status().Apply(ctx, wanted, client.FieldOwner(r.fieldManager()), client.ForceOwnership))
}

// Holds reads the holds of the run's current plan. A ConfigMap that is missing is an error that may pass: the operator restores it.
func (r *Run) Holds(ctx context.Context) ([]retention.Hold, error) {
	config := &corev1.ConfigMap{}
	if err := r.client.Get(ctx, r.key, config); err != nil {
		return nil, err
	}
	plan, err := retention.ParsePlan([]byte(config.Data[retention.PlanFile]))
	if err != nil {
		return nil, err
	}
	if types.UID(plan.RunUID) != r.uid || plan.Store.Name != r.store {
		return nil, retention.Fail(v1alpha1.ReasonPlanInvalid,
			"ConfigMap %s holds the plan of another run or store: its holds say nothing about this one. Do not edit it; ask for a new run", r.key)
	}
	return plan.Holds, nil
}

// gone marks the error that no further try mends.
func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: %w", retention.ErrGone, err)
	}
	return err
}
