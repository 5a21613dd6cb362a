//go:build envtest

package chart_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// RBAC lets the manager change any ClusterNetworkPolicy; the policy narrows that to its own, which give nobody a way.
func TestManagerChangesItsOwnClusterNetworkPoliciesOnly(t *testing.T) {
	operator, administrator := clusterPolicyClients(t)
	asIs := func(*npav1alpha2.ClusterNetworkPolicy) {}
	foreign := func(p *npav1alpha2.ClusterNetworkPolicy) { p.Labels = nil }
	if err := administrator.Create(t.Context(), clusterPolicy("foreign", foreign)); err != nil {
		t.Fatal(err)
	}
	// A policy works a moment after it was made.
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		return operator.Create(ctx, clusterPolicy("early", foreign), client.DryRunAll) != nil, nil
	})
	if err != nil {
		t.Fatalf("the policy never refused a policy without the label: %v", err)
	}
	if err := operator.Create(t.Context(), clusterPolicy("own", asIs)); err != nil {
		t.Fatalf("a policy of the operator: %v", err)
	}

	const (
		onlyOwn      = "the carrier operator may change its own ClusterNetworkPolicies only (label app.kubernetes.io/managed-by=carrier-operator)"
		onlyGateways = "the carrier operator may write ClusterNetworkPolicies for pods of gateways only"
		onlyTakes    = "a ClusterNetworkPolicy of the carrier operator passes egress on or denies it, and accepts none"
	)
	create := func(c client.Client, change func(*npav1alpha2.ClusterNetworkPolicy)) func() error {
		return func() error { return c.Create(t.Context(), clusterPolicy("ours", change), client.DryRunAll) }
	}
	for _, tc := range []struct {
		name    string
		do      func() error
		refused string
	}{
		{"without the label", create(operator, foreign), onlyOwn},
		{"for all pods", create(operator, func(p *npav1alpha2.ClusterNetworkPolicy) { p.Spec.Subject.Pods.PodSelector.MatchLabels = nil }), onlyGateways},
		{"for namespaces", create(operator, func(p *npav1alpha2.ClusterNetworkPolicy) {
			p.Spec.Subject = npav1alpha2.ClusterNetworkPolicySubject{Namespaces: &metav1.LabelSelector{}}
		}), onlyGateways},
		{"that accepts", create(operator, func(p *npav1alpha2.ClusterNetworkPolicy) {
			p.Spec.Egress[0].Action = npav1alpha2.ClusterNetworkPolicyRuleActionAccept
		}), onlyTakes},
		{"of another, taken over", func() error {
			label := `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"carrier-operator"}}}`
			return operator.Patch(t.Context(), clusterPolicy("foreign", asIs), client.RawPatch(types.MergePatchType, []byte(label)))
		}, onlyOwn},
		{"of another, removed", func() error { return operator.Delete(t.Context(), clusterPolicy("foreign", asIs)) }, onlyOwn},
		{"of its own, removed", func() error { return operator.Delete(t.Context(), clusterPolicy("own", asIs)) }, ""},
		{"made by somebody else", create(administrator, foreign), ""},
	} {
		if err := tc.do(); tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
			t.Errorf("a policy %s: got %v, want a refusal with %q", tc.name, err, tc.refused)
		}
	}
}

// clusterPolicyClients are clients of the manager and of an administrator, at an API server that has the release and the API.
func clusterPolicyClients(t *testing.T) (operator, administrator client.Client) {
	t.Helper()
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/network-policy-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{ErrorIfPathMissing: true, Paths: []string{
		filepath.Join(strings.TrimSpace(string(module)), "config", "crd", "standard", "policy.networking.k8s.io_clusternetworkpolicies.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	install(t, mustRender(t))
	scheme := runtime.NewScheme()
	if err := npav1alpha2.Install(scheme); err != nil {
		t.Fatal(err)
	}
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: manager}
	if operator, err = client.New(as, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if administrator, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	return operator, administrator
}

func clusterPolicy(name string, change func(*npav1alpha2.ClusterNetworkPolicy)) *npav1alpha2.ClusterNetworkPolicy {
	everything := []npav1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: []npav1alpha2.CIDR{"0.0.0.0/0"}}}
	p := &npav1alpha2.ClusterNetworkPolicy{Name: name, Labels: map[string]string{"app.kubernetes.io/managed-by": "carrier-operator"},
		Spec: npav1alpha2.ClusterNetworkPolicySpec{Tier: npav1alpha2.AdminTier, Priority: 1000,
			Subject: npav1alpha2.ClusterNetworkPolicySubject{Pods: &npav1alpha2.NamespacedPod{
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentGateway}}}},
			Egress: []npav1alpha2.ClusterNetworkPolicyEgressRule{
				{Action: npav1alpha2.ClusterNetworkPolicyRuleActionPass, To: everything},
				{Action: npav1alpha2.ClusterNetworkPolicyRuleActionDeny, To: everything}}}}
	change(p)
	return p
}
