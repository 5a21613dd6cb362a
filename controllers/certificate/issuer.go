package certificate

import (
	"context"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// approvalPatience is how long a CertificateRequest may wait for its approver before people are told.
const approvalPatience = time.Minute

// checkIssuers looks at cert-manager's own issuers; those of other groups are known to their own controllers only.
func (c *Controller) checkIssuers(ctx context.Context, ci *v1alpha1.CarrierIntegration, all []wanted) (verdict, error) {
	seen := map[v1alpha1.IssuerReference]bool{}
	for _, w := range all {
		if seen[w.issuer] || w.issuer.Group != cmapi.SchemeGroupVersion.Group {
			continue
		}
		seen[w.issuer] = true
		spec, v, err := c.issuerSpec(ctx, ci, w.issuer)
		if err != nil || v.reason != "" {
			return v, err
		}
		if spec.ACME != nil {
			return notYet(v1alpha1.ReasonIssuerUnsuitable,
				"%s %q is an ACME issuer: public CAs issue no client certificates; use an issuer with a private CA, for example of type CA or Vault", w.issuer.Kind, w.issuer.Name), nil
		}
	}
	return verdict{}, nil
}

func (c *Controller) issuerSpec(ctx context.Context, ci *v1alpha1.CarrierIntegration, ref v1alpha1.IssuerReference) (*cmapi.IssuerSpec, verdict, error) {
	switch ref.Kind {
	case cmapi.IssuerKind:
		issuer, err := ssa.Get(ctx, c.Client, ci.Namespace, ref.Name, &cmapi.Issuer{})
		if err != nil || issuer != nil {
			return specOf(issuer), verdict{}, err
		}
	case cmapi.ClusterIssuerKind:
		issuer, err := ssa.Get(ctx, c.Client, "", ref.Name, &cmapi.ClusterIssuer{})
		if err != nil || issuer != nil {
			return specOf(issuer), verdict{}, err
		}
	default:
		return nil, notYet(v1alpha1.ReasonIssuerNotFound, "cert-manager.io has no issuers of kind %q: use Issuer or ClusterIssuer", ref.Kind), nil
	}
	return nil, notYet(v1alpha1.ReasonIssuerNotFound, "%s %q does not exist: create it, or correct issuerRef", ref.Kind, ref.Name), nil
}

func specOf(issuer cmapi.GenericIssuer) *cmapi.IssuerSpec {
	if issuer == nil || issuer.GetSpec() == nil {
		return &cmapi.IssuerSpec{}
	}
	return issuer.GetSpec()
}

// pendingRequest is the name of a CertificateRequest of the certificate that nobody has approved or denied.
func (c *Controller) pendingRequest(ctx context.Context, certificate *cmapi.Certificate) (string, error) {
	issuing := certCondition(certificate, cmapi.CertificateConditionIssuing)
	if issuing == nil || issuing.Status != cmmeta.ConditionTrue {
		return "", nil
	}
	var requests cmapi.CertificateRequestList
	if err := c.Client.List(ctx, &requests, client.InNamespace(certificate.Namespace)); err != nil {
		return "", err
	}
	for i := range requests.Items {
		r := &requests.Items[i]
		if r.Annotations[cmapi.CertificateNameKey] != certificate.Name || decided(r) {
			continue
		}
		if c.Clock.Now().Sub(r.CreationTimestamp.Time) > approvalPatience {
			return r.Name, nil
		}
	}
	return "", nil
}

// decided says whether an approver has looked at the request.
func decided(request *cmapi.CertificateRequest) bool {
	for _, c := range request.Status.Conditions {
		if (c.Type == cmapi.CertificateRequestConditionApproved || c.Type == cmapi.CertificateRequestConditionDenied) && c.Status == cmmeta.ConditionTrue {
			return true
		}
	}
	return false
}
