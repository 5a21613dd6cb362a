package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

func TestCallbacksAreRenderedWithAllDefaults(t *testing.T) {
	services := map[string]*corev1.Service{"tracker": {ObjectMeta: metav1.ObjectMeta{Name: "tracker"}, Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.9"}}}
	callback := v1alpha1.Callback{Name: "tracking", Webhook: "tracking", SecretRef: v1alpha1.LocalReference{Name: "webhook"},
		ForwardTo: v1alpha1.CallbackTarget{Service: "tracker", Port: 80}}
	forward := config.Callback{Name: "tracking", SignedContent: "{body}", Algorithm: "HMACSHA256", Encoding: "Hex", ReplayWindowSeconds: 300,
		ForwardTo: "http://tracker.shop.svc:80/", Address: "10.0.0.9:80"}
	tests := map[string]struct {
		webhook v1alpha1.Webhook
		change  func(*v1alpha1.Callback)
		want    func(*config.Callback)
	}{
		"HMAC": {v1alpha1.Webhook{Name: "tracking", Verification: v1alpha1.WebhookHMAC, SignatureHeader: "X-Signature", Encoding: v1alpha1.SignatureBase64},
			func(*v1alpha1.Callback) {}, func(c *config.Callback) {
				c.Verification, c.SignatureHeader, c.Encoding = "HMAC", "X-Signature", "Base64"
			}},
		"a bearer secret in the usual header": {v1alpha1.Webhook{Name: "tracking", Verification: v1alpha1.WebhookBearer},
			func(*v1alpha1.Callback) {}, func(c *config.Callback) {
				c.Verification, c.SignatureHeader, c.SignaturePrefix = "Bearer", "Authorization", "Bearer "
			}},
		"a bearer secret in a header of its own": {v1alpha1.Webhook{Name: "tracking", Verification: v1alpha1.WebhookBearer, SignatureHeader: "X-Token"},
			func(*v1alpha1.Callback) {}, func(c *config.Callback) { c.Verification, c.SignatureHeader = "Bearer", "X-Token" }},
		"sources behind an ingress controller": {v1alpha1.Webhook{Name: "tracking", Verification: v1alpha1.WebhookSourceRanges, SourceRanges: []string{"20.65.16.22/31"}},
			func(c *v1alpha1.Callback) {
				c.From.TrustForwardedFor, c.ForwardTo.Path, c.ReplayWindowSeconds = "LastHop", "/events", 60
			}, func(c *config.Callback) {
				c.Verification, c.SourceRanges, c.TrustForwardedFor, c.ReplayWindowSeconds = "SourceRanges", []string{"20.65.16.22/31"}, true, 60
				c.ForwardTo = "http://tracker.shop.svc:80/events"
			}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, want := callback, forward
			tc.change(&c)
			tc.want(&want)
			ci := &v1alpha1.CarrierIntegration{Name: "ups", Namespace: "shop"}
			ci.Spec.Callbacks = []v1alpha1.Callback{c}
			profile := &v1alpha1.CarrierProfile{}
			profile.Spec.Webhooks = []v1alpha1.Webhook{tc.webhook}
			got := callbacks(&integration.Resolved{Integration: ci, Profile: profile}, services)
			if diff := cmp.Diff([]config.Callback{want}, got); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
		})
	}
}
