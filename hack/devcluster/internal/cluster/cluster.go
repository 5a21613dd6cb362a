// Package cluster brings a single-node Kubernetes cluster up and down.
package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/netns"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// A Cluster is one node, known by name. Its fields are what the templates see.
type Cluster struct {
	netns.Addresses
	Name string
	Root string // cache of all clusters: binaries, images, state
	Dir  string // everything of this cluster; removed by Down
	Run  string // sockets and namespace handles

	PauseImage, CoreDNSImage, CertManagerImage string

	state  *proc.State
	spaces netns.Namespaces
	steps  *stopwatch
}

// Addresses that are the same in every cluster, for the templates.
func (c *Cluster) PodCIDR() string      { return netns.PodCIDR }
func (c *Cluster) ClusterCIDR() string  { return netns.ClusterCIDR }
func (c *Cluster) DNSServiceIP() string { return netns.DNSServiceIP }
func (c *Cluster) InternetDNS() string  { return netns.InternetDNS }
func (c *Cluster) NodeName() string     { return c.Name + "-node" }
func (c *Cluster) Cgroup() string       { return "/devcluster-" + c.Name }
func (c *Cluster) Kubeconfig() string   { return c.path("kubeconfig") }
func (c *Cluster) Server() string       { return "https://" + c.Node + ":6443" }

func (c *Cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.Dir}, elements...)...)
}
func (c *Cluster) stateFile() string         { return c.path("state.json") }
func (c *Cluster) log(process string) string { return c.path("logs", process+".log") }
func (c *Cluster) bin(program string) string { return c.path("bin", program) }

// A short name leaves room for the suffixes of namespaces and for the length of socket paths.
var validName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)

// Open finds the cluster of that name, whether or not it runs. If the caller is going to change it,
// it is locked until release is called.
func Open(name string, change bool) (c *Cluster, release func(), err error) {
	if !validName.MatchString(name) {
		return nil, nil, fmt.Errorf("name %q: use up to 20 lower-case letters, digits and dashes, first a letter", name)
	}
	if os.Geteuid() != 0 {
		return nil, nil, errors.New("devcluster makes network namespaces, mounts and cgroups: run it as root")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, nil, fmt.Errorf("no place for the binaries: %w; set XDG_CACHE_HOME or HOME", err)
	}
	root := filepath.Join(cache, "carrier-operator", "devcluster")
	release = func() {}
	if change {
		if release, err = proc.Lock(filepath.Join(root, "locks", name)); err != nil {
			return nil, nil, err
		}
	}
	c = &Cluster{
		Name: name, Root: root,
		Dir: filepath.Join(root, "clusters", name),
		Run: filepath.Join("/run/carrier-devcluster", name),
	}
	if c.state, err = proc.Load(c.stateFile()); err != nil {
		release()
		return nil, nil, err
	}
	c.spaces = netns.Namespaces{Name: c.Name, Run: c.Run, Keep: []string{c.Root}}
	if c.Exists() { // else the number in the state, zero, is another cluster's
		c.useSlot(c.state.Slot)
	}
	return c, release, nil
}

func (c *Cluster) useSlot(slot int) {
	c.Addresses = netns.ForSlot(slot)
	c.spaces.Addr = c.Addresses
}

// Exists tells whether there is anything of this cluster to work with.
func (c *Cluster) Exists() bool { return c.state.Name != "" }

var errNotUp = errors.New("the cluster is not up: run `devcluster up` first")

// allocate gives a new cluster its slot. The caller holds only this cluster's lock, so a second one
// guards the choice among all.
func (c *Cluster) allocate() error {
	if c.Exists() {
		return nil
	}
	release, err := proc.Lock(filepath.Join(c.Root, "locks", ".slots"))
	if err != nil {
		return err
	}
	defer release()
	taken := map[int]bool{}
	for _, other := range c.others() {
		state, err := proc.Load(other)
		if err != nil {
			return err
		}
		taken[state.Slot] = true
	}
	// What an unclean end of this very cluster left must not make its old subnet look taken.
	if err := c.spaces.Remove(); err != nil {
		return err
	}
	host, err := netns.HostPrefixes()
	if err != nil {
		return err
	}
	slot, err := netns.FreeSlot(taken, host)
	if err != nil {
		return err
	}
	c.useSlot(slot)
	c.state.Name, c.state.Slot = c.Name, slot
	return c.save()
}

// others are the state files of all other clusters.
func (c *Cluster) others() []string {
	files, _ := filepath.Glob(filepath.Join(c.Root, "clusters", "*", "state.json"))
	var others []string
	for _, file := range files {
		if file != c.stateFile() {
			others = append(others, file)
		}
	}
	return others
}

func (c *Cluster) save() error { return c.state.Save(c.stateFile()) }
