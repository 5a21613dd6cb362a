//go:build envtest

package crd_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
)

var tables = []table{carrierCredentials, carrierIntegrations, carrierProfiles, dataStores, legalHolds, purgeRuns, retentionPolicies}

// messagesTested are the messages that a kind's tests expect; the tests fail if one is not what the API server says.
func messagesTested(kind string) map[string]bool {
	tested := map[string]bool{}
	for _, tb := range tables {
		if tb.kind != kind {
			continue
		}
		for _, r := range tb.rules {
			tested[r.message] = true
		}
	}
	if kind == purgeRuns.kind {
		tested[intentIsFixed] = true
	}
	return tested
}

func TestEveryRuleIsTested(t *testing.T) {
	for _, crd := range definitions(t) {
		kind := crd.Spec.Names.Kind
		tested := messagesTested(kind)
		for _, version := range crd.Spec.Versions {
			walk("", version.Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
				for _, v := range schema.XValidations {
					switch {
					case v.Message == "":
						t.Errorf("%s%s: rule %q has no message", kind, path, v.Rule)
					case !tested[v.Message]:
						t.Errorf("%s%s: no test expects %q", kind, path, v.Message)
					}
				}
			})
		}
	}
}

// A status that says -1 tells kstatus, and everyone who waits, that the operator has not looked yet.
func TestStatusBeginsUnobserved(t *testing.T) {
	for _, tb := range tables {
		if tb.kind == carrierProfiles.kind {
			continue // has no status
		}
		object := parse(t, tb.base)
		object.SetName("fresh")
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatalf("%s: %v", tb.kind, err)
		}
		t.Cleanup(func() { _ = api.Delete(t.Context(), object) })
		status, _ := object.Object["status"].(map[string]any)
		if got := status["observedGeneration"]; got != int64(-1) {
			t.Errorf("%s: observedGeneration of a fresh object is %v, want -1", tb.kind, got)
		}
	}
}

// `kubectl explain` reads like a manual: every field says what it is, and every kind has what people see first.
func TestKindsReadWell(t *testing.T) {
	for _, crd := range definitions(t) {
		kind := crd.Spec.Names.Kind
		if !slices.Contains(crd.Spec.Names.Categories, "carriers") || len(crd.Spec.Names.ShortNames) == 0 {
			t.Errorf("%s: no short name, or not in the category carriers", kind)
		}
		for _, version := range crd.Spec.Versions {
			columns := version.AdditionalPrinterColumns
			if len(columns) == 0 || columns[len(columns)-1].Name != "Age" {
				t.Errorf("%s: the last column is not Age", kind)
			}
			for _, column := range columns {
				// The API server prints the first match of a path and no other.
				if strings.Contains(column.JSONPath, "[*]") {
					t.Errorf("%s: column %s shows one of several", kind, column.Name)
				}
			}
			walk("", version.Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
				for name := range schema.Properties {
					if path+"."+name != ".metadata" && schema.Properties[name].Description == "" {
						t.Errorf("%s%s.%s has no description", kind, path, name)
					}
				}
			})
		}
	}
}

func TestSamplesApplyAsTheyAre(t *testing.T) {
	folder := filepath.Join("..", "..", "config", "samples")
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	single := map[string]*unstructured.Unstructured{}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq("\n"+string(source), "\n---\n") {
			object := parse(t, document)
			// shop.yaml comes last, and has what the single files have.
			id := object.GetKind() + " " + object.GetName()
			if one := single[id]; one != nil && !equality.Semantic.DeepEqual(one.Object, object.Object) {
				t.Errorf("%s: %s differs from that of its own file", filepath.Base(file), id)
			}
			single[id] = object.DeepCopy()
			if !strings.HasPrefix(object.GetAPIVersion(), "carrier-operator.io/") {
				continue
			}
			seen[object.GetKind()] = true
			// The namespace is part of the sample, and need not exist for what is asked here.
			if object.GetNamespace() != "" {
				object.SetNamespace("default")
			}
			if err := dryRun(t, object); err != nil {
				t.Errorf("%s: %s %s: %v", filepath.Base(file), object.GetKind(), object.GetName(), err)
			}
		}
	}
	for _, tb := range tables {
		if !seen[tb.kind] {
			t.Errorf("config/samples has no %s", tb.kind)
		}
	}
}

func TestPresetsAreAccepted(t *testing.T) {
	names, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d profiles: %v", len(names), err)
	}
	for _, name := range names {
		source, err := fs.ReadFile(profiles.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := dryRun(t, parse(t, string(source))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func definitions(t *testing.T) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(bases, "*.yaml"))
	if err != nil || len(files) != len(tables) {
		t.Fatalf("%d CRDs in %s and tests of %d kinds: %v", len(files), bases, len(tables), err)
	}
	var crds []apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(source, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		crds = append(crds, crd)
	}
	return crds
}

func walk(path string, schema *apiextensionsv1.JSONSchemaProps, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	for name := range schema.Properties {
		property := schema.Properties[name]
		walk(path+"."+name, &property, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(path+"[]", schema.Items.Schema, visit)
	}
}
