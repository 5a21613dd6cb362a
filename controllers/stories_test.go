//go:build envtest

package controllers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestIntegrationBecomesReady(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	w.expectReady()
	ci := w.integration()
	if g := ci.Status.Gateway; g.Summary != "2/2" || g.Address != "https://acme-gateway."+w.namespace+".svc:8443" || g.Revision == "" {
		t.Errorf("status.gateway is %+v", g)
	}
	if got := len(ci.Status.Certificates.Issued); got != 3 {
		t.Errorf("%d certificates in the status, want gateway, operator and one client", got)
	}
	for name, want := range map[string]string{"api.acme.example": "23.1.0.1,23.1.0.2", "auth.acme.example": "23.2.0.1"} {
		found := ""
		for _, h := range ci.Status.Network.Hosts {
			if h.Host == name {
				found = strings.Join(h.Addresses, ",")
			}
		}
		if found != want {
			t.Errorf("published addresses of %s: %s, want %s", name, found, want)
		}
	}
	if w.wakeUp["gateway"] < 4*time.Minute { // it is asked for what it counted every 5 minutes
		t.Errorf("a converged gateway is polled every %s", w.wakeUp["gateway"])
	}
	w.expect(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)
	config := &corev1.ConfigMap{}
	if !w.get("acme-gateway", config) || strings.Contains(config.Data["config.json"], "one") {
		t.Error("the configuration is missing or holds the credential")
	}
}

func changeSecret(s *corev1.Secret) { s.Data["clientSecret"] = []byte("two") }

func TestChangedCredentialIsServedByEveryReplica(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	before := w.integration().Status

	w.fleet.stuck["10.1.0.2"] = true
	secret(changeSecret)(w)
	w.settle()
	now := w.integration().Status
	if now.Credentials[0].Version == before.Credentials[0].Version || now.Gateway.Revision == before.Gateway.Revision {
		t.Error("a changed credential is no new version and revision")
	}
	w.expect(v1alpha1.ConditionGatewayReady, metav1.ConditionFalse, v1alpha1.ReasonGatewayProgressing)
	if now.Gateway.Summary != "1/2" {
		t.Errorf("%s replicas serve the new credential, want 1/2", now.Gateway.Summary)
	}
	if w.wakeUp["gateway"] < time.Second || w.wakeUp["gateway"] > 2*time.Second {
		t.Errorf("a lagging replica is asked again after %s", w.wakeUp["gateway"])
	}
	w.expectNudge("acme-gateway-1", now.Gateway.Revision)

	// The kubelet may have missed the first nudge.
	w.clock.SetTime(w.clock.Now().Add(15 * time.Second))
	w.settleRough()
	w.expectNudge("acme-gateway-1", now.Gateway.Revision+"/1")
	w.expectNudge("acme-gateway-0", now.Gateway.Revision)

	w.fleet.stuck["10.1.0.2"] = false
	w.settle()
	w.expectReady()
}

func (w *world) expectNudge(name, want string) {
	w.t.Helper()
	pod := &corev1.Pod{}
	if !w.get(name, pod) || pod.Annotations[v1alpha1.AnnotationRevision] != want {
		w.t.Errorf("pod %s has revision %q, want %q", name, pod.Annotations[v1alpha1.AnnotationRevision], want)
	}
}

func TestRenewedCertificateIsServedAndPodsStay(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	before, pod := w.integration().Status, &corev1.Pod{}
	w.get("acme-gateway-0", pod)
	w.reissue("acme-gateway-tls")
	w.settle()
	w.expectReady()
	now := w.integration().Status
	if now.Gateway.Revision == before.Gateway.Revision {
		t.Error("a renewed certificate is no new revision")
	}
	uid := pod.UID
	if !w.get("acme-gateway-0", pod) || pod.UID != uid {
		t.Error("a renewal started the pods anew")
	}
}

func TestCAsOverlapWhileTheyRotate(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	old := string(w.issuer.pem)
	trusted := func() string {
		bundle := &corev1.ConfigMap{}
		w.get("acme-trust", bundle)
		return bundle.Data["ca.crt"]
	}
	w.issuer.rollOver(w.clock.Now())
	for _, name := range []string{"acme-gateway-tls", "acme-manager", "acme-client-checkout"} {
		w.reissue(name)
		w.settle()
		if !strings.Contains(trusted(), old) || !strings.Contains(trusted(), string(w.issuer.pem)) {
			t.Errorf("after %s the bundle does not hold both CAs", name)
		}
	}
	w.clock.SetTime(w.clock.Now().Add(25 * time.Hour))
	w.settle()
	if strings.Contains(trusted(), old) || !strings.Contains(trusted(), string(w.issuer.pem)) {
		t.Error("a day after its last certificate the old CA is still trusted, or the new one is not")
	}
	w.expectReady()
}

