package gateway

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stringConstants are those of a folder's files whose name begins so, by name.
func stringConstants(t *testing.T, folder, prefix string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range sources(t, folder) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			if value, ok := spec.Values[0].(*ast.BasicLit); ok && value.Kind == token.STRING {
				found[spec.Names[0].Name] = constant.StringVal(constant.MakeFromLiteral(value.Value, token.STRING, 0))
			}
			return true
		})
	}
	return found
}

func sources(t *testing.T, folder string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// rows are the words that begin the rows of the guide's table with that header, sorted.
func rows(t *testing.T, header string) (words []string) {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guide", "gateway.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(guide), "| "+header+" |")
	if !found {
		t.Fatalf("the guide has no table of %s", header)
	}
	table, _, _ := strings.Cut(after, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		words = append(words, row[1])
	}
	slices.Sort(words)
	return words
}

func TestGuideListsEveryFailure(t *testing.T) {
	classes := slices.Sorted(maps.Values(stringConstants(t, filepath.Join("..", "carrier"), "Failure")))
	if diff := cmp.Diff(classes, rows(t, "Failure")); diff != "" {
		t.Errorf("docs/guide/gateway.md (-code +guide):\n%s", diff)
	}
}

func TestGuideListsEveryRule(t *testing.T) {
	own := stringConstants(t, ".", "rule")
	delete(own, "ruleClientGone") // nobody gets it as an answer
	if diff := cmp.Diff(slices.Sorted(maps.Values(own)), rows(t, "Rule")); diff != "" {
		t.Errorf("docs/guide/gateway.md (-code +guide):\n%s", diff)
	}
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guide", "gateway.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range stringConstants(t, filepath.Join("..", "minimize"), "Rule") {
		if !strings.Contains(string(guide), "`"+rule+"`") {
			t.Errorf("docs/guide/gateway.md lacks the rule %s", rule)
		}
	}
}
