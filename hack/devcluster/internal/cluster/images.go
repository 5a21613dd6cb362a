package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/build"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/image"
)

// systemImages maps the part to the field of the cluster that the templates use.
func (c *Cluster) nameImages(built *build.Result) {
	ref := func(part string) string { // the part's folder is <name>-<key>
		key := strings.TrimPrefix(filepath.Base(built.Dir[part]), part+"-")
		return image.Registry + "/" + part + ":" + key
	}
	c.PauseImage, c.CoreDNSImage, c.CertManagerImage = ref("pause"), ref("coredns"), ref("cert-manager")
}

// importSystemImages brings the images of the cluster's own pods into containerd, once per version.
func (c *Cluster) importSystemImages(ctx context.Context) error {
	have, err := c.ctr(ctx, "images", "ls", "-q")
	if err != nil {
		return err
	}
	for binary, ref := range map[string]string{"pause": c.PauseImage, "coredns": c.CoreDNSImage, "cert-manager": c.CertManagerImage} {
		if strings.Contains(have+"\n", ref+"\n") {
			continue
		}
		if err := c.LoadImage(ctx, ref, []string{c.bin(binary)}); err != nil {
			return err
		}
	}
	return nil
}

// LoadImage makes an image of static binaries and imports it under ref; a running pod keeps the old one.
func (c *Cluster) LoadImage(ctx context.Context, ref string, binaries []string) error {
	dir := c.path("images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := file.Close(); err != nil {
		return err
	}
	if err := image.WriteTar(file.Name(), image.Spec{Ref: ref, Files: binaries}); err != nil {
		return fmt.Errorf("image %s: %w", ref, err)
	}
	_, err = c.ctr(ctx, "images", "import", "--local", file.Name())
	return err
}

// ctr talks to the cluster's containerd in the namespace of Kubernetes.
func (c *Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.bin("ctr"), append([]string{"--address", filepath.Join(c.Run, "containerd.sock"), "--namespace", "k8s.io"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
