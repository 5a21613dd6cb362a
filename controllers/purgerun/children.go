package purgerun

import (
	"context"
	"fmt"
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// children of a run as they are; nil: it does not exist.
type children struct {
	config  *corev1.ConfigMap
	account *corev1.ServiceAccount
	role    *rbacv1.Role
	binding *rbacv1.RoleBinding
	network *networkingv1.NetworkPolicy
	job     *batchv1.Job
	// taken is the first name that belongs to something that is not the run's.
	taken *block
}

// children reads the run's children. What the cache lacks is looked for at the API server while the run may still make it: the cache
// holds only what carries our labels, and something else of that name must not be adopted.
func (c *Controller) children(ctx context.Context, run *v1alpha1.PurgeRun) (*children, error) {
	k := &children{}
	var err error
	look := &childReader{c: c, run: run, live: !runs.Finished(run), taken: &k.taken}
	if k.account, err = child(ctx, look, "ServiceAccount", &corev1.ServiceAccount{}); err != nil {
		return nil, err
	}
	if k.role, err = child(ctx, look, "Role", &rbacv1.Role{}); err != nil {
		return nil, err
	}
	if k.binding, err = child(ctx, look, "RoleBinding", &rbacv1.RoleBinding{}); err != nil {
		return nil, err
	}
	if k.network, err = child(ctx, look, "NetworkPolicy", &networkingv1.NetworkPolicy{}); err != nil {
		return nil, err
	}
	if k.job, err = child(ctx, look, "Job", &batchv1.Job{}); err != nil {
		return nil, err
	}
	// ConfigMaps are not cached. The plan goes first when a run is cleaned up, so it need not be looked for once the rest is gone.
	if look.live || k.account != nil || k.role != nil || k.binding != nil || k.network != nil {
		k.config, err = child(ctx, look, "ConfigMap", &corev1.ConfigMap{})
	}
	return k, err
}

type childReader struct {
	c     *Controller
	run   *v1alpha1.PurgeRun
	live  bool
	taken **block
}

// child reads one child into an empty object. One that is not the run's is noted as taken and not returned.
func child[T client.Object](ctx context.Context, r *childReader, kind string, into T) (T, error) {
	var none T
	found, err := ssa.Get(ctx, r.c.Client, r.run.Namespace, r.run.Name, into)
	if err == nil && missing(found) && r.live {
		found, err = ssa.Get(ctx, r.c.Live, r.run.Namespace, r.run.Name, into)
	}
	if err != nil || missing(found) {
		return none, err
	}
	if !metav1.IsControlledBy(found, r.run) {
		if *r.taken == nil {
			*r.taken = &block{reason: v1alpha1.ReasonNameConflict, message: fmt.Sprintf(
				"%s %q exists and is not this run's: delete it", kind, r.run.Name)}
		}
		return none, nil
	}
	return found, nil
}

func missing(object client.Object) bool { return reflect.ValueOf(object).IsNil() }

// apply makes the children what the plan wants: identity and network first, then the plan, the Job last.
func (c *Controller) apply(ctx context.Context, in *input, k *children, p *plan) error {
	if p.suspend {
		return c.applyExistingJob(ctx, in.run, k.job, true)
	}
	if p.purge == nil {
		return nil
	}
	run := in.run
	if err := ssa.Apply(ctx, c.Client, FieldManager, renderServiceAccount(run), k.account, corev1ac.ExtractServiceAccount); err != nil {
		return err
	}
	if err := ssa.Apply(ctx, c.Client, FieldManager, renderRole(run), k.role, rbacv1ac.ExtractRole); err != nil {
		return err
	}
	if err := ssa.Apply(ctx, c.Client, FieldManager, renderRoleBinding(run), k.binding, rbacv1ac.ExtractRoleBinding); err != nil {
		return err
	}
	// Without a readable Secret its port is not known; the policy of a run that works already stays as it is.
	if ports, ok := storePorts(in); ok {
		network := renderNetworkPolicy(run, ports, c.Options.APIServerPorts)
		if err := ssa.Apply(ctx, c.Client, FieldManager, network, k.network, networkingv1ac.ExtractNetworkPolicy); err != nil {
			return err
		}
	}
	if err := ssa.Apply(ctx, c.Client, FieldManager, renderConfig(run, p.purge), k.config, corev1ac.ExtractConfigMap); err != nil {
		return err
	}
	if k.job != nil {
		return c.applyExistingJob(ctx, run, k.job, false)
	}
	sources := jobSources{image: c.Options.Image, pull: c.Options.PullPolicy, store: secretsOf(in.store), planDigest: frozenDigest(p.purge), pods: max(p.purge.Parallelism, 1)}
	if in.archive != nil {
		sources.archive = secretsOf(in.archive.store)
	}
	sources.hashKeySecret, sources.signingKeySecret = in.policy.Spec.HashKeyRef.Name, in.policy.Spec.SigningKeyRef.Name
	return ssa.Apply(ctx, c.Client, FieldManager, renderJob(run, sources), nil, batchv1ac.ExtractJob)
}

// applyExistingJob puts right what can be changed of a Job. Its pods' template cannot: it stays as it was applied, even by an operator of
// another version.
func (c *Controller) applyExistingJob(ctx context.Context, run *v1alpha1.PurgeRun, job *batchv1.Job, suspend bool) error {
	applied, err := batchv1ac.ExtractJob(job, FieldManager)
	if err != nil {
		return fmt.Errorf("reading what was applied to Job %q: %w", job.Name, err)
	}
	if applied.Spec == nil || applied.Spec.Template == nil {
		return nil // not made by server-side apply, for example restored from a backup: it runs as it is
	}
	return ssa.Apply(ctx, c.Client, FieldManager, keepJob(run, applied, suspend), job, batchv1ac.ExtractJob)
}

// cleanUp removes what only a working run needs: its identity, its rights, its network policy and its plan. The Job stays for its logs.
func (c *Controller) cleanUp(ctx context.Context, run *v1alpha1.PurgeRun, k *children) error {
	for _, object := range []client.Object{k.config, k.binding, k.role, k.account, k.network} {
		if missing(object) || !object.GetDeletionTimestamp().IsZero() {
			continue
		}
		uid := object.GetUID()
		err := c.Client.Delete(ctx, object, client.Preconditions{UID: &uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("removing what run %q needs no more: %w", run.Name, err)
		}
	}
	return nil
}
