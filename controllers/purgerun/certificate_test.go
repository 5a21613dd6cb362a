//go:build envtest

package purgerun_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// clientCertificate is a Secret as cert-manager makes them.
func clientCertificate(t *testing.T) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Name: "orders-purger-tls", Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}}
}

func TestTheClientCertificateIsCheckedAndGivenToThePurgerAlone(t *testing.T) {
	w := shop(t)
	store := &v1alpha1.DataStore{}
	edit(w, "orders", store, func(s *v1alpha1.DataStore) { s.Spec.Connection.TLS.ClientCertificateRef.Name = "orders-purger-tls" })
	edit(w, "orders-purger", &corev1.Secret{}, func(s *corev1.Secret) { delete(s.Data, "password") }) // not needed beside the certificate
	w.settle()
	w.expect(store, "orders", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonSecretNotFound)

	good := clientCertificate(t)
	other := clientCertificate(t)
	broken := good.DeepCopy()
	broken.Data[corev1.TLSPrivateKeyKey] = other.Data[corev1.TLSPrivateKeyKey]
	w.create(broken)
	w.settle()
	w.expect(store, "orders", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCertificateInvalid)

	edit(w, good.Name, &corev1.Secret{}, func(s *corev1.Secret) { s.Data = good.Data })
	w.settle()
	w.expect(store, "orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	run := w.nextSlot()
	if !w.plan(run.Name).Store.ClientCertificate {
		t.Error("the plan does not tell the purger of its certificate")
	}
	job := &batchv1.Job{}
	if !w.get(run.Name, job) {
		t.Fatal("no Job")
	}
	var files []string
	for _, v := range job.Spec.Template.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			for _, item := range source.Secret.Items {
				optional := ""
				if source.Secret.Optional != nil && *source.Secret.Optional {
					optional = "?"
				}
				files = append(files, source.Secret.Name+"/"+item.Key+optional)
			}
		}
	}
	want := "orders-purger/host orders-purger/database orders-purger/username orders-purger/port? orders-purger/password? " +
		"orders-purger-tls/tls.crt orders-purger-tls/tls.key"
	if got := strings.Join(files, " "); got != want {
		t.Errorf("the pod sees %s\nwant         %s", got, want)
	}
}
