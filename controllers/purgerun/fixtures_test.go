//go:build envtest

package purgerun_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	shipments = "public.shipments"
	tracking  = "public.tracking_events"
)

func connectionSecret() *corev1.Secret {
	return &corev1.Secret{
		Name: "orders-purger", Annotations: map[string]string{
			v1alpha1.AnnotationAllowedHosts: "db.example, db2.example"},
		StringData: map[string]string{"host": "db.example", "port": "6432", "database": "orders", "username": "purger", "password": "s3cret-pw",
			"comment": "not for the purger"},
	}
}

func hashKeySecret() *corev1.Secret {
	return &corev1.Secret{
		Name: "hash-key",
		Data: map[string][]byte{"key": bytes.Repeat([]byte("k"), 32)},
	}
}

func bundle(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.ConfigMap{
		Name: "orders-ca",
		Data: map[string]string{"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))},
	}
}

func store() *v1alpha1.DataStore {
	return &v1alpha1.DataStore{
		Name: "orders",
		Spec: v1alpha1.DataStoreSpec{
			Type: v1alpha1.StorePostgreSQL,
			Connection: v1alpha1.StoreConnection{
				SecretRef: v1alpha1.LocalReference{Name: "orders-purger"},
				TLS: v1alpha1.StoreTLS{Mode: v1alpha1.StoreTLSVerifyFull,
					CABundleRef: v1alpha1.BundleReference{Kind: v1alpha1.BundleConfigMap, Name: "orders-ca", Key: "ca.crt"}},
			},
			Collections: []v1alpha1.Collection{
				{Name: shipments, Key: []string{"id"},
					Fields: []v1alpha1.PersonalField{{Name: "recipient_name", Category: "user.name"}},
					Ignore: []string{"service", "delivered_at"}},
				{Name: tracking, Key: []string{"id"}, Ignore: []string{"occurred_at"},
					References: []v1alpha1.CollectionReference{{Collection: shipments, Fields: []string{"shipment_id"}}}},
			},
		},
	}
}

func rule(name, collection, clock string) v1alpha1.RetentionRule {
	return v1alpha1.RetentionRule{
		Name: name, Collection: collection,
		Clock:  v1alpha1.RetentionClock{Field: clock, Unit: v1alpha1.ClockTimestampTZ, WhenNull: v1alpha1.NullClockKeep},
		Keep:   v1alpha1.KeepPeriod{Days: 30},
		Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
	}
}

// policy lists the parent before the child: the order of the run is the operator's business.
func policy() *v1alpha1.RetentionPolicy {
	return &v1alpha1.RetentionPolicy{
		Name: "shipments",
		Spec: v1alpha1.RetentionPolicySpec{
			Schedule: "0 3 * * *", TimeZone: "Europe/Berlin", Mode: v1alpha1.RunPurge,
			StoreRef:   v1alpha1.LocalReference{Name: "orders"},
			HashKeyRef: v1alpha1.LocalReference{Name: "hash-key"},
			Rules: []v1alpha1.RetentionRule{
				rule("shipments", shipments, "delivered_at"), rule("events", tracking, "occurred_at"),
			},
		},
	}
}

func hold(name string) *v1alpha1.LegalHold {
	return &v1alpha1.LegalHold{
		Name: name,
		Spec: v1alpha1.LegalHoldSpec{
			StoreRef: v1alpha1.LocalReference{Name: "orders"}, Collection: shipments, Reason: "litigation 4711",
			Where: []v1alpha1.RecordFilter{{Field: "id", Operator: v1alpha1.FilterIn, Values: []string{"1001", "1002"}}},
		},
	}
}

// shop is a world with everything that a purge needs, settled.
func shop(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.create(connectionSecret(), hashKeySecret(), bundle(t), store(), policy())
	w.settle()
	return w
}
