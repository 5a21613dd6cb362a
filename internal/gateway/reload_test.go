//go:build integration

package gateway

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// load keeps requests flowing until stop, and until there were so many of them. stop returns how many there were and what went wrong
// with the first that failed.
func (r *rig) load(workers int, atLeast int64) (stop func() (int64, string)) {
	r.ready()
	var sent atomic.Int64
	var failure atomic.Pointer[string]
	end := make(chan struct{})
	var group sync.WaitGroup
	for range workers {
		client := r.client("checkout")
		group.Go(func() {
			for {
				select {
				case <-end:
					if sent.Load() >= atLeast {
						return
					}
				default:
				}
				req, _ := http.NewRequest("POST", "https://"+r.address()+ratePath, strings.NewReader(rateBody()))
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				text := ""
				if err != nil {
					text = err.Error()
				} else {
					if res.StatusCode != 200 {
						body, _ := io.ReadAll(res.Body)
						text = res.Status + " " + string(body)
					}
					res.Body.Close()
				}
				if text != "" {
					failure.CompareAndSwap(nil, &text)
				}
				sent.Add(1)
			}
		})
	}
	return func() (int64, string) {
		close(end)
		group.Wait()
		if f := failure.Load(); f != nil {
			return sent.Load(), *f
		}
		return sent.Load(), ""
	}
}

// oftenClock looks at files every few milliseconds, so that many reloads take little time.
type oftenClock struct{ clock.RealClock }

func (c oftenClock) NewTicker(time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(10 * time.Millisecond)
}

func TestReloadsUnderLoadFailNoRequest(t *testing.T) {
	r := newRig(t, func(r *rig) { r.clock = oftenClock{} })
	_, err := r.sim.ChangeSettings(carriersim.Settings{UPSTokenRequestsPerMinute: 1000})
	must(t, err)
	stop := r.load(4, 500)
	for i := 2; i <= 101; i++ {
		switch {
		case i%2 == 0:
			mount(t, r.paths.ServerTLSDir, r.ca.issue(t, config.GatewayURI("shop", "ups")))
		case i%15 == 0: // no more often than the gateway asks for tokens
			secret := fmt.Sprintf("%s-%d", plantedSecret, i)
			must(t, r.sim.PutAccount(carriersim.Account{Carrier: carriersim.UPS, ID: "shop", Secret: secret, OverlapSeconds: 60}))
			r.setCredential("main", map[string]string{"clientID": "shop", "clientSecret": secret})
		default: // another way to the carrier: a new transport
			r.config.Endpoints[0].CABundle += "\n"
		}
		r.config.Revision = fmt.Sprint(i)
		r.writeConfig()
		r.revision(r.config.Revision)
	}
	if sent, failure := stop(); failure != "" {
		t.Errorf("%d requests, first failure %q", sent, failure)
	}
	r.eventually("the newest credential serves", func() bool {
		s := r.gateway.reloader.current()
		return s.credential["main"].auth.Serving() == s.content["main"]
	})
}

