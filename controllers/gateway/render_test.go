package gateway

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is an integration that uses everything that reaches configuration or objects.
func example(t *testing.T) *inputs {
	t.Helper()
	profile := &v1alpha1.CarrierProfile{Name: "acme", Spec: v1alpha1.CarrierProfileSpec{
		Title: "Acme Parcels",
		Environments: []v1alpha1.Environment{{Name: "Production", Endpoints: []v1alpha1.Endpoint{
			{Role: v1alpha1.EndpointAPI, URL: "https://api.acme.example/v1", StaticCIDRs: []string{"23.1.0.0/16"}},
			{Role: v1alpha1.EndpointToken, URL: "https://auth.acme.example:8443/token"},
		}}},
		Authentication: v1alpha1.Authentication{Type: v1alpha1.AuthenticationOAuth2ClientCredentials,
			OAuth2ClientCredentials: v1alpha1.OAuth2ClientCredentials{ClientAuthentication: v1alpha1.ClientAuthenticationForm}},
		Operations: []v1alpha1.Operation{
			{Name: "rate", Requests: []v1alpha1.RequestMatch{{Method: "POST", Path: "/rates"}},
				Request: v1alpha1.BodyRules{Format: v1alpha1.BodyJSON, Allow: []string{"$.to.postalCode"}, Require: []string{"$.to.postalCode"},
					Embedded: []v1alpha1.EmbeddedDocument{{Path: "$.xml_in", Format: v1alpha1.BodyXML}}},
				Consents: []v1alpha1.Consent{{Purpose: "delivery-notice", Allow: []string{"$.to.phone"}}},
				Response: v1alpha1.BodyRules{Format: v1alpha1.BodyJSON, Remove: []string{"$..name"}}},
			{Name: "track", Requests: []v1alpha1.RequestMatch{{Method: "GET", Path: "/parcels/{number}"}}, Headers: []string{"transId"},
				Query: v1alpha1.QueryRules{Allow: []string{"locale"}, Force: []v1alpha1.QueryParameter{{Name: "signature", Value: new("false")}}}},
		},
		Limits: []v1alpha1.ProfileLimit{{Name: "tokens", AppliesTo: v1alpha1.LimitTokenRequests, Requests: 10, WindowSeconds: 60}},
		Throttling: []v1alpha1.ThrottleSignal{{Name: "short", Status: 503, BodyContains: "slow down"},
			{Name: "daily", Status: 403, Until: v1alpha1.ThrottleUntilMidnightUTC, WaitSeconds: 600, Operations: []string{"track"}}},
	}}
	ci := &v1alpha1.CarrierIntegration{
		Name: "acme", Namespace: "shop", UID: "b7a3", Generation: 4,
		Spec: v1alpha1.CarrierIntegrationSpec{
			ProfileRef: v1alpha1.LocalReference{Name: "acme"}, Environment: "Production",
			Credentials: []v1alpha1.IntegrationCredential{
				{Name: "shipping", CredentialRef: v1alpha1.LocalReference{Name: "acme"}},
				{Name: "tracking", CredentialRef: v1alpha1.LocalReference{Name: "acme-track"}, Operations: []string{"track"}},
			},
			Clients: []v1alpha1.IntegrationClient{{Name: "checkout", Operations: []string{"rate", "track"}, LimitSharePercent: 40,
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}}}},
			Certificates: v1alpha1.IntegrationCertificates{IssuerRef: v1alpha1.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"},
				CarrierClient: v1alpha1.CarrierClientCertificate{CommonName: "shop", IssuerRef: v1alpha1.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "acme-ca"}}},
			Minimization: v1alpha1.Minimization{Mode: v1alpha1.MinimizationEnforce,
				Exceptions: []v1alpha1.MinimizationException{{Operation: "rate", Path: "$.to.city", Reason: "remote areas", ExpiresOn: "2027-03-31"}}},
			Limits: []v1alpha1.IntegrationLimit{{Name: "share", Client: "checkout", Requests: 5, WindowSeconds: 1}},
		},
		Status: v1alpha1.CarrierIntegrationStatus{
			Credentials: []v1alpha1.CredentialStatus{{Name: "shipping", SecretName: "acme-key", Version: "v1"}, {Name: "tracking", SecretName: "acme-track-key", Version: "v1"}},
			Certificates: v1alpha1.CertificatesStatus{Issued: []v1alpha1.CertificateStatus{
				{Name: "acme-gateway-tls", Fingerprint: "aa"}, {Name: "acme-manager", Fingerprint: "bb"}, {Name: "acme-carrier-client", Fingerprint: "cc"}}},
			Network: v1alpha1.NetworkStatus{Hosts: []v1alpha1.HostStatus{
				{Host: "api.acme.example", Addresses: []string{"23.1.0.1"}}, {Host: "auth.acme.example:8443", Addresses: []string{"23.2.0.1", "23.2.0.2"}}}},
		},
	}
	resolved, problem := integration.Resolve(ci, profile)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	return &inputs{resolved: resolved, trustBundle: "the CAs", bundles: map[v1alpha1.EndpointRole]string{v1alpha1.EndpointToken: "the carrier's CAs"}}
}

