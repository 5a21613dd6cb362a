// Package failures_test makes sure that the list of failure cases and faults names tests that exist.
package failures_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	root = filepath.Join("..", "..")
	list = filepath.Join(root, "docs", "reference", "failures.md")
	// reference is a folder, a test, and perhaps a case of it.
	reference = regexp.MustCompile("`([a-z0-9/-]+) (Test[A-Za-z0-9]+)(?:: ([^`]+))?`")
)

// folderOf is where a short name of the list is.
func folderOf(name string) string {
	switch name {
	case "postgresql", "mysql", "mongodb", "redis", "s3":
		name = "internal/retention/stores/" + name
	case "retention":
		name = "internal/retention"
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// testsIn is the text of a folder's tests, and of the suite that tests of stores run.
func testsIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	suite, err := filepath.Glob(filepath.Join(root, "internal", "retention", "conformance", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range append(files, suite...) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(source)
	}
	return text.String()
}

func TestEveryFailureAndFaultHasATestThatExists(t *testing.T) {
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	sources, cases := map[string]string{}, 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, fmt.Sprintf("| %d |", cases+1)) {
			cases++
			if !reference.MatchString(line) {
				t.Errorf("case %d has no test", cases)
			}
		}
		for _, m := range reference.FindAllStringSubmatch(line, -1) {
			folder := folderOf(m[1])
			if sources[folder] == "" {
				sources[folder] = testsIn(t, folder)
			}
			if !strings.Contains(sources[folder], "func "+m[2]+"(t *testing.T)") {
				t.Errorf("%s has no test %s", m[1], m[2])
			}
			if m[3] != "" && !strings.Contains(sources[folder], `"`+m[3]+`"`) {
				t.Errorf("%s of %s has no case %q", m[2], m[1], m[3])
			}
		}
	}
	if cases != 32 {
		t.Errorf("the list has the cases 1 to %d, want 32", cases)
	}
}
