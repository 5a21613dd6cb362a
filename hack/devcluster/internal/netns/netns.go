package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespaces of one cluster.
type Namespaces struct {
	Name string
	Addr Addresses
	Run  string // folder on a tmpfs: it is gone after a reboot, as the namespaces are
	Keep []string
}

// Node and Internet are the names that `ip netns` shows.
func (n Namespaces) Node() string     { return n.Name + "-node" }
func (n Namespaces) Internet() string { return n.Name + "-internet" }

func (n Namespaces) marker() string      { return filepath.Join(n.Run, "network-ready") }
func (n Namespaces) mountDir() string    { return filepath.Join(n.Run, "ns") }
func (n Namespaces) mountHandle() string { return filepath.Join(n.mountDir(), "mnt") }

func netHandle(name string) string { return filepath.Join("/run/netns", name) }

// InNode prefixes a command so that it runs on the node. nsenter keeps the cgroup mounts, which
// `ip netns exec` would hide.
func (n Namespaces) InNode(command ...string) []string {
	return append([]string{"nsenter", "--net=" + netHandle(n.Node()), "--mount=" + n.mountHandle(), "--"}, command...)
}

// InInternet prefixes a command so that it runs on the pretended internet, with the host's files.
func (n Namespaces) InInternet(command ...string) []string {
	return append([]string{"nsenter", "--net=" + netHandle(n.Internet()), "--"}, command...)
}

// Ready tells whether all namespaces are complete.
func (n Namespaces) Ready() bool {
	for _, link := range n.links() {
		if !linkExists(link) {
			return false
		}
	}
	_, err := os.Stat(n.marker())
	return err == nil && isNamespace(netHandle(n.Node())) && isNamespace(netHandle(n.Internet())) && isNamespace(n.mountHandle())
}

// Create makes everything from nothing; what is left of an earlier attempt goes first.
func (n Namespaces) Create() error {
	if err := n.Remove(); err != nil {
		return err
	}
	if err := os.MkdirAll(n.mountDir(), 0o755); err != nil {
		return err
	}
	for _, step := range []func() error{n.createNetwork, n.createMounts} {
		if err := step(); err != nil {
			return err
		}
	}
	return os.WriteFile(n.marker(), nil, 0o644)
}

func (n Namespaces) createNetwork() error {
	node, internet, a := n.Node(), n.Internet(), n.Addr
	script := [][]string{
		{"netns", "add", node},
		{"netns", "add", internet},
		{"-n", node, "link", "set", "lo", "up"},
		{"-n", internet, "link", "set", "lo", "up"},

		// The node's address sits on a bridge: kube-router wants it on a device that is always up.
		{"-n", node, "link", "add", "node0", "type", "bridge"},
		{"-n", node, "addr", "add", a.Node + "/25", "dev", "node0"},
		{"-n", node, "link", "set", "node0", "up"},
		{"link", "add", a.LinkNode, "type", "veth", "peer", "name", "host0", "netns", node},
		{"-n", node, "link", "set", "host0", "master", "node0", "up"},
		{"addr", "add", a.HostNode + "/25", "dev", a.LinkNode},
		{"link", "set", a.LinkNode, "up"},

		{"-n", node, "link", "add", "inet0", "type", "veth", "peer", "name", "node0", "netns", internet},
		{"-n", node, "addr", "add", uplinkNode + uplinkPrefixBits, "dev", "inet0"},
		{"-n", node, "link", "set", "inet0", "up"},
		{"-n", internet, "addr", "add", uplinkInternet + uplinkPrefixBits, "dev", "node0"},
		{"-n", internet, "link", "set", "node0", "up"},
		{"-n", node, "route", "add", "default", "via", uplinkInternet},

		// Every address of both nets is local: a server may listen on any without further set-up.
		{"-n", internet, "route", "add", "local", internetNetA, "dev", "lo"},
		{"-n", internet, "route", "add", "local", internetNetB, "dev", "lo"},
		{"link", "add", a.LinkInternet, "type", "veth", "peer", "name", "host0", "netns", internet},
		{"-n", internet, "addr", "add", a.Internet + "/30", "dev", "host0"},
		{"-n", internet, "link", "set", "host0", "up"},
		{"addr", "add", a.HostInternet + "/30", "dev", a.LinkInternet},
		{"link", "set", a.LinkInternet, "up"},
	}
	for _, args := range script {
		if err := run("", "ip", args...); err != nil {
			return err
		}
	}
	sysctls := `set -e; cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 0 > ipv4/conf/all/rp_filter
echo 0 > ipv4/conf/default/rp_filter
echo 1 > bridge/bridge-nf-call-iptables`
	if err := run("", "nsenter", "--net="+netHandle(node), "--", "sh", "-c", sysctls); err != nil {
		return err
	}
	// Pods leave with the node's address, after NetworkPolicy has seen their own.
	nat := `table ip devcluster {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr ` + ClusterCIDR + ` oifname "inet0" masquerade
	}
}
`
	return run(nat, "nsenter", "--net="+netHandle(node), "--", "nft", "-f", "-")
}

