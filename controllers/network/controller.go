package network

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierintegrations/finalizers,verbs=update

// FieldManager owns condition NetworkReady, status.network and the integration's NetworkPolicies.
const FieldManager = "carrier-operator-network"

// Resolver looks a name up.
type Resolver interface {
	Resolve(ctx context.Context, host string) (network.Answer, error)
}

// Controller resolves carriers' names and holds gateways to the answers.
type Controller struct {
	integrations.Base
	Resolver *Cache
	// OperatorNamespace and OperatorPods say who may ask a gateway what it serves.
	OperatorNamespace string
	OperatorPods      map[string]string
	// ClusterRanges are the cluster's own addresses, which no carrier can have.
	ClusterRanges   []netip.Prefix
	ClusterPolicies ClusterPolicies
}

// Setup says what wakes the controller up: the integration, its profile, its policies, the Services that the gateway talks to, and the
// end of an answer's life.
func (c *Controller) Setup(b *builder.Builder) error {
	if c.ClusterPolicies.Served {
		b.Watches(&npav1alpha2.ClusterNetworkPolicy{}, handler.EnqueueRequestsFromMapFunc(ofClusterPolicy))
	}
	return b.For(&v1alpha1.CarrierIntegration{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		Watches(&corev1.Service{}, c.By(integrations.FieldService, integrations.ByName)).
		Complete(c)
}

// Reconcile resolves the integration's hosts, publishes their addresses and holds the gateway to them.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil {
		return ctrl.Result{}, err
	}
	if i == nil || c.ClusterPolicies.Mode == Off {
		if err := c.removeClusterPolicy(ctx, req.NamespacedName); err != nil || i == nil {
			return ctrl.Result{}, err
		}
	}
	if i.Problem != nil { // what was published stays: the gateway goes on serving it
		status := apiac.CarrierIntegrationStatus()
		withHosts(status, i.Status.Network.Hosts)
		return ctrl.Result{}, c.Report(ctx, FieldManager, i.CarrierIntegration, status, integrations.Waiting(v1alpha1.ConditionNetworkReady))
	}
	exceptions, err := network.ParsePrefixes(i.Spec.Network.ExceptionCIDRs)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("spec.network.exceptionCIDRs: %w", err)
	}
	p := decide(i.Status.Network.Hosts, c.resolve(ctx, i.Resolved.Hosts), exceptions, c.ClusterRanges, c.Clock.Now())
	p.addRanges(i.Resolved.Environment.Endpoints, exceptions, c.ClusterRanges)
	services, problem, err := integrations.ReadServices(ctx, c.Client, i.CarrierIntegration)
	if err != nil {
		return ctrl.Result{}, err
	}
	p.missService(problem)
	err = c.applyPolicies(ctx, i, &p, &Inputs{Resolved: i.Resolved, Published: p.hosts, Ranges: p.ranges, Services: services,
		Operator: network.Pods{Namespace: c.OperatorNamespace, Labels: c.OperatorPods}})
	if err != nil {
		if p.condition, err = integrations.ConflictCondition(v1alpha1.ConditionNetworkReady, err); err != nil {
			return ctrl.Result{}, err
		}
	}
	status := apiac.CarrierIntegrationStatus()
	withHosts(status, p.hosts)
	if err := c.Report(ctx, FieldManager, i.CarrierIntegration, status, p.condition); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: max(time.Second, p.next.Sub(c.Clock.Now()))}, nil
}

func (c *Controller) resolve(ctx context.Context, hosts []integration.Host) []outcome {
	outcomes := make([]outcome, 0, len(hosts))
	for _, host := range hosts {
		answer, left, err := c.Resolver.Resolve(ctx, host.Name)
		outcomes = append(outcomes, outcome{host: host, answer: answer, left: left, err: err})
	}
	return outcomes
}

func withHosts(status *apiac.CarrierIntegrationStatusApplyConfiguration, hosts []v1alpha1.HostStatus) {
	published := apiac.NetworkStatus()
	for _, h := range hosts {
		host := apiac.HostStatus().WithHost(h.Host).WithAddresses(h.Addresses...)
		for _, r := range h.Retiring {
			host.WithRetiring(apiac.RetiringAddress().WithAddress(r.Address).WithUntil(r.Until))
		}
		published.WithHosts(host)
	}
	if len(hosts) > 0 {
		status.WithNetwork(published)
	}
}

// applyPolicies applies what the integration's policies shall be, and removes the others.
func (c *Controller) applyPolicies(ctx context.Context, i *integrations.Integration, p *plan, in *Inputs) error {
	wanted := map[string]bool{}
	for _, policy := range Policies(in) {
		wanted[*policy.Name] = true
		_, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, i.CarrierIntegration, "NetworkPolicy", *policy.Name, policy,
			&networkingv1.NetworkPolicy{}, networkingv1ac.ExtractNetworkPolicy)
		if err != nil {
			return err
		}
	}
	if err := c.prune(ctx, i.CarrierIntegration, wanted); err != nil {
		return err
	}
	return c.applyClusterPolicy(ctx, i, p, in)
}

// prune removes policies of clients that are no longer there.
func (c *Controller) prune(ctx context.Context, ci *v1alpha1.CarrierIntegration, wanted map[string]bool) error {
	var list networkingv1.NetworkPolicyList
	if err := c.Client.List(ctx, &list, client.InNamespace(ci.Namespace), client.MatchingLabels{v1alpha1.LabelIntegration: ci.Name}); err != nil {
		return err
	}
	for n := range list.Items {
		if name := list.Items[n].Name; !wanted[name] && metav1.IsControlledBy(&list.Items[n], ci) {
			if err := integrations.DeleteChild(ctx, &c.Base, ci, "NetworkPolicy", name, &networkingv1.NetworkPolicy{}); err != nil {
				return err
			}
		}
	}
	return nil
}
