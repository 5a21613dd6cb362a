package network

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// peer is one end of a flow: a pod with labels, or an address outside of the cluster.
type peer struct {
	namespace string
	labels    map[string]string
	address   netip.Addr
}

// The evaluator below is written from the specification of NetworkPolicy, not from the code that renders policies.

func selects(t *testing.T, s *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(set))
}

func matches(t *testing.T, policyNamespace string, p networkingv1.NetworkPolicyPeer, who peer) bool {
	t.Helper()
	if p.IPBlock != nil {
		inside := who.address.IsValid() && netip.MustParsePrefix(p.IPBlock.CIDR).Contains(who.address)
		for _, except := range p.IPBlock.Except {
			inside = inside && !netip.MustParsePrefix(except).Contains(who.address)
		}
		return inside
	}
	if who.address.IsValid() {
		return false
	}
	if p.NamespaceSelector == nil {
		if who.namespace != policyNamespace {
			return false
		}
	} else if !selects(t, p.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": who.namespace}) {
		return false
	}
	return p.PodSelector == nil || selects(t, p.PodSelector, who.labels)
}

func allows(t *testing.T, policyNamespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, who peer, port int32) bool {
	t.Helper()
	peerOK, portOK := len(peers) == 0, len(ports) == 0 // an empty list means all
	for _, p := range peers {
		peerOK = peerOK || matches(t, policyNamespace, p, who)
	}
	for _, p := range ports {
		portOK = portOK || (p.Port != nil && p.Port.IntVal == port && p.EndPort == nil && string(*p.Protocol) == "TCP")
	}
	return peerOK && portOK
}

// spec turns the apply configuration into what the API server would hold.
func spec(t *testing.T, config any) *networkingv1.NetworkPolicySpec {
	t.Helper()
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &networkingv1.NetworkPolicySpec{}
	if err := json.Unmarshal(encoded, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func randomAddress(r *rand.Rand) netip.Addr {
	if r.IntN(4) == 0 {
		return netip.MustParseAddr(fmt.Sprintf("2600:1::%x", r.IntN(6)))
	}
	return netip.MustParseAddr(fmt.Sprintf("23.0.0.%d", r.IntN(6)))
}

func randomPolicy(r *rand.Rand) *GatewayPolicy {
	p := &GatewayPolicy{Pods: map[string]string{"gateway": "acme"}, ListenerPort: 8443, AdminPort: 9443, CallbackPort: 8444,
		Operator: Pods{Namespace: "carrier-system", Labels: map[string]string{"component": "manager"}}}
	for range r.IntN(4) {
		s := metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint(r.IntN(4))}}
		if r.IntN(3) == 0 {
			s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"a", "b"}}}
		}
		p.Clients = append(p.Clients, s)
	}
	for range r.IntN(4) {
		d := Destination{Port: uint16(443 + r.IntN(2))}
		for range r.IntN(3) {
			d.Addresses = append(d.Addresses, randomAddress(r))
		}
		for range r.IntN(3) {
			a := randomAddress(r)
			d.Ranges = append(d.Ranges, netip.PrefixFrom(a, a.BitLen()-r.IntN(3)).Masked())
		}
		p.Destinations = append(p.Destinations, d)
	}
	for range r.IntN(3) {
		p.Callers = append(p.Callers, Pods{Namespace: []string{"ingress", "else"}[r.IntN(2)], Labels: map[string]string{"app": fmt.Sprint(r.IntN(4))}})
		p.Backends = append(p.Backends, Backend{Labels: map[string]string{"app": fmt.Sprint(r.IntN(4))}, Port: intstr.FromInt32(int32(6379 + r.IntN(2)))})
	}
	return p
}

// Whatever the integration says, exactly the flows that it says are allowed.
func TestPolicyAllowsExactlyWhatIsWanted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		p := randomPolicy(r)
		s := spec(t, p.Spec())
		if len(s.PolicyTypes) != 2 || !selects(t, &s.PodSelector, p.Pods) || selects(t, &s.PodSelector, map[string]string{"gateway": "other"}) {
			t.Fatalf("the policy is not about the gateway's pods, both ways: %+v", s)
		}
		checkNoRuleForAll(t, s)
		for range 8 {
			checkIngress(t, p, s, r)
			checkEgress(t, p, s, r)
		}
	}
}

// A rule without peers would mean "everywhere", and a peer without selectors or with an empty one "everybody".
func checkNoRuleForAll(t *testing.T, s *networkingv1.NetworkPolicySpec) {
	t.Helper()
	peers := func(list []networkingv1.NetworkPolicyPeer, ports int) {
		t.Helper()
		if len(list) == 0 || ports == 0 {
			t.Fatalf("a rule names nobody or no port: %+v", s)
		}
		for _, p := range list {
			if p.IPBlock == nil && (p.PodSelector == nil || len(p.PodSelector.MatchLabels)+len(p.PodSelector.MatchExpressions) == 0) {
				t.Fatalf("a rule means every pod: %+v", s)
			}
		}
	}
	for _, rule := range s.Ingress {
		peers(rule.From, len(rule.Ports))
	}
	for _, rule := range s.Egress {
		peers(rule.To, len(rule.Ports))
	}
}

