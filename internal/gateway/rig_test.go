//go:build integration

package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// What must never show up in logs, metrics or problems. Each is planted by the tests.
const (
	plantedSecret = "canary-client-secret-7f3a"
	plantedName   = "Canarina Personname"
	plantedPhone  = "+49-canary-5550199"
)

// rig is a gateway with its files, in front of a simulated carrier.
type rig struct {
	*testing.T
	sim     *carriersim.Server
	ca      *authority
	paths   Paths
	config  config.Config
	gateway *Gateway
	clock   clock.WithTicker // nil: the wall clock
	log     *logBuffer
	stop    func()
}

// mount writes a folder as the kubelet does: a new folder, then one rename of the link ..data.
func mount(t testing.TB, dir string, files map[string]string) {
	must(t, os.MkdirAll(dir, 0o755))
	data, err := os.MkdirTemp(dir, "..data-")
	must(t, err)
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o600))
		link := filepath.Join(dir, name)
		if _, err := os.Lstat(link); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	temporary := filepath.Join(dir, "..data_tmp")
	must(t, os.Symlink(filepath.Base(data), temporary))
	must(t, os.Rename(temporary, filepath.Join(dir, "..data")))
}

// newRig starts a gateway for UPS. Options change the configuration before the start.
func newRig(t *testing.T, options ...func(*rig)) *rig {
	t.Helper()
	r := &rig{T: t, ca: newAuthority(t), log: &logBuffer{}}
	r.sim = carriersim.Start(t, carriersim.Options{Accounts: []carriersim.Account{
		{Carrier: carriersim.UPS, ID: "shop", Secret: plantedSecret},
		{Carrier: carriersim.FedEx, ID: "shop", Secret: plantedSecret},
		{Carrier: carriersim.APIKey, ID: "shop", Secret: plantedSecret},
		{Carrier: carriersim.Basic, ID: "shop", Secret: plantedSecret},
	}})
	dir := t.TempDir()
	r.paths = Paths{ConfigFile: filepath.Join(dir, "config", "config.json"), ServerTLSDir: filepath.Join(dir, "tls"),
		CarrierTLSDir: filepath.Join(dir, "carrier-tls"), CredentialsDir: filepath.Join(dir, "credentials"),
		StateDir: filepath.Join(dir, "state")}
	r.config = upsConfig(r)
	r.setCredential("main", map[string]string{"clientID": "shop\n", "clientSecret": plantedSecret + "\n"})
	mount(t, r.paths.ServerTLSDir, r.ca.issue(t, config.GatewayURI("shop", "ups")))
	for _, option := range options {
		option(r)
	}
	r.writeConfig()
	r.start()
	return r
}

// upsConfig leads to the simulator's UPS.
func upsConfig(r *rig) config.Config {
	_, port, _ := net.SplitHostPort(r.sim.Addr())
	endpoint := func(role, path string) config.Endpoint {
		return config.Endpoint{Role: role, URL: "https://onlinetools.ups.com:" + port + path, Addresses: []string{"127.0.0.1"},
			CABundle: string(r.sim.CAPEM())}
	}
	return config.Config{
		Revision: "1", Namespace: "shop", Integration: "ups", Profile: "ups", Environment: "Production",
		Listener: config.Listener{Mode: config.ListenerMutualTLS},
		Clients: []config.Client{
			{Name: "checkout", URI: config.ClientURI("shop", "ups", "checkout"), Operations: []string{"rate", "track"}},
			{Name: "returns", URI: config.ClientURI("shop", "ups", "returns"), Operations: []string{"track"}},
		},
		TrustBundle:    r.ca.pem(),
		Endpoints:      []config.Endpoint{endpoint("API", "/api"), endpoint("Token", "/security/v1/oauth/token")},
		Authentication: config.Authentication{Type: config.AuthenticationOAuth2ClientCredentials, OAuth2: &config.OAuth2{ClientAuthentication: "Basic", ClientIDKey: "clientID", ClientSecretKey: "clientSecret", AssumedLifetimeSeconds: 300}},
		Credentials:    []config.Credential{{Name: "main"}},
		Operations: []config.Operation{
			{Name: "rate", Role: "API", Requests: []config.Request{{Method: "POST", Path: "/rating/{version}/{option}"}},
				Headers: []string{"transId"},
				Request: &config.BodyRules{Format: "JSON", Allow: []string{
					"$.RateRequest.Request", "$.RateRequest.Shipment.Shipper.Address", "$.RateRequest.Shipment.Service", "$.RateRequest.Shipment.Package[*]",
					"$.RateRequest.Shipment.ShipTo.Address.PostalCode", "$.RateRequest.Shipment.ShipTo.Address.CountryCode"},
					Remove:  []string{"$..Phone"},
					Require: []string{"$.RateRequest.Shipment.ShipTo.Address.CountryCode"}}},
			{Name: "track", Role: "API", Requests: []config.Request{{Method: "GET", Path: "/track/v1/details/{inquiryNumber}"}},
				Headers:  []string{"transId", "transactionSrc"},
				Query:    &config.QueryRules{Allow: []string{"locale"}, Force: []config.QueryParam{{Name: "returnSignature", Value: "false"}}},
				Response: &config.BodyRules{Format: "JSON", Remove: []string{"$..receivedBy"}}},
		},
		MinimizationMode: "Redact", Replicas: 1, MaxRequestBytes: 1 << 20, TimeoutSeconds: 60, // also where the race detector and other tests slow everything down
	}
}

