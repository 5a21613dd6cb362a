package carrier

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// payments is USPS's endpoint of payment authorizations: it takes the newest access token and issues pay-1, pay-2, ...
type payments struct {
	*httptest.Server
	requests atomic.Int64
	answer   atomic.Pointer[http.HandlerFunc]
	body     atomic.Pointer[string]
	revoked  atomic.Pointer[string] // an access token that is no longer accepted
}

func newPayments(t *testing.T) *payments {
	p := &payments{}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := p.requests.Add(1)
		data := make([]byte, 1024)
		size, _ := r.Body.Read(data)
		body := r.URL.Path + " " + string(data[:size])
		p.body.Store(&body)
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if revoked := p.revoked.Load(); !strings.HasPrefix(token, "token-") || revoked != nil && token == *revoked {
			w.WriteHeader(401)
			return
		}
		if answer := p.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		fmt.Fprintf(w, `{"paymentAuthorizationToken":"pay-%d","ttl":600}`, n)
	}))
	t.Cleanup(p.Close)
	return p
}

func (s *setup) chainedSpec(p *payments, secret string) Spec {
	spec := s.spec(secret)
	spec.APIURL, _ = url.Parse(p.URL + "/v3")
	spec.APITransport = p.Client().Transport
	spec.Authentication.Chained = &config.ChainedToken{Path: "/payment-authorization", Template: `{"roles":[{"roleName":"PAYER","account":"{id}"}]}`,
		Header: "X-Payment-Authorization-Token", Operations: []string{"label"}, AssumedLifetimeSeconds: 300,
		Response: config.TokenResponse{TokenPath: "$.paymentAuthorizationToken", ExpiryPath: "$.ttl", ExpiryUnit: "Seconds"}}
	return spec
}

// wantBoth checks the two tokens of an operation's request.
func (s *setup) wantBoth(a Authenticator, operation, first, second string) Grant {
	s.Helper()
	out := &Outgoing{Header: http.Header{}, Operation: operation}
	g, err := a.Apply(s.Context(), out)
	got := strings.TrimPrefix(out.Header.Get("Authorization"), "Bearer ") + " " + out.Header.Get("X-Payment-Authorization-Token")
	if err != nil || got != first+" "+second {
		s.Errorf("tokens %q, error %v; want %q", got, err, first+" "+second)
	}
	return g
}

