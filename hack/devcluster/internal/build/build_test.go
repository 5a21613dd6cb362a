package build

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeyFollowsEverythingThatMakesABinary(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	key := func(p Part) string {
		t.Helper()
		k, err := Key(p, dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	part := Part{Name: "pause", Own: true, Static: true}
	write("go.mod", "module a")
	write("main.go", "package main")
	first := key(part) // a module without dependencies has no go.sum
	if key(part) != first {
		t.Fatal("the key is not stable")
	}
	changes := map[string]func(){
		"version":  func() { write("go.mod", "module a // v2") },
		"sums":     func() { write("go.sum", "x") },
		"source":   func() { write("main.go", "package main // changed") },
		"new file": func() { write("more.go", "package main") },
		"flags":    func() { part.Flags = []string{"-tags", "seccomp"} },
		"linking":  func() { part.Static = false },
	}
	seen := map[string]string{first: "start"}
	for name, change := range changes {
		change()
		k := key(part)
		if other, ok := seen[k]; ok {
			t.Errorf("%s gives the same key as %s", name, other)
		}
		seen[k] = name
	}
	write("README", "no part of a build")
	if _, ok := seen[key(part)]; !ok {
		t.Error("a file that is not built changes the key")
	}
}

func TestKeyNeedsAModule(t *testing.T) {
	if _, err := Key(Part{}, t.TempDir()); err == nil {
		t.Error("no error without go.mod")
	}
}

func TestPartsHaveModulesAndDistinctPrograms(t *testing.T) {
	seen := map[string]string{}
	for _, part := range Parts() {
		module := filepath.Join("..", "..", "parts", part.Name)
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(module, "main.go")); (err == nil) != part.Own {
			t.Errorf("%s: own source there: %v, declared: %v", part.Name, err == nil, part.Own)
		}
		for _, binary := range part.Binaries {
			if other, ok := seen[binary]; ok {
				t.Errorf("%s comes from %s and %s", binary, other, part.Name)
			}
			seen[binary] = part.Name
		}
	}
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{"a\nb\nc\n": "b\nc", "a": "a", "": ""} {
		if got := lastLines(text, 2); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
