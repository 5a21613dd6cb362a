package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroupRoots are the folders that may hold the cluster's cgroup: one per controller with cgroup v1,
// the mount itself with v2.
func cgroupRoots() []string {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		return []string{cgroupMount}
	}
	var roots []string
	entries, _ := os.ReadDir(cgroupMount)
	for _, entry := range entries {
		if entry.IsDir() { // cpu,cpuacct and the like are also reachable by links: once is enough
			roots = append(roots, filepath.Join(cgroupMount, entry.Name()))
		}
	}
	return roots
}

func (c *Cluster) cgroups() []string {
	var dirs []string
	for _, root := range cgroupRoots() {
		dirs = append(dirs, filepath.Join(root, c.Cgroup()))
	}
	return dirs
}

// createCgroups makes the parent of all pods' cgroups; the kubelet insists that it exists everywhere.
func (c *Cluster) createCgroups() error {
	for _, root := range cgroupRoots() {
		if root == cgroupMount {
			// v2: children get only the controllers that the parent hands down. One that is missing is
			// reported by the kubelet, with its name.
			for _, controller := range []string{"cpu", "cpuset", "io", "memory", "pids", "hugetlb"} {
				_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0)
			}
		}
		if err := os.MkdirAll(filepath.Join(root, c.Cgroup()), 0o755); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	return nil
}

// removeCgroups removes the emptied tree, deepest first. The kernel needs a moment after the last process.
func (c *Cluster) removeCgroups() error {
	var errs []error
	for _, dir := range c.cgroups() {
		var tree []string
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				tree = append(tree, path)
			}
			return nil
		})
		slices.Reverse(tree)
		for _, path := range tree {
			errs = append(errs, removeBusy(path))
		}
	}
	return errors.Join(errs...)
}

func removeBusy(path string) error {
	for attempt := 0; ; attempt++ {
		err := syscall.Rmdir(path)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if attempt == 50 {
			return fmt.Errorf("remove cgroup %s: %w", path, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// inside lists the processes in the cluster's namespaces and cgroups.
func (c *Cluster) inside() []proc.Process {
	pids := map[int]bool{}
	for _, dir := range c.cgroups() {
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				content, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
				for _, field := range strings.Fields(string(content)) {
					if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
						pids[pid] = true
					}
				}
			}
			return nil
		})
	}
	ids := c.spaces.IDs()
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && inNamespace(pid, ids) {
			pids[pid] = true
		}
	}
	delete(pids, os.Getpid())
	var processes []proc.Process
	for pid := range pids {
		if p, ok := proc.Identify(pid); ok {
			processes = append(processes, p)
		}
	}
	return processes
}

func inNamespace(pid int, ids map[uint64]bool) bool {
	for _, kind := range []string{"net", "mnt"} {
		info, err := os.Stat(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && ids[stat.Ino] {
			return true
		}
	}
	return false
}

// mountsBelow returns the mount points in a mountinfo table that lie in one of the folders, last first.
func mountsBelow(table string, folders ...string) []string {
	var found []string
	scanner := bufio.NewScanner(strings.NewReader(table))
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 5 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		for _, folder := range folders {
			if point == folder || strings.HasPrefix(point, folder+"/") {
				found = append(found, point)
				break
			}
		}
	}
	slices.Reverse(found)
	return found
}

// leftovers names everything of the cluster that is still on the machine.
func (c *Cluster) leftovers() []string {
	left := c.spaces.Left()
	for _, p := range c.inside() {
		left = append(left, fmt.Sprintf("process %d %s", p.PID, strings.Join(p.Command, " ")))
	}
	for _, p := range c.state.Processes {
		if p.Alive() {
			left = append(left, fmt.Sprintf("process %d %s", p.PID, p.Name))
		}
	}
	if table, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		for _, point := range mountsBelow(string(table), c.Dir, c.Run) {
			left = append(left, "mount "+point)
		}
	}
	for _, dir := range append(c.cgroups(), c.Dir, c.Run) {
		if _, err := os.Lstat(dir); err == nil {
			left = append(left, "folder "+dir)
		}
	}
	return left
}
