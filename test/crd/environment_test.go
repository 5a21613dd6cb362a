//go:build envtest

// Package crd_test holds the rules of the API against a real API server: every rule has an accepted and a refused case, and the message
// that a user reads.
package crd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// bases is where the generated CRDs are.
var bases = filepath.Join("..", "..", "config", "crd", "bases")

var (
	api client.Client
	// server is where the API is.
	server *rest.Config
)

func TestMain(m *testing.M) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{bases}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not start: %v\n", err)
		os.Exit(1)
	}
	config.QPS, config.Burst = 1000, 1000
	server = config
	// Objects are read as a user writes them, so that a field that Go would leave out can be wrong too.
	if api, err = client.New(config, client.Options{Scheme: runtime.NewScheme()}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not stop: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

// rule is one thing that the API refuses, with what it says, and what it takes in its place. Changes are merge patches (RFC 7386)
// in YAML, to the kind's base object; a list is replaced as a whole.
type rule struct {
	name     string
	message  string
	accepted []string
	refused  []string
}

// table is all that is tested of one kind.
type table struct {
	kind string
	// base is an accepted object.
	base  string
	rules []rule
}

func (tb table) run(t *testing.T) {
	t.Helper()
	if err := dryRun(t, parse(t, tb.base)); err != nil {
		t.Fatalf("the base object is refused: %v", err)
	}
	for _, r := range tb.rules {
		t.Run(r.name, func(t *testing.T) {
			if len(r.accepted) == 0 || len(r.refused) == 0 {
				t.Fatal("a rule needs an accepted and a refused case")
			}
			for _, change := range r.accepted {
				if err := dryRun(t, merge(t, tb.base, change)); err != nil {
					t.Errorf("%s\nis refused: %v", change, err)
				}
			}
			for _, change := range r.refused {
				wantRefusal(t, dryRun(t, merge(t, tb.base, change)), change, r.message)
			}
		})
	}
}

func wantRefusal(t *testing.T, err error, change, message string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s\nis accepted, want a refusal with %q", change, message)
	case !strings.Contains(err.Error(), message):
		t.Errorf("%s\nis refused with %q, want %q", change, err, message)
	}
}

// dryRun creates the object without storing it. Unknown fields are errors: a misspelled test would prove nothing.
func dryRun(t *testing.T, object *unstructured.Unstructured) error {
	t.Helper()
	strict := client.WithFieldValidation(api, metav1.FieldValidationStrict)
	return strict.Create(t.Context(), object.DeepCopy(), client.DryRunAll)
}

func parse(t *testing.T, source string) *unstructured.Unstructured {
	t.Helper()
	return merge(t, source, "{}")
}

func merge(t *testing.T, base, change string) *unstructured.Unstructured {
	t.Helper()
	patched, err := jsonpatch.MergePatch(toJSON(t, base), toJSON(t, change))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(patched); err != nil {
		t.Fatal(err)
	}
	return object
}

func toJSON(t *testing.T, source string) []byte {
	t.Helper()
	encoded, err := yaml.YAMLToJSONStrict([]byte(source))
	if err != nil {
		t.Fatalf("%s\nis not YAML: %v", source, err)
	}
	return encoded
}
