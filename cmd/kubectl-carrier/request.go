package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// requestOptions are those of run and preview.
type requestOptions struct {
	cluster clusterFlags
	wait    bool
	timeout time.Duration
}

// requestCommand asks for a run outside of the schedule, by the annotation.
func requestCommand(streams Streams, now clock.PassiveClock, use, short, long, annotation string) *cobra.Command {
	o := &requestOptions{}
	command := &cobra.Command{
		Use: use + " POLICY", Short: short, Long: long, Args: cobra.ExactArgs(1),
		Example: fmt.Sprintf("  kubectl carrier purge %s shipments -n shop", use),
		RunE: func(command *cobra.Command, args []string) error {
			c, namespace, err := o.cluster.connect()
			if err != nil {
				return err
			}
			key := types.NamespacedName{Namespace: namespace, Name: args[0]}
			ctx, cancel := context.WithTimeout(command.Context(), o.timeout)
			defer cancel()
			return o.request(ctx, c, streams.Out, key, annotation, now.Now().UTC().Format(time.RFC3339))
		},
	}
	o.cluster.add(command)
	command.Flags().BoolVar(&o.wait, "wait", true, "wait until the run has ended, and print how")
	command.Flags().DurationVar(&o.timeout, "timeout", time.Hour, "how long to wait; the run goes on afterwards")
	return command
}

func (o *requestOptions) request(ctx context.Context, c client.WithWatch, out io.Writer, key types.NamespacedName, annotation, value string) error {
	policy, err := getPolicy(ctx, c, key)
	if err != nil {
		return err
	}
	if policy.Spec.State == v1alpha1.PolicySuspended {
		return fmt.Errorf("RetentionPolicy %s is suspended: resume it first (kubectl carrier purge resume %s -n %s)", key, key.Name, key.Namespace)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotation: value}}})
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, policy, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("asking for the run: %w", err)
	}
	fmt.Fprintf(out, "asked for a run of %s at %s\n", key, value)
	if !o.wait {
		return nil
	}
	return waitForRun(ctx, c, out, policy, value)
}

// waitForRun follows the run of a request until it ended. It reports every change of its state, and ends with errFound if it ended badly.
func waitForRun(ctx context.Context, c client.WithWatch, out io.Writer, policy *v1alpha1.RetentionPolicy, value string) error {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return err
	}
	said := ""
	for {
		watcher, err := c.Watch(ctx, &v1alpha1.PurgeRunList{}, client.InNamespace(policy.Namespace))
		if err != nil {
			return waitError(ctx, err)
		}
		done, err := follow(watcher, out, policy, at, &said)
		watcher.Stop()
		if done || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return waitError(ctx, ctx.Err())
		}
	}
}

func waitError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the run has not ended in time; it goes on: see kubectl get purgeruns, and kubectl describe retentionpolicy if there is none")
	}
	return fmt.Errorf("waiting for the run: %w", err)
}

// follow reads events until the run ended or the watch did.
func follow(watcher watch.Interface, out io.Writer, policy *v1alpha1.RetentionPolicy, at time.Time, said *string) (done bool, err error) {
	for event := range watcher.ResultChan() {
		run, ok := event.Object.(*v1alpha1.PurgeRun)
		if !ok || run.Spec.PolicyUID != string(policy.UID) || run.Spec.Trigger != v1alpha1.TriggerRequest || !run.Spec.Slot.Time.Equal(at) {
			continue
		}
		if event.Type == watch.Deleted {
			return true, fmt.Errorf("PurgeRun %s was deleted", run.Name)
		}
		state, ended, good := describeRun(run)
		if state != *said {
			*said = state
			fmt.Fprintln(out, state)
		}
		if ended && !good {
			return true, errFound
		}
		if ended {
			return true, nil
		}
	}
	return false, nil
}

// describeRun is a run's state in a line.
func describeRun(run *v1alpha1.PurgeRun) (state string, ended, good bool) {
	complete := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionComplete)
	if complete == nil {
		return fmt.Sprintf("%s: made, mode %s", run.Name, run.Spec.Mode), false, false
	}
	state = run.Name + ": " + complete.Reason
	if run.Status.Summary != "" {
		state += " " + run.Status.Summary + speed(run.Status.Progress)
	}
	return state + ": " + complete.Message, run.Status.StopReason != "", complete.Status == metav1.ConditionTrue
}

// speed is how fast a run goes and until when, empty if that is not known.
func speed(p v1alpha1.RunProgress) string {
	if p.EstimatedEnd.IsZero() {
		return ""
	}
	pace := ""
	if p.Pace == v1alpha1.PaceYielding {
		pace = " beside others' work"
	}
	return fmt.Sprintf(" (%d %%, %d records a second%s, until about %s)", p.Percent, p.RecordsPerSecond, pace, p.EstimatedEnd.UTC().Format(time.RFC3339))
}

// stateCommand sets a policy's state: pause and resume.
func stateCommand(streams Streams, use, short, long string, state v1alpha1.PolicyState) *cobra.Command {
	cluster := clusterFlags{}
	command := &cobra.Command{
		Use: use + " POLICY", Short: short, Long: long, Args: cobra.ExactArgs(1),
		Example: fmt.Sprintf("  kubectl carrier purge %s shipments -n shop", use),
		RunE: func(command *cobra.Command, args []string) error {
			c, namespace, err := cluster.connect()
			if err != nil {
				return err
			}
			return setState(command.Context(), c, streams.Out, types.NamespacedName{Namespace: namespace, Name: args[0]}, state)
		},
	}
	cluster.add(command)
	return command
}

func setState(ctx context.Context, c client.Client, out io.Writer, key types.NamespacedName, state v1alpha1.PolicyState) error {
	policy, err := getPolicy(ctx, c, key)
	if err != nil {
		return err
	}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"state":%q}}`, state))
	if err := c.Patch(ctx, policy, patch, client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("setting the state of RetentionPolicy %s: %w", key, err)
	}
	_, err = fmt.Fprintf(out, "RetentionPolicy %s is %s now; where it comes from Git, set spec.state there too\n", key, state)
	return err
}

func getPolicy(ctx context.Context, c client.Client, key types.NamespacedName) (*v1alpha1.RetentionPolicy, error) {
	policy := &v1alpha1.RetentionPolicy{}
	if err := c.Get(ctx, key, policy); err != nil {
		return nil, fmt.Errorf("reading RetentionPolicy %s: %w", key, err)
	}
	return policy, nil
}
