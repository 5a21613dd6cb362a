package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// issue makes a self-signed certificate with its key, as PEM.
func issue(t *testing.T, use x509.ExtKeyUsage, from, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{use}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestJudge(t *testing.T) {
	cert, key := issue(t, x509.ExtKeyUsageClientAuth, now.Add(-time.Hour), now.Add(24*time.Hour))
	otherCert, otherKey := issue(t, x509.ExtKeyUsageServerAuth, now.Add(-time.Hour), now.Add(24*time.Hour))
	expiredCert, expiredKey := issue(t, x509.ExtKeyUsageClientAuth, now.Add(-2*time.Hour), now.Add(-time.Hour))
	futureCert, futureKey := issue(t, x509.ExtKeyUsageClientAuth, now.Add(time.Hour), now.Add(24*time.Hour))
	recorded := &v1alpha1.CertificateStatus{Name: "ups-client-checkout", Fingerprint: "old", NotAfter: metav1.NewTime(now.Add(time.Hour))}
	lapsed := &v1alpha1.CertificateStatus{Name: "ups-client-checkout", Fingerprint: "old", NotAfter: metav1.NewTime(now.Add(-time.Hour))}

	sound := func() *state {
		return &state{
			wanted: &wanted{name: "ups-client-checkout", usage: cmapi.UsageClientAuth},
			certificate: &cmapi.Certificate{
				Name: "ups-client-checkout", Generation: 3,
				Spec: cmapi.CertificateSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}},
				Status: cmapi.CertificateStatus{Conditions: []cmapi.CertificateCondition{
					{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: 3},
				}},
			},
			secret: &corev1.Secret{
				Annotations: map[string]string{
					cmapi.CertificateNameKey: "ups-client-checkout", cmapi.IssuerNameAnnotationKey: "ca",
					cmapi.IssuerKindAnnotationKey: "Issuer", cmapi.IssuerGroupAnnotationKey: "cert-manager.io",
				},
				Data: map[string][]byte{"tls.crt": cert, "tls.key": key},
			},
		}
	}
	issuing := cmapi.CertificateCondition{Type: cmapi.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Message: "the issuer thinks"}
	tests := map[string]struct {
		spoil    func(*state)
		previous *v1alpha1.CertificateStatus
		reason   string
		mentions string
		print    string // fingerprint; "new" for that of the Secret
	}{
		"issued, fresh and fit":   {print: "new"},
		"a certificate just made": {spoil: func(s *state) { s.certificate = nil }, reason: v1alpha1.ReasonCertificatePending},
		"Ready of an older generation": {
			spoil:  func(s *state) { s.certificate.Status.Conditions[0].ObservedGeneration = 2 },
			reason: v1alpha1.ReasonCertificatePending,
		},
		"Ready is false, with cert-manager's words": {
			spoil: func(s *state) {
				s.certificate.Status.Conditions[0].Status = cmmeta.ConditionFalse
				s.certificate.Status.Conditions[0].Message = "issuer is not ready"
			},
			reason: v1alpha1.ReasonCertificatePending, mentions: "issuer is not ready",
		},
		"a first issuance under way": {
			spoil:  func(s *state) { s.certificate.Status.Conditions = append(s.certificate.Status.Conditions, issuing) },
			reason: v1alpha1.ReasonCertificatePending,
		},
		"a renewal under way keeps what is recorded": {
			spoil:    func(s *state) { s.certificate.Status.Conditions = append(s.certificate.Status.Conditions, issuing) },
			previous: recorded, print: "old",
		},
		"a renewal that comes too late": {
			spoil:    func(s *state) { s.certificate.Status.Conditions = append(s.certificate.Status.Conditions, issuing) },
			previous: lapsed, reason: v1alpha1.ReasonCertificatePending,
		},
		"a request that nobody approves": {
			spoil: func(s *state) {
				s.certificate.Status.Conditions = append(s.certificate.Status.Conditions, issuing)
				s.pendingRequest = "ups-client-checkout-1"
			},
			reason: v1alpha1.ReasonAwaitingApproval, mentions: "ups-client-checkout-1",
		},
		"no Secret yet": {spoil: func(s *state) { s.secret = nil }, reason: v1alpha1.ReasonCertificatePending},
		"a Secret of another issuer": {
			spoil:  func(s *state) { s.secret.Annotations[cmapi.IssuerNameAnnotationKey] = "old-ca" },
			reason: v1alpha1.ReasonCertificatePending, mentions: "another issuer",
		},
		"key and certificate do not match": {
			spoil:  func(s *state) { s.secret.Data["tls.key"] = otherKey },
			reason: v1alpha1.ReasonCertificateInvalid, mentions: "do not belong together",
		},
		"the wrong extended key usage": {
			spoil:  func(s *state) { s.secret.Data = map[string][]byte{"tls.crt": otherCert, "tls.key": otherKey} },
			reason: v1alpha1.ReasonCertificateInvalid, mentions: "client auth",
		},
		"expired": {
			spoil:  func(s *state) { s.secret.Data = map[string][]byte{"tls.crt": expiredCert, "tls.key": expiredKey} },
			reason: v1alpha1.ReasonCertificateInvalid, mentions: "expired",
		},
		"not valid yet": {
			spoil:  func(s *state) { s.secret.Data = map[string][]byte{"tls.crt": futureCert, "tls.key": futureKey} },
			reason: v1alpha1.ReasonCertificateInvalid, mentions: "valid from",
		},
		"more PEM than anyone needs": {
			spoil:  func(s *state) { s.secret.Data["tls.crt"] = make([]byte, maxPEM+1) },
			reason: v1alpha1.ReasonCertificateInvalid, mentions: "bytes of PEM",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := sound()
			if tc.spoil != nil {
				tc.spoil(s)
			}
			got := s.judge(tc.previous, now)
			if got.reason != tc.reason || !strings.Contains(got.message, tc.mentions) {
				t.Fatalf("%s: %s, want reason %q and a message with %q", got.reason, got.message, tc.reason, tc.mentions)
			}
			if tc.reason != "" {
				return
			}
			if got.issued == nil || (got.issued.Fingerprint == "old") != (tc.print == "old") || tc.print == "new" && len(got.issued.Fingerprint) != 64 {
				t.Errorf("issued %+v, want fingerprint %s", got.issued, tc.print)
			}
		})
	}
}

