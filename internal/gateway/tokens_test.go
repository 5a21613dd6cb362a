//go:build integration

package gateway

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// issuer is a carrier with rotating refresh tokens and payment tokens. Each access token is good until the next one is issued.
type issuer struct {
	*httptest.Server
	mu       sync.Mutex
	n        int
	received []string // "path token second-token body" of requests to the API
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.URL.Path == "/token":
			if !strings.Contains(string(body), fmt.Sprintf("refresh_token=refresh-%d", i.n)) {
				w.WriteHeader(400)
				fmt.Fprint(w, `{"error":"invalid_grant"}`)
				return
			}
			i.n++
			fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":"3600","refresh_token":"refresh-%d"}`, i.n, i.n)
		case token != fmt.Sprintf("token-%d", i.n):
			w.WriteHeader(401)
		case r.URL.Path == "/v3/payments":
			fmt.Fprintf(w, `{"paymentToken":"pay-for-%s"}`, token)
		default:
			i.received = append(i.received, strings.Join([]string{r.URL.Path, token, r.Header.Get("X-Payment"), string(body)}, " "))
			fmt.Fprint(w, `{}`)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

// with makes a gateway lead to the issuer.
func (i *issuer) with(r *rig) {
	_, port, _ := net.SplitHostPort(i.Listener.Addr().String())
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	for n, path := range []string{"/v3", "/token"} {
		e := &r.config.Endpoints[n]
		e.URL, e.CABundle = "https://example.com:"+port+path, string(ca)
	}
	response := config.TokenResponse{Format: "JSON", TokenPath: "$.access_token", ExpiryPath: "$.expires_in", ExpiryUnit: "Seconds",
		RefreshTokenPath: "$.refresh_token"}
	second := response
	second.TokenPath = "$.paymentToken"
	r.config.Authentication = config.Authentication{Type: config.AuthenticationOAuth2RefreshToken,
		OAuth2: &config.OAuth2{GrantType: "refresh_token", ClientAuthentication: "Form", ClientIDKey: "clientID", ClientSecretKey: "clientSecret",
			RefreshTokenKey: "refreshToken", RefreshTokenRotates: true, AssumedLifetimeSeconds: 300, Response: response},
		Chained: &config.ChainedToken{Path: "/payments", Template: `{"payer":"{clientID}"}`, Header: "X-Payment", Operations: []string{"rate"},
			Response: second, AssumedLifetimeSeconds: 300}}
	r.setCredential("main", map[string]string{"clientID": "shop", "clientSecret": plantedSecret, "refreshToken": "refresh-0"})
	r.paths.RefreshTokensDir = filepath.Join(filepath.Dir(r.paths.CredentialsDir), "refresh-tokens")
}

// refreshTokens is what the operator is told.
func (r *rig) refreshTokens() (tokens map[string]config.RefreshToken) {
	res, err := r.clientWith(r.ca.issue(r, config.ManagerURI("shop", "ups"))).Get(
		"https://" + r.gateway.admin.Addr().String() + config.RefreshTokensPath)
	must(r, err)
	defer res.Body.Close()
	must(r, json.NewDecoder(res.Body).Decode(&tokens))
	return tokens
}

func TestRefreshTokensSurviveAMoveToAnotherPodAndSecondTokensFollowTheFirst(t *testing.T) {
	i := newIssuer(t)
	r := newRig(t, i.with)
	client := r.client("checkout")
	const body = `{"RateRequest":{"Shipment":{"ShipTo":{"Address":{"CountryCode":"FR"}}}}}`
	rate := func() {
		t.Helper()
		if a := r.do(client, "POST", "/v3/rating/v1/Rate", body, "X-Payment", "of the client"); a.status != 200 {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	}
	rate()
	tokens := r.refreshTokens()
	if tokens["main"].Value != "refresh-1" || tokens["main"].Sequence != 1 {
		t.Errorf("refresh tokens %+v", tokens)
	}
	kept, err := json.Marshal(tokens["main"])
	must(t, err)
	r.stop()

	// Another pod has nothing but what the operator kept.
	mount(t, r.paths.RefreshTokensDir, map[string]string{"main": string(kept)})
	r.paths.StateDir = filepath.Join(filepath.Dir(r.paths.StateDir), "state-2")
	r.start()
	rate()
	// The carrier ends the token at hand: both are renewed.
	i.mu.Lock()
	i.n++
	i.mu.Unlock()
	mount(t, r.paths.RefreshTokensDir, map[string]string{"main": strings.NewReplacer("refresh-1", "refresh-3", `"sequence":1`, `"sequence":3`).Replace(string(kept))})
	r.eventually("the newer refresh token is taken over", func() bool { return r.refreshTokens()["main"].Sequence == 3 })
	rate()
	want := []string{"/v3/rating/v1/Rate token-1 pay-for-token-1 " + body, "/v3/rating/v1/Rate token-2 pay-for-token-2 " + body,
		"/v3/rating/v1/Rate token-4 pay-for-token-4 " + body}
	if diff := cmp.Diff(want, i.received); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"refresh-", "pay-for", plantedSecret} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func TestABrokenRefreshTokenFileIsNotServed(t *testing.T) {
	i := newIssuer(t)
	r := newRig(t, i.with)
	r.ready()
	mount(t, r.paths.RefreshTokensDir, map[string]string{"main": `{"value":"refresh-`})
	r.eventually("the file is refused", func() bool {
		text := r.gateway.reloader.lastError.Load()
		return text != nil && strings.Contains(*text, "refresh token of the credential main") && !strings.Contains(*text, "refresh-")
	})
}
