package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// inputs are what the configuration is made of besides the integration: what the other concerns published in its status is read from there.
type inputs struct {
	resolved    *integration.Resolved
	trustBundle string
	// bundles are the CA bundles for the carrier's endpoints, by role.
	bundles map[v1alpha1.EndpointRole]string
	// services that callbacks and the limit store name, by name.
	services map[string]*corev1.Service
	// limitStoreBundle are the CAs of the limit store.
	limitStoreBundle string
}

// renderConfig makes the configuration that the gateway serves. Lists keep the order of the spec, so that equal specs give equal
// revisions.
func renderConfig(in *inputs) *config.Config {
	ci, profile := in.resolved.Integration, in.resolved.Profile
	c := &config.Config{
		Namespace: ci.Namespace, Integration: ci.Name, Profile: profile.Name, Environment: in.resolved.Environment.Name,
		Listener:                 config.Listener{Mode: string(integration.Listener(ci))},
		TrustBundle:              in.trustBundle,
		Endpoints:                endpoints(in),
		Authentication:           integration.Authentication(&profile.Spec.Authentication),
		CarrierClientCertificate: integration.CarrierSecret(ci) != "",
		ForwardUnknownOperations: ci.Spec.UnknownOperations == v1alpha1.UnknownOperationsForward,
		MinimizationMode:         string(ci.Spec.Minimization.Mode),
		Limits:                   limits(profile, ci),
		Throttling:               throttling(profile),
		Replicas:                 integration.Replicas(ci),
		MaxRequestBytes:          int64(integration.MaxRequestBytes(ci)),
		TimeoutSeconds:           integration.TimeoutSeconds(ci),
	}
	c.Callbacks = callbacks(in.resolved, in.services)
	c.LimitStore = limitStore(in)
	for _, client := range ci.Spec.Clients {
		c.Clients = append(c.Clients, config.Client{Name: client.Name, URI: config.ClientURI(ci.Namespace, ci.Name, client.Name), Operations: client.Operations,
			LimitSharePercent: client.LimitSharePercent})
	}
	for _, credential := range ci.Spec.Credentials {
		c.Credentials = append(c.Credentials, config.Credential{Name: credential.Name, Operations: credential.Operations})
	}
	for i := range profile.Spec.Operations {
		c.Operations = append(c.Operations, operation(&profile.Spec.Operations[i], ci))
	}
	c.Revision = revision(c, ci)
	return c
}