func (r *rig) writeConfig() {
	data, err := json.Marshal(r.config)
	must(r, err)
	mount(r, filepath.Dir(r.paths.ConfigFile), map[string]string{"config.json": string(data)})
}

func (r *rig) setCredential(name string, values map[string]string) {
	mount(r, filepath.Join(r.paths.CredentialsDir, name), values)
}

// start runs a gateway over the rig's files; again after stop, as after a restart of the container.
func (r *rig) start() {
	r.Helper()
	gateway, err := New(Options{Paths: r.paths, Clock: r.clock, TLSAddr: "127.0.0.1:0", PlaintextAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		MetricsAddr: "127.0.0.1:0", CallbackAddr: "127.0.0.1:0", Access: r.log, Log: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	must(r, err)
	r.gateway = gateway
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gateway.Serve(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("gateway ended: %v", err)
		}
	})
	r.Cleanup(func() { r.stop() })
}

// eventually waits for what the gateway does in its own time.
func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("it did not come true that %s; log:\n%s", what, r.log.String())
		}
	}
}

func (r *rig) ready() {
	r.eventually("the gateway is ready", func() bool { return r.gateway.clientsAddr.Load() != nil })
}

func (r *rig) address() string {
	r.ready()
	return (*r.gateway.clientsAddr.Load()).String()
}

// revision waits until a revision is served.
func (r *rig) revision(want string) {
	r.Helper()
	r.eventually("revision "+want+" is served", func() bool {
		s := r.gateway.reloader.current()
		return s != nil && s.cfg.Revision == want
	})
}

// client returns a client with a certificate for the URI of an entry in clients.
func (r *rig) client(name string) *http.Client {
	return r.clientWith(r.ca.issue(r, config.ClientURI("shop", "ups", name)))
}

func (r *rig) clientWith(pair map[string]string) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(r.ca.pem()))
	c := &tls.Config{RootCAs: roots}
	if pair != nil {
		certificate, err := tls.X509KeyPair([]byte(pair["tls.crt"]), []byte(pair["tls.key"]))
		must(r, err)
		c.Certificates = []tls.Certificate{certificate}
	}
	transport := &http.Transport{TLSClientConfig: c, MaxIdleConnsPerHost: 64, DisableCompression: true}
	r.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) rule() string {
	var p problemBody
	_ = json.Unmarshal([]byte(a.body), &p)
	return p.Rule
}

func (r *rig) do(c *http.Client, method, path, body string, header ...string) answer {
	r.Helper()
	req, err := http.NewRequest(method, "https://"+r.address(), strings.NewReader(body))
	must(r, err)
	req.URL.Opaque = path // as it is, without cleaning
	if path != "" && !strings.HasPrefix(path, "/") {
		r.Fatalf("path %q", path)
	}
	if strings.HasPrefix(path, "//") {
		req.URL.Opaque, req.URL.Path, req.URL.RawPath = "", path, path
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header[http.CanonicalHeaderKey(header[i])] = append(req.Header[http.CanonicalHeaderKey(header[i])], header[i+1])
	}
	if types := req.Header["Content-Type"]; len(types) > 1 { // the test's own, or "-" for none
		req.Header["Content-Type"] = types[1:]
	}
	if req.Header.Get("Content-Type") == "-" {
		req.Header.Del("Content-Type")
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	res, err := c.Do(req)
	must(r, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(r, err)
	return answer{res.StatusCode, res.Header, string(data)}
}

// rateBody over-shares: names, phones and streets that a rate does not need.
func rateBody() string {
	return fmt.Sprintf(`{"RateRequest":{"Request":{"TransactionReference":{"CustomerContext":"1"}},"Shipment":{
 "Shipper":{"Name":"Shop","ShipperNumber":"1","Address":{"PostalCode":"10115","CountryCode":"DE"}},
 "ShipTo":{"Name":%q,"Phone":{"Number":%q},"Address":{"AddressLine":["Street 1"],"City":"Paris","PostalCode":"75001","CountryCode":"FR"}},
 "Service":{"Code":"03"},"Package":[{"PackageWeight":{"UnitOfMeasurement":{"Code":"KGS"},"Weight":"1.50"}}]}}}`, plantedName, plantedPhone)
}

const ratePath = "/api/rating/v2409/Rate"

// logBuffer collects the log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// records are the access records so far.
func (l *logBuffer) records() (out []map[string]any) {
	for line := range strings.SplitSeq(l.String(), "\n") {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == "request" {
			out = append(out, m)
		}
	}
	return out
}