func TestTrustBundleSurvivesRotation(t *testing.T) {
	parse := func(pemBytes []byte) []*x509.Certificate {
		cas, err := parseCAs(pemBytes)
		if err != nil {
			t.Fatal(err)
		}
		return cas
	}
	oldPEM, _ := issue(t, x509.ExtKeyUsageAny, now.Add(-time.Hour), now.Add(1000*time.Hour))
	newPEM, _ := issue(t, x509.ExtKeyUsageAny, now.Add(-time.Hour), now.Add(1000*time.Hour))
	shortPEM, _ := issue(t, x509.ExtKeyUsageAny, now.Add(-time.Hour), now.Add(time.Hour))
	oldCA, newCA, short := parse(oldPEM), parse(newPEM), parse(shortPEM)

	b := merge(bundle{}, append(oldCA, short...), now)
	both := merge(b, append(newCA, oldCA...), now.Add(time.Minute)) // one leaf is issued anew, the others are not
	if len(both.cas) != 3 || len(both.unneeded) != 1 {
		t.Fatalf("during the rotation: %d CAs, %d unneeded; want 3 and the short one unneeded", len(both.cas), len(both.unneeded))
	}
	after := merge(both, newCA, now.Add(2*time.Minute))
	text, annotation := after.encode()
	if again := merge(decode(text, annotation), newCA, now.Add(3*time.Minute)); !sameBundle(again, after) {
		t.Error("a later look without a change changed the bundle")
	}
	if len(after.cas) != 3 || !after.nextChange().Equal(now.Add(time.Minute).Add(trustGrace)) {
		t.Errorf("after the rotation: %d CAs, next change %s", len(after.cas), after.nextChange())
	}
	if late := merge(after, newCA, now.Add(2*time.Hour)); len(late.cas) != 2 {
		t.Errorf("an expired CA stays: %d CAs, want the old and the new one", len(late.cas))
	}
	end := merge(after, newCA, now.Add(2*time.Minute).Add(trustGrace))
	if len(end.cas) != 1 || !end.cas[0].Equal(newCA[0]) || !end.nextChange().IsZero() {
		t.Errorf("a day later: %d CAs, want the new one only", len(end.cas))
	}
	if back := merge(after, append(oldCA, newCA...), now.Add(time.Hour/2)); len(back.unneeded) != 1 {
		t.Errorf("a CA that is needed again still counts as unneeded: %v", back.unneeded)
	}
}

func sameBundle(a, b bundle) bool {
	aText, aNote := a.encode()
	bText, bNote := b.encode()
	return aText == bText && aNote == bNote
}

func TestParseCAs(t *testing.T) {
	ca, key := issue(t, x509.ExtKeyUsageAny, now, now.Add(time.Hour))
	for name, tc := range map[string]struct {
		content []byte
		problem string
	}{
		"a CA":               {ca, ""},
		"two CAs":            {append(append([]byte{}, ca...), ca...), ""},
		"nothing":            {nil, "no PEM certificate"},
		"no PEM":             {[]byte("hello"), "no PEM certificate"},
		"a private key":      {key, "PRIVATE KEY block is not a certificate"},
		"far too much":       {make([]byte, maxPEM+1), "bytes of PEM"},
		"a broken DER in it": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), "is not a certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseCAs(tc.content)
			if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("error %v, want %q", err, tc.problem)
			}
		})
	}
}
