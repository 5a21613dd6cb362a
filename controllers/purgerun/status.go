package purgerun

import (
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// maxMessage is how much of a message a condition keeps.
const maxMessage = 1024

// report is the operator's part of a run's status.
type report struct {
	conditions []metav1.Condition
	startedAt  metav1.Time
	stopReason string
	summary    string
}

// newReport says how the run stands under a plan. It is not asked about finished runs: their status stays as it is.
func newReport(in *input, p *plan) report {
	r := report{startedAt: in.run.Status.StartedAt, summary: summary(in.run)}
	if r.startedAt.IsZero() && in.job != nil {
		r.startedAt = in.job.CreationTimestamp
	}
	switch {
	case p.end != nil:
		r.stopReason = p.end.reason
		r.conditions = conditions(p.end.good, false, !p.end.good, p.end.reason, endMessage(p.end))
	case p.block != nil && p.block.waiting:
		r.conditions = conditions(false, true, false, p.block.reason, p.block.message)
	case p.block != nil:
		r.conditions = conditions(false, false, true, p.block.reason, p.block.message)
	case in.run.Status.Outcome.Reason != "":
		r.conditions = conditions(false, true, false, v1alpha1.ReasonRunning, "the purger is done and its pod is about to end")
	case in.pod.waiting != "":
		r.conditions = conditions(false, false, true, v1alpha1.ReasonPodNotStarting, fmt.Sprintf(
			"the run's pod cannot start: %s. See the events of the pods with label %s=%s.", in.pod.waiting, v1alpha1.LabelRun, in.run.Name))
	case pauseOf(in.run).Reason != "":
		pause := pauseOf(in.run)
		r.conditions = conditions(false, true, false, v1alpha1.ReasonPaused, pause.Reason+": "+pause.Message)
	default:
		r.conditions = conditions(false, true, false, v1alpha1.ReasonRunning, "the purger works: see summary and results")
	}
	return r
}

// pauseOf is why the run waits; one of several pods that waits is told apart.
func pauseOf(run *v1alpha1.PurgeRun) v1alpha1.RunPause {
	if run.Status.Pause.Reason != "" {
		return run.Status.Pause
	}
	for i := range run.Status.Shards {
		if pause := run.Status.Shards[i].Pause; pause.Reason != "" {
			return v1alpha1.RunPause{Reason: pause.Reason, Message: fmt.Sprintf("pod %d: %s", run.Status.Shards[i].Index, pause.Message)}
		}
	}
	return v1alpha1.RunPause{}
}

func endMessage(e *end) string {
	if e.message == "" {
		return "the run ended with " + e.reason
	}
	return e.message
}

// conditions are the four of a run. Complete and Ready agree; exactly one of Ready, Reconciling and Stalled is true.
func conditions(ready, reconciling, stalled bool, reason, message string) []metav1.Condition {
	message = ssa.Truncate(message, maxMessage)
	return []metav1.Condition{
		condition(v1alpha1.ConditionReady, ready, reason, message),
		condition(v1alpha1.ConditionReconciling, reconciling, reason, message),
		condition(v1alpha1.ConditionStalled, stalled, reason, message),
		condition(v1alpha1.ConditionComplete, ready, reason, message),
	}
}

func condition(conditionType string, status bool, reason, message string) metav1.Condition {
	s := metav1.ConditionFalse
	if status {
		s = metav1.ConditionTrue
	}
	return metav1.Condition{Type: conditionType, Status: s, Reason: reason, Message: message}
}

// summary of the counts for people, done/due; empty until something was counted.
func summary(run *v1alpha1.PurgeRun) string {
	if len(run.Status.Results) == 0 {
		return ""
	}
	var done, due int64
	for i := range run.Status.Results {
		done += run.Status.Results[i].Done
		due += run.Status.Results[i].Due
	}
	return fmt.Sprintf("%d/%d", done, due)
}

// podPoll is how often a run whose pod is not ready looks at it: pods are not watched.
const podPoll = 20 * time.Second

// podUnready says whether some pod of the Job is not up, so that a look at it is worth while.
func podUnready(job *batchv1.Job) bool {
	return ptr.Deref(job.Status.Ready, 0) < max(ptr.Deref(job.Spec.Completions, 1)-job.Status.Succeeded, 1)
}

// readPods says what the newest of a run's pods, of each index, show.
func readPods(pods []corev1.Pod) podState {
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	var state podState
	seen := map[string]bool{}
	for i := range pods {
		index := pods[i].Annotations[batchv1.JobCompletionIndexAnnotation]
		newest := !seen[index]
		seen[index] = true
		for _, c := range pods[i].Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil && newest && state.waiting == "" && cannotStart[w.Reason] != "" {
				state.waiting = cannotStart[w.Reason]
			}
			if t := c.State.Terminated; t != nil && state.terminated == "" {
				state.terminated = fmt.Sprintf("%s, exit code %d", t.Reason, t.ExitCode)
			}
		}
	}
	return state
}

// cannotStart says, for the waiting reasons that need a person, what is wrong. Reasons that the kubelet alternates between have one text,
// so that the status does not flap.
var cannotStart = map[string]string{
	"ErrImagePull":               "its image cannot be pulled",
	"ImagePullBackOff":           "its image cannot be pulled",
	"ErrImageNeverPull":          "its image is not on the node and may not be pulled",
	"InvalidImageName":           "its image's name is invalid",
	"CreateContainerConfigError": "its container's configuration is refused",
	"CreateContainerError":       "its container cannot be created",
	"RunContainerError":          "its container cannot be run",
}
