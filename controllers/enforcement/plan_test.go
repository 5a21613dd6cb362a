package enforcement

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// tried is a pod that has been ready for so long, with the outcome of its probe.
func tried(name string, readyFor time.Duration, outcome string, err error) replica {
	return replica{outcome: outcome, err: err, pod: &corev1.Pod{
		Name: name, Labels: map[string]string{v1alpha1.LabelIntegration: "acme", v1alpha1.LabelComponent: v1alpha1.ComponentGateway},
		Spec: corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{PodIP: "10.1.0.1", Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-readyFor))}}},
	}}
}

func TestDecide(t *testing.T) {
	blocked, connected := tried("a", time.Hour, config.ProbeBlocked, nil), tried("b", time.Hour, config.ProbeConnected, nil)
	young := tried("c", 10*time.Second, config.ProbeConnected, nil)
	silent := tried("d", time.Hour, "", errors.New("does not answer: no answer in time"))
	tests := map[string]struct {
		observation
		status   metav1.ConditionStatus
		reason   string
		mentions string
		again    time.Duration
	}{
		"all were refused": {observation{replicas: []replica{blocked, blocked}}, metav1.ConditionTrue, v1alpha1.ReasonEnforced, "could not reach", interval},
		"one of several connected, perhaps on another node": {observation{replicas: []replica{blocked, connected}},
			metav1.ConditionFalse, v1alpha1.ReasonNotEnforced, "the cluster's network plugin does not enforce NetworkPolicies: pod b on node node-1", retry},
		"a pod that has just started may be ahead of the plugin": {observation{replicas: []replica{young}}, metav1.ConditionUnknown, v1alpha1.ReasonProbePending, "just started", settlingRetry},
		"one of those that could be asked was refused":           {observation{replicas: []replica{silent, blocked}}, metav1.ConditionTrue, v1alpha1.ReasonEnforced, "", interval},
		"nobody answers":            {observation{replicas: []replica{silent}}, metav1.ConditionUnknown, v1alpha1.ReasonProbePending, "pod d does not answer", retry},
		"nobody is there":           {observation{}, metav1.ConditionUnknown, v1alpha1.ReasonProbePending, "no replica", retry},
		"nobody listens":            {observation{obstacle: "the manager cannot reach its own probe port"}, metav1.ConditionUnknown, v1alpha1.ReasonProbePending, "own probe port", retry},
		"an answer of another time": {observation{replicas: []replica{tried("e", time.Hour, "Perhaps", nil)}}, metav1.ConditionUnknown, v1alpha1.ReasonProbePending, `"Perhaps"`, retry},
		"a policy of somebody else, while all were refused": {observation{replicas: []replica{blocked}, foreign: []string{"allow-dns (egress)"}},
			metav1.ConditionFalse, v1alpha1.ReasonForeignPolicy, "allow-dns (egress)", retry},
		"many of them": {observation{foreign: []string{"a", "b", "c", "d", "e", "f", "g"}}, metav1.ConditionFalse, v1alpha1.ReasonForeignPolicy, "a, b, c, d, e and 2 more", retry},
		"no enforcement is told before policies of others": {observation{replicas: []replica{connected}, foreign: []string{"allow-dns (egress)"}},
			metav1.ConditionFalse, v1alpha1.ReasonNotEnforced, "", retry},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, again := decide(&tc.observation, now)
			if c.Type != v1alpha1.ConditionNetworkEnforced || c.Status != tc.status || c.Reason != tc.reason || !strings.Contains(c.Message, tc.mentions) || again != tc.again {
				t.Errorf("%s %s again after %s: %s", c.Status, c.Reason, again, c.Message)
			}
		})
	}
}

