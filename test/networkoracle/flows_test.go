package networkoracle

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/network"
)

const (
	integrations = 10_000
	flows        = 40 // of each integration
)

// Whatever an integration says, exactly the flows that it says are allowed, in the judgment of an engine that knows nothing of it.
func TestPoliciesAllowExactlyTheSpecifiedFlows(t *testing.T) {
	d, j := dice{rand.New(rand.NewPCG(20261124, 3))}, newJudge()
	var allowed, refused int
	for n := range integrations {
		in := d.inputs()
		policies := asServed[networkingv1.NetworkPolicy](t, network.Policies(in)...)
		checkNoRuleForAll(t, policies)
		pods := d.pods()
		j.hold(t, policies, pods)
		for range flows {
			from, to, port, protocol := d.flow(pods)
			want := leaves(t, in, from, to, port, protocol) && enters(t, in, from, to, port, protocol)
			if got := j.allows(t, from, to, port, protocol); got != want {
				t.Fatalf("integration %d: from %s to %s, %s port %d: allowed is %v, want %v\n%s", n, from, to, protocol, port, got, want, show(in, policies))
			}
			if want {
				allowed++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d integrations, %d flows allowed, %d refused", integrations, allowed, refused)
	if allowed < integrations*flows/20 || refused < integrations*flows/20 {
		t.Errorf("%d flows allowed and %d refused show little", allowed, refused)
	}
}

// With a ClusterNetworkPolicy the gateway leaves by the same ways though a policy of somebody else opens all of them to every pod.
func TestClusterPolicyHoldsTheGatewayWhateverOthersOpen(t *testing.T) {
	d, j := dice{rand.New(rand.NewPCG(20261128, 3))}, newJudge()
	open := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "open"}, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: []networkingv1.NetworkPolicyEgressRule{{}}}}
	var allowed, refused int
	for n := range integrations / 4 {
		in := d.inputs()
		pods := d.pods()
		j.hold(t, append(asServed[networkingv1.NetworkPolicy](t, network.Policies(in)...), open), pods)
		cluster := asServed[npav1alpha2.ClusterNetworkPolicy](t, network.ClusterPolicy(in))[0]
		if err := j.clusterPolicies.Replace([]any{cluster}, ""); err != nil {
			t.Fatal(err)
		}
		for range flows {
			from, to, port, protocol := d.flow(pods)
			held := isGateway(from, in.Resolved.Integration)
			want := (!held || leaves(t, in, from, to, port, protocol)) && enters(t, in, from, to, port, protocol)
			if got := j.allows(t, from, to, port, protocol); got != want {
				t.Fatalf("integration %d: from %s to %s, %s port %d: allowed is %v, want %v\n%+v", n, from, to, protocol, port, got, want, cluster.Spec)
			}
			switch {
			case held && want:
				allowed++
			case held:
				refused++
			}
		}
	}
	t.Logf("%d integrations: of their gateways %d flows allowed, %d refused", integrations/4, allowed, refused)
	if allowed < integrations/100 || refused < integrations*flows/20 {
		t.Errorf("%d flows allowed and %d refused show little", allowed, refused)
	}
}

