package certificate

import (
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmapiac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	cmmetaac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// wanted is one certificate that an integration needs.
type wanted struct {
	name       string
	client     string // of spec.clients, for its label
	usage      cmapi.KeyUsage
	issuer     v1alpha1.IssuerReference
	commonName string
	dnsNames   []string
	uris       []string
	// inside says that the certificate is for connections inside of the cluster: its CA goes into the trust bundle.
	inside bool
}

// wantedCertificates lists the gateway's server certificate, one client certificate an entry of spec.clients, the operator's own, and the
// one for the carrier if it is asked for.
func wantedCertificates(ci *v1alpha1.CarrierIntegration) []wanted {
	issuer := ci.Spec.Certificates.IssuerRef
	service := integration.GatewayName(ci.Name)
	all := []wanted{
		{
			name: integration.ServerCertificate(ci.Name), usage: cmapi.UsageServerAuth, issuer: issuer, inside: true,
			dnsNames: []string{
				service, service + "." + ci.Namespace, service + "." + ci.Namespace + ".svc", service + "." + ci.Namespace + ".svc.cluster.local",
			},
			uris: []string{config.GatewayURI(ci.Namespace, ci.Name)},
		},
		{
			name: integration.ManagerCertificate(ci.Name), usage: cmapi.UsageClientAuth, issuer: issuer, inside: true,
			uris: []string{config.ManagerURI(ci.Namespace, ci.Name)},
		},
	}
	for _, c := range ci.Spec.Clients {
		all = append(all, wanted{
			name: integration.ClientCertificate(ci.Name, c.Name), client: c.Name, usage: cmapi.UsageClientAuth, issuer: issuer, inside: true,
			uris: []string{config.ClientURI(ci.Namespace, ci.Name, c.Name)},
		})
	}
	if carrier := ci.Spec.Certificates.CarrierClient; carrier.CommonName != "" {
		all = append(all, wanted{
			name: integration.CarrierCertificate(ci.Name), usage: cmapi.UsageClientAuth, issuer: carrier.IssuerRef, commonName: carrier.CommonName,
		})
	}
	return all
}

// render makes the cert-manager Certificate. Everything that cert-manager has a default for and that matters here is set: a default can
// change under us.
func render(ci *v1alpha1.CarrierIntegration, w *wanted) *cmapiac.CertificateApplyConfiguration {
	labels := integrations.Labels(ci)
	if w.client != "" {
		labels[v1alpha1.LabelClient] = w.client
	}
	spec := cmapiac.CertificateSpec().
		WithSecretName(w.name).
		WithSecretTemplate(cmapiac.CertificateSecretTemplate().WithLabels(labels)).
		WithDuration(metav1.Duration{Duration: time.Duration(integration.DurationHours(ci)) * time.Hour}).
		WithRenewBeforePercentage(integration.RenewBeforePercent(ci)).
		WithUsages(cmapi.UsageDigitalSignature, w.usage).
		WithPrivateKey(cmapiac.CertificatePrivateKey().
			WithRotationPolicy(cmapi.RotationPolicyAlways).WithAlgorithm(cmapi.ECDSAKeyAlgorithm).WithSize(256).WithEncoding(cmapi.PKCS8)).
		WithIssuerRef(cmmetaac.IssuerReference().WithGroup(w.issuer.Group).WithKind(w.issuer.Kind).WithName(w.issuer.Name))
	if w.commonName != "" {
		spec.WithCommonName(w.commonName)
	}
	if len(w.dnsNames) > 0 {
		spec.WithDNSNames(w.dnsNames...)
	}
	if len(w.uris) > 0 {
		spec.WithURIs(w.uris...)
	}
	return cmapiac.Certificate(w.name, ci.Namespace).WithLabels(labels).WithOwnerReferences(integrations.Owner(ci)).WithSpec(spec)
}

func (w *wanted) String() string { return fmt.Sprintf("Certificate %q", w.name) }
