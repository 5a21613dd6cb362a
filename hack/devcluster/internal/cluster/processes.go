package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/netns"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// A part of the cluster is a process and the configuration files it reads at its start.
type part struct {
	name     string
	internet bool // in the internet namespace; else on the node
	command  []string
	configs  []string
}

const etcdURL = "https://127.0.0.1:2379"

func (c *Cluster) etcd() part {
	return part{name: "etcd", command: []string{
		c.bin("server"), "--name=" + c.Name, "--data-dir=" + c.path("etcd"),
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=https://127.0.0.1:2380", "--initial-advertise-peer-urls=https://127.0.0.1:2380",
		"--initial-cluster=" + c.Name + "=https://127.0.0.1:2380",
		"--cert-file=" + c.pki("etcd.crt"), "--key-file=" + c.pki("etcd.key"),
		"--client-cert-auth", "--trusted-ca-file=" + c.pki("etcd-ca.crt"),
		"--peer-cert-file=" + c.pki("etcd.crt"), "--peer-key-file=" + c.pki("etcd.key"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + c.pki("etcd-ca.crt"),
		"--unsafe-no-fsync", // a power cut may cost the cluster; the disk's latency no longer does
	}}
}

func (c *Cluster) containerd() part {
	config := c.path("conf", "containerd.toml")
	return part{name: "containerd", configs: []string{config}, command: []string{c.bin("containerd"), "--config=" + config}}
}

func (c *Cluster) internetDNS() part {
	config := c.path("internet", "Corefile")
	return part{name: "internet-dns", internet: true, configs: []string{config}, command: []string{c.bin("coredns"), "-conf", config}}
}

func (c *Cluster) apiserver() part {
	return part{name: "kube-apiserver", command: []string{
		c.bin("kube-apiserver"),
		"--advertise-address=" + c.Node, "--bind-address=0.0.0.0", "--secure-port=6443",
		"--etcd-servers=" + etcdURL, "--etcd-cafile=" + c.pki("etcd-ca.crt"),
		"--etcd-certfile=" + c.pki("etcd-client.crt"), "--etcd-keyfile=" + c.pki("etcd-client.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
		"--kubelet-certificate-authority=" + c.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + c.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("apiserver-kubelet-client.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("service-accounts.pub"),
		"--service-account-signing-key-file=" + c.pki("service-accounts.key"),
		"--service-cluster-ip-range=" + netns.ServiceCIDR,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.pki("front-proxy-client.key"),
	}}
}

func (c *Cluster) controllerManager() part {
	config := c.path("conf", "kube-controller-manager.kubeconfig")
	return part{name: "kube-controller-manager", command: []string{
		c.bin("kube-controller-manager"), "--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.pki("service-accounts.key"), "--root-ca-file=" + c.pki("ca.crt"),
		"--cluster-signing-cert-file=" + c.pki("ca.crt"), "--cluster-signing-key-file=" + c.pki("ca.key"),
		"--flex-volume-plugin-dir=" + c.path("kubelet", "volume-plugins"), // else it makes one in /usr/libexec
		"--allocate-node-cidrs=true", "--cluster-cidr=" + netns.ClusterCIDR, "--service-cluster-ip-range=" + netns.ServiceCIDR,
	}}
}

func (c *Cluster) scheduler() part {
	config := c.path("conf", "kube-scheduler.kubeconfig")
	return part{name: "kube-scheduler", command: []string{
		c.bin("kube-scheduler"), "--kubeconfig=" + config, "--bind-address=127.0.0.1", "--leader-elect=false",
		"--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
	}}
}

func (c *Cluster) kubelet() part {
	config := c.path("conf", "kubelet.yaml")
	return part{name: "kubelet", configs: []string{config}, command: []string{
		c.bin("kubelet"), "--config=" + config, "--kubeconfig=" + c.path("conf", "node.kubeconfig"),
		"--root-dir=" + c.path("kubelet"), "--cert-dir=" + c.path("kubelet", "pki"),
		"--hostname-override=" + c.NodeName(), "--node-ip=" + c.Node,
	}}
}

func (c *Cluster) kubeProxy() part {
	config := c.path("conf", "kube-proxy.yaml")
	return part{name: "kube-proxy", configs: []string{config}, command: []string{c.bin("kube-proxy"), "--config=" + config}}
}

// kubeRouter enforces NetworkPolicy and does nothing else.
func (c *Cluster) kubeRouter() part {
	return part{name: "kube-router", command: []string{
		c.bin("kube-router"), "--run-firewall=true", "--run-router=false", "--run-service-proxy=false",
		"--kubeconfig=" + c.path("conf", "kube-router.kubeconfig"), "--hostname-override=" + c.NodeName(),
		"--service-cluster-ip-range=" + netns.ServiceCIDR, "--health-port=0", "--metrics-port=0",
	}}
}

// environment is all that a part sees; nothing of the caller's shell leaks in.
func (c *Cluster) environment() []string {
	env := []string{
		"PATH=" + c.path("bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + c.Dir,
	}
	return env
}

// ensure starts a part unless the very same already runs; one with another command or configuration
// is replaced.
func (c *Cluster) ensure(p part) error {
	command := c.spaces.InNode(p.command...)
	if p.internet {
		command = c.spaces.InInternet(p.command...)
	}
	key, err := c.partKey(p)
	if err != nil {
		return err
	}
	if old := c.state.Find(p.name); old != nil && old.Alive() {
		if old.Key == key {
			return nil
		}
		if err := proc.Stop(10*time.Second, *old); err != nil {
			return err
		}
	}
	started, err := proc.Start(proc.Spec{Name: p.name, Command: command, Env: c.environment(), Log: c.log(p.name), Dir: c.Dir})
	if err != nil {
		return err
	}
	started.Key = key
	c.state.Put(started)
	return c.save()
}

// partKey changes with the command, the files it reads and the binary behind the link in bin/.
func (c *Cluster) partKey(p part) (string, error) {
	sum := sha256.New()
	binary, err := os.Readlink(p.command[0])
	if err != nil {
		return "", err
	}
	fmt.Fprintln(sum, binary, strings.Join(p.command, "\x00"))
	for _, file := range p.configs {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// forgetDead drops parts that have ended before this start; up starts them again.
func (c *Cluster) forgetDead() {
	c.state.Processes = slices.DeleteFunc(c.state.Processes, func(p proc.Process) bool { return !p.User && !p.Alive() })
}

// dead returns an error that names the first part that has ended.
func (c *Cluster) dead() error {
	for _, p := range c.state.Processes {
		if !p.User && !p.Alive() {
			return proc.Died(p.Name, p.Log)
		}
	}
	return nil
}

// stopParts ends the cluster's own processes, the kubelet first so that it does not restart what goes.
func (c *Cluster) stopParts() error {
	for _, group := range [][]string{{"kubelet"}, {"kube-router", "kube-proxy", "kube-scheduler", "kube-controller-manager"}, {"containerd", "kube-apiserver"}, {"etcd", "internet-dns"}} {
		var processes []proc.Process
		for _, name := range group {
			if p := c.state.Find(name); p != nil {
				processes = append(processes, *p)
			}
		}
		if err := proc.Stop(5*time.Second, processes...); err != nil {
			return err
		}
	}
	return nil
}

// killInside ends everything that lives in the cluster's namespaces or cgroups: containers, their
// shims, and what `devcluster run` has started. Being inside is what makes a process ours.
func (c *Cluster) killInside(limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		inside := c.inside()
		if len(inside) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes that do not end: %s", describe(inside))
		}
		var errs []error
		for _, p := range inside {
			errs = append(errs, p.Signal(syscall.SIGKILL))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
}

func describe(processes []proc.Process) string {
	var names []string
	for _, p := range processes {
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.PID))
	}
	return strings.Join(names, ", ")
}
