package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

const profile = `
apiVersion: carrier-operator.io/v1alpha1
kind: CarrierProfile
metadata: {name: parcels}
spec:
  title: Parcels
  sources:
  - {url: "https://developer.example.com", reviewedOn: "2026-11-01", covers: [Endpoints]}
  environments:
  - {name: Production, endpoints: [{role: API, url: "https://api.example.com"}]}
  authentication: {type: Basic, basic: {usernameKey: username}}
  operations:
  - {name: rate, requests: [{method: POST, path: /rates}], request: {format: JSON, allow: [$.to]}}
`

func run(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	today := testclock.NewFakePassiveClock(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	code = Run(args, Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr}, today)
	return code, stdout.String(), stderr.String()
}

func TestLint(t *testing.T) {
	broken := strings.Replace(profile, "allow: [$.to]", "allow: [to]", 1)
	warned := strings.Replace(profile, "2026-11-01", "2024-11-01", 1)
	file := filepath.Join(t.TempDir(), "parcels.yaml")
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in, out, err string
		args         []string
		code         int
	}{
		"nothing found":           {in: profile, args: []string{"profile", "lint", "-"}},
		"a warning is no failure": {in: warned, args: []string{"profile", "lint", "-"}, out: "-:spec.sources[0].reviewedOn: warning: https://developer.example.com was last"},
		"an error is one":         {args: []string{"profile", "lint", file}, code: 1, out: file + ":spec.operations[0].request: error: the rules do not compile"},
		"several files":           {in: warned, args: []string{"profile", "lint", file, "-"}, code: 1, out: "-:spec.sources[0].reviewedOn"},
		"no such file":            {args: []string{"profile", "lint", file + "x"}, code: 2, err: "no such file"},
		"no file":                 {args: []string{"profile", "lint"}, code: 2, err: "requires at least 1 arg"},
		"no such output":          {args: []string{"profile", "lint", "-o", "xml", "-"}, code: 2, err: "neither text nor json"},
		"no such command":         {args: []string{"profil"}, code: 2, err: "unknown command"},
		"help":                    {args: []string{"profile", "lint", "--help"}, out: "kubectl carrier profile lint FILE..."},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := run(t, tc.in, tc.args...)
			if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errOut, tc.err) {
				t.Errorf("exit %d, want %d\nout: %s\nerr: %s", code, tc.code, out, errOut)
			}
			if tc.out == "" && out != "" {
				t.Errorf("unexpected output: %s", out)
			}
		})
	}
}

func TestLintPrintsJSON(t *testing.T) {
	code, out, _ := run(t, strings.Replace(profile, "2026-11-01", "2024-11-01", 1), "profile", "lint", "-o", "json", "-")
	var found []fileFinding
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if code != 0 || len(found) != 1 || found[0].File != "-" || found[0].Path != "spec.sources[0].reviewedOn" || found[0].Severity != "warning" {
		t.Errorf("exit %d, %+v", code, found)
	}
	if _, out, _ := run(t, profile, "profile", "lint", "-o", "json", "-"); strings.TrimSpace(out) != "[]" {
		t.Errorf("without findings: %s", out)
	}
}

func TestHoldHash(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	short := filepath.Join(t.TempDir(), "short")
	for file, content := range map[string]string{key: "0123456789abcdef0123456789abcdef", short: "0123"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const ada = "kh1-80db6b0a88a6da89c2d1f32b8dc3b0a7d7d8ba4c2a9e4d0b1f6f9c35d2f1a8e4"
	for name, tc := range map[string]struct {
		in, out, err string
		key          string
	}{
		"values, with either end of line": {in: "ada@example.com\r\nada@example.com", key: key, out: "hashes:\n- HASH\n- HASH\n"},
		"a hash stays as it is":           {in: ada + "\n", key: key, out: "hashes:\n- " + ada + "\n"},
		"spaces count":                    {in: "ada@example.com \n", key: key, out: "hashes:\n- OTHER\n"},
		"nothing":                         {key: key, err: "there are no values"},
		"an empty line":                   {in: "ada@example.com\n\n", key: key, err: "line 2 is empty"},
		"a short key":                     {in: "ada@example.com\n", key: short, err: "32 or more are needed"},
		"no key":                          {in: "ada@example.com\n", key: key + "x", err: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.out
			for mark, value := range map[string]string{"HASH": "ada@example.com", "OTHER": "ada@example.com "} {
				mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
				mac.Write([]byte(value))
				want = strings.ReplaceAll(want, mark, "kh1-"+hex.EncodeToString(mac.Sum(nil)))
			}
			code, out, errOut := run(t, tc.in, "hold", "hash", "--key-file", tc.key)
			if (code == 0) != (tc.err == "") || !strings.HasSuffix(out, want) || !strings.Contains(errOut, tc.err) || strings.Contains(out+errOut, "ada@") {
				t.Errorf("exit code %d\n%s%s", code, out, errOut)
			}
			if tc.err == "" && !strings.HasPrefix(out, "keyID: hk1-") {
				t.Errorf("no key ID: %s", out)
			}
		})
	}
}
