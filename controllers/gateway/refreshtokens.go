package gateway

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// RefreshTokens asks one pod for the refresh tokens that the carrier issued, by credential.
func (AdminClient) RefreshTokens(ctx context.Context, podIP string, peer *Peer) (map[string]config.RefreshToken, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	tokens := map[string]config.RefreshToken{}
	return tokens, get(ctx, podIP, peer, config.RefreshTokensPath, &tokens)
}

// rotatesRefreshTokens says whether the gateway's carrier replaces refresh tokens.
func rotatesRefreshTokens(c *config.Config) bool {
	return c.Authentication.OAuth2 != nil && c.Authentication.OAuth2.RefreshTokenRotates
}

// handRefreshTokens mounts what the operator keeps of them, and has the old pod end before the new one begins: two at the same time would
// invalidate each other's.
func handRefreshTokens(d *appsv1ac.DeploymentApplyConfiguration, ci *v1alpha1.CarrierIntegration) {
	const volume, mode = "refresh-tokens", 0o440
	d.Spec.WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType))
	pod := d.Spec.Template.Spec
	pod.WithVolumes(corev1ac.Volume().WithName(volume).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(integration.RefreshTokens(ci.Name)).WithOptional(true).WithDefaultMode(mode)))
	pod.Containers[0].WithVolumeMounts(corev1ac.VolumeMount().WithName(volume).WithMountPath(config.RefreshTokensDir).WithReadOnly(true))
}

// refreshTokensKept says whether the Secret is missing in which replaced refresh tokens are kept: until it is there, none is used up. One
// of that name that is somebody else's would be mounted: that is a NameConflict.
func (c *Controller) refreshTokensKept(ctx context.Context, ci *v1alpha1.CarrierIntegration) (lacking string, _ error) {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	name := integration.RefreshTokens(ci.Name)
	found, err := ssa.Get(ctx, c.Client, ci.Namespace, name, secret)
	switch {
	case err != nil:
		return "", err
	case found == nil:
		return fmt.Sprintf("Secret %s for refresh tokens, which the operator makes where the ClusterRole for it is bound to its ServiceAccount: "+
			"see config/rbac/refresh_tokens_role.yaml", name), nil
	case !metav1.IsControlledBy(found, ci):
		return "", &integrations.NameConflict{Kind: "Secret", Name: name}
	}
	return "", nil
}
