//go:build envtest

package controllers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// issuer plays cert-manager with a CA issuer: real keys and certificates, in Secrets and status as cert-manager leaves them.
type issuer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
	// refuses leaves Certificates unissued; usage replaces the extended key usage that was asked for.
	refuses bool
	usage   x509.ExtKeyUsage
	serial  int64
}

func newIssuer(t *testing.T, now time.Time) *issuer {
	t.Helper()
	i := &issuer{t: t, serial: 1}
	i.rollOver(now)
	return i
}

// rollOver makes a new CA.
func (i *issuer) rollOver(now time.Time) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		i.t.Fatal(err)
	}
	i.key, i.pem = key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if i.cert, err = x509.ParseCertificate(der); err != nil {
		i.t.Fatal(err)
	}
}

// work issues what is missing, as cert-manager's controllers would.
func (i *issuer) work(w *world) (changed bool) {
	w.t.Helper()
	var list cmapi.CertificateList
	if err := w.user.List(w.ctx, &list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	for n := range list.Items {
		c := &list.Items[n]
		secret := &corev1.Secret{}
		exists := w.get(c.Spec.SecretName, secret)
		if i.refuses || (exists && len(c.Status.Conditions) > 0 && c.Status.Conditions[0].ObservedGeneration == c.Generation) {
			continue
		}
		i.issue(w, c)
		changed = true
	}
	return changed
}

// issue writes the Secret and the status.
func (i *issuer) issue(w *world, c *cmapi.Certificate) {
	w.t.Helper()
	certificate, key := i.sign(c, w.clock.Now())
	secret := &corev1.Secret{}
	exists := w.get(c.Spec.SecretName, secret)
	secret.Name, secret.Namespace, secret.Type = c.Spec.SecretName, c.Namespace, corev1.SecretTypeTLS
	secret.Labels = map[string]string{cmapi.PartOfCertManagerControllerLabelKey: "true"}
	maps.Copy(secret.Labels, c.Spec.SecretTemplate.Labels)
	secret.Annotations = map[string]string{
		cmapi.CertificateNameKey: c.Name, cmapi.IssuerNameAnnotationKey: c.Spec.IssuerRef.Name,
		cmapi.IssuerKindAnnotationKey: c.Spec.IssuerRef.Kind, cmapi.IssuerGroupAnnotationKey: c.Spec.IssuerRef.Group,
	}
	secret.Data = map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key, "ca.crt": i.pem}
	write := func() error { return w.user.Create(w.ctx, secret) }
	if exists {
		write = func() error { return w.user.Update(w.ctx, secret) }
	}
	if err := write(); err != nil {
		w.t.Fatal(err)
	}
	now := metav1.NewTime(w.clock.Now())
	renewal := metav1.NewTime(now.Add(60 * 24 * time.Hour))
	c.Status = cmapi.CertificateStatus{RenewalTime: &renewal, Conditions: []cmapi.CertificateCondition{{
		Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready", ObservedGeneration: c.Generation, LastTransitionTime: &now}}}
	if err := w.user.Status().Update(w.ctx, c); client.IgnoreNotFound(err) != nil { // it may have gone with its integration meanwhile
		w.t.Fatal(err)
	}
}

func (i *issuer) sign(c *cmapi.Certificate, now time.Time) (certificate, key []byte) {
	i.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(i.serial), Subject: pkix.Name{CommonName: c.Spec.CommonName}, DNSNames: c.Spec.DNSNames,
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(c.Spec.Duration.Duration), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, uri := range c.Spec.URIs {
		parsed, err := url.Parse(uri)
		if err != nil {
			i.t.Fatal(err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	usage := x509.ExtKeyUsageClientAuth
	if slices.Contains(c.Spec.Usages, cmapi.UsageServerAuth) {
		usage = x509.ExtKeyUsageServerAuth
	}
	if i.usage != 0 {
		usage = i.usage
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, &private.PublicKey, i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		i.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// fleet plays the Deployment controller, the kubelets and the gateways: pods of every Deployment become ready and serve what is mounted.
type fleet struct {
	w *world
	// stuck are IPs of pods that go on serving what they served; served is that.
	stuck  map[string]bool
	mu     sync.Mutex
	served map[string]*config.Config // guarded by mu
	// waiting is the reason for which containers wait instead of running.
	waiting string
	// counts are what pods tell of requests, by IP.
	counts map[string]*config.Status
}

const fleetSize = 8 // pods that a Deployment can have here

func (f *fleet) work() (changed bool) {
	f.w.t.Helper()
	var list appsv1.DeploymentList
	if err := f.w.user.List(f.w.ctx, &list, client.InNamespace(f.w.namespace)); err != nil {
		f.w.t.Fatal(err)
	}
	for n := range list.Items {
		changed = f.rollOut(&list.Items[n]) || changed
	}
	return changed
}

func (f *fleet) rollOut(d *appsv1.Deployment) (changed bool) {
	f.w.t.Helper()
	replicas := *d.Spec.Replicas
	for n := range int32(fleetSize) {
		pod := &corev1.Pod{}
		name := fmt.Sprintf("%s-%d", d.Name, n)
		exists := f.w.get(name, pod)
		switch {
		case exists && n >= replicas:
			f.w.remove(name, pod)
		case n < replicas && (!exists || f.outdated(pod, d)):
			if exists {
				f.w.remove(name, pod)
			}
			f.start(name, n, d)
		default:
			continue
		}
		changed = true
	}
	want := appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: replicas}
	if d.Status.ObservedGeneration != want.ObservedGeneration || d.Status.UpdatedReplicas != want.UpdatedReplicas || d.Status.Replicas != want.Replicas {
		d.Status = want
		if err := f.w.user.Status().Update(f.w.ctx, d); err != nil {
			f.w.t.Fatal(err)
		}
		changed = true
	}
	return changed
}

func (f *fleet) outdated(pod *corev1.Pod, d *appsv1.Deployment) bool {
	return pod.Annotations["generation"] != fmt.Sprint(d.Generation) && volumes(pod.Spec.Volumes) != volumes(d.Spec.Template.Spec.Volumes)
}

func volumes(all []corev1.Volume) string {
	var names []string
	for _, v := range all {
		name := v.Name
		if v.Secret != nil {
			name += "=" + v.Secret.SecretName
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

func (f *fleet) start(name string, n int32, d *appsv1.Deployment) {
	f.w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
	pod.Name = name
	f.w.create(pod)
	pod.Status = corev1.PodStatus{PodIP: fmt.Sprintf("10.1.0.%d", n+1), PodIPs: []corev1.PodIP{{IP: fmt.Sprintf("10.1.0.%d", n+1)}}, Phase: corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if f.waiting != "" {
		pod.Status.Phase, pod.Status.Conditions[0].Status = corev1.PodPending, corev1.ConditionFalse
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "gateway", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: f.waiting}}}}
	}
	if err := f.w.user.Status().Update(f.w.ctx, pod); err != nil {
		f.w.t.Fatal(err)
	}
}

// Status is what a gateway answers that serves what is mounted into its pod now, or, if it is stuck, what it served before.
func (f *fleet) Status(_ context.Context, podIP string, peer *gateway.Peer, nonce []byte) (*config.Status, error) {
	if len(peer.Certificate.Certificate) == 0 || peer.Host == "" {
		return nil, errors.New("the operator came without certificate")
	}
	mounted := &corev1.ConfigMap{}
	if !f.w.get("acme-gateway", mounted) {
		return nil, errors.New("has no configuration")
	}
	c := &config.Config{}
	if err := json.Unmarshal([]byte(mounted.Data["config.json"]), c); err != nil {
		return nil, err
	}
	c = f.serve(podIP, c)
	status := &config.Status{Revision: c.Revision, ServerCertificate: f.fingerprint("acme-gateway-tls")}
	if counts := f.counts[podIP]; counts != nil {
		status.Usage, status.Fields = counts.Usage, counts.Fields
	}
	pod := &corev1.Pod{}
	if !f.w.get("acme-gateway-0", pod) {
		return nil, errors.New("has gone")
	}
	for _, v := range pod.Spec.Volumes {
		if v.Name == "carrier-tls" && c.CarrierClientCertificate {
			status.CarrierCertificate = f.fingerprint(v.Secret.SecretName)
		}
	}
	for _, credential := range c.Credentials {
		secret := &corev1.Secret{}
		for _, v := range pod.Spec.Volumes {
			if v.Name == "credential-"+credential.Name && f.w.get(v.Secret.SecretName, secret) {
				status.Credentials = append(status.Credentials, config.CredentialProof{Name: credential.Name, Proof: config.CredentialProofOf(nonce, secret.Data)})
			}
		}
	}
	return status, nil
}

// serve returns what a pod serves now. The operator asks all pods at once.
func (f *fleet) serve(podIP string, mounted *config.Config) *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.served == nil {
		f.served = map[string]*config.Config{}
	}
	if before := f.served[podIP]; before != nil && f.stuck[podIP] {
		return before
	}
	f.served[podIP] = mounted
	return mounted
}

func (f *fleet) fingerprint(secretName string) string {
	secret := &corev1.Secret{}
	if !f.w.get(secretName, secret) {
		return ""
	}
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}

// fixtures are an integration and what it needs, all in order.

func acmeProfile(namespace string) *v1alpha1.CarrierProfile {
	return &v1alpha1.CarrierProfile{
		Name: "acme-" + namespace,
		Spec: v1alpha1.CarrierProfileSpec{
			Title: "Acme Parcels",
			Environments: []v1alpha1.Environment{{Name: "Production", Endpoints: []v1alpha1.Endpoint{
				{Role: v1alpha1.EndpointAPI, URL: "https://api.acme.example/v1"},
				{Role: v1alpha1.EndpointToken, URL: "https://auth.acme.example/token"},
			}}},
			Authentication: v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
				OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{ClientAuthentication: v1alpha1.ClientAuthenticationBasic}},
			Operations: []v1alpha1.Operation{
				{Name: "rate", Requests: []v1alpha1.RequestMatch{{Method: "POST", Path: "/rates"}},
					Request: v1alpha1.BodyRules{Format: v1alpha1.BodyJSON, Allow: []string{"$.to.postalCode"}}},
				{Name: "label", Requests: []v1alpha1.RequestMatch{{Method: "POST", Path: "/labels"}},
					Request: v1alpha1.BodyRules{Format: v1alpha1.BodyJSON, Allow: []string{"$.to"}}},
			},
		},
	}
}

func acmeSecret() *corev1.Secret {
	return &corev1.Secret{
		Name: "acme-key", Annotations: map[string]string{v1alpha1.AnnotationAllowedHosts: "api.acme.example,auth.acme.example"},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"clientID": []byte("shop"), "clientSecret": []byte("one")},
	}
}

func acmeCredential() *v1alpha1.CarrierCredential {
	return &v1alpha1.CarrierCredential{Name: "acme",
		Spec: v1alpha1.CarrierCredentialSpec{SecretRef: v1alpha1.LocalReference{Name: "acme-key"}}}
}

func caIssuer() *cmapi.Issuer {
	return &cmapi.Issuer{Name: "carrier-ca",
		Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{CA: &cmapi.CAIssuer{SecretName: "ca"}}}}
}

func acmeIntegration(namespace string) *v1alpha1.CarrierIntegration {
	return &v1alpha1.CarrierIntegration{
		Name: "acme",
		Spec: v1alpha1.CarrierIntegrationSpec{
			ProfileRef:  v1alpha1.LocalReference{Name: "acme-" + namespace},
			Environment: "Production",
			Credentials: []v1alpha1.IntegrationCredential{{Name: "shipping", CredentialRef: v1alpha1.LocalReference{Name: "acme"}}},
			Clients: []v1alpha1.IntegrationClient{{Name: "checkout", Operations: []string{"rate"},
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}}}},
			Certificates: v1alpha1.IntegrationCertificates{IssuerRef: v1alpha1.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "carrier-ca"}},
			Minimization: v1alpha1.Minimization{Mode: v1alpha1.MinimizationEnforce},
		},
	}
}

// acme creates all of them.
func (w *world) acme() {
	w.t.Helper()
	w.create(acmeSecret(), acmeCredential(), caIssuer(), acmeIntegration(w.namespace))
	profile := acmeProfile(w.namespace)
	if err := w.user.Create(w.ctx, profile); err != nil {
		w.t.Fatal(err)
	}
}
