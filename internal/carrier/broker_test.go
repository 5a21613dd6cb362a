package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// tokenServer is a token endpoint over TLS whose answers a test sets.
type tokenServer struct {
	*httptest.Server
	requests atomic.Int64
	mu       sync.Mutex
	answer   http.HandlerFunc
	last     *http.Request
	body     string
}

func newTokenServer(t *testing.T) *tokenServer {
	s := &tokenServer{}
	s.grant("3600")
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		answer := s.answer
		s.last, s.body = r, string(body)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) respond(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// grant issues token-1, token-2, ...
func (s *tokenServer) grant(expiresIn string) {
	s.respond(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%s}`, s.requests.Load(), expiresIn)
	})
}

func (s *tokenServer) refuse(status int) {
	s.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

type setup struct {
	*testing.T
	server *tokenServer
	clock  *clocktesting.FakeClock
	dir    string
	broker *Broker
}

func newSetup(t *testing.T) *setup {
	s := &setup{T: t, server: newTokenServer(t), clock: clocktesting.NewFakeClock(epoch), dir: t.TempDir()}
	s.restart()
	return s
}

// restart is a new broker over the same state folder.
func (s *setup) restart() {
	b, err := NewBroker(s.clock, s.dir, nil)
	if err != nil {
		s.Fatal(err)
	}
	b.jitter = func() float64 { return 0.5 }
	s.broker = b
	s.Cleanup(b.Wait) // else a request still under way writes into the folder while that is removed
}

func (s *setup) spec(secret string) Spec {
	u, _ := url.Parse(s.server.URL + "/token")
	transport := s.server.Client().Transport.(*http.Transport)
	transport.DisableCompression = true // as the gateway's
	return Spec{
		Authentication: config.Authentication{Type: config.AuthenticationOAuth2ClientCredentials, OAuth2: &config.OAuth2{
			ClientAuthentication: "Basic", ClientIDKey: "id", ClientSecretKey: "secret", AssumedLifetimeSeconds: 300}},
		Credential: NewCredential("main", map[string][]byte{"id": []byte("shop"), "secret": []byte(secret)}),
		TokenURL:   u, Transport: transport,
	}
}

func (s *setup) auth(spec Spec) Authenticator {
	s.Helper()
	a, err := s.broker.New(spec)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// apply returns the token that a request would carry.
func (s *setup) apply(a Authenticator) (string, Grant, error) {
	h := http.Header{}
	g, err := a.Apply(context.Background(), &Outgoing{Header: h})
	return strings.TrimPrefix(h.Get("Authorization"), "Bearer "), g, err
}

// want checks which token the next request carries, and where it comes from.
func (s *setup) want(a Authenticator, token string, source Source) Grant {
	s.Helper()
	got, g, err := s.apply(a)
	if err != nil || got != token || g.Source != source {
		s.Errorf("token %q (%s), error %v; want %q (%s)", got, g.Source, err, token, source)
	}
	return g
}

func (s *setup) wantFailure(a Authenticator, class FailureClass) {
	s.Helper()
	_ = s.failure(a, class)
}

// failure is how the next request fails.
func (s *setup) failure(a Authenticator, class FailureClass) *Failure {
	s.Helper()
	_, _, err := s.apply(a)
	var f *Failure
	if !errors.As(err, &f) || f.Class != class {
		s.Fatalf("error %v, want a failure of class %s", err, class)
	}
	return f
}

func (s *setup) wantRequests(n int64) {
	s.Helper()
	if got := s.server.requests.Load(); got != n {
		s.Errorf("%d token requests, want %d", got, n)
	}
}

// settle waits until no token request is under way.
func settle(a Authenticator) {
	o := a.(*composite).token
	o.state.mu.Lock()
	flight := o.state.flight
	o.state.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

func TestAThousandParallelRequestsMakeOneTokenRequest(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	for round := int64(1); round <= 3; round++ { // each round finds the token expired
		release := make(chan struct{})
		s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
			<-release
			fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, s.server.requests.Load())
		})
		var group sync.WaitGroup
		var wrong atomic.Int64
		for range 1000 {
			group.Go(func() {
				if token, _, err := s.apply(a); err != nil || token != fmt.Sprintf("token-%d", round) {
					wrong.Add(1)
				}
			})
		}
		close(release)
		group.Wait()
		if wrong.Load() != 0 {
			t.Errorf("round %d: %d requests got no token or a wrong one", round, wrong.Load())
		}
		s.wantRequests(round)
		s.clock.Step(2 * time.Hour)
	}
}

func TestRenewalInTheBackgroundDelaysNoRequest(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	s.want(a, "token-1", SourceFresh)
	s.clock.Step(47 * time.Minute)
	s.want(a, "token-1", SourceCached)
	s.wantRequests(1)
	s.clock.Step(2 * time.Minute) // beyond 80 % of an hour

	release := make(chan struct{})
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprint(w, `{"access_token":"token-2","expires_in":3600}`)
	})
	for range 10 {
		s.want(a, "token-1", SourceCached) // while the token endpoint takes its time
	}
	close(release)
	settle(a)
	s.want(a, "token-2", SourceCached)
	s.wantRequests(2)
}

func TestTheOldTokenServesUntilItsEndWhileRenewalFails(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	s.want(a, "token-1", SourceFresh)
	s.server.refuse(503)
	s.clock.Step(50 * time.Minute)
	s.want(a, "token-1", SourceCached)
	settle(a)
	s.clock.Step(9 * time.Minute)
	s.want(a, "token-1", SourceCached)
	settle(a)
	if f := a.Failure(); f == nil || f.Class != FailureUnavailable {
		t.Errorf("failure %v, want %s", f, FailureUnavailable)
	}
	s.clock.Step(2 * time.Minute)
	s.wantFailure(a, FailureUnavailable)
	s.server.grant("3600")
	s.clock.Step(2 * time.Minute)
	if _, _, err := s.apply(a); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
	if a.Failure() != nil {
		t.Error("the failure is still reported after a success")
	}
}

func TestFailuresAreNotRepeatedBeforeTheirTime(t *testing.T) {
	tests := map[string]struct {
		answer http.HandlerFunc
		class  FailureClass
		wait   time.Duration // at least
	}{
		"unknown client":     {status(401), FailureInvalidClient, 5 * time.Minute},
		"bad request":        {status(400), FailureInvalidRequest, 5 * time.Minute},
		"penalty box":        {status(403), FailurePenaltyBox, 10 * time.Minute},
		"quota":              {status(429), FailureQuotaExceeded, time.Minute},
		"server error":       {status(500), FailureUnavailable, time.Second},
		"redirect":           {redirect, FailureRedirected, time.Minute},
		"HTML":               {text("<html></html>"), FailureInvalidResponse, 10 * time.Second},
		"too long":           {text(`{"access_token":"a","x":"` + strings.Repeat("x", 70<<10) + `"}`), FailureInvalidResponse, 10 * time.Second},
		"closed connection":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, FailureUnreachable, time.Second},
		"another token type": {text(`{"access_token":"a","token_type":"mac"}`), FailureInvalidResponse, 10 * time.Second},
		"a broken gzip":      {encoded("gzip", "x"), FailureInvalidResponse, 10 * time.Second},
		"a strange encoding": {encoded("br", "x"), FailureInvalidResponse, 10 * time.Second},
		"a patient carrier":  {retryIn("1800"), FailureQuotaExceeded, 30 * time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.server.Config.ErrorLog = discardLog()
			a := s.auth(s.spec("x"))
			s.server.respond(tc.answer)
			f := s.failure(a, tc.class)
			if got := f.RetryAt.Sub(epoch); got < tc.wait || got > 2*tc.wait {
				t.Errorf("retry after %v, want at least %v", got, tc.wait)
			}
			for range 20 {
				s.wantFailure(a, tc.class)
			}
			s.clock.Step(tc.wait - time.Millisecond)
			s.wantFailure(a, tc.class)
			s.wantRequests(1)
			s.server.grant("60")
			s.clock.Step(tc.wait)
			s.want(a, "token-2", SourceFresh)
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}
func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "https://127.0.0.1:1/elsewhere", http.StatusFound)
}
func encoded(encoding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		_, _ = io.WriteString(w, body)
	}
}
func retryIn(seconds string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", seconds)
		w.WriteHeader(429)
	}
}

func TestA401ForcesOneRenewalForAllAndNotOneForEach(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	g := s.want(a, "token-1", SourceFresh)
	var group sync.WaitGroup
	var renewed atomic.Int64
	for range 100 {
		group.Go(func() {
			if a.Renew(context.Background(), g) {
				renewed.Add(1)
			}
		})
	}
	group.Wait()
	if renewed.Load() != 100 {
		t.Errorf("%d of 100 were told of the new token", renewed.Load())
	}
	s.wantRequests(2)
	g = s.want(a, "token-2", SourceCached)
	if a.Renew(context.Background(), g) {
		t.Error("renewed again within a minute: a 401 for another reason would cost a token each")
	}
	s.want(a, "token-2", SourceCached)
	s.clock.Step(2 * time.Minute)
	if !a.Renew(context.Background(), g) {
		t.Error("not renewed after a minute")
	}
	s.wantRequests(3)
}

func TestAFailedForcedRenewalKeepsTheToken(t *testing.T) {
	s := newSetup(t)
	a := s.auth(s.spec("x"))
	g := s.want(a, "token-1", SourceFresh)
	s.server.refuse(503)
	if a.Renew(context.Background(), g) {
		t.Error("told of a new token although there is none")
	}
	s.want(a, "token-1", SourceCached)
}

func TestTheLimitOnTokenRequestsHolds(t *testing.T) {
	s := newSetup(t)
	w := limit.NewWindow(2, time.Minute, 1)
	s.broker.SetLimit(func() time.Duration { return w.Take(s.clock.Now()) })
	s.want(s.auth(s.spec("1")), "token-1", SourceFresh)
	s.want(s.auth(s.spec("2")), "token-2", SourceFresh)
	f := s.failure(s.auth(s.spec("3")), FailureLimitReached)
	s.wantRequests(2)
	s.clock.SetTime(f.RetryAt)
	s.want(s.auth(s.spec("3")), "token-3", SourceFresh)
}

func TestAWaitingRequestMayGiveUp(t *testing.T) {
	s := newSetup(t)
	release := make(chan struct{})
	defer close(release)
	s.server.respond(func(http.ResponseWriter, *http.Request) { <-release })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.auth(s.spec("x")).Apply(ctx, &Outgoing{Header: http.Header{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestTokenRequestsAsCarriersWantThem(t *testing.T) {
	tests := map[string]struct {
		change func(*config.OAuth2)
		auth   string
		body   string
	}{
		"Basic": {func(*config.OAuth2) {}, "Basic c2hvcDpzJTI2MQ==", "grant_type=client_credentials"},
		"Form":  {func(o *config.OAuth2) { o.ClientAuthentication = "Form" }, "", "client_id=shop&client_secret=s%261&grant_type=client_credentials"},
		"JSON":  {func(o *config.OAuth2) { o.ClientAuthentication = "JSON" }, "", `{"client_id":"shop","client_secret":"s\u00261","grant_type":"client_credentials"}`},
		"scopes": {func(o *config.OAuth2) { o.Scopes = []string{"a", "b"} }, "Basic c2hvcDpzJTI2MQ==",
			"grant_type=client_credentials&scope=a+b"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			spec := s.spec("s&1\n")
			tc.change(spec.Authentication.OAuth2)
			spec.Authentication.OAuth2.TokenRequestHeaders = []config.SecretHeader{{Name: "x-merchant-id", Key: "merchant", Optional: true},
				{Name: "x-client", Key: "id", Prefix: "id "}}
			s.want(s.auth(spec), "token-1", SourceFresh)
			if got := s.server.last.Header.Get("Authorization"); got != tc.auth {
				t.Errorf("Authorization %q, want %q", got, tc.auth)
			}
			if s.server.body != tc.body {
				t.Errorf("body %q, want %q", s.server.body, tc.body)
			}
			if _, sent := s.server.last.Header["X-Merchant-Id"]; sent || s.server.last.Header.Get("X-Client") != "id shop" {
				t.Errorf("header %v", s.server.last.Header)
			}
		})
	}
}

func TestFailuresAndCredentialsHoldNoSecret(t *testing.T) {
	s := newSetup(t)
	s.server.respond(func(w http.ResponseWriter, r *http.Request) { // a server that echoes
		w.WriteHeader(401)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+"canary-secret")
	})
	spec := s.spec("canary-secret")
	f := s.failure(s.auth(spec), FailureInvalidClient)
	for _, text := range []string{f.Error(), fmt.Sprintf("%v %+v %#v %s", spec.Credential, spec.Credential, spec.Credential, spec.Credential)} {
		if strings.Contains(text, "canary-secret") {
			t.Errorf("the secret shows in %q", text)
		}
	}
}
