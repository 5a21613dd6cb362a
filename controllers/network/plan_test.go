package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	api, token := integration.Host{Name: "api.example", Port: 443}, integration.Host{Name: "token.example", Port: 8443}
	answer := func(addresses ...string) network.Answer {
		a := network.Answer{TTL: time.Minute}
		for _, text := range addresses {
			a.Addresses = append(a.Addresses, netip.MustParseAddr(text))
		}
		return a
	}
	host := func(name string, addresses ...string) v1alpha1.HostStatus {
		return v1alpha1.HostStatus{Host: name, Addresses: addresses}
	}
	published := []v1alpha1.HostStatus{host("api.example", "23.0.0.1")}
	many := answer("23.0.0.1")
	many.Total = 200
	inward := fmt.Errorf("api.example is an alias of api.shop.svc.cluster.local., which %w", network.ErrClusterName)
	broken := errors.New("DNS server 10.0.0.1:53 answers SERVFAIL")

	tests := map[string]struct {
		published  []v1alpha1.HostStatus
		outcomes   []outcome
		exceptions []netip.Prefix
		hosts      []v1alpha1.HostStatus
		status     metav1.ConditionStatus
		reason     string
		mentions   string
		next       time.Duration
	}{
		"answers are published, hosts with their port": {
			outcomes: []outcome{{host: api, answer: answer("23.0.0.1")}, {host: token, answer: answer("23.0.0.2")}},
			hosts:    []v1alpha1.HostStatus{host("api.example", "23.0.0.1"), host("token.example:8443", "23.0.0.2")},
			status:   metav1.ConditionTrue, reason: v1alpha1.ReasonSucceeded, mentions: "token.example:8443 has 1", next: time.Minute,
		},
		"an address that left stays for ten minutes": {
			published: published,
			outcomes:  []outcome{{host: api, answer: answer("23.0.0.9")}},
			hosts: []v1alpha1.HostStatus{{Host: "api.example", Addresses: []string{"23.0.0.1", "23.0.0.9"},
				Retiring: []v1alpha1.RetiringAddress{{Address: "23.0.0.1", Until: metav1.NewTime(now.Add(10 * time.Minute))}}}},
			status: metav1.ConditionTrue, reason: v1alpha1.ReasonSucceeded, next: time.Minute,
		},
		"a failing resolver leaves the last good addresses": {
			published: published,
			outcomes:  []outcome{{host: api, err: broken}},
			hosts:     published,
			status:    metav1.ConditionTrue, reason: v1alpha1.ReasonResolveStale, mentions: "SERVFAIL", next: 30 * time.Second,
		},
		"a name that never resolved is not ready": {
			outcomes: []outcome{{host: api, err: broken}},
			hosts:    []v1alpha1.HostStatus{host("api.example")},
			status:   metav1.ConditionFalse, reason: v1alpha1.ReasonResolveFailed, mentions: "api.example does not resolve", next: 30 * time.Second,
		},
		"a private answer is refused and nothing of it is published": {
			published: published,
			outcomes:  []outcome{{host: api, answer: answer("23.0.0.2", "10.0.0.5")}},
			hosts:     published,
			status:    metav1.ConditionFalse, reason: v1alpha1.ReasonAddressRefused, mentions: "exceptionCIDRs", next: 30 * time.Second,
		},
		"a private answer passes by exception": {
			outcomes: []outcome{{host: api, answer: answer("10.0.0.5")}}, exceptions: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
			hosts:  []v1alpha1.HostStatus{host("api.example", "10.0.0.5")},
			status: metav1.ConditionTrue, reason: v1alpha1.ReasonSucceeded, next: time.Minute,
		},
		"an exception that was taken back empties the set at once": {
			published: []v1alpha1.HostStatus{host("api.example", "10.0.0.5")},
			outcomes:  []outcome{{host: api, answer: answer("10.0.0.5")}},
			hosts:     []v1alpha1.HostStatus{host("api.example")},
			status:    metav1.ConditionFalse, reason: v1alpha1.ReasonAddressRefused, next: 30 * time.Second,
		},
		"a name with more addresses than are published works": {
			outcomes: []outcome{{host: api, answer: many}, {host: token, answer: answer("23.0.0.2")}},
			hosts:    []v1alpha1.HostStatus{host("api.example", "23.0.0.1"), host("token.example:8443", "23.0.0.2")},
			status:   metav1.ConditionTrue, reason: v1alpha1.ReasonAddressesCut, mentions: "200 addresses, of which 1 are used", next: time.Minute,
		},
		"an alias of a Service is refused, and the last good addresses stay": {
			published: published,
			outcomes:  []outcome{{host: api, err: inward}},
			hosts:     published,
			status:    metav1.ConditionFalse, reason: v1alpha1.ReasonAddressRefused, mentions: "name of the cluster itself", next: 30 * time.Second,
		},
		"NAT64 of a private address is refused": {
			outcomes: []outcome{{host: api, answer: answer("64:ff9b::10.0.0.5")}}, exceptions: []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")},
			hosts:  []v1alpha1.HostStatus{host("api.example")},
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonAddressRefused, mentions: "embeds", next: 30 * time.Second,
		},
		"a refused address is told before a name that does not resolve": {
			outcomes: []outcome{{host: api, answer: answer("127.0.0.1")}, {host: token, err: broken}},
			hosts:    []v1alpha1.HostStatus{host("api.example"), host("token.example:8443")},
			status:   metav1.ConditionFalse, reason: v1alpha1.ReasonAddressRefused, mentions: "loopback", next: 30 * time.Second,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for n := range tc.outcomes {
				tc.outcomes[n].left = tc.outcomes[n].answer.TTL
			}
			got := decide(tc.published, tc.outcomes, tc.exceptions, nil, now)
			if diff := cmp.Diff(tc.hosts, got.hosts); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
			if got.condition.Status != tc.status || got.condition.Reason != tc.reason || !strings.Contains(got.condition.Message, tc.mentions) {
				t.Errorf("condition %s %s: %s", got.condition.Status, got.condition.Reason, got.condition.Message)
			}
			if got.next.Sub(now) != tc.next {
				t.Errorf("asks again after %s, want %s", got.next.Sub(now), tc.next)
			}
		})
	}
}

