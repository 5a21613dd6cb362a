package refreshtoken

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// tokens by credential.
type tokens map[string]config.RefreshToken

// decode reads what the Secret keeps; what cannot be read is not there. secret may be nil.
func decode(secret *corev1.Secret) tokens {
	kept := tokens{}
	if secret == nil {
		return kept
	}
	for name, data := range secret.Data {
		var t config.RefreshToken
		if json.Unmarshal(data, &t) == nil && t.Value != "" {
			kept[name] = t
		}
	}
	return kept
}

// merge is what is to be kept: of each credential of the integration the newest token. One of another origin than the kept one belongs
// to a changed credential, since the gateway reports only chains that it uses.
func merge(kept, reported tokens, credentials []v1alpha1.IntegrationCredential) tokens {
	newest := tokens{}
	for _, c := range credentials {
		old, have := kept[c.Name]
		t, new := reported[c.Name]
		switch {
		case new && t.Value != "" && (!have || t.Origin != old.Origin || t.Sequence > old.Sequence):
			newest[c.Name] = t
		case have:
			newest[c.Name] = old
		}
	}
	return newest
}
