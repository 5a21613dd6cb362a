package network

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

// What an integration says becomes what the policy is made from: nothing less and nothing else.
func TestGatewayPolicySaysWhatTheIntegrationSays(t *testing.T) {
	ci := &v1alpha1.CarrierIntegration{Name: "acme", Namespace: "shop", Spec: v1alpha1.CarrierIntegrationSpec{
		Clients: []v1alpha1.IntegrationClient{{Name: "checkout", PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}}}},
		Callbacks: []v1alpha1.Callback{
			{Name: "tracking", ForwardTo: v1alpha1.CallbackTarget{Service: "tracker", Port: 80},
				From: v1alpha1.CallbackSource{Namespace: "ingress", PodLabels: map[string]string{"app": "nginx"}}},
			{Name: "returns", ForwardTo: v1alpha1.CallbackTarget{Service: "gone", Port: 80},
				From: v1alpha1.CallbackSource{Namespace: "ingress", PodLabels: map[string]string{"app": "envoy"}}},
		},
		LimitStore: v1alpha1.LimitStore{Redis: v1alpha1.RedisLimitStore{Service: "valkey"}},
	}}
	services := map[string]*corev1.Service{
		"tracker": {Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "tracker"}, Ports: []corev1.ServicePort{
			{Port: 80, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
			{Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http")},
			{Port: 81, TargetPort: intstr.FromInt32(9000)}}}},
		"valkey": {Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "valkey"}, Ports: []corev1.ServicePort{{Port: 6379}}}},
	}
	in := &Inputs{
		Published: []v1alpha1.HostStatus{{Host: "api.example", Addresses: []string{"23.0.0.1", "2600::1"}}, {Host: "token.example:8443"}},
		Ranges:    map[string][]netip.Prefix{"token.example:8443": {netip.MustParsePrefix("24.0.0.0/16")}},
		Resolved:  &integration.Resolved{Integration: ci, Hosts: []integration.Host{{Name: "api.example", Port: 443}, {Name: "token.example", Port: 8443}}},
		Services:  services,
		Operator:  network.Pods{Namespace: "carrier-system", Labels: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}},
	}

	want := &network.GatewayPolicy{
		Pods:         map[string]string{v1alpha1.LabelIntegration: "acme", v1alpha1.LabelComponent: v1alpha1.ComponentGateway},
		Clients:      []metav1.LabelSelector{{MatchLabels: map[string]string{"app": "checkout"}}},
		ListenerPort: config.PortTLS,
		Callers:      []network.Pods{{Namespace: "ingress", Labels: map[string]string{"app": "nginx"}}, {Namespace: "ingress", Labels: map[string]string{"app": "envoy"}}},
		CallbackPort: config.PortCallbacks,
		Operator:     network.Pods{Namespace: "carrier-system", Labels: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}},
		AdminPort:    config.PortAdmin,
		Destinations: []network.Destination{
			{Port: 443, Addresses: []netip.Addr{netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("2600::1")}},
			{Port: 8443, Ranges: []netip.Prefix{netip.MustParsePrefix("24.0.0.0/16")}},
		},
		Backends: []network.Backend{
			{Labels: map[string]string{"app": "tracker"}, Port: intstr.FromString("http")},
			{Labels: map[string]string{"app": "valkey"}, Port: intstr.FromInt32(6379)},
		},
	}
	if diff := cmp.Diff(want, in.gateway(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}
