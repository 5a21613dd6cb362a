package gateway

import (
	"context"
	"fmt"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const limitStoreVolume = "limit-store"

// limitStore is where all replicas count together; nil: nowhere.
func limitStore(in *inputs) *config.LimitStore {
	ci := in.resolved.Integration
	redis := &ci.Spec.LimitStore.Redis
	service := in.services[redis.Service]
	if redis.Service == "" || service == nil { // the latter was told before
		return nil
	}
	return &config.LimitStore{
		Address:    integrations.ServiceAddress(service, integrations.LimitStorePort(redis)),
		ServerName: fmt.Sprintf("%s.%s.svc", redis.Service, ci.Namespace),
		TLS:        redis.TLS != v1alpha1.LimitStoreTLSPlaintext,
		CABundle:   in.limitStoreBundle,
		Prefix:     fmt.Sprintf("carrier-operator:%s/%s:", ci.Namespace, ci.Name),
	}
}

// limitStoreVolumes mount what the gateway authenticates to the store with. A Secret that does not exist yet keeps no pod from starting.
func limitStoreVolumes(ci *v1alpha1.CarrierIntegration) (volumes []*corev1ac.VolumeApplyConfiguration, mounts []*corev1ac.VolumeMountApplyConfiguration) {
	secret := ci.Spec.LimitStore.Redis.SecretRef.Name
	if secret == "" {
		return nil, nil
	}
	return []*corev1ac.VolumeApplyConfiguration{corev1ac.Volume().WithName(limitStoreVolume).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(secret).WithDefaultMode(0o440).WithOptional(true))},
		[]*corev1ac.VolumeMountApplyConfiguration{corev1ac.VolumeMount().WithName(limitStoreVolume).WithMountPath(config.LimitStoreDir).WithReadOnly(true)}
}

// limitStoreBundle reads the CAs that the store is verified with; problem says what is wrong with them.
func (c *Controller) limitStoreBundle(ctx context.Context, ci *v1alpha1.CarrierIntegration) (bundle, problem string, err error) {
	ref := ci.Spec.LimitStore.Redis.CABundleRef
	if ref.Name == "" {
		return "", "", nil
	}
	content, found, err := integrations.ReadBundle(ctx, c.Live, ci.Namespace, ref)
	if err != nil {
		return "", "", err
	}
	return string(content), checkBundle(ref, string(content), found), nil
}

// usageVolume mounts what the replicas have counted in long limits, for those that start; before anything was counted there is nothing.
func usageVolume(ci *v1alpha1.CarrierIntegration) *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName("usage").WithConfigMap(corev1ac.ConfigMapVolumeSource().
		WithName(usageName(ci.Name)).WithDefaultMode(0o440).WithOptional(true))
}