func TestBadFilesKeepTheLastGoodOnesAndAreReported(t *testing.T) {
	configFile := func(content string) func(*rig) {
		return func(r *rig) { mount(r, filepath.Dir(r.paths.ConfigFile), map[string]string{"config.json": content}) }
	}
	change := func(f func(*config.Config)) func(*rig) {
		return func(r *rig) { r.config.Revision = "2"; f(&r.config); r.writeConfig() }
	}
	tests := map[string]struct {
		spoil func(*rig)
		want  string
	}{
		"a configuration that does not parse": {configFile(`{"revision":`), "does not parse"},
		"an empty configuration":              {configFile(``), "does not parse"},
		"certificate and key of two pairs": {func(r *rig) {
			a, b := r.ca.issue(r, ""), r.ca.issue(r, "")
			mount(r, r.paths.ServerTLSDir, map[string]string{"tls.crt": a["tls.crt"], "tls.key": b["tls.key"]})
		}, "server certificate"},
		"a certificate that has ended": {func(r *rig) {
			mount(r, r.paths.ServerTLSDir, r.ca.issue(r, "", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		}, "expired"},
		"a credential without a key":     {func(r *rig) { r.setCredential("main", map[string]string{"clientID": "shop"}) }, "no value under the key clientSecret"},
		"a credential that has gone":     {change(func(c *config.Config) { c.Credentials[0].Name = "other" }), "credential other"},
		"no address":                     {change(func(c *config.Config) { c.Endpoints[0].Addresses = nil }), "no address is published"},
		"a name for an address":          {change(func(c *config.Config) { c.Endpoints[0].Addresses = []string{"localhost"} }), "not an IP address"},
		"an endpoint without TLS":        {change(func(c *config.Config) { c.Endpoints[0].URL = "http://onlinetools.ups.com/api" }), "must be https"},
		"a CA bundle that is none":       {change(func(c *config.Config) { c.Endpoints[0].CABundle = "x" }), "no PEM certificate"},
		"a trust bundle that is none":    {change(func(c *config.Config) { c.TrustBundle = "x" }), "no PEM certificate"},
		"an unknown mode":                {change(func(c *config.Config) { c.MinimizationMode = "Off" }), "mode"},
		"a rule that does not parse":     {change(func(c *config.Config) { c.Operations[0].Request.Allow = []string{"RateRequest"} }), "operation rate, request"},
		"a header that never passes":     {change(func(c *config.Config) { c.Operations[0].Headers = []string{"Cookie"} }), "Cookie"},
		"a missing client certificate":   {change(func(c *config.Config) { c.CarrierClientCertificate = true }), "client certificate for the carrier"},
		"another kind of listener":       {change(func(c *config.Config) { c.Listener.Mode, c.Clients = "Plaintext", c.Clients[:1] }), "new pods only"},
		"unknown operations to redact":   {change(func(c *config.Config) { c.ForwardUnknownOperations = true }), "mode Report only"},
		"an operation without endpoint":  {change(func(c *config.Config) { c.Operations[0].Role = "Label" }), "no endpoint of role Label"},
		"credentials for no operation":   {change(func(c *config.Config) { c.Credentials[0].Operations = []string{"rate"} }), "no credential is for the operation track"},
		"a limit of nothing":             {change(func(c *config.Config) { c.Limits = []config.Limit{{Name: "x"}} }), "limit x"},
		"a credential outside of itself": {change(func(c *config.Config) { c.Credentials[0].Name = "../tls" }), "cannot be a folder's name"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ready()
			tc.spoil(r)
			r.eventually("the fault is reported", func() bool {
				return strings.Contains(r.gateway.status(make([]byte, 16)).LastError, tc.want)
			})
			if a := r.do(r.client("checkout"), "POST", ratePath, rateBody()); a.status != 200 {
				t.Errorf("answer %d %s, want the last good configuration to serve", a.status, a.body)
			}
			if got := r.gateway.status(make([]byte, 16)).Revision; got != "1" {
				t.Errorf("revision %s is said to be served", got)
			}
		})
	}
}

func TestARefusedConfigurationIsMended(t *testing.T) {
	r := newRig(t)
	r.ready()
	mount(t, filepath.Dir(r.paths.ConfigFile), map[string]string{"config.json": "{"})
	r.eventually("the fault is reported", func() bool { return r.gateway.reloader.lastError.Load() != nil })
	r.config.Revision = "2"
	r.writeConfig()
	r.revision("2")
	if text := r.gateway.status(make([]byte, 16)).LastError; text != "" {
		t.Errorf("still reported: %s", text)
	}
}

func TestNoConfigurationAtTheStartIsWaitedOut(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MinimizationMode = "Off" })
	r.eventually("the fault is reported", func() bool { return r.gateway.reloader.lastError.Load() != nil })
	get := func() int {
		res, err := http.Get("http://" + r.gateway.health.Addr().String() + "/readyz")
		must(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	if code := get(); code != 503 {
		t.Errorf("readyz %d, want 503", code)
	}
	// The operator can ask why.
	res, err := r.clientWith(r.ca.issue(t, config.ManagerURI("shop", "ups"))).Get(
		"https://" + r.gateway.admin.Addr().String() + config.StatusPath + "?nonce=" + strings.Repeat("0", 32))
	must(t, err)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("status %d, want 200", res.StatusCode)
	}
	r.config.MinimizationMode = "Redact"
	r.writeConfig()
	r.ready()
	if code := get(); code != 200 {
		t.Errorf("readyz %d, want 200", code)
	}
}