// createMounts gives the node its own mounts. Everything containerd and the kubelet mount lives and
// dies with them, and the fixed paths they write to (/run/containerd, /var/lib/kubelet, /var/lib/cni,
// /var/log/containers) are covered, so that nothing of a cluster touches the host's.
func (n Namespaces) createMounts() error {
	if err := run("", "mount", "--bind", n.mountDir(), n.mountDir()); err != nil {
		return err
	}
	// A namespace cannot be pinned on a mount that is shared.
	if err := run("", "mount", "--make-private", n.mountDir()); err != nil {
		return err
	}
	if err := os.WriteFile(n.mountHandle(), nil, 0o600); err != nil {
		return err
	}
	script := "set -e\nmount --make-rshared /\n"
	keep := append([]string{n.Run}, n.Keep...)
	for i, dir := range keep {
		script += fmt.Sprintf("exec %d<%s\n", i+3, quote(dir))
	}
	for _, dir := range []string{"/run", "/var/lib", "/var/log"} {
		script += "mount -t tmpfs -o mode=755,size=256m devcluster " + dir + "\n"
	}
	for i, dir := range keep { // back into view what the new mounts may have covered
		script += fmt.Sprintf("mkdir -p %[1]s\nmount --no-canonicalize --rbind /proc/self/fd/%[2]d %[1]s\n", quote(dir), i+3)
	}
	return run("", "unshare", "--mount="+n.mountHandle(), "--propagation", "private", "sh", "-c", script)
}

// Remove undoes Create, whole or half done. Processes inside must have ended.
func (n Namespaces) Remove() error {
	var errs []error
	if err := os.Remove(n.marker()); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, target := range []string{n.mountHandle(), n.mountDir()} {
		if err := unmountAll(target); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range []string{n.Node(), n.Internet()} {
		handle := netHandle(name)
		if err := unmountAll(handle); err != nil {
			errs = append(errs, err)
		}
		if err := os.Remove(handle); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, link := range n.links() {
		if linkExists(link) {
			// The kernel may be removing it together with its namespace at this moment.
			if err := run("", "ip", "link", "del", link); err != nil && linkExists(link) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// links are the cluster's interfaces on the host; without a slot it has none.
func (n Namespaces) links() []string {
	if n.Addr == (Addresses{}) {
		return nil
	}
	return []string{n.Addr.LinkNode, n.Addr.LinkInternet}
}

func linkExists(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// Left lists what of the namespaces is still on the host.
func (n Namespaces) Left() []string {
	var left []string
	for _, name := range []string{n.Node(), n.Internet()} {
		if _, err := os.Lstat(netHandle(name)); err == nil {
			left = append(left, "network namespace "+name)
		}
	}
	for _, link := range n.links() {
		if linkExists(link) {
			left = append(left, "interface "+link)
		}
	}
	return left
}

// IDs are the kernel's numbers of the namespaces that exist, as /proc/<pid>/ns shows them.
func (n Namespaces) IDs() map[uint64]bool {
	ids := map[uint64]bool{}
	for _, handle := range []string{netHandle(n.Node()), netHandle(n.Internet()), n.mountHandle()} {
		var stat unix.Stat_t
		if isNamespace(handle) && unix.Stat(handle, &stat) == nil {
			ids[stat.Ino] = true
		}
	}
	return ids
}

// HostPrefixes are the subnets of all interfaces of the host.
func HostPrefixes() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var prefixes []netip.Prefix
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil {
			prefixes = append(prefixes, prefix.Masked())
		}
	}
	return prefixes, nil
}

func isNamespace(file string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(file, &fs) == nil && fs.Type == unix.NSFS_MAGIC
}

// unmountAll takes away every mount stacked on target; none at all is fine.
func unmountAll(target string) error {
	for {
		err := unix.Unmount(target, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func run(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
