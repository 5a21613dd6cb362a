// Command envtest prints a folder with kube-apiserver, etcd and kubectl, as KUBEBUILDER_ASSETS wants it, for tests that need an API server
// and no node. It builds the two parts if the cache lacks them, and needs no root.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/build"
)

func main() {
	dir, err := assets(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "envtest:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}

func assets(ctx context.Context) (string, error) {
	source, err := build.FindSource()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the binaries: %w; set XDG_CACHE_HOME or HOME", err)
	}
	builder := build.Builder{Source: source, Cache: filepath.Join(cache, "carrier-operator", "devcluster", "bin")}
	parts := slices.DeleteFunc(build.Parts(), func(p build.Part) bool { return p.Name != "kubernetes" && p.Name != "etcd" })
	result, err := builder.Only(ctx, os.Stderr, parts)
	if err != nil {
		return "", err
	}
	// One folder per pair of versions, so a running test keeps its own.
	dir := filepath.Join(builder.Cache, "envtest-"+filepath.Base(result.Dir["kubernetes"])+"-"+filepath.Base(result.Dir["etcd"]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// The module calls etcd "server".
	for link, program := range map[string]string{"kube-apiserver": "kube-apiserver", "kubectl": "kubectl", "etcd": "server"} {
		if err := os.Symlink(result.Path[program], filepath.Join(dir, link)); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	return dir, nil
}
