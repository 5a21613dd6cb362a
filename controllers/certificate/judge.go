package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// maxPEM bounds what is parsed of a Secret, in bytes: chains are a few kilobytes.
const maxPEM = 256 << 10

// state is one certificate with what was read of it.
type state struct {
	wanted      *wanted
	certificate *cmapi.Certificate // nil: it was made just now
	secret      *corev1.Secret
	// pendingRequest is a CertificateRequest that waits for approval.
	pendingRequest string
}

// verdict on one certificate: issued with its facts, or a reason why not yet.
type verdict struct {
	issued          *v1alpha1.CertificateStatus
	reason, message string
}

func notYet(reason, format string, args ...any) verdict {
	return verdict{reason: reason, message: fmt.Sprintf(format, args...)}
}

// judge says whether a certificate is issued, fresh, and fit for its use. previous are its facts as recorded: they stay while cert-manager
// renews, since the old certificate goes on being served.
func (s *state) judge(previous *v1alpha1.CertificateStatus, now time.Time) verdict {
	if s.certificate == nil {
		return notYet(v1alpha1.ReasonCertificatePending, "%s was just made", s.wanted)
	}
	ready, issuing := certCondition(s.certificate, cmapi.CertificateConditionReady), certCondition(s.certificate, cmapi.CertificateConditionIssuing)
	renews := issuing != nil && issuing.Status == cmmeta.ConditionTrue
	switch {
	case renews && previous != nil && now.Before(previous.NotAfter.Time):
		return verdict{issued: previous}
	case s.pendingRequest != "":
		return notYet(v1alpha1.ReasonAwaitingApproval, "%s waits for the approval of CertificateRequest %q: approve it, or give the approver a policy that applies", s.wanted, s.pendingRequest)
	case ready == nil || ready.ObservedGeneration != s.certificate.Generation || ready.Status != cmmeta.ConditionTrue || renews:
		return notYet(v1alpha1.ReasonCertificatePending, "%s is not issued yet%s", s.wanted, why(ready, issuing))
	case s.secret == nil:
		return notYet(v1alpha1.ReasonCertificatePending, "%s: its Secret does not exist yet", s.wanted)
	}
	if !issuedBy(s.secret, s.certificate) {
		return notYet(v1alpha1.ReasonCertificatePending, "%s: its Secret is still of another issuer", s.wanted)
	}
	leaf, err := readLeaf(s.secret, s.wanted.usage, now, adviceIssued)
	if err != nil {
		return notYet(v1alpha1.ReasonCertificateInvalid, "%s: %v", s.wanted, err)
	}
	issued := facts(s.wanted.name, leaf)
	if s.certificate.Status.RenewalTime != nil {
		issued.RenewalTime = metav1.NewTime(s.certificate.Status.RenewalTime.UTC())
	}
	return verdict{issued: issued}
}

// facts of a certificate for the status.
func facts(name string, leaf *x509.Certificate) *v1alpha1.CertificateStatus {
	sum := sha256.Sum256(leaf.Raw)
	return &v1alpha1.CertificateStatus{Name: name, Fingerprint: hex.EncodeToString(sum[:]), SerialNumber: leaf.SerialNumber.Text(16),
		NotAfter: metav1.NewTime(leaf.NotAfter.UTC())}
}

// advice says what people can do about a certificate that is not fit.
type advice struct{ pair, usage, early, expired string }

var (
	adviceIssued = advice{pair: "delete the Secret to have it issued anew", usage: "use an issuer that grants it",
		early: "check the issuer's clock", expired: "see why cert-manager does not renew it"}
	adviceGiven = advice{pair: "write the certificate and its own key there, both as PEM", usage: "get one that has it",
		early: "wait, or get another one", expired: "replace it with the new one"}
)

// readLeaf parses a Secret and checks key, use and time. The extended key usage must be stated: carriers that demand a client
// certificate look for it.
func readLeaf(secret *corev1.Secret, usage cmapi.KeyUsage, now time.Time, say advice) (*x509.Certificate, error) {
	if len(secret.Data[corev1.TLSCertKey]) > maxPEM || len(secret.Data[corev1.TLSPrivateKeyKey]) > maxPEM {
		return nil, fmt.Errorf("its Secret holds more than %d bytes of PEM", maxPEM)
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, errors.New("certificate and key of its Secret do not belong together, or cannot be read: " + say.pair)
	}
	use := x509.ExtKeyUsageServerAuth
	if usage == cmapi.UsageClientAuth {
		use = x509.ExtKeyUsageClientAuth
	}
	switch leaf := pair.Leaf; {
	case !slices.Contains(leaf.ExtKeyUsage, use):
		return nil, fmt.Errorf("the certificate lacks the extended key usage %q: %s", usage, say.usage)
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate is valid from %s only: %s", leaf.NotBefore.UTC().Format(time.RFC3339), say.early)
	case !now.Before(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate expired at %s: %s", leaf.NotAfter.UTC().Format(time.RFC3339), say.expired)
	default:
		return leaf, nil
	}
}

func certCondition(certificate *cmapi.Certificate, conditionType cmapi.CertificateConditionType) *cmapi.CertificateCondition {
	for i := range certificate.Status.Conditions {
		if certificate.Status.Conditions[i].Type == conditionType {
			return &certificate.Status.Conditions[i]
		}
	}
	return nil
}

// why quotes cert-manager.
func why(conditions ...*cmapi.CertificateCondition) string {
	for _, c := range conditions {
		if c != nil && c.Message != "" {
			return ": " + c.Message
		}
	}
	return ""
}

// issuedBy compares the Secret's annotations with the Certificate, as cert-manager does.
func issuedBy(secret *corev1.Secret, certificate *cmapi.Certificate) bool {
	a, ref := secret.Annotations, certificate.Spec.IssuerRef
	return a[cmapi.CertificateNameKey] == certificate.Name && a[cmapi.IssuerNameAnnotationKey] == ref.Name &&
		a[cmapi.IssuerKindAnnotationKey] == ref.Kind && a[cmapi.IssuerGroupAnnotationKey] == ref.Group
}
