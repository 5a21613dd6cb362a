// Package build compiles the parts of a Kubernetes node from their Go modules into a cache.
package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// GoToolchain builds every part. One version for all keeps Go's own build cache shared between them.
const GoToolchain = "go1.27.3"

const kubernetesVersion = "v1.37.2"

// A Part is one Go module under parts/ and the programs that come out of it.
type Part struct {
	Name     string
	Binaries []string
	Flags    []string // extra arguments of go build
	Static   bool     // runs in an image made from nothing, so it may not need a C library
	Cgo      bool     // needs a C library and a C compiler
	Own      bool     // our own main package; otherwise the tools named in go.mod are built
}

// Parts lists everything a cluster runs, the longest build first so that the rest looks fast.
func Parts() []Part {
	kube := "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"
	return []Part{
		{
			Name: "kubernetes", Flags: []string{"-ldflags", "-s -w " + kube},
			Binaries: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"},
		},
		{Name: "etcd", Binaries: []string{"server"}},
		{Name: "containerd", Binaries: []string{"containerd", "containerd-shim-runc-v2", "ctr"}},
		{Name: "cni", Binaries: []string{"ptp", "loopback", "host-local", "portmap"}},
		{Name: "runc", Binaries: []string{"runc"}, Flags: []string{"-tags", "seccomp"}, Cgo: true},
		{Name: "kube-router", Binaries: []string{"kube-router"}},
		{Name: "coredns", Binaries: []string{"coredns"}, Static: true, Own: true},
		{Name: "cert-manager", Binaries: []string{"cert-manager"}, Static: true, Own: true},
		{Name: "pause", Binaries: []string{"pause"}, Static: true, Own: true},
	}
}

// args returns the go build command line that puts the part's programs into dir.
func (p Part) args(dir string) []string {
	args := append([]string{"build"}, p.Flags...)
	if !slices.Contains(p.Flags, "-ldflags") {
		args = append(args, "-ldflags", "-s -w")
	}
	target := "tool"
	if p.Own {
		target = "."
	}
	return append(args, "-o", dir+string(filepath.Separator), target)
}

// Key identifies the binaries of a part: versions (go.mod, go.sum), own source, flags and Go version.
// module is the part's module folder.
func Key(p Part, module string) (string, error) {
	names, err := filepath.Glob(filepath.Join(module, "*.go"))
	if err != nil {
		return "", err
	}
	names = append(names, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	slices.Sort(names)
	sum := sha256.New()
	fmt.Fprintln(sum, GoToolchain, p.Static, strings.Join(p.args("."), " "))
	for _, name := range names {
		if err := hashFile(sum, name); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

func hashFile(sum io.Writer, name string) error {
	content, err := os.ReadFile(name)
	if os.IsNotExist(err) && filepath.Base(name) == "go.sum" {
		return nil // a part without dependencies has none
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(sum, filepath.Base(name), len(content))
	_, err = sum.Write(content)
	return err
}
