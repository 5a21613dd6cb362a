//go:build envtest

package controllers_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/refreshtoken"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// issued are the refresh tokens that the gateways of a world report.
type issued map[string]config.RefreshToken

func (i issued) RefreshTokens(context.Context, string, *gateway.Peer) (map[string]config.RefreshToken, error) {
	return i, nil
}

// editProfile changes the profile of the world, which has no namespace.
func (w *world) editProfile(change func(*v1alpha1.CarrierProfileSpec)) {
	w.t.Helper()
	profile := &v1alpha1.CarrierProfile{}
	if err := w.user.Get(w.ctx, client.ObjectKey{Name: "acme-" + w.namespace}, profile); err != nil {
		w.t.Fatal(err)
	}
	change(&profile.Spec)
	if err := w.user.Update(w.ctx, profile); err != nil {
		w.t.Fatal(err)
	}
}

// keepTokens lets the refresh tokens' controller look once.
func (w *world) keepTokens(reported issued) ctrl.Result {
	w.t.Helper()
	c, err := manager.client(w.wire)
	if err != nil {
		w.t.Fatal(err)
	}
	controller := &refreshtoken.Controller{Client: c, Live: c, Events: w.events, Clock: w.clock, Asker: reported}
	result, err := controller.Reconcile(w.ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.integration())})
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// allowTokens binds the shipped ClusterRole in the world's namespace, as its owner does.
func (w *world) allowTokens() {
	w.t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "config", "rbac", "refresh_tokens_role.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(file, role); err != nil {
		w.t.Fatal(err)
	}
	w.create(&rbacv1.Role{Name: role.Name, Rules: role.Rules}, &rbacv1.RoleBinding{Name: role.Name,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carrier-operator-manager"}}})
}

func TestRefreshTokensThatTheCarrierReplacesAreKept(t *testing.T) {
	w := newWorld(t)
	w.acme()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { ci.Spec.Gateway.Replicas = 1 })
	edit(w, "acme-key", &corev1.Secret{}, func(s *corev1.Secret) { s.Data["refreshToken"] = []byte("first") })
	w.settle()
	w.expectReady()
	w.editProfile(func(p *v1alpha1.CarrierProfileSpec) {
		p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2RefreshToken, OAuth2RefreshToken: v1alpha1.OAuth2RefreshToken{
			TokenClient: v1alpha1.TokenClient{ClientAuthentication: v1alpha1.ClientAuthenticationForm}, Rotation: v1alpha1.RefreshTokenRotationEachUse}}
	})
	w.settleRough()
	w.expect(v1alpha1.ConditionGatewayReady, metav1.ConditionUnknown, v1alpha1.ReasonDependencyNotReady)

	const name = "acme-refresh-tokens"
	if result := w.keepTokens(nil); result.RequeueAfter < 30*time.Second || w.get(name, &corev1.Secret{}) {
		t.Error("without leave the Secret was made, or it is tried again at once")
	}
	w.allowTokens()
	for deadline := 50; !w.get(name, &corev1.Secret{}); deadline-- { // the authorizer learns of the binding a little later
		if w.keepTokens(nil); deadline == 0 {
			t.Fatal("the Secret is not made")
		}
	}
	w.settle()
	w.expectReady()
	d := &appsv1.Deployment{}
	w.get("acme-gateway", d)
	mounted := slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Secret != nil && v.Secret.SecretName == name })
	if d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || !mounted {
		t.Errorf("strategy %s, tokens mounted: %v", d.Spec.Strategy.Type, mounted)
	}

	reported := issued{"shipping": {Value: "second", Origin: "o", Sequence: 1}, "stranger": {Value: "x", Origin: "o", Sequence: 1}}
	w.keepTokens(reported)
	before := w.wire.count()
	w.keepTokens(reported)
	w.keepTokens(issued{})
	if writes := w.wire.since(before); len(writes) > 0 {
		t.Errorf("nothing new was written: %s", strings.Join(writes, ", "))
	}
	w.keepTokens(issued{"shipping": {Value: "third", Origin: "o", Sequence: 2}})
	w.keepTokens(reported)
	kept, token := &corev1.Secret{}, config.RefreshToken{}
	w.get(name, kept)
	if err := json.Unmarshal(kept.Data["shipping"], &token); err != nil || token.Value != "third" || len(kept.Data) != 1 {
		t.Errorf("kept is %+v of %d, %v", token, len(kept.Data), err)
	}
	w.settle()

	w.editProfile(func(p *v1alpha1.CarrierProfileSpec) {
		p.Authentication.OAuth2RefreshToken.Rotation = v1alpha1.RefreshTokenRotationNever
	})
	w.settle()
	w.keepTokens(nil)
	w.get("acme-gateway", d)
	if w.get(name, &corev1.Secret{}) || d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		t.Errorf("without rotation the Secret stays, or pods do not overlap: %s", d.Spec.Strategy.Type)
	}
}

func TestForeignSecretIsNeverTakenForRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.allowTokens()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { ci.Spec.Gateway.Replicas = 1 })
	edit(w, "acme-key", &corev1.Secret{}, func(s *corev1.Secret) { s.Data["refreshToken"] = []byte("first") })
	w.editProfile(func(p *v1alpha1.CarrierProfileSpec) {
		p.Authentication = v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2RefreshToken, OAuth2RefreshToken: v1alpha1.OAuth2RefreshToken{
			TokenClient: v1alpha1.TokenClient{ClientAuthentication: v1alpha1.ClientAuthenticationForm}, Rotation: v1alpha1.RefreshTokenRotationEachUse}}
	})
	w.create(&corev1.Secret{Name: "acme-refresh-tokens", Data: map[string][]byte{"shipping": []byte("mine")}})
	w.keepTokens(issued{"shipping": {Value: "second", Origin: "o", Sequence: 1}})
	w.settle()
	w.expect(v1alpha1.ConditionGatewayReady, metav1.ConditionFalse, v1alpha1.ReasonNameConflict)
	found := &corev1.Secret{}
	if w.get("acme-refresh-tokens", found); string(found.Data["shipping"]) != "mine" {
		t.Error("the Secret of somebody else was written to")
	}
}

func TestGivenCertificateIsPresentedToTheCarrier(t *testing.T) {
	w := newWorld(t)
	w.acme()
	cert, key := w.issuer.sign(&cmapi.Certificate{Spec: cmapi.CertificateSpec{CommonName: "shop", Duration: &metav1.Duration{Duration: time.Hour}}}, w.clock.Now())
	approved := &corev1.Secret{Name: "approved", Type: corev1.SecretTypeTLS, Data: map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key}}
	w.create(approved)
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) {
		ci.Spec.Certificates.CarrierClient.SecretRef.Name = "approved"
	})
	w.settle()
	w.expect(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonHostNotAllowed)

	edit(w, "approved", &corev1.Secret{}, func(s *corev1.Secret) { s.Annotations = acmeSecret().Annotations })
	w.settle()
	w.expectReady()
	if w.get("acme-carrier-client", &cmapi.Certificate{}) {
		t.Error("a certificate is issued beside the given one")
	}
	status := w.integration().Status.Certificates.Issued
	i := slices.IndexFunc(status, func(c v1alpha1.CertificateStatus) bool { return c.Name == "approved" })
	if i < 0 || status[i].Fingerprint != w.fleet.fingerprint("approved") {
		t.Errorf("published are %+v", status)
	}

	// The profile moves to a host that the certificate is not bound to.
	w.names["collector.example"] = lookup{addresses: []string{"23.9.0.1"}}
	w.editProfile(func(p *v1alpha1.CarrierProfileSpec) { p.Environments[0].Endpoints[0].URL = "https://collector.example" })
	edit(w, "acme-key", &corev1.Secret{}, func(s *corev1.Secret) {
		s.Annotations[v1alpha1.AnnotationAllowedHosts] = "collector.example,auth.acme.example"
	})
	w.settle()
	w.expect(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonHostNotAllowed)
	mounted := &corev1.ConfigMap{}
	if w.get("acme-gateway", mounted); strings.Contains(mounted.Data["config.json"], "collector.example") {
		t.Error("the gateway was told of the new host")
	}

	w.clock.SetTime(w.clock.Now().Add(2 * time.Hour))
	edit(w, "approved", &corev1.Secret{}, func(s *corev1.Secret) {
		s.Annotations[v1alpha1.AnnotationAllowedHosts] = "collector.example,auth.acme.example"
	})
	w.settleRough()
	w.expect(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonCertificateInvalid)
}
