package main

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tierTests is what one tier runs.
type tierTests struct {
	packages []string // patterns for go test: "./internal/gateway"
	names    []string // top-level test functions
}

// runPattern matches the tier's tests and no other.
func (t tierTests) runPattern() string { return "^(" + strings.Join(t.names, "|") + ")$" }

// discover finds the test functions in the files below root that need the build tag.
func discover(root, tag string) (tierTests, error) {
	packages, names := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, path, entry)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		found, err := testsOf(path, tag)
		if err != nil || len(found) == 0 {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		packages["./"+filepath.ToSlash(rel)] = true
		for _, name := range found {
			names[name] = true
		}
		return nil
	})
	if err != nil {
		return tierTests{}, fmt.Errorf("looking for tests tagged %q: %w", tag, err)
	}
	return tierTests{packages: slices.Sorted(maps.Keys(packages)), names: slices.Sorted(maps.Keys(names))}, nil
}

// enter skips folders that the go command does not look into either, modules of their own among them.
func enter(root, path string, entry fs.DirEntry) error {
	if path == root {
		return nil
	}
	name := entry.Name()
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// testsOf returns the test functions of a file that is built with the tag and not without it.
func testsOf(path, tag string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if !needsTag(file, tag) {
		return nil, nil
	}
	var names []string
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
			names = append(names, fn.Name.Name)
		}
	}
	return names, nil
}

func needsTag(file *ast.File, tag string) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			return false
		}
		for _, comment := range group.List {
			if !constraint.IsGoBuild(comment.Text) {
				continue
			}
			expr, err := constraint.Parse(comment.Text)
			if err != nil {
				return false
			}
			with := expr.Eval(func(t string) bool { return t == tag || t == "linux" || t == "unix" })
			without := expr.Eval(func(t string) bool { return t == "linux" || t == "unix" })
			return with && !without
		}
	}
	return false
}
