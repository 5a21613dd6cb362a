package network

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	npav1alpha2ac "sigs.k8s.io/network-policy-api/pkg/client/applyconfiguration/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

// Inputs are what an integration's policies are made from.
type Inputs struct {
	Resolved *integration.Resolved
	// Published address sets, and Ranges that the carrier publishes, by host.
	Published []v1alpha1.HostStatus
	Ranges    map[string][]netip.Prefix
	// Services that the gateway talks to, by name.
	Services map[string]*corev1.Service
	// Operator says who may ask a gateway what it serves.
	Operator network.Pods
}

// Policies renders the gateway's policy, and one a client whose egress is the operator's business.
func Policies(in *Inputs) []*networkingv1ac.NetworkPolicyApplyConfiguration {
	ci := in.Resolved.Integration
	all := []*networkingv1ac.NetworkPolicyApplyConfiguration{policy(ci, integration.GatewayName(ci.Name)).WithSpec(in.gateway().Spec())}
	if ci.Spec.Network.ClientEgress == v1alpha1.ClientEgressClusterOnly {
		for n := range ci.Spec.Clients {
			all = append(all, clientPolicy(ci, &ci.Spec.Clients[n]))
		}
	}
	return all
}

// ClusterPolicy renders the gateway's ClusterNetworkPolicy from the same decision as its NetworkPolicy.
func ClusterPolicy(in *Inputs) *npav1alpha2ac.ClusterNetworkPolicyApplyConfiguration {
	ci := in.Resolved.Integration
	key := types.NamespacedName{Namespace: ci.Namespace, Name: ci.Name}
	return npav1alpha2ac.ClusterNetworkPolicy(clusterPolicyName(key)).WithLabels(clusterPolicyLabels(key)).WithSpec(in.gateway().ClusterSpec(ci.Namespace))
}

// clusterPolicyName cannot meet that of another integration: a namespace's name has no dot.
func clusterPolicyName(ci types.NamespacedName) string {
	return ci.Namespace + "." + integration.GatewayName(ci.Name)
}

// clusterPolicyLabels say whose a policy is, in place of the owner that it cannot have.
func clusterPolicyLabels(ci types.NamespacedName) map[string]string {
	labels := integrations.Labels(&v1alpha1.CarrierIntegration{Name: ci.Name})
	labels[v1alpha1.LabelNamespace] = ci.Namespace
	return labels
}

// gateway holds the gateway to the published addresses and to the Services that it talks to, and lets in its clients, the operator and
// those that pass webhooks on.
func (in *Inputs) gateway() *network.GatewayPolicy {
	ci := in.Resolved.Integration
	g := &network.GatewayPolicy{
		Pods:         integrations.GatewayPods(ci),
		ListenerPort: integrations.ListenerPort(ci),
		CallbackPort: config.PortCallbacks,
		Operator:     in.Operator,
		AdminPort:    config.PortAdmin,
		Destinations: in.destinations(),
		Backends:     backends(ci, in.Services),
	}
	for _, client := range ci.Spec.Clients {
		g.Clients = append(g.Clients, client.PodSelector)
	}
	for _, callback := range ci.Spec.Callbacks {
		g.Callers = append(g.Callers, network.Pods{Namespace: callback.From.Namespace, Labels: callback.From.PodLabels})
	}
	return g
}

func (in *Inputs) destinations() []network.Destination {
	var all []network.Destination
	for _, host := range in.Resolved.Hosts {
		d := network.Destination{Port: host.Port, Ranges: in.Ranges[host.String()]}
		for _, h := range in.Published {
			if h.Host != host.String() {
				continue
			}
			for _, text := range h.Addresses {
				if a, err := netip.ParseAddr(text); err == nil {
					d.Addresses = append(d.Addresses, a)
				}
			}
		}
		all = append(all, d)
	}
	return all
}

// backends are the pods behind the Services: policies look at packets after a Service's address was translated.
func backends(ci *v1alpha1.CarrierIntegration, services map[string]*corev1.Service) []network.Backend {
	var all []network.Backend
	for _, use := range integrations.Services(ci) {
		service := services[use.Service]
		if service == nil {
			continue // told by the condition
		}
		for _, port := range service.Spec.Ports {
			if port.Port != use.Port || port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
				continue
			}
			target := port.TargetPort
			if target == (intstr.IntOrString{}) {
				target = intstr.FromInt32(port.Port)
			}
			all = append(all, network.Backend{Labels: service.Spec.Selector, Port: target})
		}
	}
	return all
}

// clientPolicy keeps a client's pods inside of the cluster. A selector that goes by what pods lack may select pods of the operator too:
// to those, policies being additive, this one would open the whole cluster.
func clientPolicy(ci *v1alpha1.CarrierIntegration, client *v1alpha1.IntegrationClient) *networkingv1ac.NetworkPolicyApplyConfiguration {
	pods := client.PodSelector.DeepCopy()
	pods.MatchExpressions = append(pods.MatchExpressions, metav1.LabelSelectorRequirement{Key: v1alpha1.LabelComponent, Operator: metav1.LabelSelectorOpDoesNotExist})
	return policy(ci, ci.Name+"-client-"+client.Name).WithSpec(network.ClientsSpec(pods))
}

func policy(ci *v1alpha1.CarrierIntegration, name string) *networkingv1ac.NetworkPolicyApplyConfiguration {
	return networkingv1ac.NetworkPolicy(name, ci.Namespace).WithLabels(integrations.Labels(ci)).WithOwnerReferences(integrations.Owner(ci))
}