func TestWhatNamesNobodyBecomesNoRule(t *testing.T) {
	p := &GatewayPolicy{Pods: map[string]string{"gateway": "acme"}, Clients: []metav1.LabelSelector{{}}, Callers: []Pods{{Namespace: "ingress"}},
		Destinations: []Destination{{Port: 443}}, Backends: []Backend{{Port: intstr.FromInt32(80)}}, Operator: Pods{Namespace: "carrier-system"}}
	s := spec(t, p.Spec())
	if len(s.Ingress) > 0 || len(s.Egress) > 0 {
		t.Errorf("rules for nobody: %+v", s)
	}
	if len(s.PolicyTypes) != 2 {
		t.Errorf("policy types are %v: without them nothing would be closed", s.PolicyTypes)
	}
}

func TestBlocks(t *testing.T) {
	tests := map[string]struct {
		ranges    []netip.Prefix
		addresses []netip.Addr
		want      []netip.Prefix
	}{
		"nothing":                             {},
		"addresses":                           {addresses: addresses("23.0.0.2", "2600::1", "23.0.0.1"), want: prefixes("23.0.0.1/32", "23.0.0.2/32", "2600::1/128")},
		"an address within a range adds none": {prefixes("23.0.0.0/24"), addresses("23.0.0.9", "23.0.1.9"), prefixes("23.0.0.0/24", "23.0.1.9/32")},
		"a range within a range":              {ranges: prefixes("23.0.4.0/24", "23.0.0.0/16", "23.0.0.0/24"), want: prefixes("23.0.0.0/16")},
		"neighbors stay apart":                {ranges: prefixes("23.0.1.0/24", "23.0.0.0/24"), want: prefixes("23.0.0.0/24", "23.0.1.0/24")},
		"twice the same":                      {prefixes("2600::/32", "2600::/32"), addresses("23.0.0.1", "23.0.0.1"), prefixes("23.0.0.1/32", "2600::/32")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := (&Destination{Ranges: tc.ranges, Addresses: tc.addresses}).blocks()
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func checkIngress(t *testing.T, p *GatewayPolicy, s *networkingv1.NetworkPolicySpec, r *rand.Rand) {
	t.Helper()
	from := peer{namespace: []string{"shop", "carrier-system", "ingress", "else"}[r.IntN(4)], labels: map[string]string{"app": fmt.Sprint(r.IntN(4)), "tier": string(rune('a' + r.IntN(3)))}}
	if r.IntN(2) == 0 {
		from.labels["component"] = "manager"
	}
	port := []int32{8443, 9443, 8444, 9090, 8080, 443}[r.IntN(6)]
	want := port == 9443 && from.namespace == "carrier-system" && from.labels["component"] == "manager"
	for _, c := range p.Clients {
		tierOK := len(c.MatchExpressions) == 0 || from.labels["tier"] == "a" || from.labels["tier"] == "b"
		want = want || (port == 8443 && from.namespace == "shop" && c.MatchLabels["app"] == from.labels["app"] && tierOK)
	}
	for _, c := range p.Callers {
		want = want || (port == 8444 && from.namespace == c.Namespace && c.Labels["app"] == from.labels["app"])
	}
	got := false
	for _, rule := range s.Ingress {
		got = got || allows(t, "shop", rule.From, rule.Ports, from, port)
	}
	if got != want {
		t.Fatalf("ingress of %+v to port %d: %v, want %v\n%+v", from, port, got, want, s.Ingress)
	}
}

func checkEgress(t *testing.T, p *GatewayPolicy, s *networkingv1.NetworkPolicySpec, r *rand.Rand) {
	t.Helper()
	to, port := peer{address: randomAddress(r)}, int32([]int{443, 444, 53, 80, 6379, 6380}[r.IntN(6)])
	if r.IntN(3) == 0 {
		to = peer{namespace: []string{"shop", "else"}[r.IntN(2)], labels: map[string]string{"app": fmt.Sprint(r.IntN(4))}}
	}
	want := false
	for _, d := range p.Destinations {
		for _, a := range d.Addresses {
			want = want || (to.address == a && port == int32(d.Port))
		}
		for _, prefix := range d.Ranges {
			want = want || (to.address.IsValid() && prefix.Contains(to.address) && port == int32(d.Port))
		}
	}
	for _, b := range p.Backends {
		want = want || (to.namespace == "shop" && to.labels["app"] == b.Labels["app"] && port == b.Port.IntVal)
	}
	got := false
	for _, rule := range s.Egress {
		got = got || allows(t, "shop", rule.To, rule.Ports, to, port)
	}
	if got != want {
		t.Fatalf("egress to %+v port %d: %v, want %v\n%+v", to, port, got, want, s.Egress)
	}
}

func TestClientsStayInTheCluster(t *testing.T) {
	s := spec(t, ClientsSpec(&metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}}))
	if len(s.PolicyTypes) != 1 || s.PolicyTypes[0] != networkingv1.PolicyTypeEgress {
		t.Errorf("policy types are %v: who may connect to a client is not ours to say", s.PolicyTypes)
	}
	for name, tc := range map[string]struct {
		to   peer
		port int32
		want bool
	}{
		"the gateway":           {peer{namespace: "shop", labels: map[string]string{"gateway": "acme"}}, 8443, true},
		"cluster DNS":           {peer{namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}}, 53, true},
		"the carrier":           {peer{address: netip.MustParseAddr("23.0.0.1")}, 443, false},
		"metadata of the cloud": {peer{address: netip.MustParseAddr("169.254.169.254")}, 80, false},
		"the carrier over IPv6": {peer{address: netip.MustParseAddr("2600:1::1")}, 443, false},
	} {
		got := false
		for _, rule := range s.Egress {
			got = got || allows(t, "shop", rule.To, rule.Ports, tc.to, tc.port)
		}
		if got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
