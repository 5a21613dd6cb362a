package carrier

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// TestTokenEndpoint has a case for each entry of the row "Token endpoint" of the bad-input list; what a refresh storm and a skewed
// clock do has tests of its own. A case with a life is accepted, the others fail in their class and leave no token.
func TestTokenEndpoint(t *testing.T) {
	life := func(expiresIn string) http.HandlerFunc {
		return text(`{"access_token":"token-1","token_type":"Bearer","expires_in":` + expiresIn + `}`)
	}
	tests := map[string]struct {
		answer http.HandlerFunc
		life   time.Duration
		class  FailureClass
	}{
		"302":                         {redirect, 0, FailureRedirected},
		"301":                         {moved(301), 0, FailureEndpointRetired},
		"303":                         {moved(303), 0, FailureRedirected},
		"307":                         {moved(307), 0, FailureRedirected},
		"308":                         {moved(308), 0, FailureEndpointRetired},
		"HTML with 200":               {text("<!DOCTYPE html><html><body>Sign in</body></html>"), 0, FailureInvalidResponse},
		"HTML with 502":               {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); fmt.Fprint(w, "<html>") }, 0, FailureUnavailable},
		"1 GB JSON":                   {gigabyte(`{"access_token":"token-1","x":"`), 0, FailureInvalidResponse},
		"1 GB JSON, token at the end": {gigabyte(`{"x":"`), 0, FailureInvalidResponse},
		"1 GB of an error":            {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(400); gigabyte("{")(w, r) }, 0, FailureInvalidRequest},
		"no expires_in":               {text(`{"access_token":"token-1","token_type":"Bearer"}`), 5 * time.Minute, ""},
		"expires_in = 0":              {life(`0`), 5 * time.Minute, ""},
		"expires_in = -1":             {life(`-1`), 5 * time.Minute, ""},
		`expires_in = "3600"`:         {life(`"3600"`), time.Hour, ""},
		"expires_in = 1e99":           {life(`1e99`), maxLifetime, ""},
		"token with CR/LF":            {text(`{"access_token":"token-1\r\nX-Evil: 1"}`), 0, FailureInvalidResponse},
		"token_type mac":              {text(`{"access_token":"token-1","token_type":"mac"}`), 0, FailureInvalidResponse},
		"closed without an answer":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, FailureUnreachable},
		"cut off":                     {cutOff, 0, FailureUnreachable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.server.Config.ErrorLog = discardLog()
			s.server.respond(tc.answer)
			a := s.auth(s.spec("x"))
			if tc.class != "" {
				s.wantFailure(a, tc.class)
				s.wantRequests(1)
				return
			}
			g := s.want(a, "token-1", SourceFresh)
			if got := g.token.Expires.Sub(g.token.IssuedAt); got != tc.life {
				t.Errorf("life %v, want %v", got, tc.life)
			}
		})
	}
}

func moved(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", status) }
}

