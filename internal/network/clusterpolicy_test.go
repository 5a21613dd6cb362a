package network

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// clusterSpec turns the apply configuration into what the API server would hold.
func clusterSpec(t *testing.T, p *GatewayPolicy) *npav1alpha2.ClusterNetworkPolicySpec {
	t.Helper()
	encoded, err := json.Marshal(p.ClusterSpec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	s := &npav1alpha2.ClusterNetworkPolicySpec{}
	if err := json.Unmarshal(encoded, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// verdict is the action of the first rule that matches, as the API's specification says.
func verdict(t *testing.T, s *npav1alpha2.ClusterNetworkPolicySpec, to peer, port int32) npav1alpha2.ClusterNetworkPolicyRuleAction {
	t.Helper()
	namespace := map[string]string{"kubernetes.io/metadata.name": to.namespace}
	for _, rule := range s.Egress {
		protocol := len(rule.Protocols) == 0
		for _, p := range rule.Protocols {
			protocol = protocol || p.TCP.DestinationPort.Number == port
		}
		for _, p := range rule.To {
			matched := p.Namespaces != nil && to.namespace != "" && selects(t, p.Namespaces, namespace) ||
				p.Pods != nil && to.namespace != "" && selects(t, &p.Pods.NamespaceSelector, namespace) && selects(t, &p.Pods.PodSelector, to.labels)
			for _, n := range p.Networks {
				matched = matched || to.address.IsValid() && netip.MustParsePrefix(string(n)).Contains(to.address)
			}
			if matched && protocol {
				return rule.Action
			}
		}
	}
	return npav1alpha2.ClusterNetworkPolicyRuleActionPass
}

// What the NetworkPolicy allows is left to it, and all else is denied.
func TestClusterPolicyDeniesExactlyWhatThePolicyDoesNotAllow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var passed, denied int
	for range 3_000 {
		p := randomPolicy(r)
		s, c := spec(t, p.Spec()), clusterSpec(t, p)
		if !selects(t, &c.Subject.Pods.PodSelector, p.Pods) || selects(t, &c.Subject.Pods.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": "else"}) {
			t.Fatalf("the subject is not the gateway's pods: %+v", c.Subject)
		}
		for range 8 {
			to, port := peer{address: randomAddress(r)}, int32([]int{443, 444, 53, 6379, 6380}[r.IntN(5)])
			if r.IntN(3) == 0 {
				to = peer{namespace: []string{"shop", "else"}[r.IntN(2)], labels: map[string]string{"app": fmt.Sprint(r.IntN(4))}}
			}
			want := npav1alpha2.ClusterNetworkPolicyRuleActionDeny
			for _, rule := range s.Egress {
				if allows(t, "shop", rule.To, rule.Ports, to, port) {
					want = npav1alpha2.ClusterNetworkPolicyRuleActionPass
				}
			}
			got := verdict(t, c, to, port)
			if got != want {
				t.Fatalf("egress to %+v port %d: %v, want %v\n%+v", to, port, got, want, c.Egress)
			}
			if got == npav1alpha2.ClusterNetworkPolicyRuleActionPass {
				passed++
			} else {
				denied++
			}
		}
	}
	if passed < 1_000 || denied < 1_000 {
		t.Errorf("%d flows passed and %d denied show little", passed, denied)
	}
}

// An integration has up to 5 endpoints with 32 ranges and 128 addresses each, 8 callbacks and a limit store.
func TestLargestIntegrationFitsIntoAClusterPolicy(t *testing.T) {
	for name, port := range map[string]func(endpoint int) uint16{
		"one port":         func(int) uint16 { return 443 },
		"a port each host": func(endpoint int) uint16 { return uint16(443 + endpoint) },
	} {
		t.Run(name, func(t *testing.T) {
			p := &GatewayPolicy{Pods: map[string]string{"gateway": "acme"}}
			for endpoint := range 5 {
				d := Destination{Port: port(endpoint)}
				for n := range 128 {
					d.Addresses = append(d.Addresses, netip.AddrFrom4([4]byte{23, byte(endpoint), 0, byte(n)}))
				}
				for n := range 32 {
					d.Ranges = append(d.Ranges, netip.PrefixFrom(netip.AddrFrom4([4]byte{24, byte(endpoint), byte(n), 0}), 24))
				}
				p.Destinations = append(p.Destinations, d)
			}
			for n := range 9 {
				p.Backends = append(p.Backends, Backend{Labels: map[string]string{"app": fmt.Sprint(n)}, Port: intstr.FromInt32(80)})
			}
			s := clusterSpec(t, p)
			networks := 0
			for _, rule := range s.Egress[:len(s.Egress)-1] {
				if len(rule.To) == 0 || len(rule.To) > 25 || len(rule.Protocols) != 1 {
					t.Errorf("a rule with %d peers and %d protocols", len(rule.To), len(rule.Protocols))
				}
				for _, to := range rule.To {
					if len(to.Networks) > 25 {
						t.Errorf("a peer with %d networks", len(to.Networks))
					}
					networks += len(to.Networks)
				}
			}
			if len(s.Egress) > 25 || networks != 5*(128+32) {
				t.Errorf("%d rules, %d networks", len(s.Egress), networks)
			}
		})
	}
}

func TestClusterPolicyOfAGatewayThatMayDialNothing(t *testing.T) {
	s := clusterSpec(t, &GatewayPolicy{Pods: map[string]string{"gateway": "acme"}, Destinations: []Destination{{Port: 443}}, Backends: []Backend{{Port: intstr.FromInt32(80)}}})
	if len(s.Egress) != 1 || s.Egress[0].Action != npav1alpha2.ClusterNetworkPolicyRuleActionDeny || len(s.Ingress) > 0 {
		t.Errorf("rules for nobody: %+v", s)
	}
}

func TestClusterPolicyNamesAPort(t *testing.T) {
	s := clusterSpec(t, &GatewayPolicy{Pods: map[string]string{"gateway": "acme"}, Backends: []Backend{{Labels: map[string]string{"app": "a"}, Port: intstr.FromString("web")}}})
	want := metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}
	if p := s.Egress[0].Protocols[0]; p.DestinationNamedPort != "web" || p.TCP != nil || s.Egress[0].To[0].Pods.PodSelector.String() != want.String() {
		t.Errorf("the rule is %+v", s.Egress[0])
	}
}
