package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// Down removes the cluster with everything in it, whole or half started, and checks that nothing is
// left. The binary cache stays.
func (c *Cluster) Down(out io.Writer) error {
	steps := newStopwatch(out)
	if err := c.stopAll(); err != nil {
		return err
	}
	steps.done("processes and containers ended")

	errs := []error{c.spaces.Remove(), c.removeCgroups()}
	// Only when no mount is left below: it would be emptied along with the folder.
	if table, err := os.ReadFile("/proc/self/mountinfo"); err != nil {
		errs = append(errs, err)
	} else if mounts := mountsBelow(string(table), c.Dir, c.Run); len(mounts) > 0 {
		errs = append(errs, unmount(mounts))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(c.Run), os.RemoveAll(c.Dir)); err != nil {
		return err
	}
	_ = os.Remove("/run/carrier-devcluster") // only if no other cluster is in it
	if len(c.others()) == 0 {
		if err := restoreTunables(c.tunablesFile()); err != nil {
			return err
		}
	}
	steps.done("namespaces, mounts, cgroups, files removed")
	if left := c.leftovers(); len(left) > 0 {
		return fmt.Errorf("the cluster is down, but this is left:\n  %s", strings.Join(left, "\n  "))
	}
	fmt.Fprintf(out, "cluster %q is down, nothing is left of it\n", c.Name)
	return nil
}

// stopAll ends what `devcluster run` has started (politely: there may be databases), then the
// cluster's parts, then whatever else lives inside.
func (c *Cluster) stopAll() error {
	var users []proc.Process
	for _, p := range c.state.Processes {
		if p.User {
			users = append(users, p)
		}
	}
	if err := proc.Stop(5*time.Second, users...); err != nil {
		return err
	}
	if err := c.stopParts(); err != nil {
		return err
	}
	return c.killInside(30 * time.Second)
}

func unmount(points []string) error {
	var errs []error
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}
