// Package lab is a real cluster with a shop, a simulated carrier and a database in it: what the demo and the end-to-end tests work on.
//
// It uses kubectl, helm and the development cluster's own command as a person would, so that a story in a test is a story in a shell.
package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Lab is a running cluster.
type Lab struct {
	// Name of the development cluster.
	Name string
	// Root of the repository.
	Root string
	// Out receives the progress of long steps.
	Out io.Writer

	bin      string
	dir      string
	internet string
	env      []string
}

// Up builds the development cluster's command, starts the cluster if it does not run, and returns it. The first start builds Kubernetes
// from its modules, which takes some twenty minutes on two cores.
func Up(ctx context.Context, name string, out io.Writer) (*Lab, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder for built programs: %w", err)
	}
	l := &Lab{Name: name, Root: root, Out: out, bin: filepath.Join(cache, "carrier-operator", "lab")}
	l.env = append(os.Environ(), "GOTOOLCHAIN=go1.27.3", "CGO_ENABLED=0")
	if err := os.MkdirAll(l.bin, 0o755); err != nil {
		return nil, err
	}
	if err := l.build(ctx, filepath.Join(root, "hack/devcluster"), ".", "devcluster"); err != nil {
		return nil, err
	}
	if err := l.stream(ctx, l.path("devcluster"), "up", "--name", name); err != nil {
		return nil, err
	}
	return l, l.readEnv(ctx)
}

// readEnv takes over what `devcluster env` tells a shell.
func (l *Lab) readEnv(ctx context.Context) error {
	text, err := l.Run(ctx, nil, l.path("devcluster"), "env", "--name", l.Name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "=")
		if !ok {
			continue
		}
		value = strings.ReplaceAll(value, "$PATH", os.Getenv("PATH"))
		l.env = append(l.env, name+"="+value)
		switch name {
		case "PATH": // LookPath of the programs that we start
			if err := os.Setenv("PATH", value); err != nil {
				return err
			}
		case "DEVCLUSTER_DIR":
			l.dir = value
		case "DEVCLUSTER_INTERNET":
			l.internet = value
		}
	}
	if l.dir == "" || l.internet == "" {
		return fmt.Errorf("devcluster env did not name DEVCLUSTER_DIR and DEVCLUSTER_INTERNET:\n%s", text)
	}
	return nil
}

// repositoryRoot is the folder of the module's go.mod, from wherever in it the program was started.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("start this inside of the repository: no PROJECT file here or above")
		}
		dir = parent
	}
}

func (l *Lab) path(program string) string { return filepath.Join(l.bin, program) }

// build makes a static binary of a package of the module in dir.
func (l *Lab) build(ctx context.Context, dir, pkg, name string) error {
	_, err := l.Run(ctx, nil, "go", "build", "-C", dir, "-ldflags=-s -w", "-o", l.path(name), pkg)
	return err
}

// Run runs a program with stdin and returns what it printed. The error holds what it said on standard error.
func (l *Lab) Run(ctx context.Context, stdin []byte, program string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := l.command(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, tail(stderr.String(), 20))
	}
	return stdout.String(), nil
}

func (l *Lab) stream(ctx context.Context, program string, args ...string) error {
	cmd := l.command(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = l.Out, l.Out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
	}
	return nil
}

func (l *Lab) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = l.env, l.Root
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Kubectl runs kubectl and returns what it printed.
func (l *Lab) Kubectl(ctx context.Context, args ...string) (string, error) {
	return l.Run(ctx, nil, "kubectl", args...)
}

// Apply applies manifests with server-side apply.
func (l *Lab) Apply(ctx context.Context, manifests []byte) error {
	_, err := l.Run(ctx, manifests, "kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=lab", "-f", "-")
	return err
}

// Get reads an object into out.
func (l *Lab) Get(ctx context.Context, out any, args ...string) error {
	text, err := l.Kubectl(ctx, append([]string{"get", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), out)
}

// Wait calls ready every half second until it returns true. When time runs out the error holds what ready said last.
func (l *Lab) Wait(ctx context.Context, limit time.Duration, what string, ready func(context.Context) (bool, string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := "nothing yet"
	for {
		ok, said, err := ready(ctx)
		switch {
		case ok:
			return nil
		case err != nil && ctx.Err() == nil:
			last = err.Error()
		case ctx.Err() == nil:
			last = said
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s; last: %s", what, limit, last)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Down removes the cluster. It is an error if anything of it is left.
func (l *Lab) Down(ctx context.Context) error {
	return l.stream(ctx, l.path("devcluster"), "down", "--name", l.Name)
}

// Describe collects what a person would look at after a failure. Secrets are not among it.
func (l *Lab) Describe(ctx context.Context, namespaces ...string) string {
	var out strings.Builder
	for _, namespace := range namespaces {
		for _, args := range [][]string{
			{"get", "carriers,pods,jobs,networkpolicies,certificates", "-o", "wide"},
			{"get", "carriers", "-o", "yaml"},
			{"get", "events", "--sort-by=.lastTimestamp"},
			{"logs", "-l", "app.kubernetes.io/name=carrier-operator", "--tail=60", "--all-containers"},
			{"logs", "-l", "carrier-operator.io/component", "--tail=40", "--all-containers", "--prefix"},
		} {
			text, err := l.Kubectl(ctx, append([]string{"-n", namespace}, args...)...)
			fmt.Fprintf(&out, "\n$ kubectl -n %s %s\n%s", namespace, strings.Join(args, " "), text)
			if err != nil {
				fmt.Fprintln(&out, err)
			}
		}
	}
	return out.String()
}
