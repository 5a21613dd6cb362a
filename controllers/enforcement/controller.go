package enforcement

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps;pods;secrets,verbs=get;list;watch

// FieldManager owns condition NetworkEnforced.
const FieldManager = "carrier-operator-enforcement"

// trustKey is the key of the trust bundle's ConfigMap.
const trustKey = "ca.crt"

// Controller has gateways try what their policies forbid.
type Controller struct {
	integrations.Base
	// Prober has a gateway pod try to connect.
	Prober gateway.Prober
	// Target is where no gateway may get to: the address of this manager at which a Listener listens. The zero value: not known.
	Target netip.AddrPort
	// Reach connects to the target from the manager itself. Default: Reach of this package.
	Reach func(context.Context, netip.AddrPort) error
	// Spread changes the interval between probes, so that not all gateways are asked at once. Default: it stays.
	Spread func(time.Duration) time.Duration

	mu   sync.Mutex
	last map[types.NamespacedName]record
}

// record is the newest visit to one integration's gateway: to which pods in which revision, what it showed, and when it is over.
type record struct {
	subject   string
	condition metav1.Condition
	until     time.Time
	// verdict is the newest that a probe gave, and when.
	verdict   metav1.Condition
	verdictAt time.Time
}

// Setup says what wakes the controller up: the integration, its policies and its gateway's pods. Policies of others are looked at on each
// visit.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).
		Owns(&networkingv1.NetworkPolicy{}).
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

// Reconcile probes an integration's gateway where its revision or its pods are new, or the last probe is too long ago.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil {
		return ctrl.Result{}, err
	}
	if i == nil {
		c.remember(req.NamespacedName, nil)
		return ctrl.Result{}, nil
	}
	replicas, err := c.replicas(ctx, i.CarrierIntegration)
	if err != nil {
		return ctrl.Result{}, err
	}
	now, subject := c.Clock.Now(), subjectOf(i.CarrierIntegration, replicas)
	r := c.recall(req.NamespacedName)
	if r.subject != subject || !now.Before(r.until) {
		o, err := c.observe(ctx, i.CarrierIntegration, replicas)
		if err != nil {
			return ctrl.Result{}, err
		}
		r = r.next(subject, o, now, c.Spread)
		c.remember(req.NamespacedName, &r)
	}
	if err := c.Report(ctx, FieldManager, i.CarrierIntegration, apiac.CarrierIntegrationStatus(), r.condition); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: max(time.Second, r.until.Sub(now))}, nil
}

// next is the record after a visit. While nobody can be asked the last verdict holds for a while.
func (r record) next(subject string, o *observation, now time.Time, spread func(time.Duration) time.Duration) record {
	condition, again := decide(o, now)
	if spread != nil {
		again = spread(again)
	}
	next := record{subject: subject, condition: condition, until: now.Add(again), verdict: r.verdict, verdictAt: r.verdictAt}
	switch {
	case condition.Status != metav1.ConditionUnknown:
		next.verdict, next.verdictAt = condition, now
	case r.verdict.Type != "" && now.Sub(r.verdictAt) < memory:
		next.condition = r.verdict
	}
	return next
}

func (c *Controller) recall(name types.NamespacedName) record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[name]
}

func (c *Controller) remember(name types.NamespacedName, r *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == nil {
		delete(c.last, name)
		return
	}
	if c.last == nil {
		c.last = map[types.NamespacedName]record{}
	}
	c.last[name] = *r
}

// subjectOf changes with the revision that is served and with the pods.
func subjectOf(ci *v1alpha1.CarrierIntegration, replicas []replica) string {
	parts := []string{ci.Status.Gateway.Revision}
	for i := range replicas {
		parts = append(parts, string(replicas[i].pod.UID))
	}
	return strings.Join(parts, " ")
}

// replicas are the gateway's ready pods, by name.
func (c *Controller) replicas(ctx context.Context, ci *v1alpha1.CarrierIntegration) ([]replica, error) {
	var list corev1.PodList
	if err := c.Client.List(ctx, &list, client.InNamespace(ci.Namespace), client.MatchingLabels(integrations.GatewayPods(ci))); err != nil {
		return nil, err
	}
	var replicas []replica
	for n := range list.Items {
		if pod := &list.Items[n]; ready(pod) {
			replicas = append(replicas, replica{pod: pod})
		}
	}
	slices.SortFunc(replicas, func(a, b replica) int { return strings.Compare(a.pod.Name, b.pod.Name) })
	return replicas, nil
}

// observe looks at the policies of others and has the replicas probe, unless a probe could tell nothing.
func (c *Controller) observe(ctx context.Context, ci *v1alpha1.CarrierIntegration, replicas []replica) (*observation, error) {
	var policies networkingv1.NetworkPolicyList
	if err := c.Live.List(ctx, &policies, client.InNamespace(ci.Namespace)); err != nil { // the cache holds ours only
		return nil, err
	}
	o := &observation{foreign: foreign(policies.Items, ci.UID, replicas)}
	own := slices.ContainsFunc(policies.Items, func(p networkingv1.NetworkPolicy) bool {
		return p.Name == integration.GatewayName(ci.Name) && metav1.IsControlledBy(&p, ci)
	})
	switch {
	case !c.Target.IsValid():
		o.obstacle = "the manager has no address at which it could listen for a forbidden connection: see its flag --probe-bind-address and the environment variable POD_IP"
	case !own:
		o.obstacle = "waits for condition " + v1alpha1.ConditionNetworkReady
	case len(replicas) == 0:
	default:
		if o.obstacle = c.unreachable(ctx); o.obstacle == "" {
			o.replicas = replicas
			return o, c.probe(ctx, ci, replicas)
		}
	}
	return o, nil
}

// unreachable says why the target cannot be reached even from where it is. A connection that is refused because nobody listens must not
// pass for one that a policy refused.
func (c *Controller) unreachable(ctx context.Context) string {
	reach := c.Reach
	if reach == nil {
		reach = Reach
	}
	if err := reach(ctx, c.Target); err != nil {
		return fmt.Sprintf("the manager cannot reach its own probe port %d, so a probe would show nothing", c.Target.Port())
	}
	return ""
}

// probe has all replicas try at the same time: nodes may differ.
func (c *Controller) probe(ctx context.Context, ci *v1alpha1.CarrierIntegration, replicas []replica) error {
	trust, err := ssa.Get(ctx, c.Live, ci.Namespace, integration.TrustBundle(ci.Name), &corev1.ConfigMap{})
	if err != nil {
		return err
	}
	if trust == nil {
		trust = &corev1.ConfigMap{}
	}
	peer, err := gateway.ReadPeer(ctx, c.Live, ci, trust.Data[trustKey])
	if err != nil {
		for i := range replicas {
			replicas[i].err = fmt.Errorf("cannot be asked: %w", err)
		}
		return nil
	}
	var wait sync.WaitGroup
	for i := range replicas {
		r := &replicas[i]
		wait.Go(func() { r.outcome, r.err = c.Prober.Probe(ctx, r.pod.Status.PodIP, peer, c.Target) })
	}
	wait.Wait()
	return nil
}
