//go:build envtest

package controllers_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/network"
)

// clusterPolicy reads the gateway's; nil if there is none.
func (w *world) clusterPolicy() *npav1alpha2.ClusterNetworkPolicy {
	w.t.Helper()
	policy := &npav1alpha2.ClusterNetworkPolicy{}
	if !w.get(w.namespace+".acme-gateway", policy) {
		return nil
	}
	return policy
}

func newWorldWithClusterPolicies(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.clusterPolicies = network.ClusterPolicies{Mode: network.Auto, Served: true}
	t.Cleanup(func() { // it has no namespace to go with
		_ = w.user.Delete(context.Background(), &npav1alpha2.ClusterNetworkPolicy{Name: w.namespace + ".acme-gateway"})
	})
	return w
}

func pods(namespace string, labels map[string]string) *npav1alpha2.NamespacedPod {
	return &npav1alpha2.NamespacedPod{NamespaceSelector: metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		PodSelector: metav1.LabelSelector{MatchLabels: labels}}
}

func TestGatewayHasAClusterNetworkPolicyWhereThatIsServed(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	w.acme()
	w.settle()
	w.expectReady()
	w.expectMessage(v1alpha1.ConditionNetworkReady, "; ClusterNetworkPolicy "+w.namespace+".acme-gateway denies the gateway all else")
	want := npav1alpha2.ClusterNetworkPolicySpec{
		Tier: npav1alpha2.AdminTier, Priority: 1000,
		Subject: npav1alpha2.ClusterNetworkPolicySubject{Pods: pods(w.namespace, map[string]string{
			v1alpha1.LabelIntegration: "acme", v1alpha1.LabelComponent: v1alpha1.ComponentGateway})},
		Egress: []npav1alpha2.ClusterNetworkPolicyEgressRule{
			{Name: "the carrier, port 443", Action: npav1alpha2.ClusterNetworkPolicyRuleActionPass,
				To:        []npav1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: []npav1alpha2.CIDR{"23.1.0.1/32", "23.1.0.2/32", "23.2.0.1/32"}}},
				Protocols: []npav1alpha2.ClusterNetworkPolicyProtocol{{TCP: &npav1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: &npav1alpha2.Port{Number: 443}}}}},
			{Name: "all else", Action: npav1alpha2.ClusterNetworkPolicyRuleActionDeny, To: []npav1alpha2.ClusterNetworkPolicyEgressPeer{
				{Namespaces: &metav1.LabelSelector{}}, {Networks: []npav1alpha2.CIDR{"0.0.0.0/0", "::/0"}}}},
		},
	}
	if diff := cmp.Diff(want, w.clusterPolicy().Spec); diff != "" {
		t.Errorf("the policy (-want +got):\n%s", diff)
	}

	w.names["auth.acme.example"] = lookup{addresses: []string{"23.2.0.9"}}
	w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
	w.settle()
	got := w.clusterPolicy().Spec.Egress[0].To[0].Networks
	if diff := cmp.Diff([]npav1alpha2.CIDR{"23.1.0.1/32", "23.1.0.2/32", "23.2.0.1/32", "23.2.0.9/32"}, got); diff != "" {
		t.Errorf("after a new answer (-want +got):\n%s", diff)
	}
}

func TestEditedAndDeletedClusterNetworkPolicyComesBack(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	w.acme()
	w.settle()
	before := w.clusterPolicy()
	for name, spoil := range map[string]func(*npav1alpha2.ClusterNetworkPolicy){
		"the way opened": func(p *npav1alpha2.ClusterNetworkPolicy) {
			p.Spec.Egress[1].Action = npav1alpha2.ClusterNetworkPolicyRuleActionAccept
		},
		"a rule taken away":  func(p *npav1alpha2.ClusterNetworkPolicy) { p.Spec.Egress = p.Spec.Egress[:1] },
		"other pods":         func(p *npav1alpha2.ClusterNetworkPolicy) { p.Spec.Subject.Pods.PodSelector.MatchLabels["app"] = "none" },
		"another place":      func(p *npav1alpha2.ClusterNetworkPolicy) { p.Spec.Priority, p.Spec.Tier = 3, npav1alpha2.BaselineTier },
		"one more namespace": func(p *npav1alpha2.ClusterNetworkPolicy) { p.Spec.Subject.Pods.NamespaceSelector.MatchLabels = nil },
	} {
		edit(w, before.Name, &npav1alpha2.ClusterNetworkPolicy{}, spoil)
		w.settle()
		if diff := cmp.Diff(before.Spec, w.clusterPolicy().Spec); diff != "" {
			t.Errorf("%s: (-before +now):\n%s", name, diff)
		}
	}
	w.remove(before.Name, &npav1alpha2.ClusterNetworkPolicy{})
	w.settle()
	if diff := cmp.Diff(before.Spec, w.clusterPolicy().Spec); diff != "" {
		t.Errorf("after a deletion (-before +now):\n%s", diff)
	}
}

