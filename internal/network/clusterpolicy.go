package network

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npav1alpha2ac "sigs.k8s.io/network-policy-api/pkg/client/applyconfiguration/apis/v1alpha2"
)

// ClusterPriority is the priority of all of our ClusterNetworkPolicies: the last of the tier, so that whatever an administrator says
// comes first. No two of ours select the same pod, so their order does not matter.
const ClusterPriority = 1000

// maxList is how many rules a ClusterNetworkPolicy, peers a rule and networks a peer can have.
const maxList = 25

// ClusterSpec renders the egress of the policy as a ClusterNetworkPolicy: all is denied that Spec does not allow, and what it allows is
// left to it (Pass). Thus it only takes away, whatever policies of the namespace add.
func (p *GatewayPolicy) ClusterSpec(namespace string) *npav1alpha2ac.ClusterNetworkPolicySpecApplyConfiguration {
	return npav1alpha2ac.ClusterNetworkPolicySpec().
		WithTier(npav1alpha2.AdminTier).
		WithPriority(ClusterPriority).
		WithSubject(npav1alpha2ac.ClusterNetworkPolicySubject().WithPods(namespaced(namespace, p.Pods))).
		WithEgress(p.passDestinations()...).
		WithEgress(p.passBackends(namespace)...).
		WithEgress(denyAll())
}

// passDestinations makes as few rules as possible: one a port, or more where a rule cannot hold all.
func (p *GatewayPolicy) passDestinations() (rules []*npav1alpha2ac.ClusterNetworkPolicyEgressRuleApplyConfiguration) {
	byPort := map[uint16]*Destination{}
	for _, d := range p.Destinations {
		all := byPort[d.Port]
		if all == nil {
			all = &Destination{Port: d.Port}
			byPort[d.Port] = all
		}
		all.Addresses = append(all.Addresses, d.Addresses...)
		all.Ranges = append(all.Ranges, d.Ranges...)
	}
	for _, port := range slices.Sorted(maps.Keys(byPort)) {
		var peers []*npav1alpha2ac.ClusterNetworkPolicyEgressPeerApplyConfiguration
		for blocks := range slices.Chunk(byPort[port].blocks(), maxList) {
			peer := npav1alpha2ac.ClusterNetworkPolicyEgressPeer()
			for _, block := range blocks {
				peer.WithNetworks(npav1alpha2.CIDR(block.String()))
			}
			peers = append(peers, peer)
		}
		for some := range slices.Chunk(peers, maxList) {
			rules = append(rules, pass(fmt.Sprintf("the carrier, port %d", port), intstr.FromInt32(int32(port))).WithTo(some...))
		}
	}
	return rules
}

func (p *GatewayPolicy) passBackends(namespace string) (rules []*npav1alpha2ac.ClusterNetworkPolicyEgressRuleApplyConfiguration) {
	for _, b := range p.Backends {
		if len(b.Labels) > 0 {
			rules = append(rules, pass("a Service of the namespace", b.Port).
				WithTo(npav1alpha2ac.ClusterNetworkPolicyEgressPeer().WithPods(namespaced(namespace, b.Labels))))
		}
	}
	return rules
}

func pass(name string, port intstr.IntOrString) *npav1alpha2ac.ClusterNetworkPolicyEgressRuleApplyConfiguration {
	protocol := npav1alpha2ac.ClusterNetworkPolicyProtocol()
	if port.Type == intstr.String { // of whatever protocol: the NetworkPolicy looks at that
		protocol.WithDestinationNamedPort(port.StrVal)
	} else {
		protocol.WithTCP(npav1alpha2ac.ClusterNetworkPolicyProtocolTCP().WithDestinationPort(npav1alpha2ac.Port().WithNumber(port.IntVal)))
	}
	return npav1alpha2ac.ClusterNetworkPolicyEgressRule().WithName(name).WithAction(npav1alpha2.ClusterNetworkPolicyRuleActionPass).WithProtocols(protocol)
}

// denyAll names pods too: some network plugins match no pod by its address.
func denyAll() *npav1alpha2ac.ClusterNetworkPolicyEgressRuleApplyConfiguration {
	return npav1alpha2ac.ClusterNetworkPolicyEgressRule().WithName("all else").WithAction(npav1alpha2.ClusterNetworkPolicyRuleActionDeny).WithTo(
		npav1alpha2ac.ClusterNetworkPolicyEgressPeer().WithNamespaces(metav1ac.LabelSelector()),
		npav1alpha2ac.ClusterNetworkPolicyEgressPeer().WithNetworks("0.0.0.0/0", "::/0"))
}

func namespaced(namespace string, labels map[string]string) *npav1alpha2ac.NamespacedPodApplyConfiguration {
	return npav1alpha2ac.NamespacedPod().
		WithNamespaceSelector(metav1ac.LabelSelector().WithMatchLabels(map[string]string{corev1.LabelMetadataName: namespace})).
		WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(labels))
}
