package gateway

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// A given certificate is mounted from the user's Secret, and its fingerprint is a part of the revision.
func TestGivenCertificateIsMountedAndServed(t *testing.T) {
	in := example(t)
	ci := in.resolved.Integration
	ci.Spec.Certificates.CarrierClient = v1alpha1.CarrierClientCertificate{SecretRef: v1alpha1.LocalReference{Name: "approved"}}
	if got := missing(in, renderConfig(in)); got != "certificate approved" {
		t.Errorf("missing is %q", got)
	}
	ci.Status.Certificates.Issued = append(ci.Status.Certificates.Issued, v1alpha1.CertificateStatus{Name: "approved", Fingerprint: "dd"})
	before := renderConfig(in)
	ci.Status.Certificates.Issued[3].Fingerprint = "d2"
	if after := renderConfig(in); !before.CarrierClientCertificate || after.Revision == before.Revision {
		t.Error("another given certificate is no new revision")
	}
	for _, v := range renderVolumes(ci) {
		if *v.Name == "carrier-tls" && *v.Secret.SecretName != "approved" {
			t.Errorf("the Secret %s is mounted", *v.Secret.SecretName)
		}
	}
}

// Where the carrier replaces refresh tokens, pods never overlap, and the next one is given the newest token.
func TestRefreshTokensAreHandedOver(t *testing.T) {
	in := example(t)
	ci, c := in.resolved.Integration, renderConfig(in)
	if rotatesRefreshTokens(c) {
		t.Error("client credentials have no refresh token")
	}
	c.Authentication.OAuth2.RefreshTokenRotates = true
	if !rotatesRefreshTokens(c) {
		t.Error("the rotation is overlooked")
	}
	d := renderDeployment(ci, "gateway:1", "")
	handRefreshTokens(d, ci)
	if s := d.Spec.Strategy; *s.Type != appsv1.RecreateDeploymentStrategyType || s.RollingUpdate != nil {
		t.Errorf("the strategy is %s with %v", *s.Type, s.RollingUpdate)
	}
	pod := d.Spec.Template.Spec
	v := pod.Volumes[len(pod.Volumes)-1]
	if *v.Name != "refresh-tokens" || *v.Secret.SecretName != "acme-refresh-tokens" || !*v.Secret.Optional {
		t.Errorf("the volume is %+v", v)
	}
	mounts := pod.Containers[0].VolumeMounts
	if i := slices.IndexFunc(mounts, func(m corev1ac.VolumeMountApplyConfiguration) bool { return *m.Name == "refresh-tokens" }); i < 0 || *mounts[i].MountPath != config.RefreshTokensDir || !*mounts[i].ReadOnly {
		t.Error("the tokens are not mounted read-only where the gateway reads them")
	}
}
