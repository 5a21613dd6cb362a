package main

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestRunAtWorkSaysHowFastAndUntilWhen(t *testing.T) {
	run := &v1alpha1.PurgeRun{Name: "shipments-202611240300", Status: v1alpha1.PurgeRunStatus{
		Summary:    "50/200",
		Progress:   v1alpha1.RunProgress{Done: 50, Due: 200, Percent: 25, RecordsPerSecond: 10, EstimatedEnd: metav1.NewTime(time.Date(2026, 11, 24, 3, 0, 15, 0, time.UTC))},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionComplete, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRunning, Message: "the purger works"}},
	}}
	const working = "shipments-202611240300: Running 50/200 (25 %, 10 records a second, until about 2026-11-24T03:00:15Z): the purger works"
	if got, _, _ := describeRun(run); got != working {
		t.Errorf("%q, want %q", got, working)
	}
	run.Status.Progress.Pace = v1alpha1.PaceYielding
	const yielding = "shipments-202611240300: Running 50/200 (25 %, 10 records a second beside others' work, until about 2026-11-24T03:00:15Z): the purger works"
	if got, _, _ := describeRun(run); got != yielding {
		t.Errorf("%q, want %q", got, yielding)
	}
	run.Status.Progress.EstimatedEnd = metav1.Time{}
	if got, _, _ := describeRun(run); got != "shipments-202611240300: Running 50/200: the purger works" {
		t.Errorf("without an estimate: %q", got)
	}
}
