package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/build"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/host"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

const certManagerModule = "github.com/cert-manager/cert-manager"

// Build fills the binary cache and links every program into the cluster's bin folder.
func (c *Cluster) Build(ctx context.Context, out *os.File) (*build.Result, build.Builder, error) {
	source, err := build.FindSource()
	if err != nil {
		return nil, build.Builder{}, err
	}
	release, err := proc.Lock(filepath.Join(c.Root, "locks", ".build")) // two clusters would build everything twice
	if err != nil {
		return nil, build.Builder{}, err
	}
	defer release()
	builder := build.Builder{Source: source, Cache: filepath.Join(c.Root, "bin")}
	result, err := builder.All(ctx, out)
	return result, builder, err
}

// Up starts whatever of the cluster does not run yet and waits until it works.
func (c *Cluster) Up(ctx context.Context, out *os.File) error {
	c.steps = newStopwatch(out)
	if err := host.Check(c.Root); err != nil {
		return err
	}
	built, builder, err := c.Build(ctx, out)
	if err != nil {
		return err
	}
	c.nameImages(built)
	c.steps.done("binaries in " + builder.Cache)

	if err := c.prepare(built); err != nil {
		return err
	}
	c.steps.done("namespaces, certificates, configuration")

	if err := c.startControlPlane(ctx); err != nil {
		return err
	}
	if err := c.startNode(ctx); err != nil {
		return err
	}
	if err := c.startAddons(ctx, builder); err != nil {
		return err
	}
	if err := c.installTools(); err != nil {
		return err
	}
	c.summary(out)
	return nil
}

// prepare makes all that must be there before the first process.
func (c *Cluster) prepare(built *build.Result) error {
	if err := c.allocate(); err != nil {
		return err
	}
	c.forgetDead()
	if err := linkAll(c.path("bin"), built.Path); err != nil {
		return err
	}
	for _, dir := range []string{c.path("conf"), c.path("etcd"), c.path("pod-logs"), c.Run} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := c.ensurePKI(); err != nil {
		return err
	}
	if err := c.ensureInternetPKI(); err != nil {
		return err
	}
	if err := c.writeConfigs(); err != nil {
		return err
	}
	if err := saveTunables(c.tunablesFile()); err != nil {
		return err
	}
	return c.ensureSpaces()
}

// ensureSpaces makes namespaces and cgroups. If they are incomplete, as after a reboot, nothing that
// ran in them is of use any more.
func (c *Cluster) ensureSpaces() error {
	if err := c.createCgroups(); err != nil {
		return err
	}
	if c.spaces.Ready() {
		return nil
	}
	if err := c.stopParts(); err != nil {
		return err
	}
	if err := c.killInside(20 * time.Second); err != nil {
		return err
	}
	return c.spaces.Create()
}

func (c *Cluster) startControlPlane(ctx context.Context) error {
	for _, p := range []part{c.etcd(), c.containerd(), c.apiserver(), c.internetDNS()} {
		if err := c.ensure(p); err != nil {
			return err
		}
	}
	// Images are imported while the API server starts.
	images := make(chan error, 1)
	go func() {
		err := c.await(ctx, time.Minute, func(ctx context.Context) error {
			_, err := c.ctr(ctx, "version")
			return err
		})
		if err == nil {
			err = c.importSystemImages(ctx)
		}
		images <- err
	}()
	api, err := c.api()
	if err != nil {
		return err
	}
	err = c.await(ctx, 2*time.Minute, func(ctx context.Context) error { return api.get(ctx, "/readyz", nil) })
	if imported := <-images; err == nil {
		err = imported
	}
	c.steps.done("etcd, API server, containerd, images")
	return err
}

func (c *Cluster) startNode(ctx context.Context) error {
	for _, p := range []part{c.controllerManager(), c.scheduler(), c.kubelet(), c.kubeProxy(), c.kubeRouter()} {
		if err := c.ensure(p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// startAddons installs DNS and cert-manager and waits for them and the node.
func (c *Cluster) startAddons(ctx context.Context, builder build.Builder) error {
	certManager, err := builder.ModuleDir(ctx, "cert-manager", certManagerModule)
	if err != nil {
		return err
	}
	dns, err := c.render("coredns.yaml")
	if err != nil {
		return err
	}
	issuer, err := c.render("cert-manager.yaml")
	if err != nil {
		return err
	}
	crds, err := filepath.Glob(filepath.Join(certManager, "deploy", "crds", "*.yaml"))
	if err != nil {
		return err
	}
	if err := c.apply(ctx, dns+"---\n"+issuer, crds...); err != nil {
		return err
	}
	c.steps.done("manifests applied")

	api, err := c.api()
	if err != nil {
		return err
	}
	kubelet := c.state.Find("kubelet")
	waits := []struct {
		step  string
		check func(context.Context) error
	}{
		{"node Ready", func(ctx context.Context) error { return api.nodeReady(ctx, c.NodeName(), kubelet.Started) }},
		{"CoreDNS runs", func(ctx context.Context) error { return c.deploymentRuns(ctx, api, "kube-system", "coredns") }},
		{"cert-manager runs", func(ctx context.Context) error {
			if err := api.get(ctx, "/apis/cert-manager.io/v1", nil); err != nil {
				return err
			}
			return c.deploymentRuns(ctx, api, "cert-manager", "cert-manager")
		}},
	}
	for _, wait := range waits {
		if err := c.await(ctx, 3*time.Minute, wait.check); err != nil {
			return err
		}
		c.steps.done(wait.step)
	}
	return nil
}

func (c *Cluster) deploymentRuns(ctx context.Context, a *api, namespace, name string) error {
	if err := a.available(ctx, namespace, name); err != nil {
		return err
	}
	return c.podsRun(ctx, a, namespace)
}

// installTools puts kubectl and this program into the folder that `env` adds to PATH.
func (c *Cluster) installTools() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("tools"), 0o755); err != nil {
		return err
	}
	target := c.path("tools", "devcluster")
	if self != target {
		// A copy: `go run` removes its program when it ends.
		if err := copyFile(target, self); err != nil {
			return err
		}
	}
	return link(c.path("tools", "kubectl"), c.bin("kubectl"))
}

func copyFile(target, source string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(target+".new", target)
}

func linkAll(dir string, programs map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, target := range programs {
		if err := link(filepath.Join(dir, name), target); err != nil {
			return err
		}
	}
	return nil
}

func link(name, target string) error {
	if old, err := os.Readlink(name); err == nil && old == target {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(target, name)
}

func (c *Cluster) summary(out io.Writer) {
	fmt.Fprintf(out, "%6.1fs  cluster %q is up\n\nexport KUBECONFIG=%s\nexport PATH=%s:$PATH\nlogs: %s\n",
		c.steps.total(), c.Name, c.Kubeconfig(), c.path("tools"), c.path("logs"))
}
