package carrier

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// rotating is a carrier that takes each refresh token once and issues the next one: refresh-0, refresh-1, ...
func rotating(s *setup) {
	next := 0
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		form, _ := url.ParseQuery(s.server.body)
		if form.Get("refresh_token") != fmt.Sprintf("refresh-%d", next) {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		next++
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600,"refresh_token":"refresh-%d"}`, next, next)
	})
}

func (s *setup) refreshSpec() Spec {
	return s.settings(config.AuthenticationOAuth2RefreshToken, func(o *config.OAuth2) { o.RefreshTokenRotates = true })
}

// expire ends the life of the token at hand and of the waiting time after failures.
func (s *setup) expire() { s.clock.Step(2 * time.Hour) }

func TestARotatedRefreshTokenIsUsedNext(t *testing.T) {
	s := newSetup(t)
	rotating(s)
	a := s.auth(s.refreshSpec())
	if _, issued := a.RefreshToken(); issued {
		t.Error("a refresh token is offered before the carrier has issued one")
	}
	for n := 1; n <= 3; n++ {
		s.want(a, fmt.Sprintf("token-%d", n), SourceFresh)
		got, issued := a.RefreshToken()
		if !issued || got.Value != fmt.Sprintf("refresh-%d", n) || got.Sequence != int64(n) || len(got.Origin) != 64 {
			t.Errorf("offered: %+v", got)
		}
		s.expire()
	}
}

func TestARotatedRefreshTokenIsWrittenBeforeTheTokenIsUsed(t *testing.T) {
	s := newSetup(t)
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) { // an access token that cannot be used: the refresh token counts all the same
		fmt.Fprint(w, `{"access_token":"a b","refresh_token":"refresh-1"}`)
	})
	s.wantFailure(s.auth(s.refreshSpec()), FailureInvalidResponse)
	files, _ := filepath.Glob(filepath.Join(s.dir, "refresh-*.json"))
	if len(files) != 1 {
		t.Fatalf("files %v, want one", files)
	}
	data, _ := os.ReadFile(files[0])
	var kept config.RefreshToken
	if json.Unmarshal(data, &kept) != nil || kept.Value != "refresh-1" {
		t.Errorf("kept: %s", data)
	}
	if strings.Contains(files[0], "refresh-0") || strings.Contains(files[0], kept.Origin) {
		t.Errorf("the name %s says what is in it", files[0])
	}
}

func TestARotatedRefreshTokenSurvivesARestart(t *testing.T) {
	s := newSetup(t)
	rotating(s)
	s.want(s.auth(s.refreshSpec()), "token-1", SourceFresh)
	s.restart()
	s.expire()
	s.want(s.auth(s.refreshSpec()), "token-2", SourceFresh)
}

func TestARotatedRefreshTokenSurvivesAMoveToAnotherPod(t *testing.T) {
	s := newSetup(t)
	rotating(s)
	a := s.auth(s.refreshSpec())
	s.want(a, "token-1", SourceFresh)
	kept, _ := a.RefreshToken() // the operator asks for it
	s.expire()
	s.want(a, "token-2", SourceFresh)

	s.dir = t.TempDir() // another pod, whose mounted Secret is a little old
	s.restart()
	spec := s.refreshSpec()
	spec.RefreshToken = &kept
	s.wantFailure(s.auth(spec), FailureInvalidGrant)
	newest, _ := a.RefreshToken()
	spec.RefreshToken = &newest // the kubelet has caught up: no waiting time is left
	b := s.auth(spec)
	s.want(b, "token-3", SourceFresh)
	spec.RefreshToken = &kept // an older one comes in with a reload
	s.expire()
	s.want(s.auth(spec), "token-4", SourceFresh)
}

func TestARefreshTokenOfAnotherChainIsNotTaken(t *testing.T) {
	for name, handed := range map[string]config.RefreshToken{
		"of another secret": {Value: "stolen", Origin: refreshOrigin("shop", "another"), Sequence: 7},
		"of another client": {Value: "stolen", Origin: refreshOrigin("another", "refresh-0"), Sequence: 7},
		"empty":             {Origin: refreshOrigin("shop", "refresh-0"), Sequence: 7},
		"not newer":         {Value: "stolen", Origin: refreshOrigin("shop", "refresh-0"), Sequence: 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			rotating(s)
			spec := s.refreshSpec()
			spec.RefreshToken = &handed
			s.want(s.auth(spec), "token-1", SourceFresh)
		})
	}
}

func TestAChangedSecretBeginsANewChain(t *testing.T) {
	s := newSetup(t)
	rotating(s)
	before := s.auth(s.refreshSpec())
	s.want(before, "token-1", SourceFresh)

	changed := s.refreshSpec()
	changed.Credential = NewCredential("main", map[string][]byte{"id": secrets["id"], "secret": []byte("new"), "refresh": secrets["refresh"]})
	s.expire()
	s.want(s.auth(changed), "token-2", SourceFresh) // another client secret: the same chain

	changed.Credential = NewCredential("main", map[string][]byte{"id": secrets["id"], "secret": secrets["secret"], "refresh": []byte("consent-2")})
	s.wantFailure(s.auth(changed), FailureInvalidGrant)
	if !strings.Contains(s.server.body, "consent-2") {
		t.Errorf("sent %q, want the refresh token of the new Secret", s.server.body)
	}
}

func TestARefreshTokenThatDoesNotRotateStays(t *testing.T) {
	s := newSetup(t)
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600,"refresh_token":"another"}`, s.server.requests.Load())
	})
	a := s.auth(s.settings(config.AuthenticationOAuth2RefreshToken, nil))
	s.want(a, "token-1", SourceFresh)
	s.expire()
	s.want(a, "token-2", SourceFresh)
	if _, issued := a.RefreshToken(); issued || !strings.Contains(s.server.body, "refresh_token=refresh-0") {
		t.Errorf("sent %q, want the refresh token of the Secret", s.server.body)
	}
}

func TestAFullStateFolderLosesNoRefreshToken(t *testing.T) {
	s := newSetup(t)
	rotating(s)
	a := s.auth(s.refreshSpec())
	away := s.dir + "-away"
	if err := os.Rename(s.dir, away); err != nil { // nothing can be written any more
		t.Fatal(err)
	}
	s.want(a, "token-1", SourceFresh)
	if got, issued := a.RefreshToken(); !issued || got.Value != "refresh-1" {
		t.Errorf("offered: %+v", got)
	}
	if err := os.Rename(away, s.dir); err != nil {
		t.Fatal(err)
	}
	s.expire()
	s.want(a, "token-2", SourceFresh)
	s.restart()
	s.expire()
	s.want(s.auth(s.refreshSpec()), "token-3", SourceFresh)
}
