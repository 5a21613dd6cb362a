package gateway

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// Defaults of a webhook's and a callback's omitted fields.
const (
	defaultReplayWindow  = 300
	defaultSignedContent = "{body}"
	portCallbacks        = "callbacks"
)

// callbacks with all defaults filled in.
func callbacks(r *integration.Resolved, services map[string]*corev1.Service) (all []config.Callback) {
	for _, c := range r.Integration.Spec.Callbacks {
		w, service := r.Webhook(c.Webhook), services[c.ForwardTo.Service]
		if w == nil || service == nil {
			continue // told before
		}
		header, prefix := w.SignatureHeader, w.SignaturePrefix
		if w.Verification == v1alpha1.WebhookBearer && header == "" {
			header, prefix = "Authorization", cmp.Or(prefix, "Bearer ")
		}
		all = append(all, config.Callback{
			Name: c.Name, Verification: string(w.Verification), SignatureHeader: header, SignaturePrefix: prefix,
			Algorithm:       string(cmp.Or(w.Algorithm, v1alpha1.SigningHMACSHA256)),
			Encoding:        string(cmp.Or(w.Encoding, v1alpha1.SignatureHex)),
			TimestampHeader: w.TimestampHeader, SignedContent: cmp.Or(w.SignedContent, defaultSignedContent), IDHeader: w.IDHeader,
			SourceRanges: w.SourceRanges, TrustForwardedFor: c.From.TrustForwardedFor == "LastHop",
			ReplayWindowSeconds: cmp.Or(c.ReplayWindowSeconds, defaultReplayWindow),
			ForwardTo: fmt.Sprintf("http://%s.%s.svc:%d%s", c.ForwardTo.Service, r.Integration.Namespace, c.ForwardTo.Port,
				cmp.Or(c.ForwardTo.Path, "/")),
			Address: integrations.ServiceAddress(service, c.ForwardTo.Port),
		})
	}
	return all
}

// callbackVolumes mount what calls are verified with. A Secret that does not exist yet keeps no pod from starting.
func callbackVolumes(ci *v1alpha1.CarrierIntegration) (volumes []*corev1ac.VolumeApplyConfiguration, mounts []*corev1ac.VolumeMountApplyConfiguration) {
	for _, c := range ci.Spec.Callbacks {
		if c.SecretRef.Name == "" {
			continue
		}
		name := "callback-" + c.Name
		volumes = append(volumes, corev1ac.Volume().WithName(name).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(c.SecretRef.Name).WithDefaultMode(0o440).WithOptional(true)))
		mounts = append(mounts, corev1ac.VolumeMount().WithName(name).WithMountPath(config.CallbacksDir+"/"+c.Name).WithReadOnly(true))
	}
	return volumes, mounts
}