func TestClusterNetworkPoliciesCanBeSwitchedOff(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	w.acme()
	w.settle()
	w.clusterPolicies.Mode = network.Off
	w.settle()
	if w.clusterPolicy() != nil {
		t.Error("the policy is still there: nobody would tell it of new addresses")
	}
	w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.clusterPolicies.Mode = network.Auto
	w.settle()
	if w.clusterPolicy() == nil {
		t.Error("the policy did not come back")
	}
}

func TestClusterNetworkPolicyOfAnotherIsNeverAdopted(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	theirs := &npav1alpha2.ClusterNetworkPolicy{Name: w.namespace + ".acme-gateway", Spec: npav1alpha2.ClusterNetworkPolicySpec{
		Tier: npav1alpha2.BaselineTier, Subject: npav1alpha2.ClusterNetworkPolicySubject{Pods: pods(w.namespace, map[string]string{"app": "other"})}}}
	if err := w.user.Create(w.ctx, theirs); err != nil {
		t.Fatal(err)
	}
	w.acme()
	w.settle()
	w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNameConflict)
	w.clusterPolicies.Mode = network.Off
	w.settle()
	w.expectReady()
	if diff := cmp.Diff(theirs, w.clusterPolicy()); diff != "" {
		t.Errorf("the other's policy was touched (-before +now):\n%s", diff)
	}
}

// refusing is an API server that takes no ClusterNetworkPolicy any more.
type refusing struct {
	client.Client
	err error
}

func (r refusing) Apply(ctx context.Context, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	if kind, ok := object.(interface{ GetKind() *string }); ok && *kind.GetKind() == "ClusterNetworkPolicy" {
		return r.err
	}
	return r.Client.Apply(ctx, object, options...)
}

// An old policy that cannot be changed any more would close the way to new addresses: it goes.
func TestNetworkPolicyHoldsAloneWhereTheOtherIsRefused(t *testing.T) {
	resource := schema.GroupResource{Group: npav1alpha2.GroupName, Resource: "clusternetworkpolicies"}
	for name, refusal := range map[string]error{
		"not valid":   apierrors.NewInvalid(schema.GroupKind{Kind: "ClusterNetworkPolicy"}, "acme", nil),
		"not allowed": apierrors.NewForbidden(resource, "acme", nil),
		"gone":        apierrors.NewNotFound(resource, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldWithClusterPolicies(t)
			w.acme()
			w.settle()
			w.names["auth.acme.example"] = lookup{addresses: []string{"23.2.0.9"}}
			w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
			for _, kc := range w.restart() {
				if c, ok := kc.controller.(*network.Controller); ok {
					c.Client = refusing{c.Client, refusal}
					if err := w.round([]kindController{kc}); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionTrue, v1alpha1.ReasonClusterPolicyRefused)
			w.expectMessage(v1alpha1.ConditionNetworkReady, "the gateway's NetworkPolicy holds alone")
			if w.clusterPolicy() != nil {
				t.Error("the old policy is still there")
			}
			w.settle()
			w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
		})
	}
}

// With the real manager, and its cache.
func TestClusterNetworkPolicyGoesWithItsIntegration(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	stop := w.startManager()
	w.acme()
	there := func() bool { return w.clusterPolicy() != nil }
	w.eventually("the gateway has a policy", there)
	uid := w.clusterPolicy().UID
	w.remove(w.clusterPolicy().Name, &npav1alpha2.ClusterNetworkPolicy{})
	w.eventually("a deleted policy comes back", func() bool { p := w.clusterPolicy(); return p != nil && p.UID != uid })
	w.remove("acme", &v1alpha1.CarrierIntegration{})
	w.eventually("the policy goes with its integration", func() bool { return !there() && !w.get("acme", &v1alpha1.CarrierIntegration{}) })
	stop()
	noPanics(t)
}

func TestClusterNetworkPolicyGoesThoughItsIntegrationWentWhileNoManagerRan(t *testing.T) {
	w := newWorldWithClusterPolicies(t)
	stop := w.startManager()
	w.acme()
	there := func() bool { return w.clusterPolicy() != nil }
	w.eventually("the gateway has a policy", there)
	stop()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { ci.Finalizers = nil })
	w.remove("acme", &v1alpha1.CarrierIntegration{})
	elsewhere := w.clusterPolicy().DeepCopy()
	elsewhere.ObjectMeta = metav1.ObjectMeta{Name: "elsewhere.acme-gateway", Labels: elsewhere.Labels}
	elsewhere.Labels[v1alpha1.LabelNamespace] = "elsewhere"
	if err := w.user.Create(w.ctx, elsewhere); err != nil {
		t.Fatal(err)
	}
	stop = w.startManager()
	w.eventually("the policy goes when a manager runs again", func() bool { return !there() })
	stop()
	if err := w.user.Delete(w.ctx, elsewhere); err != nil {
		t.Errorf("the policy of a namespace that is not this manager's: %v", err)
	}
	noPanics(t)
}