func settleBoth(a Authenticator) {
	settle(a)
	c := a.(*composite).token.chained.state
	c.mu.Lock()
	flight := c.flight
	c.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

func TestAChainedTokenIsForTheOperationsThatNeedIt(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	a := s.auth(s.chainedSpec(p, "x"))
	s.wantBoth(a, "label", "token-1", "pay-1")
	s.wantBoth(a, "rate", "token-1", "")
	s.wantBoth(a, "label", "token-1", "pay-1")
	if n := p.requests.Load(); n != 1 {
		t.Errorf("%d requests for the second token, want 1", n)
	}
	if got := *p.body.Load(); got != `/v3/payment-authorization {"roles":[{"roleName":"PAYER","account":"shop"}]}` {
		t.Errorf("sent %s", got)
	}
}

func TestAChainedTokenIsAskedForWithTheFirstOne(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	a := s.auth(s.chainedSpec(p, "x"))
	a.Warm()
	s.broker.Wait()
	if n := p.requests.Load(); n != 1 {
		t.Errorf("%d requests for the second token, want 1 before any request needs it", n)
	}
	s.wantBoth(a, "label", "token-1", "pay-1")
}

func TestAChainedTokenIsRenewedWhenTheFirstOneChanges(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	a := s.auth(s.chainedSpec(p, "x"))
	spec := s.chainedSpec(p, "x")
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"paymentAuthorizationToken":"pay-%d","ttl":86400}`, p.requests.Load())
	})
	p.answer.Store(&answer)
	s.wantBoth(a, "label", "token-1", "pay-1")
	s.clock.Step(50 * time.Minute) // the first one is renewed in the background
	s.wantBoth(a, "label", "token-1", "pay-1")
	s.broker.Wait()
	s.wantBoth(a, "label", "token-2", "pay-2")
	s.restart()
	s.wantBoth(s.auth(spec), "label", "token-2", "pay-2")
	if n := p.requests.Load(); n != 2 {
		t.Errorf("%d requests for the second token, want 2", n)
	}
}

func TestA401RenewsBothTokens(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	a := s.auth(s.chainedSpec(p, "x"))
	g := s.wantBoth(a, "label", "token-1", "pay-1")
	if !a.Renew(t.Context(), g) {
		t.Error("not renewed")
	}
	settleBoth(a)
	s.wantBoth(a, "label", "token-2", "pay-2")
	g = s.wantBoth(a, "rate", "token-2", "")
	if a.Renew(t.Context(), g) {
		t.Error("renewed again within a minute")
	}
}

func TestAFirstTokenThatTheCarrierRevokedIsRenewedOnTheWayToTheSecond(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	a := s.auth(s.chainedSpec(p, "x"))
	s.wantBoth(a, "rate", "token-1", "")
	settleBoth(a)
	s.clock.Step(11 * time.Minute) // the second one has ended
	revoked := "token-1"
	p.revoked.Store(&revoked)
	g := s.wantBoth(a, "label", "token-1", "pay-3")
	if g.second == nil || a.(*composite).token.state.current().Value != "token-2" {
		t.Error("the first token is still the revoked one")
	}
}

func TestFailuresOfAChainedToken(t *testing.T) {
	tests := map[string]struct {
		answer http.HandlerFunc
		class  FailureClass
	}{
		"403 is no ban here": {status(403), FailureProductNotEnabled},
		"400":                {status(400), FailureInvalidRequest},
		"401":                {status(401), FailureInvalidClient},
		"503":                {status(503), FailureUnavailable},
		"no token":           {text(`{}`), FailureInvalidResponse},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, p := newSetup(t), newPayments(t)
			a := s.auth(s.chainedSpec(p, "x"))
			p.answer.Store(&tc.answer)
			_, err := a.Apply(t.Context(), &Outgoing{Header: http.Header{}, Operation: "label"})
			f, ok := err.(*Failure) //nolint:errorlint // it is not wrapped
			if !ok || f.Class != tc.class {
				t.Fatalf("error %v, want %s", err, tc.class)
			}
			if got := a.Failure(); got == nil || got.Class != tc.class {
				t.Errorf("failure %v, want %s", got, tc.class)
			}
			s.wantBoth(a, "rate", "token-"+fmt.Sprint(s.server.requests.Load()), "") // the others go on
		})
	}
}

func TestAChangedCredentialServesBothOldTokensUntilBothNewOnesAreThere(t *testing.T) {
	s, p := newSetup(t), newPayments(t)
	before := s.auth(s.chainedSpec(p, "old"))
	s.wantBoth(before, "label", "token-1", "pay-1")
	fail := status(503)
	p.answer.Store(&fail)
	changed := s.chainedSpec(p, "new")
	changed.Previous = before
	after := s.auth(changed)
	after.Warm()
	s.broker.Wait()
	if g := s.wantBoth(after, "label", "token-1", "pay-1"); g.Source != SourcePrevious {
		t.Errorf("source %s, want %s", g.Source, SourcePrevious)
	}
	p.answer.Store(nil)
	s.clock.Step(2 * time.Minute)
	s.wantBoth(after, "label", "token-1", "pay-1")
	settleBoth(after)
	s.wantBoth(after, "label", "token-2", "pay-3")
}

func TestChainedTokensThatCannotWorkAreRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*Spec)
		err    string
	}{
		"no endpoint API":   {func(s *Spec) { s.APIURL = nil }, "role API"},
		"a missing key":     {func(s *Spec) { s.Authentication.Chained.Template = `{"a":"{none}"}` }, "key none"},
		"no JSON":           {func(s *Spec) { s.Authentication.Chained.Template = `{"a":{id}}` }, "not JSON"},
		"token in the body": {func(s *Spec) { s.Authentication.OAuth2.Placement = config.TokenPlacement{BodyPath: "$.a.b"} }, "goes into a header"},
		"a wrong response":  {func(s *Spec) { s.Authentication.Chained.Response.ExpiryUnit = "x" }, "expiryUnit"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, p := newSetup(t), newPayments(t)
			spec := s.chainedSpec(p, "x")
			tc.change(&spec)
			if _, err := s.broker.New(spec); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want one with %q", err, tc.err)
			}
		})
	}
}
