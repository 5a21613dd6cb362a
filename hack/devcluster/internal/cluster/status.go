package cluster

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Status prints the parts, the node and the pods; the error says what is not as it should be.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	if !c.Exists() {
		return errNotUp
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tPID\tSTATE\tSINCE\tLOG")
	for _, p := range c.state.Processes {
		state := "running"
		if !p.Alive() {
			state = "ENDED"
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", p.Name, p.PID, state, time.Since(p.Started).Round(time.Second), p.Log)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if err := c.printWorkload(ctx, out); err != nil {
		return fmt.Errorf("the API server does not answer as it should: %w", err)
	}
	return c.dead()
}

func (c *Cluster) printWorkload(ctx context.Context, out io.Writer) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	var nodes, pods struct{ Items []object }
	if err := api.get(ctx, "/api/v1/nodes", &nodes); err != nil {
		return err
	}
	if err := api.get(ctx, "/api/v1/pods", &pods); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tNAME\tPHASE\tREADY")
	for _, node := range nodes.Items {
		fmt.Fprintf(table, "node\t%s\t\t%s\n", node.Metadata.Name, node.condition("Ready").Status)
	}
	for _, pod := range pods.Items {
		fmt.Fprintf(table, "pod\t%s/%s\t%s\t%s\n", pod.Metadata.Namespace, pod.Metadata.Name, pod.Status.Phase, pod.condition("Ready").Status)
	}
	return table.Flush()
}

// Env prints what a shell needs to use the cluster.
func (c *Cluster) Env(out io.Writer) error {
	if !c.Exists() {
		return errNotUp
	}
	fmt.Fprintf(out, "export KUBECONFIG=%s\nexport PATH=%s:$PATH\nexport DEVCLUSTER_DIR=%s\nexport DEVCLUSTER_INTERNET=%s\n",
		c.Kubeconfig(), c.path("tools"), c.Dir, c.Internet)
	return nil
}