// revision identifies a configuration together with the credentials and certificates that go with it.
func revision(c *config.Config, ci *v1alpha1.CarrierIntegration) string {
	identity := struct {
		Config       config.Config
		Credentials  []v1alpha1.CredentialStatus
		Certificates []string
	}{Config: *c, Credentials: ci.Status.Credentials}
	identity.Config.Revision = ""
	for _, name := range []string{integration.ServerCertificate(ci.Name), integration.CarrierSecret(ci)} {
		identity.Certificates = append(identity.Certificates, fingerprint(&ci.Status, name))
	}
	encoded, err := json.Marshal(identity)
	if err != nil {
		panic(err) // plain data always encodes
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

func fingerprint(status *v1alpha1.CarrierIntegrationStatus, certificate string) string {
	for _, c := range status.Certificates.Issued {
		if c.Name == certificate {
			return c.Fingerprint
		}
	}
	return ""
}

func endpoints(in *inputs) []config.Endpoint {
	var all []config.Endpoint
	for _, e := range in.resolved.Environment.Endpoints {
		endpoint := config.Endpoint{Role: string(e.Role), URL: e.URL, CABundle: in.bundles[e.Role], Ranges: e.StaticCIDRs}
		host, err := integration.ParseHost(e.URL)
		if err != nil {
			continue // integration.Resolve has refused it
		}
		for _, published := range in.resolved.Integration.Status.Network.Hosts {
			if published.Host == host.String() {
				endpoint.Addresses = published.Addresses
			}
		}
		all = append(all, endpoint)
	}
	return all
}

func operation(o *v1alpha1.Operation, ci *v1alpha1.CarrierIntegration) config.Operation {
	c := config.Operation{Name: o.Name, Role: string(cmp.Or(o.Endpoint, v1alpha1.EndpointAPI)), Headers: o.Headers,
		Request: bodyRules(&o.Request), Response: bodyRules(&o.Response)}
	for _, r := range o.Requests {
		c.Requests = append(c.Requests, config.Request{Method: string(r.Method), Path: r.Path})
	}
	for _, consent := range o.Consents {
		c.Consents = append(c.Consents, config.Consent{Purpose: consent.Purpose, Allow: consent.Allow})
	}
	if len(o.Query.Allow)+len(o.Query.Force) > 0 {
		c.Query = &config.QueryRules{Allow: o.Query.Allow}
		for _, f := range o.Query.Force {
			parameter := config.QueryParam{Name: f.Name}
			if f.Value != nil {
				parameter.Value = *f.Value
			}
			c.Query.Force = append(c.Query.Force, parameter)
		}
	}
	if c.Request != nil {
		for _, e := range ci.Spec.Minimization.Exceptions {
			if e.Operation == o.Name {
				c.Request.AllowUntil = append(c.Request.AllowUntil, config.TemporaryAllow{Path: e.Path, ExpiresOn: e.ExpiresOn})
			}
		}
	}
	return c
}

func bodyRules(r *v1alpha1.BodyRules) *config.BodyRules {
	if r.Format == "" {
		return nil
	}
	c := &config.BodyRules{Format: string(r.Format), Allow: r.Allow, Remove: r.Remove, Require: r.Require}
	for _, e := range r.Embedded {
		c.Embedded = append(c.Embedded, config.Embedded{Path: e.Path, Format: string(e.Format)})
	}
	return c
}

// limits are the carrier's own and those that the integration adds. The latter are prefixed, since both lists may use a name.
func limits(profile *v1alpha1.CarrierProfile, ci *v1alpha1.CarrierIntegration) []config.Limit {
	var all []config.Limit
	for _, l := range profile.Spec.Limits {
		all = append(all, config.Limit{Name: l.Name, Carrier: true, TokenRequests: l.AppliesTo == v1alpha1.LimitTokenRequests, Operations: l.Operations,
			Requests: l.Requests, WindowSeconds: l.WindowSeconds})
	}
	for _, l := range ci.Spec.Limits {
		all = append(all, config.Limit{Name: fmt.Sprintf("integration/%s", l.Name), Client: l.Client, Operations: l.Operations,
			Requests: l.Requests, WindowSeconds: l.WindowSeconds})
	}
	return all
}

// defaultWaitSeconds is how long nothing is sent after a sign that names no end, in seconds.
const defaultWaitSeconds = 60

// throttling are the carrier's signs that a limit is used up.
func throttling(profile *v1alpha1.CarrierProfile) []config.ThrottleSignal {
	var all []config.ThrottleSignal
	for _, s := range profile.Spec.Throttling {
		all = append(all, config.ThrottleSignal{Name: s.Name, Status: int(s.Status), BodyContains: s.BodyContains,
			Until: cmp.Or(string(s.Until), config.ThrottleUntilHeader), WaitSeconds: cmp.Or(s.WaitSeconds, defaultWaitSeconds), Operations: s.Operations})
	}
	return all
}

// missing says what of the other concerns' results the configuration still lacks; empty if nothing.
func missing(in *inputs, c *config.Config) string {
	ci := in.resolved.Integration
	if in.trustBundle == "" {
		return "the trust bundle"
	}
	for _, name := range certificates(ci) {
		if fingerprint(&ci.Status, name) == "" {
			return "certificate " + name
		}
	}
	for _, entry := range ci.Spec.Credentials {
		if secretOf(ci, entry.Name) == "" {
			return "credential " + entry.Name
		}
	}
	if i := slices.IndexFunc(c.Endpoints, func(e config.Endpoint) bool { return len(e.Addresses) == 0 }); i >= 0 {
		return "addresses of " + c.Endpoints[i].URL
	}
	return ""
}

// certificates that are mounted or with which the operator calls the gateway.
func certificates(ci *v1alpha1.CarrierIntegration) []string {
	names := []string{integration.ServerCertificate(ci.Name), integration.ManagerCertificate(ci.Name)}
	if name := integration.CarrierSecret(ci); name != "" {
		names = append(names, name)
	}
	return names
}

// secretOf is the Secret behind a credential of the integration.
func secretOf(ci *v1alpha1.CarrierIntegration, credential string) string {
	for _, c := range ci.Status.Credentials {
		if c.Name == credential {
			return c.SecretName
		}
	}
	return ""
}
