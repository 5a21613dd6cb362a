//go:build envtest

package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/setup"
)

// The program itself: it becomes leader and healthy, applies the presets, waits for cert-manager, and ends with the lease given back; when
// cert-manager comes it ends by itself, to be started anew.
func TestManagerRuns(t *testing.T) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Stop() })
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", kubeconfig)
	user, err := client.New(config, client.Options{Scheme: setup.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	if err := user.Create(t.Context(), &corev1.Namespace{Name: "carrier-system"}); err != nil {
		t.Fatal(err)
	}

	health := freeAddress(t)
	done := make(chan error, 1)
	go func() {
		done <- run(t.Context(), append([]string{"--metrics-address=0", "--health-address=" + health, "--dns-server=127.0.0.1", "--log-level=ERROR"}, required...))
	}()
	eventually(t, "the manager is ready", func(ctx context.Context) bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	for _, name := range []string{"ups", "fedex"} {
		eventually(t, "profile "+name+" is applied", func(ctx context.Context) bool {
			return user.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.CarrierProfile{}) == nil
		})
	}
	holder := func(ctx context.Context) string {
		lease := &coordinationv1.Lease{}
		if err := user.Get(ctx, client.ObjectKey{Namespace: "carrier-system", Name: leaseName}, lease); err != nil || lease.Spec.HolderIdentity == nil {
			return ""
		}
		return *lease.Spec.HolderIdentity
	}
	if holder(t.Context()) == "" {
		t.Error("nobody holds the lease")
	}

	// cert-manager comes; only that its API is served matters.
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{filepath.Join("testdata", "certificates.yaml")}, ErrorIfPathMissing: true})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-t.Context().Done():
	}
	if name := holder(t.Context()); name != "" {
		t.Errorf("%s still holds the lease", name)
	}
}

func eventually(t *testing.T, what string, condition func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) { return condition(ctx), nil })
	if err != nil {
		t.Fatalf("%s: does not happen", what)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
