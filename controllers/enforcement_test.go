//go:build envtest

package controllers_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// plugin plays the cluster's network plugin: it lets a gateway reach the manager, or not.
type plugin struct {
	lax      bool // enforces nothing
	deaf     bool // the manager's own port is out of order
	attempts int
}

func (p *plugin) Probe(_ context.Context, _ string, peer *gateway.Peer, target netip.AddrPort) (string, error) {
	p.attempts++
	if peer.Host == "" || len(peer.Certificate.Certificate) == 0 || target.String() != "10.9.0.9:9444" {
		return "", errors.New("was asked wrongly")
	}
	if p.lax {
		return config.ProbeConnected, nil
	}
	return config.ProbeBlocked, nil
}

func (p *plugin) reach(context.Context, netip.AddrPort) error {
	if p.deaf {
		return errors.New("connection refused")
	}
	return nil
}

func (w *world) expectMessage(conditionType, part string) {
	w.t.Helper()
	c := meta.FindStatusCondition(w.integration().Status.Conditions, conditionType)
	if c == nil || !strings.Contains(c.Message, part) {
		w.t.Errorf("condition %s: %+v, want a message with %q", conditionType, c, part)
	}
}

func TestTheStatusSaysWhetherPoliciesAreEnforced(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	if w.wakeUp["enforcement"] != 10*time.Minute {
		t.Errorf("the next probe is after %s", w.wakeUp["enforcement"])
	}
	w.expectReady()

	w.plugin.lax = true
	w.clock.SetTime(w.clock.Now().Add(11 * time.Minute))
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionFalse, v1alpha1.ReasonNotEnforced)
	w.expectMessage(v1alpha1.ConditionNetworkEnforced, "the cluster's network plugin does not enforce NetworkPolicies: pod acme-gateway-0")
	w.expectReady() // it works: people are told, and decide

	// A port that nobody reaches shows nothing: after a while the verdict is withdrawn, and never turned.
	w.plugin.lax, w.plugin.deaf = false, true
	w.clock.SetTime(w.clock.Now().Add(31 * time.Minute))
	before := w.plugin.attempts
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionUnknown, v1alpha1.ReasonProbePending)
	w.expectMessage(v1alpha1.ConditionNetworkEnforced, "cannot reach its own probe port 9444")
	if w.plugin.attempts != before {
		t.Error("gateways were asked all the same")
	}
	w.plugin.deaf = false
	w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
}

func TestANewRevisionIsProbed(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	controllers := w.restart()
	if err := w.round(controllers); err != nil {
		t.Fatal(err)
	}
	before := w.plugin.attempts
	if err := w.round(controllers); err != nil {
		t.Fatal(err)
	}
	if w.plugin.attempts != before {
		t.Error("a gateway that did not change was probed before its time")
	}
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { ci.Spec.Gateway.TimeoutSeconds = 7 })
	for range 5 {
		if err := w.round(controllers); err != nil {
			t.Fatal(err)
		}
	}
	if w.plugin.attempts == before {
		t.Error("a new revision was not probed")
	}
}

func TestPoliciesOfOthersAreReported(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.create(&networkingv1.NetworkPolicy{Name: "allow-dns", Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: []networkingv1.NetworkPolicyEgressRule{{}}}})
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionFalse, v1alpha1.ReasonForeignPolicy)
	w.expectMessage(v1alpha1.ConditionNetworkEnforced, "allow-dns (egress)")
	w.expectReady()

	edit(w, "allow-dns", &networkingv1.NetworkPolicy{}, func(p *networkingv1.NetworkPolicy) {
		p.Spec.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: v1alpha1.LabelComponent, Operator: metav1.LabelSelectorOpDoesNotExist}}
	})
	w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
	w.settle()
	w.expect(v1alpha1.ConditionNetworkEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
}
