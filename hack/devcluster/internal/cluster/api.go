package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/pki"
)

// An api asks the API server the few questions that up and status have.
type api struct {
	server string
	client *http.Client
}

func (c *Cluster) api() (*api, error) {
	pair, err := tls.LoadX509KeyPair(pki.CertFile(c.path("pki"), "admin"), pki.KeyFile(c.path("pki"), "admin"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &api{server: c.Server(), client: &http.Client{Transport: transport, Timeout: 5 * time.Second}}, nil
}

// get decodes the answer into out; a nil out only asks for a good status.
func (a *api) get(ctx context.Context, path string, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.server+path, nil)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return fmt.Errorf("GET %s: %s: %s", path, response.Status, strings.TrimSpace(string(body)))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}

type condition struct {
	Type, Status, Message string
	LastHeartbeatTime     time.Time
}

type object struct {
	Metadata struct {
		Name, Namespace string
		Generation      int
	}
	Status struct {
		Phase                                        string
		ObservedGeneration                           int
		Replicas, UpdatedReplicas, AvailableReplicas int
		Conditions                                   []condition
		ContainerStatuses                            []struct{ ContainerID string }
	}
}

func (o object) condition(kind string) condition {
	for _, c := range o.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return condition{Type: kind, Status: "Unknown", Message: "not reported yet"}
}

// nodeReady is nil once the kubelet reports so. What an earlier kubelet has reported does not count.
func (a *api) nodeReady(ctx context.Context, node string, kubeletStart time.Time) error {
	var o object
	if err := a.get(ctx, "/api/v1/nodes/"+node, &o); err != nil {
		return err
	}
	if ready := o.condition("Ready"); ready.Status != "True" {
		return errors.New("node not Ready: " + ready.Message)
	} else if ready.LastHeartbeatTime.Before(kubeletStart) {
		return errors.New("the kubelet has not reported yet")
	}
	return nil
}

// available is nil once a Deployment has a ready pod of its current template, and no other.
func (a *api) available(ctx context.Context, namespace, name string) error {
	var o object
	if err := a.get(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments/"+name, &o); err != nil {
		return err
	}
	status := o.Status
	if status.ObservedGeneration < o.Metadata.Generation || status.AvailableReplicas == 0 ||
		status.UpdatedReplicas != status.Replicas || status.AvailableReplicas != status.Replicas {
		return fmt.Errorf("deployment %s/%s has no ready pod (kubectl -n %[1]s describe pods tells more)", namespace, name)
	}
	return nil
}

// podsRun is nil once all pods of a namespace are ready in containers that containerd runs now. After
// a crash the API server still shows the pods as they were before.
func (c *Cluster) podsRun(ctx context.Context, a *api, namespace string) error {
	tasks, err := c.ctr(ctx, "tasks", "ls")
	if err != nil {
		return err
	}
	var pods struct{ Items []object }
	if err := a.get(ctx, "/api/v1/namespaces/"+namespace+"/pods", &pods); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if pod.condition("Ready").Status != "True" || len(pod.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("pod %s/%s is not ready", namespace, pod.Metadata.Name)
		}
		for _, container := range pod.Status.ContainerStatuses {
			if !runs(tasks, strings.TrimPrefix(container.ContainerID, "containerd://")) {
				return fmt.Errorf("pod %s/%s: its container has ended", namespace, pod.Metadata.Name)
			}
		}
	}
	return nil
}

// runs looks for a task in the table of `ctr tasks ls`: name, process number, status.
func runs(tasks, id string) bool {
	for line := range strings.Lines(tasks) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == id && fields[2] == "RUNNING" {
			return true
		}
	}
	return false
}

// await repeats check until it succeeds. It gives up at once when a part of the cluster has died.
func (c *Cluster) await(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	deadline := time.Now().Add(limit)
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if err := c.dead(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s still: %w; logs: %s", limit, err, c.path("logs"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// apply hands manifests to kubectl: text on standard input, and files or folders.
func (c *Cluster) apply(ctx context.Context, manifest string, files ...string) error {
	args := []string{"--kubeconfig=" + c.Kubeconfig(), "apply", "--server-side", "--force-conflicts", "--field-manager=devcluster", "--validate=false"}
	if manifest != "" {
		files = append(files, "-")
	}
	for _, file := range files {
		args = append(args, "-f", file)
	}
	cmd := exec.CommandContext(ctx, c.bin("kubectl"), args...)
	cmd.Env = append(c.environment(), "KUBECACHEDIR="+c.path("kubectl-cache"))
	cmd.Stdin = strings.NewReader(manifest)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w\n%s", err, output)
	}
	return nil
}