func golden(t *testing.T, name string, object any) {
	t.Helper()
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date; if the change is meant, run the test with -update (-want +got):\n%s", file, diff)
	}
}

func TestGoldenFiles(t *testing.T) {
	in := example(t)
	ci := in.resolved.Integration
	golden(t, "config.yaml", renderConfig(in))
	golden(t, "deployment.yaml", renderDeployment(ci, "registry.example/gateway:1", corev1.PullIfNotPresent))
	golden(t, "service.yaml", renderService(ci))
	golden(t, "poddisruptionbudget.yaml", renderBudget(ci))
}

func TestConfigurationNamesWhatIsMissing(t *testing.T) {
	tests := map[string]struct {
		change func(*inputs, *v1alpha1.CarrierIntegrationStatus)
		want   string
	}{
		"nothing":     {func(*inputs, *v1alpha1.CarrierIntegrationStatus) {}, ""},
		"CAs":         {func(in *inputs, _ *v1alpha1.CarrierIntegrationStatus) { in.trustBundle = "" }, "the trust bundle"},
		"certificate": {func(_ *inputs, s *v1alpha1.CarrierIntegrationStatus) { s.Certificates.Issued[1].Name = "other" }, "certificate acme-manager"},
		"credential":  {func(_ *inputs, s *v1alpha1.CarrierIntegrationStatus) { s.Credentials = s.Credentials[:1] }, "credential tracking"},
		"addresses":   {func(_ *inputs, s *v1alpha1.CarrierIntegrationStatus) { s.Network.Hosts[1].Addresses = nil }, "addresses of https://auth.acme.example:8443/token"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := example(t)
			tc.change(in, &in.resolved.Integration.Status)
			if got := missing(in, renderConfig(in)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// The revision changes exactly when replicas have to take something over.
func TestRevision(t *testing.T) {
	first := renderConfig(example(t)).Revision
	for name, tc := range map[string]struct {
		change  func(*inputs, *v1alpha1.CarrierIntegration)
		changes bool
	}{
		"nothing":             {func(*inputs, *v1alpha1.CarrierIntegration) {}, false},
		"a renewed client":    {func(_ *inputs, ci *v1alpha1.CarrierIntegration) { ci.Status.Certificates.Issued[1].Fingerprint = "b2" }, false},
		"a renewed server":    {func(_ *inputs, ci *v1alpha1.CarrierIntegration) { ci.Status.Certificates.Issued[0].Fingerprint = "a2" }, true},
		"a renewed carrier's": {func(_ *inputs, ci *v1alpha1.CarrierIntegration) { ci.Status.Certificates.Issued[2].Fingerprint = "c2" }, true},
		"a credential":        {func(_ *inputs, ci *v1alpha1.CarrierIntegration) { ci.Status.Credentials[1].Version = "v2" }, true},
		"an address": {func(_ *inputs, ci *v1alpha1.CarrierIntegration) {
			ci.Status.Network.Hosts[0].Addresses = []string{"23.1.0.9"}
		}, true},
		"the CAs": {func(in *inputs, _ *v1alpha1.CarrierIntegration) { in.trustBundle = "more CAs" }, true},
		"the mode": {func(_ *inputs, ci *v1alpha1.CarrierIntegration) {
			ci.Spec.Minimization.Mode = v1alpha1.MinimizationReport
		}, true},
		"who may connect": {func(_ *inputs, ci *v1alpha1.CarrierIntegration) {
			ci.Spec.Clients[0].PodSelector.MatchLabels["app"] = "shop"
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := example(t)
			tc.change(in, in.resolved.Integration)
			if got := renderConfig(in).Revision; (got != first) != tc.changes {
				t.Errorf("the revision changed: %v, want %v", got != first, tc.changes)
			}
		})
	}
}

func TestConfigurationSurvivesJSON(t *testing.T) {
	c := renderConfig(example(t))
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	read := &config.Config{}
	if err := json.Unmarshal(encoded, read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, read); diff != "" {
		t.Errorf("what a gateway reads (-written +read):\n%s", diff)
	}
}
