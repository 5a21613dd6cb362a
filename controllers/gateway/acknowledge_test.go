//go:build integration

package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	dataplane "github.com/carrier-operator/carrier-operator/internal/gateway"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// podIP is a loopback address of its own, since the admin port is always the same.
const podIP = "127.0.94.43"

type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.key, a.pem = a.sign(template, nil)
	block, _ := pem.Decode(a.pem)
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign signs a certificate; without an authority's own certificate it is self-signed.
func (a *authority) sign(template *x509.Certificate, parent *x509.Certificate) (*ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (a *authority) issue(uri string, usage x509.ExtKeyUsage, names ...string) (certificate, key []byte) {
	a.t.Helper()
	parsed, err := url.Parse(uri)
	if err != nil {
		a.t.Fatal(err)
	}
	private, certificate := a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, URIs: []*url.URL{parsed}, DNSNames: names}, a.cert)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a *authority) peer(uri string) *Peer {
	a.t.Helper()
	certificate, key := a.issue(uri, x509.ExtKeyUsageClientAuth)
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		a.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &Peer{Certificate: pair, Roots: roots, Host: "acme-gateway.shop.svc", URI: config.GatewayURI("shop", "acme")}
}

// startGateway runs a real gateway with what the controller renders.
func startGateway(t *testing.T, a *authority, credential map[string][]byte) *config.Config {
	t.Helper()
	in := example(t)
	in.trustBundle, in.bundles = string(a.pem), nil
	in.resolved.Integration.Spec.Credentials = in.resolved.Integration.Spec.Credentials[:1]
	in.resolved.Integration.Spec.Certificates.CarrierClient.CommonName = ""
	c := renderConfig(in)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key := a.issue(config.GatewayURI("shop", "acme"), x509.ExtKeyUsageServerAuth, "acme-gateway.shop.svc")
	files := map[string][]byte{"config/config.json": encoded, "tls/tls.crt": certificate, "tls/tls.key": key}
	for name, value := range credential {
		files["credentials/shipping/"+name] = value
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- dataplane.Run(ctx, dataplane.Options{
			Paths: dataplane.Paths{ConfigFile: filepath.Join(dir, "config", "config.json"), ServerTLSDir: filepath.Join(dir, "tls"),
				CarrierTLSDir: filepath.Join(dir, "carrier-tls"), CredentialsDir: filepath.Join(dir, "credentials")},
			TLSAddr: podIP + ":0", PlaintextAddr: podIP + ":0", AdminAddr: podIP + ":9443", MetricsAddr: podIP + ":0",
			Log: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestGatewayAcknowledgesWhatItServes(t *testing.T) {
	a := newAuthority(t)
	credential := map[string][]byte{"clientID": []byte("shop"), "clientSecret": []byte("one\n")}
	c := startGateway(t, a, credential)
	manager := a.peer(config.ManagerURI("shop", "acme"))
	nonce := newNonce()
	var status *config.Status
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		s, err := AdminClient{}.Status(ctx, podIP, manager, nonce)
		status = s
		return err == nil && s.Revision != "", nil
	})
	if err != nil {
		t.Fatal("the gateway does not answer")
	}
	r := &replica{pod: readyPod("a"), status: status}
	w := &wanted{replicas: 1, revision: c.Revision, serverCertificate: status.ServerCertificate,
		proofs: map[string]string{"shipping": config.CredentialProofOf(nonce, credential)}}
	if lag := w.lag(r); lag != "" {
		t.Errorf("a gateway that serves everything %s", lag)
	}
	credential["clientSecret"] = []byte("two")
	w.proofs["shipping"] = config.CredentialProofOf(nonce, credential)
	if lag := w.lag(r); lag != "still uses the previous content of credential shipping" {
		t.Errorf("with a changed credential: %q", lag)
	}

	stranger := newAuthority(t)
	otherIntegration, otherRoots, otherHost := *manager, *manager, *manager
	otherIntegration.URI = config.GatewayURI("shop", "other")
	otherRoots.Roots = stranger.peer(config.ManagerURI("shop", "acme")).Roots
	otherHost.Host = "other-gateway.shop.svc"
	for name, tc := range map[string]struct {
		peer *Peer
		ip   string
		want string
	}{
		"gateway of another integration": {&otherIntegration, podIP, "not that of this integration's gateway"},
		"gateway of another CA":          {&otherRoots, podIP, "certificate signed by unknown authority"},
		"gateway of another name":        {&otherHost, podIP, "valid for acme-gateway.shop.svc"},
		"operator of another CA":         {func() *Peer { p := stranger.peer(config.ManagerURI("shop", "acme")); p.Roots = manager.Roots; return p }(), podIP, "unknown certificate authority"},
		"a client's certificate":         {a.peer(config.ClientURI("shop", "acme", "checkout")), podIP, "answers with status 403"},
		"nobody there":                   {manager, "127.0.94.44", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, first := AdminClient{}.Status(t.Context(), tc.ip, tc.peer, newNonce())
			_, again := AdminClient{}.Status(t.Context(), tc.ip, tc.peer, newNonce())
			if first == nil || !strings.Contains(first.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", first, tc.want)
			}
			if again == nil || again.Error() != first.Error() {
				t.Errorf("the same failure reads differently each time, which would make each a new status: %v, then %v", first, again)
			}
		})
	}
}
