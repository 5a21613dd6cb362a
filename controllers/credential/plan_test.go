package credential

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

func secret(edit func(*corev1.Secret)) *corev1.Secret {
	s := &corev1.Secret{
		Name: "ups-shipping", UID: "u", ResourceVersion: "1", Annotations: map[string]string{
			v1alpha1.AnnotationAllowedHosts: "api.example, Token.example:8443",
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret\n")},
	}
	if edit != nil {
		edit(s)
	}
	return s
}

func TestCheckSecret(t *testing.T) {
	tests := map[string]struct {
		secret   *corev1.Secret
		reason   string
		mentions string
	}{
		"sound":           {secret: secret(nil)},
		"missing":         {reason: v1alpha1.ReasonSecretNotFound, mentions: `"ups-shipping" does not exist`},
		"of another type": {secret(func(s *corev1.Secret) { s.Type = corev1.SecretTypeServiceAccountToken }), v1alpha1.ReasonSecretTypeUnsupported, "Opaque"},
		"without data":    {secret(func(s *corev1.Secret) { s.Data = nil }), v1alpha1.ReasonSecretEmpty, "no data"},
		"with a value of white space": {
			secret(func(s *corev1.Secret) { s.Data["clientSecret"] = []byte(" \n") }), v1alpha1.ReasonSecretEmpty, `key "clientSecret"`,
		},
		"bound to no host": {secret(func(s *corev1.Secret) { s.Annotations = nil }), v1alpha1.ReasonHostNotAllowed, v1alpha1.AnnotationAllowedHosts},
		"bound to commas":  {secret(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAllowedHosts] = " , ," }), v1alpha1.ReasonHostNotAllowed, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expect(t, checkSecret("ups-shipping", tc.secret), tc.reason, tc.mentions) })
	}
}

func TestCheckUse(t *testing.T) {
	resolved := &integration.Resolved{
		Integration: &v1alpha1.CarrierIntegration{Name: "ups"},
		Profile: &v1alpha1.CarrierProfile{Name: "ups", Spec: v1alpha1.CarrierProfileSpec{Authentication: v1alpha1.Authentication{
			Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
			OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{TokenRequestHeaders: []v1alpha1.CredentialHeader{
				{Name: "x-merchant-id", CredentialKey: "merchantID", Presence: v1alpha1.PresenceOptional},
			}},
		}}},
		Hosts: []integration.Host{{Name: "api.example", Port: 443}, {Name: "token.example", Port: 8443}},
	}
	annotate := func(key, value string) *corev1.Secret {
		return secret(func(s *corev1.Secret) { s.Annotations[key] = value })
	}
	tests := map[string]struct {
		secret   *corev1.Secret
		reason   string
		mentions string
	}{
		"all hosts allowed, in any case, an optional key missing": {secret: secret(nil)},
		"the usual port may be written":                           {secret: annotate(v1alpha1.AnnotationAllowedHosts, "api.example:443,token.example:8443")},
		"a host is not allowed":                                   {annotate(v1alpha1.AnnotationAllowedHosts, "api.example"), v1alpha1.ReasonHostNotAllowed, "token.example:8443"},
		"a host at another port is not":                           {annotate(v1alpha1.AnnotationAllowedHosts, "api.example,token.example"), v1alpha1.ReasonHostNotAllowed, "token.example:8443"},
		"a longer name is another host":                           {annotate(v1alpha1.AnnotationAllowedHosts, "api.example.evil.example,token.example:8443"), v1alpha1.ReasonHostNotAllowed, "api.example"},
		"a required key is missing": {
			secret(func(s *corev1.Secret) { delete(s.Data, "clientSecret") }), v1alpha1.ReasonKeyMissing, `"clientSecret"`,
		},
		"this integration is allowed":  {secret: annotate(v1alpha1.AnnotationAllowedIntegrations, "fedex, ups")},
		"another integration's Secret": {annotate(v1alpha1.AnnotationAllowedIntegrations, "fedex"), v1alpha1.ReasonIntegrationNotAllowed, "fedex"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expect(t, checkUse(resolved, "ups-shipping", tc.secret), tc.reason, tc.mentions) })
	}
}

func expect(t *testing.T, got *problem, reason, mentions string) {
	t.Helper()
	if got == nil {
		got = &problem{}
	}
	if got.reason != reason || !strings.Contains(got.message, mentions) {
		t.Errorf("%s: %s, want reason %q and a message with %q", got.reason, got.message, reason, mentions)
	}
	if strings.Contains(got.message, "secret\n") {
		t.Error("the message holds a secret")
	}
}

func TestVersionChangesWithTheSecretAndRevealsNothing(t *testing.T) {
	before, after := Version(secret(nil)), Version(secret(func(s *corev1.Secret) { s.ResourceVersion = "2" }))
	same := Version(secret(func(s *corev1.Secret) { s.Data = nil }))
	if before == after || before != same {
		t.Errorf("versions %s, %s, %s: want it to depend on UID and resource version alone", before, after, same)
	}
}
