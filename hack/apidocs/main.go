// Command apidocs writes the reference of the API from the generated CustomResourceDefinitions, so that it says what the API server says.
//
//	go run ./hack/apidocs -crds config/crd/bases -out docs/reference/api.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	crds := flag.String("crds", "config/crd/bases", "folder with CustomResourceDefinitions")
	out := flag.String("out", "docs/reference/api.md", "file to write")
	flag.Parse()
	if err := run(*crds, *out); err != nil {
		fmt.Fprintf(os.Stderr, "apidocs: %v\n", err)
		os.Exit(1)
	}
}

func run(crds, out string) error {
	files, err := filepath.Glob(filepath.Join(crds, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no CustomResourceDefinition in %q", crds)
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(source, definition); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		definitions = append(definitions, definition)
	}
	var page bytes.Buffer
	write(&page, definitions)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, page.Bytes(), 0o644)
}

func write(page *bytes.Buffer, definitions []*apiextensionsv1.CustomResourceDefinition) {
	fmt.Fprintln(page, "<!-- Written by `make docs` from the types in api/v1alpha1. -->")
	fmt.Fprintln(page, "# API reference")
	fmt.Fprintln(page, "\n`kubectl explain KIND.spec --recursive` says the same. All kinds at once: `kubectl get carriers`.")
	fmt.Fprintln(page, "\n| Kind | Scope | Short name | Says |\n|---|---|---|---|")
	for _, d := range definitions {
		names := d.Spec.Names
		description := d.Spec.Versions[0].Schema.OpenAPIV3Schema.Description
		summary, _, _ := strings.Cut(oneLine(description), ". ")
		fmt.Fprintf(page, "| [%s](#%s) | %s | `%s` | %s |\n", names.Kind, strings.ToLower(names.Kind), strings.ToLower(string(d.Spec.Scope)),
			strings.Join(names.ShortNames, "`, `"), cell(strings.TrimSuffix(summary, ".")))
	}
	for _, d := range definitions {
		for _, version := range d.Spec.Versions {
			kind(page, d, version)
		}
	}
}

func kind(page *bytes.Buffer, d *apiextensionsv1.CustomResourceDefinition, version apiextensionsv1.CustomResourceDefinitionVersion) {
	root := version.Schema.OpenAPIV3Schema
	fmt.Fprintf(page, "\n## %s\n\n`%s/%s`. %s\n", d.Spec.Names.Kind, d.Spec.Group, version.Name, oneLine(root.Description))
	if rules := messages(root); rules != "" {
		fmt.Fprintf(page, "\nRefused with: %s\n", rules)
	}
	for _, part := range []string{"spec", "status"} {
		schema, ok := root.Properties[part]
		if !ok {
			continue
		}
		fmt.Fprintf(page, "\n### %s %s\n\n%s", d.Spec.Names.Kind, part, sentence(schema.Description))
		if rules := messages(&schema); rules != "" {
			fmt.Fprintf(page, " Refused with: %s", rules)
		}
		fmt.Fprint(page, "\n\n| Field | Type | Description |\n|---|---|---|\n")
		fields(page, "", &schema)
	}
}
