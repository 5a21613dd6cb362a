package cluster

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// Policies turns the enforcement of NetworkPolicies on or off, so that one can see what a cluster is like whose network plugin has
// none. Off also removes the rules that were in force.
func (c *Cluster) Policies(state string) error {
	if !c.Exists() || !c.spaces.Ready() {
		return errNotUp
	}
	switch state {
	case "on":
		return c.ensure(c.kubeRouter())
	case "off":
		return c.stopEnforcing()
	}
	return fmt.Errorf("policies %q: say on or off", state)
}

func (c *Cluster) stopEnforcing() error {
	if p := c.state.Find("kube-router"); p != nil {
		if err := proc.Stop(10*time.Second, *p); err != nil {
			return err
		}
		c.state.Remove("kube-router")
		if err := c.save(); err != nil {
			return err
		}
	}
	// The chains stay, but nothing leads to them any more; kube-proxy has its rules elsewhere.
	var errs []error
	for _, chain := range []string{"INPUT", "FORWARD", "OUTPUT"} {
		command := c.spaces.InNode("iptables", "-w", "-F", chain)
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("iptables -F %s: %w: %s", chain, err, out))
		}
	}
	return errors.Join(errs...)
}
