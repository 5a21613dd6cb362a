package refreshtoken

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// render makes the Secret: one key a credential, each the JSON that the gateway reads.
func render(ci *v1alpha1.CarrierIntegration, kept tokens) *corev1ac.SecretApplyConfiguration {
	data := map[string][]byte{}
	for name, t := range kept {
		encoded, err := json.Marshal(t)
		if err != nil {
			panic("a refresh token does not encode") // plain data always does
		}
		data[name] = encoded
	}
	return corev1ac.Secret(integration.RefreshTokens(ci.Name), ci.Namespace).
		WithLabels(integrations.Labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithType(corev1.SecretTypeOpaque).WithData(data)
}
