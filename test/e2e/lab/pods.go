package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Exec runs the application's command in a pod and decodes what it printed.
func (l *Lab) Exec(ctx context.Context, namespace, pod string, stdin []byte, out any, command ...string) error {
	args := append([]string{"-n", namespace, "exec", "-i", pod, "--", "/app"}, command...)
	text, err := l.Run(ctx, stdin, "kubectl", args...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), out)
}

// Inside runs the application's command in the network namespace of a running pod, through an ephemeral container, and decodes what it
// printed. That is how one looks at the network as a pod sees it whose image holds no tools.
func (l *Lab) Inside(ctx context.Context, namespace, pod string, out any, command ...string) error {
	container := fmt.Sprintf("look-%d", time.Now().UnixNano())
	args := append([]string{
		"-n", namespace, "debug", pod, "--image=" + AppImage, "--image-pull-policy=Never", "--profile=restricted",
		"--container=" + container, "--quiet", "--", "/app",
	}, command...)
	if _, err := l.Kubectl(ctx, args...); err != nil {
		return err
	}
	err := l.Wait(ctx, time.Minute, "the ephemeral container", func(ctx context.Context) (bool, string, error) {
		path := fmt.Sprintf(`{.status.ephemeralContainerStatuses[?(@.name==%q)].state}`, container)
		state, err := l.Kubectl(ctx, "-n", namespace, "get", "pod", pod, "-o", "jsonpath="+path)
		return strings.Contains(state, "terminated"), state, err
	})
	if err != nil {
		return err
	}
	text, err := l.Kubectl(ctx, "-n", namespace, "logs", pod, "-c", container)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), out)
}

// FromNode runs the application's command in the node's network and returns what it printed.
func (l *Lab) FromNode(ctx context.Context, command ...string) (string, error) {
	args := append([]string{"exec", "--name", l.Name, "--in", "node", "--", l.path("app")}, command...)
	return l.Run(ctx, nil, l.path("devcluster"), args...)
}

// Pods returns the names of the running pods that a selector selects.
func (l *Lab) Pods(ctx context.Context, namespace, selector string) ([]string, error) {
	text, err := l.Kubectl(ctx, "-n", namespace, "get", "pods", "-l", selector, "--field-selector=status.phase=Running",
		"-o", "jsonpath={.items[*].metadata.name}")
	return strings.Fields(text), err
}

// Condition returns a condition of an object: status, reason and message, empty when it is not there.
func (l *Lab) Condition(ctx context.Context, namespace, object, condition string) (status, reason, message string, err error) {
	var o struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := l.Get(ctx, &o, "-n", namespace, object); err != nil {
		return "", "", "", err
	}
	for _, c := range o.Status.Conditions {
		if c.Type == condition {
			return c.Status, c.Reason, c.Message, nil
		}
	}
	return "", "", "", nil
}

// WaitCondition waits until a condition of an object has a status.
func (l *Lab) WaitCondition(ctx context.Context, limit time.Duration, namespace, object, condition, want string) error {
	what := fmt.Sprintf("%s of %s to become %s", condition, object, want)
	return l.Wait(ctx, limit, what, func(ctx context.Context) (bool, string, error) {
		status, reason, message, err := l.Condition(ctx, namespace, object, condition)
		return status == want, reason + ": " + message, err
	})
}
