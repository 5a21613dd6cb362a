// Package refreshtoken keeps the refresh tokens that a carrier issues in place of earlier ones. Where it does so at each use, the one in
// the user's Secret is worthless after its first use, and losing the newest means that the merchant has to consent again. So the operator
// asks the gateway for it and keeps it in a Secret of its own, which the gateway's next pod is given. The tokens are never cached and
// never logged.
package refreshtoken

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// Writing a Secret is not among the manager's own rights: config/rbac/refresh_tokens_role.yaml is bound where it is needed.
//
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=configmaps;pods,verbs=get;list;watch

// FieldManager owns the Secret.
const FieldManager = "carrier-operator-refresh-token"

// interval is how often a gateway is asked. What it has not told when its node is lost is lost too, so it is short; token requests are
// rare, and most visits change nothing.
const interval = 15 * time.Second

// forbiddenInterval is how often it is tried again to write a Secret that may not be written.
const forbiddenInterval = time.Minute

// trustKey is the key of the trust bundle's ConfigMap.
const trustKey = "ca.crt"

// Asker asks a gateway pod for the refresh tokens that the carrier issued, by credential.
type Asker interface {
	RefreshTokens(ctx context.Context, podIP string, peer *gateway.Peer) (map[string]config.RefreshToken, error)
}

// Controller keeps the newest refresh tokens of integrations whose carrier replaces them.
type Controller struct {
	integrations.Base
	Asker Asker
}

// Setup says what wakes the controller up: the integration, its profile and its gateway's pods.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ofPod)).
		Complete(c)
}

func ofPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.LabelIntegration]
	if name == "" || pod.GetLabels()[v1alpha1.LabelComponent] != v1alpha1.ComponentGateway {
		return nil
	}
	return []reconcile.Request{{Namespace: pod.GetNamespace(), Name: name}}
}

// Reconcile asks the gateway and keeps what is new. A profile that does not resolve changes nothing: the tokens may be needed again.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil || i == nil || i.Problem != nil {
		return ctrl.Result{}, err
	}
	if !integration.RotatesRefreshTokens(&i.Resolved.Profile.Spec.Authentication) {
		return ctrl.Result{}, c.forget(ctx, i.CarrierIntegration)
	}
	reported, err := c.ask(ctx, i.CarrierIntegration)
	if err != nil {
		return ctrl.Result{}, err
	}
	// Without a token yet the Secret is made all the same: the gateway is not told to use up the first one before it exists.
	err = c.keep(ctx, i.CarrierIntegration, reported)
	if apierrors.IsForbidden(err) {
		name := integration.RefreshTokens(i.Name)
		c.Events.Eventf(i.CarrierIntegration, nil, corev1.EventTypeWarning, "Forbidden", "KeepRefreshTokens",
			"the operator may not write Secret %q: bind the ClusterRole for refresh tokens to its ServiceAccount in this namespace", name)
		return ctrl.Result{RequeueAfter: forbiddenInterval}, nil
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(interval, 0.1)}, err
}

// ask returns what the gateway's ready pods report; the newest of each credential, should two of them overlap.
func (c *Controller) ask(ctx context.Context, ci *v1alpha1.CarrierIntegration) (tokens, error) {
	var pods corev1.PodList
	if err := c.Client.List(ctx, &pods, client.InNamespace(ci.Namespace), client.MatchingLabels(integrations.GatewayPods(ci))); err != nil {
		return nil, err
	}
	pods.Items = slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return !ready(&p) })
	if len(pods.Items) == 0 {
		return nil, nil
	}
	trust, err := ssa.Get(ctx, c.Live, ci.Namespace, integration.TrustBundle(ci.Name), &corev1.ConfigMap{})
	if err != nil || trust == nil {
		return nil, err
	}
	log := ctrl.LoggerFrom(ctx)
	peer, err := gateway.ReadPeer(ctx, c.Live, ci, trust.Data[trustKey])
	if err != nil {
		log.Info("refresh tokens cannot be asked for", "problem", err.Error())
		return nil, nil
	}
	all := tokens{}
	for n := range pods.Items {
		pod := &pods.Items[n]
		reported, err := c.Asker.RefreshTokens(ctx, pod.Status.PodIP, peer)
		if err != nil {
			log.Info("a gateway cannot be asked for refresh tokens", "pod", pod.Name, "problem", err.Error())
			continue
		}
		all = merge(all, reported, ci.Spec.Credentials)
	}
	return all, nil
}

func ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && pod.Status.PodIP != "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// keep writes the Secret if there is something newer. One of that name that is not ours is never touched; the gateway's controller says
// so in its condition.
func (c *Controller) keep(ctx context.Context, ci *v1alpha1.CarrierIntegration, reported tokens) error {
	name := integration.RefreshTokens(ci.Name)
	live, err := ssa.Get(ctx, c.Live, ci.Namespace, name, &corev1.Secret{})
	if err != nil {
		return err
	}
	if live != nil && !metav1.IsControlledBy(live, ci) {
		ctrl.LoggerFrom(ctx).Info("the Secret for refresh tokens is somebody else's", "secret", name)
		return nil
	}
	want := render(ci, merge(decode(live), reported, ci.Spec.Credentials))
	return ssa.Apply(ctx, c.Client, FieldManager, want, live, corev1ac.ExtractSecret)
}

// forget removes the Secret of an integration whose carrier does not replace refresh tokens (any more). Only its metadata is read.
func (c *Controller) forget(ctx context.Context, ci *v1alpha1.CarrierIntegration) error {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	found, err := ssa.Get(ctx, c.Client, ci.Namespace, integration.RefreshTokens(ci.Name), secret)
	if err != nil || found == nil || !metav1.IsControlledBy(found, ci) || !found.DeletionTimestamp.IsZero() {
		return err
	}
	err = c.Client.Delete(ctx, found, client.Preconditions{UID: &found.UID})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
