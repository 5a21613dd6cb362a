// Package credential reports on carriers' credentials: on each CarrierCredential by itself, and in condition CredentialsReady of each
// integration that uses it. It watches metadata of Secrets; data is read live, when something changed, and never kept.
package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// A problem is a reason and a message that says what to do.
type problem struct{ reason, message string }

func problemf(reason, format string, args ...any) *problem {
	return &problem{reason: reason, message: fmt.Sprintf(format, args...)}
}

// checkSecret says what is wrong with a credential's Secret by itself.
func checkSecret(name string, secret *corev1.Secret) *problem {
	switch {
	case secret == nil:
		return problemf(v1alpha1.ReasonSecretNotFound, "Secret %q does not exist: create it, or correct spec.secretRef.name of the CarrierCredential", name)
	case secret.Type != corev1.SecretTypeOpaque && secret.Type != "":
		return problemf(v1alpha1.ReasonSecretTypeUnsupported, "Secret %q is of type %s: use one of type Opaque", name, secret.Type)
	case len(secret.Data) == 0:
		return problemf(v1alpha1.ReasonSecretEmpty, "Secret %q has no data: add the keys that the carrier's profile names", name)
	}
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		if len(config.TrimCredential(secret.Data[key])) == 0 {
			return problemf(v1alpha1.ReasonSecretEmpty, "key %q of Secret %q is empty: give it a value or remove it", key, name)
		}
	}
	if len(integration.AnnotationList(secret.Annotations[v1alpha1.AnnotationAllowedHosts])) == 0 {
		return problemf(v1alpha1.ReasonHostNotAllowed, "Secret %q does not say where it may be sent: annotate it with %s=<host>[,<host>]", name, v1alpha1.AnnotationAllowedHosts)
	}
	return nil
}

// checkUse says what is wrong with the use of a sound Secret by an integration.
func checkUse(r *integration.Resolved, name string, secret *corev1.Secret) *problem {
	if p := r.Bound(name, secret.Annotations); p != nil {
		return &problem{reason: p.Reason, message: p.Message}
	}
	for _, key := range integration.Keys(&r.Profile.Spec.Authentication) {
		if _, ok := secret.Data[key.Name]; !ok && !key.Optional {
			return problemf(v1alpha1.ReasonKeyMissing, "Secret %q lacks the key %q, which profile %q needs: add it", name, key.Name, r.Profile.Name)
		}
	}
	return nil
}

// Version identifies a Secret's content without revealing anything of it: a hash of UID and resource version.
func Version(secret *corev1.Secret) string {
	sum := sha256.Sum256([]byte(string(secret.UID) + "/" + secret.ResourceVersion))
	return hex.EncodeToString(sum[:8])
}
