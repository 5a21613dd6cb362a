//go:build envtest

package controllers_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func cmmetaReference(name string) cmmeta.IssuerReference {
	return cmmeta.IssuerReference{Name: name, Kind: "Issuer", Group: "cert-manager.io"}
}

func spec(change func(*v1alpha1.CarrierIntegrationSpec)) func(*world) {
	return func(w *world) {
		edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) { change(&ci.Spec) })
	}
}

func secret(change func(*corev1.Secret)) func(*world) {
	return func(w *world) { edit(w, "acme-key", &corev1.Secret{}, change) }
}

// A mistake is made, told by a condition, and mended; the rest of the world is in order.
func TestMistakesAreExplainedAndRecoverByThemselves(t *testing.T) {
	tests := map[string]struct {
		mistake, mend     func(*world)
		condition, reason string
		message           string
		reconciling       bool // nobody has to act
	}{
		"unknown profile": {
			mistake: spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.ProfileRef.Name = "nobody" }),
			mend: func(w *world) {
				spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.ProfileRef.Name = "acme-" + w.namespace })(w)
			},
			condition: v1alpha1.ConditionProfileResolved, reason: v1alpha1.ReasonProfileNotFound, message: `CarrierProfile "nobody" does not exist`,
		},
		"unknown environment": {
			mistake:   spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Environment = "Sandbox" }),
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Environment = "Production" }),
			condition: v1alpha1.ConditionProfileResolved, reason: v1alpha1.ReasonEnvironmentNotFound, message: "set spec.environment to one of Production",
		},
		"unknown operation": {
			mistake:   spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Clients[0].Operations = []string{"fly"} }),
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Clients[0].Operations = []string{"rate"} }),
			condition: v1alpha1.ConditionProfileResolved, reason: v1alpha1.ReasonOperationNotFound, message: "use one of rate, label",
		},
		"operation without credential": {
			mistake:   spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Credentials[0].Operations = []string{"label"} }),
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Credentials[0].Operations = nil }),
			condition: v1alpha1.ConditionProfileResolved, reason: v1alpha1.ReasonOperationWithoutCredential, message: `"rate"`,
		},
		"unknown credential": {
			mistake:   spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Credentials[0].CredentialRef.Name = "nobody" }),
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Credentials[0].CredentialRef.Name = "acme" }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonCredentialNotFound, message: "create it",
		},
		"missing Secret": {
			mistake:   func(w *world) { w.remove("acme-key", &corev1.Secret{}) },
			mend:      func(w *world) { w.create(acmeSecret()) },
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonSecretNotFound, message: `Secret "acme-key" does not exist`,
		},
		"empty Secret": {
			mistake:   secret(func(s *corev1.Secret) { s.Data = nil }),
			mend:      secret(func(s *corev1.Secret) { s.Data = acmeSecret().Data }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonSecretEmpty, message: "has no data",
		},
		"key that is missing": {
			mistake:   secret(func(s *corev1.Secret) { delete(s.Data, "clientSecret") }),
			mend:      secret(func(s *corev1.Secret) { s.Data = acmeSecret().Data }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonKeyMissing, message: `"clientSecret"`,
		},
		"Secret that is bound to no host": {
			mistake:   secret(func(s *corev1.Secret) { s.Annotations = nil }),
			mend:      secret(func(s *corev1.Secret) { s.Annotations = acmeSecret().Annotations }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonHostNotAllowed, message: "annotate it",
		},
		"Secret of another host": {
			mistake:   secret(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAllowedHosts] = "api.acme.example" }),
			mend:      secret(func(s *corev1.Secret) { s.Annotations = acmeSecret().Annotations }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonHostNotAllowed, message: "auth.acme.example",
		},
		"Secret of another integration": {
			mistake:   secret(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAllowedIntegrations] = "other" }),
			mend:      secret(func(s *corev1.Secret) { s.Annotations = acmeSecret().Annotations }),
			condition: v1alpha1.ConditionCredentialsReady, reason: v1alpha1.ReasonIntegrationNotAllowed, message: `"acme"`,
		},
		"unknown issuer": {
			mistake:   spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Certificates.IssuerRef.Name = "nobody" }),
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Certificates.IssuerRef.Name = "carrier-ca" }),
			condition: v1alpha1.ConditionCertificatesReady, reason: v1alpha1.ReasonIssuerNotFound, message: `Issuer "nobody" does not exist`,
		},
		"ACME issuer": {
			mistake: func(w *world) {
				edit(w, "carrier-ca", &cmapi.Issuer{}, func(i *cmapi.Issuer) {
					i.Spec.IssuerConfig = cmapi.IssuerConfig{ACME: &cmacme.ACMEIssuer{Server: "https://acme.example", PrivateKey: cmmeta.SecretKeySelector{
						LocalObjectReference: cmmeta.LocalObjectReference{Name: "key"}}}}
				})
			},
			mend: func(w *world) {
				edit(w, "carrier-ca", &cmapi.Issuer{}, func(i *cmapi.Issuer) { i.Spec = caIssuer().Spec })
			},
			condition: v1alpha1.ConditionCertificatesReady, reason: v1alpha1.ReasonIssuerUnsuitable, message: "public CAs issue no client certificates",
		},
		"no cert-manager": {
			mistake:   func(w *world) { w.missing = true },
			mend:      func(w *world) { w.missing = false },
			condition: v1alpha1.ConditionCertificatesReady, reason: v1alpha1.ReasonCertManagerMissing, message: "install cert-manager",
		},
		"trust bundle that does not exist": {
			mistake: spec(func(s *v1alpha1.CarrierIntegrationSpec) {
				s.Certificates.TrustBundleRef = v1alpha1.BundleReference{Kind: v1alpha1.BundleConfigMap, Name: "cas", Key: "ca.crt"}
			}),
			mend: func(w *world) {
				w.create(&corev1.ConfigMap{Name: "cas", Data: map[string]string{"ca.crt": string(w.issuer.pem)}})
			},
			condition: v1alpha1.ConditionCertificatesReady, reason: v1alpha1.ReasonTrustBundleInvalid, message: "does not exist",
		},
		"name that does not resolve": {
			mistake: func(w *world) {
				w.names["api.acme.example"] = lookup{err: errors.New("api.acme.example. does not exist (NXDOMAIN)")}
			},
			mend:      func(w *world) { w.names["api.acme.example"] = lookup{addresses: []string{"23.1.0.1"}} },
			condition: v1alpha1.ConditionNetworkReady, reason: v1alpha1.ReasonResolveFailed, message: "NXDOMAIN", reconciling: true,
		},
		"private address": {
			mistake:   func(w *world) { w.names["api.acme.example"] = lookup{addresses: []string{"23.1.0.1", "10.0.0.7"}} },
			mend:      func(w *world) { w.names["api.acme.example"] = lookup{addresses: []string{"23.1.0.1"}} },
			condition: v1alpha1.ConditionNetworkReady, reason: v1alpha1.ReasonAddressRefused, message: "10.0.0.7 is private",
		},
		"documentation address": {
			mistake:   func(w *world) { w.names["api.acme.example"] = lookup{addresses: []string{"203.0.113.7"}} },
			mend:      spec(func(s *v1alpha1.CarrierIntegrationSpec) { s.Network.ExceptionCIDRs = []string{"203.0.113.0/24"} }),
			condition: v1alpha1.ConditionNetworkReady, reason: v1alpha1.ReasonAddressRefused, message: "spec.network.exceptionCIDRs",
		},
		"CA bundle that does not exist": {
			mistake: spec(func(s *v1alpha1.CarrierIntegrationSpec) {
				s.TLS.CABundleRef = v1alpha1.BundleReference{Kind: v1alpha1.BundleSecret, Name: "carrier-cas", Key: "ca.crt"}
			}),
			mend: func(w *world) {
				w.create(&corev1.Secret{Name: "carrier-cas", Data: map[string][]byte{"ca.crt": w.issuer.pem}})
			},
			condition: v1alpha1.ConditionGatewayReady, reason: v1alpha1.ReasonCABundleInvalid, message: `"carrier-cas" does not exist`,
		},
		"CA bundle with a private key in it": {
			mistake: func(w *world) {
				w.create(&corev1.ConfigMap{Name: "carrier-cas",
					Data: map[string]string{"ca.crt": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}})
				spec(func(s *v1alpha1.CarrierIntegrationSpec) {
					s.TLS.CABundleRef = v1alpha1.BundleReference{Kind: v1alpha1.BundleConfigMap, Name: "carrier-cas", Key: "ca.crt"}
				})(w)
			},
			mend: func(w *world) {
				edit(w, "carrier-cas", &corev1.ConfigMap{}, func(c *corev1.ConfigMap) { c.Data["ca.crt"] = string(w.issuer.pem) })
			},
			condition: v1alpha1.ConditionGatewayReady, reason: v1alpha1.ReasonCABundleInvalid, message: "keep only CA certificates",
		},
		"image that cannot be pulled": {
			mistake:   func(w *world) { w.fleet.waiting = "ImagePullBackOff" },
			mend:      func(w *world) { w.fleet.waiting = ""; w.restartPods() },
			condition: v1alpha1.ConditionGatewayReady, reason: v1alpha1.ReasonGatewayUnavailable, message: "ImagePullBackOff",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.acme()
			tc.mistake(w)
			w.settle()
			w.expect(tc.condition, metav1.ConditionFalse, tc.reason)
			blocked := v1alpha1.ConditionStalled
			if tc.reconciling {
				blocked = v1alpha1.ConditionReconciling
			}
			w.expect(blocked, metav1.ConditionTrue, tc.reason)
			if c := meta.FindStatusCondition(w.integration().Status.Conditions, tc.condition); !strings.Contains(c.Message, tc.message) {
				t.Errorf("the message is %q, want it to say %q", c.Message, tc.message)
			}
			tc.mend(w)
			w.settleRough()
			w.expectReady()
		})
	}
}

