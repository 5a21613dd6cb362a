//go:build integration

package postgresql_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// issuer makes client certificates.
type issuer struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	made        int64
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t}
	i.certificate, i.key = i.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "clients " + rand.Text()}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	return i
}

// issue fills a template in and signs it, with its own key if there is no other.
func (i *issuer) issue(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	i.made++
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(i.made), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		i.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return certificate, key
}

// pair is a client's certificate and key as PEM.
func (i *issuer) pair(name string) (certificate, key string) {
	i.t.Helper()
	leaf, private := i.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, i.certificate, i.key)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		i.t.Fatal(err)
	}
	return encode("CERTIFICATE", leaf.Raw), encode("PRIVATE KEY", der)
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// A server that takes no password of the purger, only its certificate, and later the renewed one.
func TestTheLoginShowsItsCertificate(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "purger-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	known := newIssuer(t)
	first, firstKey := known.pair(purgerRole)
	renewed, renewedKey := known.pair(purgerRole)
	stranger, strangerKey := known.pair("stranger")
	unknown, unknownKey := newIssuer(t).pair(purgerRole)
	files := map[string]string{
		"clients.crt": encode("CERTIFICATE", known.certificate.Raw),
		"hba.conf":    "host all " + superuser + " 127.0.0.1/32 scram-sha-256\nhostssl all " + purgerRole + " 127.0.0.1/32 cert\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	on, err := newCluster(dir, "mutual", "-c", "ssl_ca_file="+filepath.Join(dir, "clients.crt"), "-c", "hba_file="+filepath.Join(dir, "hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.stop)
	db := newDatabaseOn(t, on)
	db.exec(events)
	if err := os.Remove(filepath.Join(db.dir, "password")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, certificate, key string
		reason                 string
	}{
		{"no pair", first, renewedKey, v1alpha1.ReasonStoreTLSFailed},
		{"from an issuer that the server does not know", unknown, unknownKey, v1alpha1.ReasonStoreTLSFailed},
		{"a certificate of another role", stranger, strangerKey, v1alpha1.ReasonLoginRefused},
		{"its own", first, firstKey, v1alpha1.ReasonCompleted},
		{"the renewed one", renewed, renewedKey, v1alpha1.ReasonCompleted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db.secret("tls.crt", tc.certificate)
			db.secret("tls.key", tc.key)
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			r.Plan.Mode, r.Plan.Store.ClientCertificate = string(v1alpha1.RunPreview), true
			r.Run(tc.reason)
		})
	}
}
