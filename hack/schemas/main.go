// Command schemas writes JSON schemas for kubeconform, from sources that are at hand without a download: the OpenAPI documents
// inside the k8s.io/kubernetes module, and CRDs: those of this repository and of the modules that it works with.
//
//	go run ./hack/schemas -openapi DIR -crds config/crd/bases,DIR -out DIR
//	kubeconform -strict -schema-location 'DIR/{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json'
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	openapi := flag.String("openapi", "", "folder with *_openapi.json: api/openapi-spec/v3 of the k8s.io/kubernetes module")
	crds := flag.String("crds", "config/crd/bases", "folders with CustomResourceDefinitions, commas between")
	out := flag.String("out", "", "folder for the schemas")
	flag.Parse()
	if err := run(*openapi, *crds, *out); err != nil {
		fmt.Fprintf(os.Stderr, "schemas: %v\n", err)
		os.Exit(1)
	}
}

func run(openapi, crds, out string) error {
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	documents, err := filepath.Glob(filepath.Join(openapi, "*_openapi.json"))
	if err != nil {
		return err
	}
	var definitions []string
	for folder := range strings.SplitSeq(crds, ",") {
		found, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil {
			return err
		}
		definitions = append(definitions, found...)
	}
	if len(documents) == 0 || len(definitions) == 0 {
		return fmt.Errorf("nothing to read: %d OpenAPI documents in %q, %d CRDs in %q", len(documents), openapi, len(definitions), crds)
	}
	for _, path := range documents {
		if err := builtin(path, out); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, path := range definitions {
		if err := custom(path, out); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// builtin writes one file per kind of an API group; the file holds every schema that the kind may refer to.
func builtin(path, out string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return err
	}
	schemas := document.Components.Schemas
	for _, schema := range schemas {
		closeOne(schema)
	}
	for name, schema := range schemas {
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			gvk, _ := k.(map[string]any)
			root := map[string]any{"$ref": "#/components/schemas/" + name, "components": map[string]any{"schemas": schemas}}
			if err := write(out, gvk["kind"], gvk["group"], gvk["version"], root); err != nil {
				return err
			}
		}
	}
	return nil
}

func custom(path, out string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		return err
	}
	for _, version := range crd.Spec.Versions {
		encoded, err := json.Marshal(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		var schema map[string]any
		if err := json.Unmarshal(encoded, &schema); err != nil {
			return err
		}
		closeAll(schema)
		if err := write(out, crd.Spec.Names.Kind, crd.Spec.Group, version.Name, schema); err != nil {
			return err
		}
	}
	return nil
}

// closeAll makes a misspelled field an error everywhere below schema. metadata is the API server's, and stays open.
func closeAll(schema map[string]any) {
	closeOne(schema)
	if properties, ok := schema["properties"].(map[string]any); ok {
		for _, property := range properties {
			if s, ok := property.(map[string]any); ok {
				closeAll(s)
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if s, ok := schema[key].(map[string]any); ok {
			closeAll(s)
		}
	}
}

func closeOne(schema map[string]any) {
	_, hasProperties := schema["properties"]
	_, decided := schema["additionalProperties"]
	open, _ := schema["x-kubernetes-preserve-unknown-fields"].(bool)
	if hasProperties && !decided && !open {
		schema["additionalProperties"] = false
	}
}

// write stores a schema under the name that kubeconform asks for: kind-group-version in lower case, where it takes the version for
// the group of core kinds (service-v1-v1).
func write(out string, kind, group, version any, schema map[string]any) error {
	if group == "" {
		group = version
	}
	name := strings.ToLower(fmt.Sprintf("%s-%s-%s.json", kind, group, version))
	encoded, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name), encoded, 0o600)
}
