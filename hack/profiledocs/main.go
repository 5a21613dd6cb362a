// Command profiledocs writes the page about the shipped profiles from the profiles themselves.
//
//	go run ./hack/profiledocs -out docs/reference/profiles.md
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
)

// leftOut says what no profile holds, and why.
//
//go:embed left-out.md
var leftOut string

func main() {
	out := flag.String("out", "docs/reference/profiles.md", "file to write")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintf(os.Stderr, "profiledocs: %v\n", err)
		os.Exit(1)
	}
}

func run(out string) error {
	shipped, err := load(profiles.FS)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	write(&page, shipped)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, page.Bytes(), 0o644)
}

func load(folder fs.FS) ([]v1alpha1.CarrierProfile, error) {
	files, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	var shipped []v1alpha1.CarrierProfile
	for _, file := range files {
		source, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		var profile v1alpha1.CarrierProfile
		if err := yaml.UnmarshalStrict(source, &profile); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		shipped = append(shipped, profile)
	}
	return shipped, nil
}
