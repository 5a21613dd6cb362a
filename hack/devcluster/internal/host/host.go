// Package host tells what a machine lacks for a cluster, and how to get it.
package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What a start needs at most: 1.0 GB of binaries, and room for etcd, images and logs; and what a
// first build needs on top: modules and Go's build cache.
const (
	needGB      = 3
	needGBBuild = 12
)

// tools lists programs and the Debian package that has them.
var tools = []struct{ program, pkg string }{
	{"go", "Go itself, https://go.dev/dl"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
	{"mount", "mount"},
	{"iptables", "iptables"},
	{"iptables-save", "iptables"},
	{"ipset", "ipset"},
	{"nft", "nftables"},
	{"conntrack", "conntrack"},
	{"gcc", "gcc, for runc"},
	{"pkg-config", "pkg-config, for runc"},
}

// Check returns one error that names everything missing. cache is where binaries and clusters live.
func Check(cache string) error {
	var problems []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.program); err != nil {
			problems = append(problems, fmt.Sprintf("program %s is missing (package %s)", tool.program, tool.pkg))
		}
	}
	if _, err := os.Stat("/usr/include/seccomp.h"); err != nil && !built(cache) {
		problems = append(problems, "seccomp.h is missing (package libseccomp-dev, for runc)")
	}
	problems = append(problems, disk(cache)...)
	if len(problems) == 0 { // the kernel is asked with the tools
		problems = kernel(cache)
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New("this machine is not ready for a cluster:\n  - " + strings.Join(problems, "\n  - ") +
		"\nhack/devcluster/prereqs.sh installs the packages on Debian and Ubuntu")
}

func built(cache string) bool {
	found, _ := filepath.Glob(filepath.Join(cache, "bin", "runc-*", "runc"))
	return len(found) > 0
}

func disk(cache string) []string {
	need := uint64(needGBBuild)
	if built(cache) {
		need = needGB
	}
	var fs unix.Statfs_t
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return []string{err.Error()}
	}
	if err := unix.Statfs(cache, &fs); err != nil {
		return []string{err.Error()}
	}
	if free := fs.Bavail * uint64(fs.Bsize) >> 30; free < need {
		return []string{fmt.Sprintf("%s has %d GB free, %d are needed; XDG_CACHE_HOME moves it", cache, free, need)}
	}
	return nil
}

// kernel tries what the cluster will use, in namespaces that vanish at once.
func kernel(cache string) []string {
	var problems []string
	try := func(feature, module string, command ...string) {
		run := func() ([]byte, error) { return exec.Command(command[0], command[1:]...).CombinedOutput() }
		output, err := run()
		if err != nil && module != "" {
			_ = exec.Command("modprobe", module).Run() // helps only where it is built as a module
			output, err = run()
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("kernel: %s does not work: %s", feature, strings.TrimSpace(string(output))))
		}
	}
	try("network and mount namespaces", "", "unshare", "--net", "--mount", "true")
	if len(problems) > 0 {
		return problems
	}
	try("nf_tables", "nf_tables", "unshare", "--net", "nft", "add", "table", "ip", "probe")
	try("ipset", "ip_set", "unshare", "--net", "ipset", "create", "probe", "hash:ip")
	try("iptables", "", "unshare", "--net", "iptables", "-L", "-n")
	try("br_netfilter", "br_netfilter", "unshare", "--net", "test", "-e", "/proc/sys/net/bridge/bridge-nf-call-iptables")
	try("veth", "veth", "unshare", "--net", "ip", "link", "add", "probe", "type", "veth")
	try("bridge", "bridge", "unshare", "--net", "ip", "link", "add", "probe", "type", "bridge")
	overlay := `set -e; d=$(mktemp -d "$1/.probe-XXXXXX"); trap 'rm -rf "$d"' EXIT; mkdir "$d/l" "$d/u" "$d/w" "$d/m"
mount -t overlay overlay -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w" "$d/m"; umount "$d/m"`
	try("overlay on "+cache, "overlay", "unshare", "--mount", "sh", "-c", overlay, "sh", cache)
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		problems = append(problems, "kernel: /dev/kmsg is missing, the kubelet reads it")
	}
	return append(problems, cgroups()...)
}

func cgroups() []string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return []string{err.Error()}
	}
	v2, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if missing := missingControllers(string(table), string(v2)); len(missing) > 0 {
		return []string{"kernel: cgroup controllers are missing below /sys/fs/cgroup: " + strings.Join(missing, ", ")}
	}
	return nil
}

// missingControllers reads a mountinfo table and, with cgroup v2, the root's cgroup.controllers.
func missingControllers(mountinfo, v2 string) []string {
	have, need := strings.Fields(v2), []string{"cpu", "cpuset", "memory", "pids"}
	if len(have) == 0 {
		need = append(need, "cpuacct", "devices", "freezer")
		for line := range strings.Lines(mountinfo) {
			_, rest, ok := strings.Cut(line, " - ")
			if fields := strings.Fields(rest); ok && len(fields) == 3 && fields[0] == "cgroup" {
				have = append(have, strings.Split(fields[2], ",")...)
			}
		}
	}
	return slices.DeleteFunc(need, func(name string) bool { return slices.Contains(have, name) })
}
