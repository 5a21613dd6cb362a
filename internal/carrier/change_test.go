package carrier

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestAChangedCredentialServesTheOldTokenUntilTheNewOneIsThere(t *testing.T) {
	s := newSetup(t)
	before := s.auth(s.spec("old"))
	s.want(before, "token-1", SourceFresh)

	release := make(chan struct{})
	s.server.respond(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprint(w, `{"access_token":"token-new","expires_in":3600}`)
	})
	changed := s.spec("new")
	changed.Previous = before
	after := s.auth(changed)
	after.Warm()
	s.want(after, "token-1", SourcePrevious)
	if after.Serving() != before.Serving() {
		t.Error("the new content is said to serve before it has a token")
	}
	close(release)
	settle(after)
	s.want(after, "token-new", SourceCached)
	if after.Serving() != changed.Credential {
		t.Error("the old content is said to serve although the new one has a token")
	}
}

func TestARejectedCredentialServesTheOldTokenUntilItsEnd(t *testing.T) {
	s := newSetup(t)
	before := s.auth(s.spec("good"))
	s.want(before, "token-1", SourceFresh)
	s.server.refuse(401)
	changed := s.spec("bad")
	changed.Previous = before
	after := s.auth(changed)
	after.Warm()
	settle(after)
	s.want(after, "token-1", SourcePrevious)
	if f := after.Failure(); f == nil || f.Class != FailureInvalidClient {
		t.Errorf("failure %v, want %s", f, FailureInvalidClient)
	}
	// A reload for another reason must not lose the old token.
	again := s.spec("bad")
	again.Previous = after
	after = s.auth(again)
	s.want(after, "token-1", SourcePrevious)
	s.clock.Step(time.Hour)
	_, _, _ = s.apply(after)
	settle(after)
	s.wantFailure(after, FailureInvalidClient)
}

func TestARevokedPreviousTokenIsDropped(t *testing.T) {
	s := newSetup(t)
	before := s.auth(s.spec("old"))
	s.want(before, "token-1", SourceFresh)
	s.server.refuse(503)
	changed := s.spec("new")
	changed.Previous = before
	after := s.auth(changed)
	g := s.want(after, "token-1", SourcePrevious)
	settle(after)
	if after.Renew(context.Background(), g) {
		t.Error("told of a new token although there is none")
	}
	s.wantFailure(after, FailureUnavailable)
	s.server.grant("60")
	s.clock.Step(time.Minute)
	if token, g, err := s.apply(after); err != nil || g.Source != SourceFresh {
		t.Errorf("token %q (%s), error %v", token, g.Source, err)
	}
}