// restartPods deletes the pods, as kubectl rollout restart would in the end.
func (w *world) restartPods() {
	w.t.Helper()
	if err := w.user.DeleteAllOf(w.ctx, &corev1.Pod{}, client.InNamespace(w.namespace), client.GracePeriodSeconds(0)); err != nil {
		w.t.Fatal(err)
	}
}

func TestCertificateThatIsNotFitForItsUse(t *testing.T) {
	w := newWorld(t)
	w.issuer.usage = x509.ExtKeyUsageServerAuth
	w.acme()
	w.settle()
	w.expect(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonCertificateInvalid)

	w.issuer.usage = 0
	w.reissue("acme-manager")
	w.reissue("acme-client-checkout")
	w.settle()
	w.expectReady()
}

func TestCertificateThatIsNeverIssued(t *testing.T) {
	w := newWorld(t)
	w.issuer.refuses = true
	w.acme()
	w.settle()
	w.expect(v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, v1alpha1.ReasonCertificatePending)
	w.expect(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonCertificatePending)
	w.issuer.refuses = false
	w.settle()
	w.expectReady()
}

// reissue has a certificate issued anew, as cert-manager does when it is time.
func (w *world) reissue(name string) {
	w.t.Helper()
	c := &cmapi.Certificate{}
	if !w.get(name, c) {
		w.t.Fatalf("Certificate %s does not exist", name)
	}
	w.issuer.issue(w, c)
}
