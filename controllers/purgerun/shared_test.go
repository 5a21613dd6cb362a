package purgerun

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestPodsOfARun(t *testing.T) {
	tests := map[string]struct {
		parallelism int32
		mode        v1alpha1.RunMode
		plan, pods  int32
	}{
		"not said":          {0, v1alpha1.RunPurge, 0, 1},
		"one":               {1, v1alpha1.RunPurge, 0, 1},
		"four":              {4, v1alpha1.RunPurge, 4, 4},
		"a preview has one": {4, v1alpha1.RunPreview, 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := ready()
			in.policy.Spec.Parallelism, in.run.Spec.Mode = test.parallelism, test.mode
			purge := decide(in).purge
			if purge == nil || purge.Parallelism != test.plan {
				t.Fatalf("plan %+v", purge)
			}
			spec := renderJob(in.run, jobSources{pods: max(purge.Parallelism, 1)}).Spec
			if *spec.Completions != test.pods || *spec.Parallelism != test.pods || *spec.BackoffLimit != retries*test.pods || *spec.CompletionMode != batchv1.IndexedCompletion {
				t.Errorf("Job of %d completions, parallelism %d, backoff limit %d, mode %s", *spec.Completions, *spec.Parallelism, *spec.BackoffLimit, *spec.CompletionMode)
			}
		})
	}
}

func TestPauseOfOnePodIsTheRunsPause(t *testing.T) {
	run := &v1alpha1.PurgeRun{}
	run.Status.Shards = []v1alpha1.RunShard{{Index: 0}, {Index: 1, Pause: v1alpha1.RunPause{Reason: v1alpha1.ReasonStoreBusy, Message: "locks"}}}
	if got, want := pauseOf(run), (v1alpha1.RunPause{Reason: v1alpha1.ReasonStoreBusy, Message: "pod 1: locks"}); got != want {
		t.Errorf("pause %+v, want %+v", got, want)
	}
	run.Status.Pause = v1alpha1.RunPause{Reason: v1alpha1.ReasonReplicaLag}
	if got := pauseOf(run); got != run.Status.Pause {
		t.Errorf("pause %+v, want the leader's", got)
	}
}
