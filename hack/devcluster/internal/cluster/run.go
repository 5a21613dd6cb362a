package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// Places where programs can run.
const (
	PlaceNode     = "node"
	PlaceInternet = "internet"
)

func (c *Cluster) command(place string, command []string) ([]string, error) {
	if !c.Exists() || !c.spaces.Ready() {
		return nil, errNotUp
	}
	if len(command) == 0 {
		return nil, errors.New("no command given: ... -- COMMAND ARGUMENTS")
	}
	program, err := exec.LookPath(command[0]) // now, since the child has another PATH
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	command = append([]string{program}, command[1:]...)
	switch place {
	case PlaceNode:
		return c.spaces.InNode(command...), nil
	case PlaceInternet:
		return c.spaces.InInternet(command...), nil
	}
	return nil, fmt.Errorf("no place %q: use %s or %s", place, PlaceInternet, PlaceNode)
}

// RunProcess starts a program inside a namespace under a name. A running one of that name is replaced.
func (c *Cluster) RunProcess(place, name string, command []string) error {
	if name == "" || strings.ContainsAny(name, "/ ") {
		return fmt.Errorf("process name %q: use letters, digits and dashes", name)
	}
	full, err := c.command(place, command)
	if err != nil {
		return err
	}
	return c.runUser(name, full, os.Environ())
}

func (c *Cluster) runUser(name string, full, env []string) error {
	if old := c.state.Find(name); old != nil {
		if !old.User {
			return fmt.Errorf("%s is a part of the cluster: choose another name", name)
		}
		if err := proc.Stop(10*time.Second, *old); err != nil {
			return err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	started, err := proc.Start(proc.Spec{Name: name, Command: full, Env: env, Log: c.log(name), Dir: dir, User: true})
	if err != nil {
		return err
	}
	c.state.Put(started)
	if err := c.save(); err != nil {
		return err
	}
	// Most mistakes (wrong flag, port taken) show within moments.
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		if !started.Alive() {
			return proc.Died(name, started.Log)
		}
	}
	return nil
}

// StopProcess ends a program that RunProcess has started.
func (c *Cluster) StopProcess(name string) error {
	p := c.state.Find(name)
	if p == nil || !p.User {
		return fmt.Errorf("nothing called %q was started with `devcluster run`", name)
	}
	if err := proc.Stop(10*time.Second, *p); err != nil {
		return err
	}
	c.state.Remove(name)
	return c.save()
}

// Exec replaces this process by a program inside a namespace.
func (c *Cluster) Exec(place string, command []string) error {
	full, err := c.command(place, command)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(full[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, full, os.Environ())
}

// Logs prints the end of one log, or names all of them.
func (c *Cluster) Logs(name string, lines int) error {
	if !c.Exists() {
		return errNotUp
	}
	entries, err := os.ReadDir(c.path("logs"))
	if err != nil {
		return err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), ".log"))
	}
	if name == "" {
		fmt.Printf("logs in %s of: %s\n", c.path("logs"), strings.Join(names, ", "))
		return nil
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("no log of %q; there are %s", name, strings.Join(names, ", "))
	}
	fmt.Println(proc.Tail(c.log(name), lines))
	return nil
}