func TestFilesOutsideOfAKubeletsMountAreWatchedToo(t *testing.T) {
	r := newRig(t)
	r.ready()
	plain := filepath.Join(t.TempDir(), "plain")
	must(t, os.MkdirAll(plain, 0o755))
	r.stop()
	r.paths.CredentialsDir = plain
	must(t, os.MkdirAll(filepath.Join(plain, "main"), 0o755))
	write := func(secret string) {
		must(t, os.WriteFile(filepath.Join(plain, "main", "clientID"), []byte("shop"), 0o600))
		must(t, os.WriteFile(filepath.Join(plain, "main", "clientSecret"), []byte(secret), 0o600))
	}
	write(plantedSecret)
	r.start()
	r.ready()
	before := r.gateway.status(make([]byte, 16)).Credentials[0].Proof
	must(t, r.sim.PutAccount(carriersim.Account{Carrier: carriersim.UPS, ID: "shop", Secret: "other", OverlapSeconds: 60}))
	write("other")
	r.eventually("the other secret serves", func() bool { return r.gateway.status(make([]byte, 16)).Credentials[0].Proof != before })
}

func TestARejectedCredentialIsReportedWhileTheOldTokenServes(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	before := r.gateway.status(make([]byte, 16)).Credentials[0].Proof
	r.setCredential("main", map[string]string{"clientID": "shop", "clientSecret": "a mistake"})
	r.eventually("the rejection is reported", func() bool {
		return strings.Contains(r.gateway.status(make([]byte, 16)).LastError, "InvalidClient")
	})
	status := r.gateway.status(make([]byte, 16))
	if status.Credentials[0].Proof != before || status.Credentials[0].Failure != "InvalidClient" {
		t.Errorf("status %+v, want the old proof with the failure", status.Credentials)
	}
	for range 3 {
		if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
			t.Errorf("answer %d %s, want the old token to serve", a.status, a.body)
		}
	}
	r.setCredential("main", map[string]string{"clientID": "shop", "clientSecret": plantedSecret})
	r.eventually("the mended credential serves", func() bool { return r.gateway.status(make([]byte, 16)).LastError == "" })
}

func TestACarrierThatRevokesOldTokensCostsNoRequest(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	r.do(client, "POST", ratePath, rateBody())
	r.sim.RevokeTokens(carriersim.UPS, "shop")
	if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
		t.Errorf("answer %d %s, want one renewal and a repetition", a.status, a.body)
	}
	r.sim.RevokeTokens(carriersim.UPS, "shop")
	a := r.do(client, "POST", ratePath, rateBody())
	if a.status != 401 || a.header.Get(originHeader) != "carrier" {
		t.Errorf("answer %d, want the carrier's 401: renewals are a minute apart", a.status)
	}
}

func TestTokensSurviveARestartOfTheContainer(t *testing.T) {
	r := newRig(t)
	for range 5 {
		if a := r.do(r.client("checkout"), "POST", ratePath, rateBody()); a.status != 200 {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
		r.stop()
		r.start()
	}
	if n := r.sim.Stats().TokensIssued[carriersim.UPS]; n != 1 {
		t.Errorf("%d tokens over 5 restarts, want 1", n)
	}
}

func TestARemovedCAEndsConnectionsThatBeganWithIt(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	if a := r.do(client, "POST", ratePath, rateBody()); a.status != 200 {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	other := newAuthority(t)
	r.config.TrustBundle, r.config.Revision = other.pem(), "2"
	r.writeConfig()
	r.revision("2")
	a := r.do(client, "POST", ratePath, rateBody()) // on the connection of before
	if a.status != 401 || a.rule() != ruleClientUnknown {
		t.Errorf("answer %d %s, want 401", a.status, a.body)
	}
	if _, err := client.Get("https://" + r.address() + "/"); err == nil {
		t.Error("a new connection with a certificate of the removed CA is accepted")
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	r := newRig(t)
	client := r.client("checkout")
	r.do(client, "POST", ratePath, rateBody())
	must(t, r.sim.SetFaults(carriersim.Fault{Path: ratePath, LatencyMilliseconds: 700}))
	result := make(chan answer, 1)
	go func() { result <- r.do(client, "POST", ratePath, rateBody()) }()
	r.eventually("the request is at the carrier", func() bool { return len(r.sim.Received(carriersim.Filter{Operation: "rate"})) == 2 })
	r.stop()
	if a := <-result; a.status != 200 {
		t.Errorf("answer %d %s, want the request to end well", a.status, a.body)
	}
}