// A rollout, or an operator that cannot listen for a moment, does not make a verdict flicker; but no verdict holds for ever.
func TestAVerdictHoldsForAWhile(t *testing.T) {
	good, none := &observation{replicas: []replica{tried("a", time.Hour, config.ProbeBlocked, nil)}}, &observation{}
	r := record{}.next("1", none, now, nil)
	if r.condition.Reason != v1alpha1.ReasonProbePending {
		t.Errorf("before any probe: %s", r.condition.Reason)
	}
	r = r.next("1", good, now, nil)
	if r.condition.Reason != v1alpha1.ReasonEnforced || !r.until.Equal(now.Add(interval)) {
		t.Errorf("after the first probe: %s until %s", r.condition.Reason, r.until)
	}
	if r = r.next("2", none, now.Add(29*time.Minute), nil); r.condition.Reason != v1alpha1.ReasonEnforced {
		t.Errorf("in a rollout: %s", r.condition.Reason)
	}
	if r = r.next("2", none, now.Add(31*time.Minute), nil); r.condition.Reason != v1alpha1.ReasonProbePending {
		t.Errorf("after half an hour without a probe: %s", r.condition.Reason)
	}
	bad := &observation{replicas: []replica{tried("a", time.Hour, config.ProbeConnected, nil)}}
	if r = r.next("2", bad, now.Add(32*time.Minute), func(d time.Duration) time.Duration { return 2 * d }); r.condition.Reason != v1alpha1.ReasonNotEnforced || !r.until.Equal(now.Add(34*time.Minute)) {
		t.Errorf("after a connection: %s until %s", r.condition.Reason, r.until)
	}
}

func TestForeignPolicies(t *testing.T) {
	everyPod, gateways := metav1.LabelSelector{}, metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelIntegration: "acme"}}
	others := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: v1alpha1.LabelComponent, Operator: metav1.LabelSelectorOpDoesNotExist}}}
	policy := func(name string, pods metav1.LabelSelector, change ...func(*networkingv1.NetworkPolicy)) networkingv1.NetworkPolicy {
		p := networkingv1.NetworkPolicy{Name: name, Spec: networkingv1.NetworkPolicySpec{PodSelector: pods,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}}}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	egress := func(p *networkingv1.NetworkPolicy) { p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}} }
	ingress := func(ports ...networkingv1.NetworkPolicyPort) func(*networkingv1.NetworkPolicy) {
		return func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{Ports: ports})
		}
	}
	port := func(number int32) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Port: new(intstr.FromInt32(number))}
	}
	owned := func(uid types.UID) func(*networkingv1.NetworkPolicy) {
		return func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = []metav1.OwnerReference{{UID: uid, Controller: new(true)}}
		}
	}
	tests := map[string]struct {
		policy networkingv1.NetworkPolicy
		want   []string
	}{
		"lets everybody use DNS":                 {policy("allow-dns", everyPod, egress), []string{"allow-dns (egress)"}},
		"opens the gateway for everybody":        {policy("open", gateways, ingress()), []string{"open (ingress)"}},
		"opens both ways":                        {policy("open", gateways, egress, ingress(port(8443))), []string{"open (egress and ingress)"}},
		"lets a monitoring read the metrics":     {policy("metrics", gateways, ingress(port(config.PortMetrics))), nil},
		"opens metrics and more":                 {policy("more", gateways, ingress(port(config.PortMetrics), port(8443))), []string{"more (ingress)"}},
		"opens all ports":                        {policy("all", gateways, ingress(networkingv1.NetworkPolicyPort{})), []string{"all (ingress)"}},
		"denies everything":                      {policy("deny", everyPod), nil},
		"has egress rules that are not in force": {policy("off", everyPod, egress, func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = p.Spec.PolicyTypes[:1] }), nil},
		"leaves the operator's pods out":         {policy("others", others, egress), nil},
		"is the integration's own":               {policy("acme-gateway", gateways, egress, owned("uid-acme")), nil},
		"belongs to something else":              {policy("theirs", everyPod, egress, owned("uid-zenith")), []string{"theirs (egress)"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := foreign([]networkingv1.NetworkPolicy{tc.policy}, "uid-acme", []replica{tried("a", time.Hour, "", nil)})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
