package carrier

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func TestStaticClasses(t *testing.T) {
	keys := map[string][]byte{"key": []byte("  k-1\n"), "uid": []byte("u"), "user": []byte("us"), "pass": []byte("p:w ü"), "empty": []byte(" \n"),
		"broken": []byte("a\nb"), "colon": []byte("a:b")}
	headers := func(h ...config.SecretHeader) config.Authentication {
		return config.Authentication{Type: config.AuthenticationAPIKeyHeaders, Headers: h}
	}
	basic := func(user, password string) config.Authentication {
		return config.Authentication{Type: config.AuthenticationBasic, Basic: &config.Basic{UsernameKey: user, PasswordKey: password}}
	}
	tests := map[string]struct {
		authentication config.Authentication
		want           http.Header
		err            string
	}{
		"one key":             {headers(config.SecretHeader{Name: "X-Api-Key", Key: "key"}), http.Header{"X-Api-Key": {"k-1"}}, ""},
		"several, one prefix": {headers(config.SecretHeader{Name: "authorization", Key: "key", Prefix: "Key "}, config.SecretHeader{Name: "x-uid", Key: "uid"}), http.Header{"Authorization": {"Key k-1"}, "X-Uid": {"u"}}, ""},
		"an optional one":     {headers(config.SecretHeader{Name: "X-Api-Key", Key: "key"}, config.SecretHeader{Name: "X-Uid", Key: "none", Optional: true}), http.Header{"X-Api-Key": {"k-1"}}, ""},
		"Basic":               {basic("user", "pass"), http.Header{"Authorization": {"Basic dXM6cDp3IMO8"}}, ""},
		"Basic, no password":  {basic("key", ""), http.Header{"Authorization": {"Basic ay0xOg=="}}, ""},
		"a missing key":       {headers(config.SecretHeader{Name: "X-Api-Key", Key: "none"}), nil, "no value under the key none"},
		"an empty key":        {headers(config.SecretHeader{Name: "X-Api-Key", Key: "empty"}), nil, "no value under the key empty"},
		"a line break":        {headers(config.SecretHeader{Name: "X-Api-Key", Key: "broken"}), nil, "line break"},
		"nothing at all":      {headers(config.SecretHeader{Name: "X-Api-Key", Key: "none", Optional: true}), nil, "none of the headers"},
		"a colon in the user": {basic("colon", "pass"), nil, "colon"},
		"an unknown type":     {config.Authentication{Type: "Magic"}, nil, `"Magic" is unknown`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := NewBroker(clocktesting.NewFakeClock(epoch), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := b.New(Spec{Authentication: tc.authentication, Credential: NewCredential("main", keys)})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			g, err := a.Apply(context.Background(), &Outgoing{Header: h})
			if diff := cmp.Diff(tc.want, h); diff != "" || err != nil || g.Source != SourceStatic {
				t.Errorf("error %v, source %s (-want +got):\n%s", err, g.Source, diff)
			}
			if a.Renew(context.Background(), g) {
				t.Error("a static credential has nothing to renew")
			}
		})
	}
}

func TestReadCredentialTakesKeysAndNotTheKubeletsFolders(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "..2026_11_24")
	for _, err := range []error{os.Mkdir(data, 0o755), os.WriteFile(filepath.Join(data, "id"), []byte("shop\n"), 0o600),
		os.Symlink("..2026_11_24", filepath.Join(dir, "..data")), os.Symlink("..data/id", filepath.Join(dir, "id"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := ReadCredential("main", dir)
	if err != nil {
		t.Fatal(err)
	}
	nonce := []byte("n")
	if c.Proof(nonce) != config.CredentialProofOf(nonce, map[string][]byte{"id": []byte("shop")}) {
		t.Error("the content is not what the Secret holds")
	}
	if _, err := ReadCredential("main", filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is missing is no error")
	}
}
