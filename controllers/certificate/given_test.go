package certificate

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

func TestJudgeGivenCertificate(t *testing.T) {
	cert, key := issue(t, x509.ExtKeyUsageClientAuth, now.Add(-time.Hour), now.Add(24*time.Hour))
	serverCert, serverKey := issue(t, x509.ExtKeyUsageServerAuth, now.Add(-time.Hour), now.Add(24*time.Hour))
	expiredCert, expiredKey := issue(t, x509.ExtKeyUsageClientAuth, now.Add(-2*time.Hour), now.Add(-time.Hour))
	futureCert, futureKey := issue(t, x509.ExtKeyUsageClientAuth, now.Add(time.Hour), now.Add(2*time.Hour))
	resolved := &integration.Resolved{Integration: &v1alpha1.CarrierIntegration{Name: "bnsf"}, Hosts: []integration.Host{{Name: "api.bnsf.example", Port: 6443}}}
	pair := func(cert, key []byte) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Data["tls.crt"], s.Data["tls.key"] = cert, key }
	}
	annotate := func(key, value string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Annotations[key] = value }
	}
	tests := map[string]struct {
		name     string // default approved
		spoil    func(*corev1.Secret)
		missing  bool
		reason   string // empty: fit
		mentions string
	}{
		"fit":             {},
		"missing":         {missing: true, reason: v1alpha1.ReasonSecretNotFound, mentions: "correct certificates.carrierClient.secretRef"},
		"of another type": {spoil: func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }, reason: v1alpha1.ReasonSecretTypeUnsupported, mentions: "kubernetes.io/tls"},
		"bound to no host": {spoil: func(s *corev1.Secret) { s.Annotations = nil },
			reason: v1alpha1.ReasonHostNotAllowed, mentions: v1alpha1.AnnotationAllowedHosts},
		"bound to another host":    {spoil: annotate(v1alpha1.AnnotationAllowedHosts, "api.bnsf.example"), reason: v1alpha1.ReasonHostNotAllowed, mentions: "api.bnsf.example:6443"},
		"another integration's":    {spoil: annotate(v1alpha1.AnnotationAllowedIntegrations, "ups"), reason: v1alpha1.ReasonIntegrationNotAllowed, mentions: `"bnsf"`},
		"for this integration":     {spoil: annotate(v1alpha1.AnnotationAllowedIntegrations, "ups,bnsf")},
		"a key of another":         {spoil: pair(cert, serverKey), reason: v1alpha1.ReasonCertificateInvalid, mentions: "do not belong together"},
		"no PEM":                   {spoil: pair([]byte("x"), []byte("s3cret")), reason: v1alpha1.ReasonCertificateInvalid, mentions: "cannot be read"},
		"far too large":            {spoil: pair([]byte(strings.Repeat("x", maxPEM+1)), key), reason: v1alpha1.ReasonCertificateInvalid, mentions: "more than"},
		"for servers":              {spoil: pair(serverCert, serverKey), reason: v1alpha1.ReasonCertificateInvalid, mentions: `extended key usage "client auth"`},
		"expired":                  {spoil: pair(expiredCert, expiredKey), reason: v1alpha1.ReasonCertificateInvalid, mentions: "expired"},
		"not valid yet":            {spoil: pair(futureCert, futureKey), reason: v1alpha1.ReasonCertificateInvalid, mentions: "valid from"},
		"the gateway's own Secret": {name: "bnsf-gateway-tls", reason: v1alpha1.ReasonCertificateInvalid, mentions: "another certificate of this integration"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{Type: corev1.SecretTypeTLS, Annotations: map[string]string{v1alpha1.AnnotationAllowedHosts: "other.example, API.bnsf.example:6443"},
				Data: map[string][]byte{"tls.crt": cert, "tls.key": key}}
			if tc.spoil != nil {
				tc.spoil(secret)
			}
			if tc.missing {
				secret = nil
			}
			if tc.name == "" {
				tc.name = "approved"
			}
			v := judgeGiven(resolved, tc.name, secret, []wanted{{name: "bnsf-gateway-tls"}}, now)
			if v.reason != tc.reason || !strings.Contains(v.message, tc.mentions) || strings.Contains(v.message, "s3cret") {
				t.Errorf("%s: %s, want reason %q and a message with %q", v.reason, v.message, tc.reason, tc.mentions)
			}
			if fit := tc.reason == ""; fit != (v.issued != nil) || fit && (v.issued.Name != "approved" || len(v.issued.Fingerprint) != 64 || v.issued.SerialNumber != "abc") {
				t.Errorf("published: %+v", v.issued)
			}
		})
	}
}