func TestAddressesComeAtOnceAndLeaveLate(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	egress := func() (found []string) {
		policy := &networkingv1.NetworkPolicy{}
		w.get("acme-gateway", policy)
		for _, rule := range policy.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				t.Errorf("an egress rule says everywhere: %v", rule)
			}
			for _, peer := range rule.To {
				found = append(found, peer.IPBlock.CIDR)
			}
		}
		slices.Sort(found)
		return found
	}
	later := func(d time.Duration) { w.clock.SetTime(w.clock.Now().Add(d)); w.settle() }
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, egress()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		w.expectReady()
	}
	check("at first", "23.1.0.1/32", "23.1.0.2/32", "23.2.0.1/32")
	w.names["api.acme.example"] = lookup{addresses: []string{"23.1.0.2", "23.1.0.3"}}
	later(time.Minute)
	check("after a change", "23.1.0.1/32", "23.1.0.2/32", "23.1.0.3/32", "23.2.0.1/32")

	w.names["api.acme.example"] = lookup{err: errors.New("SERVFAIL")}
	later(2 * time.Minute)
	check("while DNS fails", "23.1.0.1/32", "23.1.0.2/32", "23.1.0.3/32", "23.2.0.1/32")
	w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionTrue, v1alpha1.ReasonResolveStale)

	w.names["api.acme.example"] = lookup{addresses: []string{"23.1.0.2", "23.1.0.3"}}
	later(15 * time.Minute)
	check("after the grace", "23.1.0.2/32", "23.1.0.3/32", "23.2.0.1/32")

	// A poisoned answer opens nothing.
	w.names["api.acme.example"] = lookup{addresses: []string{"169.254.169.254"}}
	later(15 * time.Minute)
	w.expect(v1alpha1.ConditionNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonAddressRefused)
	if slices.Contains(egress(), "169.254.169.254/32") {
		t.Error("a poisoned answer is in the policy")
	}
}

func TestClientThatLeavesTakesItsCertificateAlong(t *testing.T) {
	w := newWorld(t)
	w.acme()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) {
		second := *ci.Spec.Clients[0].DeepCopy()
		second.Name = "returns"
		ci.Spec.Clients = append(ci.Spec.Clients, second)
	})
	w.settle()
	if !w.get("acme-client-returns", &corev1.Secret{}) {
		t.Fatal("the second client has no certificate")
	}
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { ci.Spec.Clients = ci.Spec.Clients[:1] })
	w.settle()
	w.expectReady()
	if w.get("acme-client-returns", &corev1.Secret{}) || w.get("acme-client-returns", &cmapi.Certificate{}) {
		t.Error("the certificate of a client that left is still there")
	}
}

func TestDeletionWorksWhileEverythingIsDown(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	w.names = map[string]lookup{"api.acme.example": {err: errors.New("down")}, "auth.acme.example": {err: errors.New("down")}}
	w.remove("acme-key", &corev1.Secret{})
	w.remove("carrier-ca", &cmapi.Issuer{})
	w.remove("acme", &v1alpha1.CarrierIntegration{})
	w.settleRough()
	if w.get("acme", &v1alpha1.CarrierIntegration{}) {
		t.Error("the integration is still there")
	}
	for _, name := range []string{"acme-gateway-tls", "acme-manager", "acme-client-checkout"} {
		if w.get(name, &corev1.Secret{}) {
			t.Errorf("Secret %s was left behind", name)
		}
	}
}

// A profile may change under an integration. The credential must not follow it to a host that it is not bound to, not even for a moment.
func TestCredentialDoesNotFollowTheProfileToAnotherHost(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	before := &corev1.ConfigMap{}
	w.get("acme-gateway", before)

	profile := &v1alpha1.CarrierProfile{}
	if err := w.user.Get(w.ctx, client.ObjectKey{Name: "acme-" + w.namespace}, profile); err != nil {
		t.Fatal(err)
	}
	profile.Spec.Environments[0].Endpoints[1].URL = "https://collector.example/token"
	if err := w.user.Update(w.ctx, profile); err != nil {
		t.Fatal(err)
	}
	w.names["collector.example"] = lookup{addresses: []string{"23.9.0.1"}}
	// Network and gateway happen to look first.
	for _, kc := range w.restart() {
		if kc.name == "network" || kc.name == "gateway" {
			if _, err := kc.controller.Reconcile(w.ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.integration())}); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(when string) {
		t.Helper()
		now := &corev1.ConfigMap{}
		if w.get("acme-gateway", now); now.Data["config.json"] != before.Data["config.json"] {
			t.Errorf("%s the gateway was told of the new host", when)
		}
	}
	check("before the credentials were looked at")
	w.settle()
	check("afterwards")
	w.expect(v1alpha1.ConditionCredentialsReady, metav1.ConditionFalse, v1alpha1.ReasonHostNotAllowed)
	w.expect(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonHostNotAllowed)
}