// gigabyte answers without an end in sight, until the client has had enough.
func gigabyte(start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, start)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for n := 0; n < 1024 && err == nil; n++ {
			_, err = w.Write(chunk)
		}
	}
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"access_token":"token-1"`)
}

func TestTokenEndpointSlowDrip(t *testing.T) {
	s := newSetup(t)
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) { // a byte now and then, never an end
		var err error
		for ; err == nil; time.Sleep(5 * time.Millisecond) {
			_, err = io.WriteString(w, " ")
			w.(http.Flusher).Flush()
		}
	})
	s.broker.timeout = 100 * time.Millisecond
	if f := s.failure(s.auth(s.spec("x")), FailureUnreachable); !strings.Contains(f.Detail, "in time") {
		t.Errorf("detail %q", f.Detail)
	}
}

func TestTokenEndpointTLS(t *testing.T) {
	tests := map[string]struct {
		change func(*tls.Config)
		class  FailureClass
	}{
		"TLS name mismatch":    {func(c *tls.Config) { c.ServerName = "auth.carrier.example" }, FailureTLSChain},
		"wrong CA":             {func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, FailureTLSChain},
		"refused by the other": {func(c *tls.Config) { c.MaxVersion, c.MinVersion = tls.VersionTLS11, tls.VersionTLS10 }, FailureTLSChain},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.server.Config.ErrorLog = discardLog()
			spec := s.spec("x")
			tc.change(spec.Transport.(*http.Transport).TLSClientConfig)
			f := s.failure(s.auth(spec), tc.class)
			if strings.Contains(f.Error(), "127.0.0.1") {
				t.Errorf("the address shows in %q", f)
			}
			s.wantRequests(0)
		})
	}
}

// Row "refresh storm (1 000 parallel requests on expiry) [exactly 1 token request]", with readers and a 401 in between.
func TestRefreshStorm(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	g := s.want(a, "token-1", SourceFresh)
	s.expire()
	release := make(chan struct{})
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, s.server.requests.Load())
	})
	var group sync.WaitGroup
	var wrong, waiting atomic.Int64
	for n := range 1000 {
		group.Go(func() {
			waiting.Add(1)
			if n%10 == 0 {
				a.Renew(t.Context(), g)
			}
			if token, _, err := s.apply(a); err != nil || token != "token-2" {
				wrong.Add(1)
			}
			_, _ = a.Serving(), a.Failure()
		})
	}
	for waiting.Load() < 1000 {
		runtime.Gosched() // all shall be under way before the answer
	}
	close(release)
	group.Wait()
	if wrong.Load() != 0 {
		t.Errorf("%d of 1000 requests got no token or a wrong one", wrong.Load())
	}
	s.wantRequests(2)
}

func TestAHostIsNeverAskedFasterThanItsPace(t *testing.T) {
	s := newSetup(t)
	for n := range 8 {
		s.want(s.auth(s.spec(fmt.Sprint(n))), fmt.Sprintf("token-%d", n+1), SourceFresh)
	}
	f := s.failure(s.auth(s.spec("8")), FailureLimitReached)
	if wait := f.RetryAt.Sub(epoch); wait <= 0 || wait > 6*time.Second {
		t.Errorf("retry after %v", wait)
	}
	s.wantRequests(8)
	s.clock.Step(6 * time.Second)
	s.want(s.auth(s.spec("8")), "token-9", SourceFresh)
}

func TestAPenaltyBoxIsOfOneHost(t *testing.T) {
	s, other := newSetup(t), newTokenServer(t)
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"response":{"errors":[{"code":"10403","message":"Blocked Merchant"}]}}`)
	})
	if f := s.failure(s.auth(s.spec("x")), FailurePenaltyBox); f.RetryAt.Sub(epoch) < 10*time.Minute {
		t.Errorf("retry after %v, want at least ten minutes", f.RetryAt.Sub(epoch))
	}
	s.wantFailure(s.auth(s.loginSpec(config.Login{Format: "JSON", TokenSettings: credentials(config.TokenParameter{Name: "u", Key: "user"})})), FailurePenaltyBox)
	s.wantRequests(1)
	spec := s.spec("x")
	spec.TokenURL, _ = url.Parse(other.URL + "/token")
	spec.Transport = other.Client().Transport
	s.want(s.auth(spec), "token-1", SourceFresh)
}

func TestAnOldTokenServesWhileEveryKindOfRenewalFails(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"ban": status(403), "quota": status(429), "wrong client": status(401), "retired": status(410), "HTML": text("<html>")} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			a := s.auth(s.spec("x"))
			s.want(a, "token-1", SourceFresh)
			s.server.respond(answer)
			s.clock.Step(50 * time.Minute)
			for range 3 {
				s.want(a, "token-1", SourceCached)
				s.broker.Wait()
			}
			s.wantRequests(2)
			if a.Failure() == nil {
				t.Error("nothing is reported")
			}
		})
	}
}

func TestAChangeOfTheRequestIsAnotherToken(t *testing.T) {
	tests := map[string]func(*Spec){
		"scope":       func(s *Spec) { s.Authentication.OAuth2.Scopes = []string{"b"} },
		"grant type":  func(s *Spec) { s.Authentication.OAuth2.GrantType = "csp_credentials" },
		"parameter":   func(s *Spec) { s.Authentication.OAuth2.Parameters = []config.TokenParameter{{Name: "a", Value: "b"}} },
		"URL":         func(s *Spec) { u := *s.TokenURL; u.Path = "/v2"; s.TokenURL = &u },
		"certificate": func(s *Spec) { s.ClientCertificate = []byte("new") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.want(s.auth(s.spec("x")), "token-1", SourceFresh)
			spec := s.spec("x")
			change(&spec)
			s.want(s.auth(spec), "token-2", SourceFresh)
		})
	}
	t.Run("but not one of what is beside it", func(t *testing.T) {
		s := newSetup(t)
		s.want(s.auth(s.spec("x")), "token-1", SourceFresh)
		spec := s.spec("x")
		spec.Authentication.Headers = []config.SecretHeader{{Name: "client_id", Key: "id"}}
		s.want(s.auth(spec), "token-1", SourceCached)
	})
}
