package certificate

import (
	"context"
	"slices"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// given judges the certificate for the carrier that the user brought, if there is one: cert-manager has no part in it. asked is false
// without one.
func (c *Controller) given(ctx context.Context, ci *v1alpha1.CarrierIntegration, others []wanted) (v verdict, asked bool, _ error) {
	name := ci.Spec.Certificates.CarrierClient.SecretRef.Name
	if name == "" {
		return v, false, nil
	}
	profile, err := ssa.Get(ctx, c.Client, "", ci.Spec.ProfileRef.Name, &v1alpha1.CarrierProfile{})
	if err != nil {
		return v, true, err
	}
	resolved, unresolved := integration.Resolve(ci, profile)
	if unresolved != nil {
		return notYet(v1alpha1.ReasonDependencyNotReady, "Secret %q of certificates.carrierClient waits for condition %s",
			name, v1alpha1.ConditionProfileResolved), true, nil
	}
	secret, err := ssa.Get(ctx, c.Live, ci.Namespace, name, &corev1.Secret{})
	if err != nil {
		return v, true, err
	}
	return judgeGiven(resolved, name, secret, others, c.Clock.Now()), true, nil
}

// judgeGiven says whether a Secret holds a certificate that may be presented to the carrier. secret is nil if it does not exist.
func judgeGiven(r *integration.Resolved, name string, secret *corev1.Secret, others []wanted, now time.Time) verdict {
	switch {
	case slices.ContainsFunc(others, func(w wanted) bool { return w.name == name }):
		return notYet(v1alpha1.ReasonCertificateInvalid, "Secret %q of certificates.carrierClient is that of another certificate of this integration: give one of the carrier's", name)
	case secret == nil:
		return notYet(v1alpha1.ReasonSecretNotFound, "Secret %q does not exist: create it, or correct certificates.carrierClient.secretRef", name)
	case secret.Type != corev1.SecretTypeTLS:
		return notYet(v1alpha1.ReasonSecretTypeUnsupported, "Secret %q of certificates.carrierClient is of type %s: use one of type %s", name, secret.Type, corev1.SecretTypeTLS)
	}
	if p := r.Bound(name, secret.Annotations); p != nil {
		return verdict{reason: p.Reason, message: p.Message}
	}
	leaf, err := readLeaf(secret, cmapi.UsageClientAuth, now, adviceGiven)
	if err != nil {
		return notYet(v1alpha1.ReasonCertificateInvalid, "Secret %q of certificates.carrierClient: %v", name, err)
	}
	return verdict{issued: facts(name, leaf)}
}