// flow is a random one; most of what matters begins or ends at the gateway.
func (d dice) flow(pods []*corev1.Pod) (from, to end, port int32, protocol corev1.Protocol) {
	from, to = d.end(pods), d.end(pods)
	if d.chance(2) {
		from = podEnd(pods[0])
	} else if d.chance(2) {
		to = podEnd(pods[0])
	}
	port = pick(d, int32(443), 444, 8443, 8080, 8444, 9443, 9090, 9444, 80, 79, 9000, 6379, 8081, 53)
	return from, to, port, pick(d, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

func show(in *network.Inputs, policies []*networkingv1.NetworkPolicy) string {
	text := fmt.Sprintf("%+v\npublished %+v\nranges %v\n", in.Resolved.Integration.Spec, in.Published, in.Ranges)
	for _, p := range policies {
		text += fmt.Sprintf("%s: %+v\n", p.Name, p.Spec)
	}
	return text
}

// A rule without peers would mean "everywhere", a peer with an empty pod selector everybody of a namespace.
func checkNoRuleForAll(t *testing.T, policies []*networkingv1.NetworkPolicy) {
	t.Helper()
	for _, p := range policies {
		for _, rule := range p.Spec.Ingress {
			if len(rule.From) == 0 || len(rule.Ports) == 0 {
				t.Fatalf("policy %s has an ingress rule for everybody: %+v", p.Name, rule)
			}
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 {
				t.Fatalf("policy %s has an egress rule to everywhere: %+v", p.Name, rule)
			}
		}
	}
}

// pods of the world; the first is the integration's gateway.
func (d dice) pods() []*corev1.Pod {
	gateway := func(integration string) map[string]string {
		return map[string]string{v1alpha1.LabelIntegration: integration, v1alpha1.LabelComponent: v1alpha1.ComponentGateway}
	}
	manager := map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}
	pods := []*corev1.Pod{
		newPod(shop, "gateway", "10.1.0.1", gateway("acme")),
		newPod(shop, "gateway-of-another", "10.1.0.2", gateway("zenith")),
		newPod(other, "gateway-of-same-name", "10.1.0.3", gateway("acme")),
		newPod(system, "manager", "10.1.0.4", manager),
		newPod(other, "false-manager", "10.1.0.5", manager),
		newPod(system, "neighbor", "10.1.0.6", d.labels()),
		newPod("kube-system", "dns", "10.1.0.7", map[string]string{"k8s-app": "kube-dns"}),
	}
	for n, namespace := range []string{shop, shop, shop, other, ingress, ingress} {
		pods = append(pods, newPod(namespace, fmt.Sprintf("pod-%d", n), fmt.Sprintf("10.1.1.%d", n), d.labels()))
	}
	return pods
}

func (d dice) end(pods []*corev1.Pod) end {
	if d.chance(2) {
		return end{address: d.address()}
	}
	return podEnd(pick(d, pods...))
}

func podEnd(pod *corev1.Pod) end {
	return end{pod: pod, address: netip.MustParseAddr(pod.Status.PodIP)}
}

// What follows says once more, and in other words than the code that renders policies, what an integration means.

// leaves says whether the sender may send it.
func leaves(t *testing.T, in *network.Inputs, from, to end, port int32, protocol corev1.Protocol) bool {
	t.Helper()
	ci := in.Resolved.Integration
	switch {
	case isGateway(from, ci):
		return protocol == corev1.ProtocolTCP && (toCarrier(in, to, port) || toService(in, to, port))
	case ci.Spec.Network.ClientEgress == v1alpha1.ClientEgressClusterOnly && isClient(t, from, ci) && from.pod.Labels[v1alpha1.LabelComponent] == "":
		return to.pod != nil
	}
	return true // not ours to say
}

// enters says whether the receiver may get it.
func enters(t *testing.T, in *network.Inputs, from, to end, port int32, protocol corev1.Protocol) bool {
	t.Helper()
	ci := in.Resolved.Integration
	if !isGateway(to, ci) {
		return true
	}
	listener := int32(8443)
	if ci.Spec.Gateway.Listener == v1alpha1.ListenerPlaintext {
		listener = 8080
	}
	switch {
	case protocol != corev1.ProtocolTCP || from.pod == nil:
		return false
	case port == listener && isClient(t, from, ci):
		return true
	case port == 9443:
		return from.pod.Namespace == system && from.pod.Labels[v1alpha1.LabelComponent] == v1alpha1.ComponentManager
	case port == 8444:
		return slices.ContainsFunc(ci.Spec.Callbacks, func(c v1alpha1.Callback) bool {
			return from.pod.Namespace == c.From.Namespace && has(from.pod, c.From.PodLabels)
		})
	}
	return false
}

func isGateway(e end, ci *v1alpha1.CarrierIntegration) bool {
	return e.pod != nil && e.pod.Namespace == ci.Namespace && e.pod.Labels[v1alpha1.LabelIntegration] == ci.Name &&
		e.pod.Labels[v1alpha1.LabelComponent] == v1alpha1.ComponentGateway
}

func isClient(t *testing.T, e end, ci *v1alpha1.CarrierIntegration) bool {
	t.Helper()
	return e.pod != nil && e.pod.Namespace == ci.Namespace && slices.ContainsFunc(ci.Spec.Clients, func(c v1alpha1.IntegrationClient) bool {
		selector, err := metav1.LabelSelectorAsSelector(&c.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		return selector.Matches(labels.Set(e.pod.Labels))
	})
}

func has(pod *corev1.Pod, wanted map[string]string) bool {
	for key, value := range wanted {
		if pod.Labels[key] != value {
			return false
		}
	}
	return true
}

func toCarrier(in *network.Inputs, to end, port int32) bool {
	for _, host := range in.Resolved.Hosts {
		if int32(host.Port) != port {
			continue
		}
		for _, published := range in.Published {
			if published.Host == host.String() && slices.Contains(published.Addresses, to.address.String()) {
				return true
			}
		}
		for _, r := range in.Ranges[host.String()] {
			if r.Contains(to.address) {
				return true
			}
		}
	}
	return false
}

func toService(in *network.Inputs, to end, port int32) bool {
	spec := &in.Resolved.Integration.Spec
	uses := map[string]int32{spec.LimitStore.Redis.Service: spec.LimitStore.Redis.Port}
	for _, c := range spec.Callbacks {
		uses[c.ForwardTo.Service] = c.ForwardTo.Port
	}
	for name, wanted := range uses {
		service := in.Services[name]
		if service == nil || to.pod == nil || to.pod.Namespace != in.Resolved.Integration.Namespace || !has(to.pod, service.Spec.Selector) {
			continue
		}
		for _, p := range service.Spec.Ports {
			if p.Port == wanted && port == containerPort(to.pod, p) {
				return true
			}
		}
	}
	return false
}

// containerPort is where a Service's port leads to at a pod.
func containerPort(pod *corev1.Pod, p corev1.ServicePort) int32 {
	switch {
	case p.TargetPort == intstr.IntOrString{}:
		return p.Port
	case p.TargetPort.Type == intstr.Int:
		return p.TargetPort.IntVal
	}
	for _, container := range pod.Spec.Containers {
		for _, named := range container.Ports {
			if named.Name == p.TargetPort.StrVal {
				return named.ContainerPort
			}
		}
	}
	return 0
}
