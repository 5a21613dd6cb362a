//go:build integration

package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const webhookSecret = "canary-webhook-secret-51c"

// withCallback adds a callback that is delivered to service.
func withCallback(service *httptest.Server) func(*rig) {
	return func(r *rig) {
		r.paths.CallbacksDir = filepath.Join(filepath.Dir(r.paths.StateDir), "callbacks")
		r.config.Callbacks = []config.Callback{{Name: "tracking", Verification: "HMAC", Algorithm: "HMACSHA256", Encoding: "Hex",
			SignatureHeader: "X-Signature", SignedContent: "{body}", ReplayWindowSeconds: 300,
			ForwardTo: "http://tracker.shop.svc:80/events", Address: strings.TrimPrefix(service.URL, "http://")}}
		mount(r, filepath.Join(r.paths.CallbacksDir, "tracking"), map[string]string{"secret": webhookSecret + "\n"})
	}
}

// call sends a webhook as a carrier does.
func (r *rig) call(method, path, body, signature string) answer {
	r.Helper()
	r.ready()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(r.ca.pem()))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(method, "https://"+r.gateway.callbacks.Addr().String()+path, strings.NewReader(body))
	must(r, err)
	if signature != "" {
		req.Header.Set("X-Signature", signature)
	}
	res, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	must(r, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(r, err)
	return answer{res.StatusCode, res.Header, string(data)}
}

func signatureOf(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWebhooks(t *testing.T) {
	var received atomic.Int64
	var failing atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		received.Add(1)
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(service.Close)
	r := newRig(t, withCallback(service))
	event := func(n string) string { return `{"number":"` + n + `","receivedBy":"` + plantedName + `"}` }
	right := signatureOf(webhookSecret, event("1"))

	tests := []struct {
		name               string
		method, path, body string
		signature          string
		status             int
		rule               string
		delivered          int64
	}{
		{"an unknown callback", "POST", "/callbacks/other", event("1"), right, 404, ruleCallbackUnknown, 0},
		{"another path", "POST", "/tracking", event("1"), right, 404, ruleCallbackUnknown, 0},
		{"a GET", "GET", "/callbacks/tracking", "", right, 405, ruleMethod, 0},
		{"no signature", "POST", "/callbacks/tracking", event("1"), "", 401, ruleCallbackForged, 0},
		{"a forged body", "POST", "/callbacks/tracking", event("2"), right, 401, ruleCallbackForged, 0},
		{"a body that is too large", "POST", "/callbacks/tracking", strings.Repeat("x", 1<<20+1), right, 413, ruleBodyTooLarge, 0},
		{"a genuine call", "POST", "/callbacks/tracking", event("1"), right, 200, "", 1},
		{"the same call again", "POST", "/callbacks/tracking", event("1"), right, 200, "", 1},
		{"another genuine call", "POST", "/callbacks/tracking", event("3"), signatureOf(webhookSecret, event("3")), 200, "", 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := r.call(tc.method, tc.path, tc.body, tc.signature)
			if got.status != tc.status || got.rule() != tc.rule || received.Load() != tc.delivered {
				t.Errorf("status %d rule %q after %d deliveries, want %d %q %d", got.status, got.rule(), received.Load(), tc.status, tc.rule, tc.delivered)
			}
		})
	}

	failing.Store(true)
	if got := r.call("POST", "/callbacks/tracking", event("4"), signatureOf(webhookSecret, event("4"))); got.status != 500 {
		t.Errorf("a failing Service: status %d, want its own", got.status)
	}
	failing.Store(false)
	if got := r.call("POST", "/callbacks/tracking", event("4"), signatureOf(webhookSecret, event("4"))); got.status != 200 || received.Load() != 4 {
		t.Errorf("the carrier's second attempt: status %d after %d deliveries, want 200 and 4", got.status, received.Load())
	}

	mount(r, filepath.Join(r.paths.CallbacksDir, "tracking"), map[string]string{"secretNew": "another-webhook-secret", "secret": webhookSecret})
	r.eventually("the secret that comes next is accepted", func() bool {
		return r.call("POST", "/callbacks/tracking", event("5"), signatureOf("another-webhook-secret", event("5"))).status == 200
	})
	if got := r.call("POST", "/callbacks/tracking", event("1"), right); got.status != 200 || received.Load() != 5 {
		t.Errorf("after a reload an old call is delivered anew: status %d, %d deliveries", got.status, received.Load())
	}
	for _, planted := range []string{webhookSecret, plantedName, right} {
		if strings.Contains(r.log.String(), planted) {
			t.Errorf("the log shows %q", planted)
		}
	}
}

func TestACallbackWithoutASecretDisturbsNothingElse(t *testing.T) {
	service := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(service.Close)
	r := newRig(t, withCallback(service), func(r *rig) { r.paths.CallbacksDir = r.TempDir() })
	if got := r.call("POST", "/callbacks/tracking", "{}", "00"); got.status != 503 || got.rule() != ruleCallbackUnavailable {
		t.Errorf("status %d rule %q", got.status, got.rule())
	}
	if got := r.do(r.client("checkout"), "POST", ratePath, rateBody()); got.status != 200 {
		t.Errorf("a rate: status %d, body %s", got.status, got.body)
	}
}
