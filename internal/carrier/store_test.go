package carrier

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAPenaltyBoxHoldsForAllCredentialsAndOverARestart(t *testing.T) {
	s := newSetup(t)
	s.server.refuse(403)
	s.wantFailure(s.auth(s.spec("x")), FailurePenaltyBox)
	s.server.grant("60")
	s.wantFailure(s.auth(s.spec("y")), FailurePenaltyBox)
	s.restart()
	s.wantFailure(s.auth(s.spec("z")), FailurePenaltyBox)
	s.wantRequests(1)
	s.clock.Step(15 * time.Minute)
	s.want(s.auth(s.spec("z")), "token-2", SourceFresh)
}

func TestTokensSurviveARestart(t *testing.T) {
	s := newSetup(t)
	s.want(s.auth(s.spec("top-secret")), "token-1", SourceFresh)
	s.restart()
	s.want(s.auth(s.spec("top-secret")), "token-1", SourceCached)
	s.wantRequests(1)
	s.want(s.auth(s.spec("another")), "token-2", SourceFresh) // never another content's token

	files, _ := filepath.Glob(filepath.Join(s.dir, "*"))
	if len(files) == 0 {
		t.Fatal("nothing is kept")
	}
	for _, path := range files {
		info, _ := os.Stat(path)
		data, _ := os.ReadFile(path)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.Contains(path+string(data), "top-secret") || strings.Contains(path, "shop") {
			t.Errorf("%s holds the secret or the client ID", path)
		}
	}
}

func TestABackOffSurvivesARestart(t *testing.T) {
	s := newSetup(t)
	s.server.refuse(401)
	s.wantFailure(s.auth(s.spec("x")), FailureInvalidClient)
	for range 5 {
		s.restart()
		s.wantFailure(s.auth(s.spec("x")), FailureInvalidClient)
	}
	s.wantRequests(1)
}

func TestABrokenStateFileCountsAsNone(t *testing.T) {
	s := newSetup(t)
	s.want(s.auth(s.spec("x")), "token-1", SourceFresh)
	files, _ := filepath.Glob(filepath.Join(s.dir, "*.json"))
	for _, f := range files {
		if err := os.WriteFile(f, []byte(`{"token":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.restart()
	s.want(s.auth(s.spec("x")), "token-2", SourceFresh)
}
