package network

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
)

// Destination is where a carrier's host is, with the port that may be dialed there.
type Destination struct {
	// Addresses that the host resolves to.
	Addresses []netip.Addr
	// Ranges that the carrier publishes for the host; they are allowed as a whole.
	Ranges []netip.Prefix
	Port   uint16
}

// blocks are the ranges, and the addresses outside of them: sorted, and none inside of another. An answer within a range thus
// changes nothing.
func (d *Destination) blocks() []netip.Prefix {
	all := slices.Clone(d.Ranges)
	for _, a := range d.Addresses {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var kept []netip.Prefix
	for _, p := range all { // what covers p begins no later and is wider, so it was seen
		if !slices.ContainsFunc(kept, func(k netip.Prefix) bool { return covers(k, p) }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Pods are pods of one namespace.
type Pods struct {
	// Namespace by name; empty: the gateway's own.
	Namespace string
	Labels    map[string]string
}

// Backend are the pods behind a Service of the gateway's namespace, with the port that the Service leads to.
type Backend struct {
	Labels map[string]string
	Port   intstr.IntOrString
}

// GatewayPolicy is what a gateway's NetworkPolicy says.
type GatewayPolicy struct {
	// Pods are the labels of the gateway's pods.
	Pods map[string]string
	// Clients may connect to ListenerPort.
	Clients      []metav1.LabelSelector
	ListenerPort int32
	// Callers may connect to CallbackPort.
	Callers      []Pods
	CallbackPort int32
	// The Operator's pods may connect to AdminPort.
	Operator  Pods
	AdminPort int32
	// Destinations and Backends are all that the gateway may dial. Empty: nothing.
	Destinations []Destination
	Backends     []Backend
}

// Spec renders the policy. A rule without peers would mean "everywhere", and an empty selector "everything": what names nobody becomes
// no rule at all.
func (p *GatewayPolicy) Spec() *networkingv1ac.NetworkPolicySpecApplyConfiguration {
	return networkingv1ac.NetworkPolicySpec().
		WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(p.Pods)).
		WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
		WithIngress(p.ingress()...).
		WithEgress(p.egress()...)
}

func (p *GatewayPolicy) ingress() (rules []*networkingv1ac.NetworkPolicyIngressRuleApplyConfiguration) {
	allow := func(port int32, from ...*networkingv1ac.NetworkPolicyPeerApplyConfiguration) {
		if len(from) > 0 {
			rules = append(rules, networkingv1ac.NetworkPolicyIngressRule().WithFrom(from...).WithPorts(tcp(intstr.FromInt32(port))))
		}
	}
	var clients []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for i := range p.Clients {
		if s := &p.Clients[i]; len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
			clients = append(clients, networkingv1ac.NetworkPolicyPeer().WithPodSelector(selector(s)))
		}
	}
	allow(p.ListenerPort, clients...)
	var callers []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for _, pods := range p.Callers {
		if len(pods.Labels) > 0 {
			callers = append(callers, pods.peer())
		}
	}
	allow(p.CallbackPort, callers...)
	if len(p.Operator.Labels) > 0 {
		allow(p.AdminPort, p.Operator.peer())
	}
	return rules
}

func (p *GatewayPolicy) egress() (rules []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration) {
	for i := range p.Destinations {
		rule := networkingv1ac.NetworkPolicyEgressRule().WithPorts(tcp(intstr.FromInt32(int32(p.Destinations[i].Port))))
		for _, block := range p.Destinations[i].blocks() {
			rule.WithTo(networkingv1ac.NetworkPolicyPeer().WithIPBlock(networkingv1ac.IPBlock().WithCIDR(block.String())))
		}
		if len(rule.To) > 0 {
			rules = append(rules, rule)
		}
	}
	for _, b := range p.Backends {
		if len(b.Labels) > 0 {
			rules = append(rules, networkingv1ac.NetworkPolicyEgressRule().WithPorts(tcp(b.Port)).WithTo((&Pods{Labels: b.Labels}).peer()))
		}
	}
	return rules
}

func (p *Pods) peer() *networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	peer := networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(p.Labels))
	if p.Namespace != "" {
		peer.WithNamespaceSelector(metav1ac.LabelSelector().WithMatchLabels(map[string]string{corev1.LabelMetadataName: p.Namespace}))
	}
	return peer
}

// ClientsSpec renders the policy that keeps client pods inside of the cluster: pods of all namespaces and DNS, nothing outside. Ingress
// stays as it is.
func ClientsSpec(client *metav1.LabelSelector) *networkingv1ac.NetworkPolicySpecApplyConfiguration {
	everyPod := networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector())
	return networkingv1ac.NetworkPolicySpec().
		WithPodSelector(selector(client)).
		WithPolicyTypes(networkingv1.PolicyTypeEgress).
		WithEgress(networkingv1ac.NetworkPolicyEgressRule().WithTo(everyPod))
}

func tcp(port intstr.IntOrString) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(port)
}

func selector(s *metav1.LabelSelector) *metav1ac.LabelSelectorApplyConfiguration {
	config := metav1ac.LabelSelector()
	if len(s.MatchLabels) > 0 {
		config.WithMatchLabels(s.MatchLabels)
	}
	for _, e := range s.MatchExpressions {
		config.WithMatchExpressions(metav1ac.LabelSelectorRequirement().WithKey(e.Key).WithOperator(e.Operator).WithValues(slices.Clone(e.Values)...))
	}
	return config
}
