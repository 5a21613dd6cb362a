package networkoracle

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/network"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	networks "github.com/carrier-operator/carrier-operator/internal/network"
)

// dice makes random integrations out of small sets, so that what is allowed and what is asked for meet often.
type dice struct{ *rand.Rand }

func (d dice) chance(oneIn int) bool { return d.IntN(oneIn) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// address of a carrier: a few of the internet in both families, and a few on a private line.
func (d dice) address() netip.Addr {
	switch d.IntN(6) {
	case 0:
		return netip.MustParseAddr(fmt.Sprintf("2600:1::%x", d.IntN(8)))
	case 1:
		return netip.MustParseAddr(fmt.Sprintf("10.8.0.%d", d.IntN(4)))
	default:
		return netip.MustParseAddr(fmt.Sprintf("23.0.%d.%d", d.IntN(2), d.IntN(8)))
	}
}

func (d dice) labels() map[string]string {
	labels := map[string]string{}
	for key, values := range map[string][]string{"app": {"a", "b", "c"}, "tier": {"x", "y"}} {
		labels[key] = values[d.IntN(len(values))]
	}
	if d.chance(3) {
		delete(labels, pick(d, "app", "tier"))
	}
	return labels
}

// few labels, at least one: what a Service or a callback selects by.
func (d dice) few() map[string]string {
	labels := map[string]string{"app": pick(d, "a", "b", "c")}
	if d.chance(2) {
		labels["tier"] = pick(d, "x", "y")
	}
	return labels
}

// selector as users write them, those that select by what a pod lacks among them.
func (d dice) selector() metav1.LabelSelector {
	if d.chance(2) {
		return metav1.LabelSelector{MatchLabels: d.few()}
	}
	operator := pick(d, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
	requirement := metav1.LabelSelectorRequirement{Key: pick(d, "app", "tier"), Operator: operator}
	if operator == metav1.LabelSelectorOpIn || operator == metav1.LabelSelectorOpNotIn {
		requirement.Values = []string{pick(d, "a", "b", "x"), pick(d, "c", "y")}
	}
	s := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{requirement}}
	if d.chance(3) {
		s.MatchLabels = map[string]string{"tier": pick(d, "x", "y")}
	}
	return s
}

// inputs are a random integration with all that its policies are made from.
func (d dice) inputs() *network.Inputs {
	ci := &v1alpha1.CarrierIntegration{ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: shop}}
	in := &network.Inputs{
		Resolved:  &integration.Resolved{Integration: ci, Environment: &v1alpha1.Environment{}},
		Published: []v1alpha1.HostStatus{}, Ranges: map[string][]netip.Prefix{}, Services: map[string]*corev1.Service{},
		Operator: networks.Pods{Namespace: system, Labels: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}},
	}
	for n := range 1 + d.IntN(3) {
		ci.Spec.Clients = append(ci.Spec.Clients, v1alpha1.IntegrationClient{Name: fmt.Sprintf("client-%d", n), PodSelector: d.selector()})
	}
	ci.Spec.Network.ClientEgress = pick(d, "", v1alpha1.ClientEgressUnmanaged, v1alpha1.ClientEgressClusterOnly)
	ci.Spec.Gateway.Listener = pick(d, "", v1alpha1.ListenerMutualTLS, v1alpha1.ListenerTLS, v1alpha1.ListenerPlaintext)
	for n := range 1 + d.IntN(3) {
		d.host(in, n)
	}
	for n := range d.IntN(3) {
		name, port := d.service(in, n)
		ci.Spec.Callbacks = append(ci.Spec.Callbacks, v1alpha1.Callback{Name: fmt.Sprintf("callback-%d", n),
			ForwardTo: v1alpha1.CallbackTarget{Service: name, Port: port},
			From:      v1alpha1.CallbackSource{Namespace: pick(d, ingress, other, shop), PodLabels: d.few()}})
	}
	if d.chance(2) {
		name, port := d.service(in, 9)
		ci.Spec.LimitStore.Redis = v1alpha1.RedisLimitStore{Service: name, Port: port}
	}
	return in
}

// host adds one with its published addresses and, perhaps, the ranges that its carrier publishes.
func (d dice) host(in *network.Inputs, n int) {
	host := integration.Host{Name: fmt.Sprintf("host%d.example", n), Port: pick(d, uint16(443), 443, 444, 8443)}
	in.Resolved.Hosts = append(in.Resolved.Hosts, host)
	published := v1alpha1.HostStatus{Host: host.String()}
	for range d.IntN(4) {
		published.Addresses = append(published.Addresses, d.address().String())
	}
	in.Published = append(in.Published, published)
	for range d.IntN(3) * d.IntN(2) {
		a := d.address()
		in.Ranges[host.String()] = append(in.Ranges[host.String()], netip.PrefixFrom(a, a.BitLen()-d.IntN(4)).Masked())
	}
}

// service adds one that leads to a port by number, by name or by default; some are not there.
func (d dice) service(in *network.Inputs, n int) (name string, port int32) {
	name, port = fmt.Sprintf("service-%d", n), pick(d, int32(80), 6379)
	if d.chance(6) {
		return name, port
	}
	target := pick(d, intstr.IntOrString{}, intstr.FromInt32(8080), intstr.FromString("web"))
	in.Services[name] = &corev1.Service{Spec: corev1.ServiceSpec{Selector: d.few(), Ports: []corev1.ServicePort{
		{Port: 79, TargetPort: intstr.FromInt32(9000)}, {Port: port, TargetPort: target, Protocol: pick(d, "", corev1.ProtocolTCP)}}}}
	return name, port
}
