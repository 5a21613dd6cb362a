//go:build envtest

// Package chart_test installs what the Helm chart renders on a real API server.
package chart_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

const (
	release   = "carrier-operator"
	namespace = "carrier-system"
)

var (
	root   = filepath.Join("..", "..")
	helm   string
	config *rest.Config
	admin  client.Client
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path, err := exec.Command(filepath.Join(root, "hack", "tools", "tool"), "helm").Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "no helm: %v\n", err)
		return 1
	}
	helm = strings.TrimSpace(string(path))

	env := &envtest.Environment{}
	if config, err = env.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not start: %v\n", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	config.QPS, config.Burst = 1000, 1000
	if admin, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for name, level := range map[string]string{namespace: "restricted", "shop": "restricted", "returns": "privileged"} {
		if err := admin.Create(context.Background(), &corev1.Namespace{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// render is `helm template` with values (key=value, as for --set-json).
func render(t *testing.T, values ...string) ([]*unstructured.Unstructured, error) {
	t.Helper()
	args := []string{"template", release, filepath.Join(root, "charts", "carrier-operator"), "--namespace", namespace}
	for _, value := range values {
		args = append(args, "--set-json", value)
	}
	cmd := exec.CommandContext(t.Context(), helm, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("helm template: %w: %s", err, stderr.String())
	}
	return documents(t, string(out)), nil
}

func mustRender(t *testing.T, values ...string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := render(t, values...)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func documents(t *testing.T, source string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+source, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects
}

// install applies the objects server-side, as Helm 4 does.
func install(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		err := admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()),
			client.FieldOwner("helm"), client.ForceOwnership)
		if err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// find returns the object of a kind and name; nil if there is none.
func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	return nil
}
