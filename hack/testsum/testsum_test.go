package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReportCountsLeavesAndTellsWhy(t *testing.T) {
	const (
		pkgPass = `{"Action":"pass","Package":"p","Elapsed":1}` + "\n"
		pkgFail = `{"Action":"fail","Package":"p","Elapsed":1}` + "\n"
		run     = `{"Action":"run","Package":"p","Test":"TestA"}` + "\n"
		runSub  = `{"Action":"run","Package":"p","Test":"TestA/one"}` + "\n"
		pass    = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
		fail    = `{"Action":"fail","Package":"p","Test":"TestA"}` + "\n"
	)
	tests := map[string]struct {
		events string
		ci     bool
		want   string // last line
		says   string // somewhere above it
		code   int
	}{
		"one test": {events: run + pass + pkgPass, want: "t: 1 passed, 0 failed, 0 skipped"},
		"a parent is not counted beside its subtests": {
			events: run + runSub + `{"Action":"pass","Package":"p","Test":"TestA/one"}` + "\n" + pass + pkgPass,
			want:   "t: 1 passed, 0 failed, 0 skipped",
		},
		"a failed subtest counts once and its output is shown": {
			events: run + runSub + `{"Action":"output","Package":"p","Test":"TestA/one","Output":"got 2 want 1\n"}` + "\n" +
				`{"Action":"fail","Package":"p","Test":"TestA/one"}` + "\n" + fail + pkgFail,
			want: "t: 0 passed, 1 failed, 0 skipped", says: "failed: p TestA/one: got 2 want 1\n", code: 1,
		},
		"a parent that fails by itself counts": {
			events: run + runSub + `{"Action":"pass","Package":"p","Test":"TestA/one"}` + "\n" + fail + pkgFail,
			want:   "t: 1 passed, 1 failed, 0 skipped", code: 1,
		},
		"a package that does not build is a failure with the compiler's words": {
			events: `{"Action":"build-output","ImportPath":"p [p.test]","Output":"undefined: x\n"}` + "\n" +
				`{"Action":"build-fail","ImportPath":"p [p.test]"}` + "\n" +
				`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}` + "\n",
			want: "t: 0 passed, 1 failed, 0 skipped", says: "undefined: x", code: 1,
		},
		"a test that never ended shows its output": {
			events: run + `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}` + "\n" + pkgFail,
			want:   "t: 0 passed, 1 failed, 0 skipped", says: "panic: boom", code: 1,
		},
		"no test is a failure": {
			events: `{"Action":"skip","Package":"p"}` + "\n", want: "t: 0 passed, 0 failed, 0 skipped", says: "no test passed", code: 1,
		},
		"a skip tells its reason, and passes on a developer's machine": {
			events: run + pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: no database\n"}` + "\n" +
				`{"Action":"skip","Package":"p","Test":"TestB"}` + "\n" + pkgPass,
			want: "t: 1 passed, 0 failed, 1 skipped", says: "TestB: b_test.go:1: no database",
		},
		"a skip fails in CI": {
			events: run + pass + `{"Action":"skip","Package":"p","Test":"TestB"}` + "\n" + pkgPass, ci: true,
			want: "t: 1 passed, 0 failed, 1 skipped", says: "CI skips no test", code: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := newReport(&out, "t", false)
			if err := r.read(strings.NewReader(tc.events)); err != nil {
				t.Fatal(err)
			}
			code := r.close(time.Second, 0, tc.ci)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != tc.want || code != tc.code {
				t.Errorf("got %q and exit code %d, want %q and %d", got, code, tc.want, tc.code)
			}
			if !strings.Contains(out.String(), tc.says) {
				t.Errorf("the report does not say %q:\n%s", tc.says, out.String())
			}
		})
	}
}

func TestDiscoverTakesTheTaggedTestsAlone(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/unit_test.go", "package a\nfunc TestUnit(t *testing.T) {}\n")
	write("a/real_test.go", "//go:build integration\n\npackage a\nfunc TestMain(m *testing.M) {}\nfunc TestReal(t *testing.T) {}\nfunc helper() {}\n")
	write("b/linux_test.go", "//go:build integration && linux\n\npackage b\nfunc TestLinux(t *testing.T) {}\n")
	write("b/not_test.go", "//go:build !integration\n\npackage b\nfunc TestWithout(t *testing.T) {}\n")
	write("other/go.mod", "module other\n")
	write("other/x_test.go", "//go:build integration\n\npackage other\nfunc TestOther(t *testing.T) {}\n")
	write("a/testdata/x_test.go", "//go:build integration\n\npackage x\nfunc TestData(t *testing.T) {}\n")

	got, err := discover(root, "integration")
	if err != nil {
		t.Fatal(err)
	}
	want := tierTests{packages: []string{"./a", "./b"}, names: []string{"TestLinux", "TestReal"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tierTests{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.runPattern() != "^(TestLinux|TestReal)$" {
		t.Errorf("run pattern %q", got.runPattern())
	}
}