func TestStaticRanges(t *testing.T) {
	endpoint := func(role v1alpha1.EndpointRole, url string, ranges ...string) v1alpha1.Endpoint {
		return v1alpha1.Endpoint{Role: role, URL: url, StaticCIDRs: ranges}
	}
	exceptions, cluster := []netip.Prefix{netip.MustParsePrefix("10.8.0.0/16")}, []netip.Prefix{netip.MustParsePrefix("20.96.0.0/16")}
	tests := map[string]struct {
		endpoints []v1alpha1.Endpoint
		want      map[string][]netip.Prefix
		mentions  string
	}{
		"go to their host, those of two endpoints together": {
			endpoints: []v1alpha1.Endpoint{endpoint("API", "https://api.example/v1", "23.0.0.0/16"), endpoint("Label", "https://api.example/labels", "24.0.0.5/16"),
				endpoint("Token", "https://token.example:8443/", "2600:1400::/32"), endpoint("Document", "https://docs.example")},
			want: map[string][]netip.Prefix{"api.example": {netip.MustParsePrefix("23.0.0.0/16"), netip.MustParsePrefix("24.0.0.0/16")},
				"token.example:8443": {netip.MustParsePrefix("2600:1400::/32")}},
		},
		"a private one is told and left out, the others stay": {
			endpoints: []v1alpha1.Endpoint{endpoint("API", "https://api.example", "172.16.0.0/12", "23.0.0.0/16")},
			want:      map[string][]netip.Prefix{"api.example": {netip.MustParsePrefix("23.0.0.0/16")}},
			mentions:  "endpoint API: 172.16.0.0/12 covers 172.16.0.0/12, which is private",
		},
		"one that is wider than the private range too": {
			endpoints: []v1alpha1.Endpoint{endpoint("API", "https://api.example", "192.160.0.0/12")}, want: map[string][]netip.Prefix{},
			mentions: "192.168.0.0/16, which is private",
		},
		"one of the cluster itself too": {
			endpoints: []v1alpha1.Endpoint{endpoint("API", "https://api.example", "20.96.0.0/12")}, want: map[string][]netip.Prefix{},
			mentions: "addresses of the cluster itself",
		},
		"a private one passes by exception": {
			endpoints: []v1alpha1.Endpoint{endpoint("API", "https://api.example", "10.8.1.0/24")},
			want:      map[string][]netip.Prefix{"api.example": {netip.MustParsePrefix("10.8.1.0/24")}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := decide(nil, nil, nil, nil, time.Time{})
			p.addRanges(tc.endpoints, exceptions, cluster)
			if diff := cmp.Diff(tc.want, p.ranges, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
			if refused := p.condition.Reason == v1alpha1.ReasonAddressRefused; refused != (tc.mentions != "") || !strings.Contains(p.condition.Message, tc.mentions) {
				t.Errorf("condition %s %s: %s", p.condition.Status, p.condition.Reason, p.condition.Message)
			}
		})
	}
}
