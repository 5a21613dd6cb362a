package certificate

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// ensureTrust makes the trust bundle: the one that the user names, or the CAs of the issued certificates. It returns when a retired CA
// leaves it, and a problem if there is no CA to trust.
func (c *Controller) ensureTrust(ctx context.Context, ci *v1alpha1.CarrierIntegration, states []*state) (time.Time, verdict, error) {
	name := integration.TrustBundle(ci.Name)
	live, err := integrations.Child(ctx, &c.Base, ci, "ConfigMap", name, &corev1.ConfigMap{})
	if err != nil {
		condition, err := integrations.ConflictCondition(v1alpha1.ConditionCertificatesReady, err)
		return time.Time{}, verdict{reason: condition.Reason, message: condition.Message}, err
	}
	var next bundle
	if ref := ci.Spec.Certificates.TrustBundleRef; ref.Name != "" {
		cas, problem, err := c.userBundle(ctx, ci, ref)
		if err != nil || problem.reason != "" {
			return time.Time{}, problem, err
		}
		next.cas = cas
	} else {
		needed, problem := neededCAs(states)
		if problem.reason != "" {
			return time.Time{}, problem, nil
		}
		var previous bundle
		if live != nil {
			previous = decode(live.Data[trustKey], live.Annotations[annotationLastNeeded])
		}
		next = merge(previous, needed, c.Clock.Now())
	}
	if len(next.cas) == 0 { // nothing is issued yet
		return time.Time{}, verdict{}, nil
	}
	text, annotation := next.encode()
	want := corev1ac.ConfigMap(name, ci.Namespace).WithLabels(integrations.Labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithData(map[string]string{trustKey: text})
	if annotation != "" {
		want.WithAnnotations(map[string]string{annotationLastNeeded: annotation})
	}
	return next.nextChange(), verdict{}, ssa.Apply(ctx, c.Client, FieldManager, want, live, corev1ac.ExtractConfigMap)
}

// neededCAs are the CAs of the certificates inside of the cluster that are issued by now.
func neededCAs(states []*state) ([]*x509.Certificate, verdict) {
	var needed []*x509.Certificate
	for _, s := range states {
		if !s.wanted.inside || s.secret == nil || s.certificate == nil || !issuedBy(s.secret, s.certificate) || len(s.secret.Data[corev1.TLSCertKey]) == 0 {
			continue
		}
		cas, err := parseCAs(s.secret.Data["ca.crt"])
		if err != nil {
			return nil, notYet(v1alpha1.ReasonTrustBundleInvalid,
				"%s: its issuer gave no CA certificate (ca.crt: %v): name the CAs with spec.certificates.trustBundleRef", s.wanted, err)
		}
		needed = append(needed, cas...)
	}
	return needed, verdict{}
}

// userBundle reads the bundle that the integration names.
func (c *Controller) userBundle(ctx context.Context, ci *v1alpha1.CarrierIntegration, ref v1alpha1.BundleReference) ([]*x509.Certificate, verdict, error) {
	content, found, err := integrations.ReadBundle(ctx, c.Live, ci.Namespace, ref)
	if err != nil {
		return nil, verdict{}, err
	}
	if !found {
		return nil, notYet(v1alpha1.ReasonTrustBundleInvalid, "%s %q with key %q of trustBundleRef does not exist: create it, or correct the reference", ref.Kind, ref.Name, ref.Key), nil
	}
	cas, err := parseCAs(content)
	if err != nil {
		return nil, notYet(v1alpha1.ReasonTrustBundleInvalid, "%s of trustBundleRef: %v: put PEM certificates under key %q", fmt.Sprintf("%s %q", ref.Kind, ref.Name), err, ref.Key), nil
	}
	return cas, verdict{}, nil
}
