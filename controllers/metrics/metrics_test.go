package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

var at = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// cluster has the objects that a scrape reads.
type cluster struct {
	client.Reader
	policies []v1alpha1.RetentionPolicy
	runs     []v1alpha1.PurgeRun
	err      error
}

func (c *cluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.RetentionPolicyList:
		list.Items = c.policies
	case *v1alpha1.PurgeRunList:
		list.Items = c.runs
	}
	return c.err
}

func shop() *cluster {
	policy := v1alpha1.RetentionPolicy{Name: "events", Namespace: "shop", CreationTimestamp: metav1.NewTime(at)}
	policy.Spec.StoreRef.Name, policy.Spec.Mode = "orders", v1alpha1.RunPurge
	policy.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonScheduled}}
	return &cluster{policies: []v1alpha1.RetentionPolicy{policy}, runs: []v1alpha1.PurgeRun{runOf("events-2")}}
}

func runOf(name string) v1alpha1.PurgeRun {
	run := v1alpha1.PurgeRun{Name: name, Namespace: "shop"}
	run.Spec.PolicyRef.Name, run.Spec.StoreRef.Name, run.Spec.Mode = "events", "orders", v1alpha1.RunPurge
	run.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionComplete, Reason: v1alpha1.ReasonRunning}}
	return run
}

// scrape returns what a scrape shows, each series with its value.
func scrape(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%s", l.GetName(), l.GetValue()))
			}
			series := strings.TrimPrefix(f.GetName(), "carrier_operator_") + "{" + strings.Join(labels, ",") + "}"
			shown[series] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return shown
}

func always() bool { return true }

func TestSeriesComeAndGoWithTheirObjects(t *testing.T) {
	c := shop()
	m := New(c, always)
	policy := map[string]float64{
		"retention_policy_info{mode=Purge,namespace=shop,policy=events,reason=Scheduled,store=orders}": 1,
		"retention_policy_created_timestamp_seconds{namespace=shop,policy=events}":                     float64(at.Unix()),
		"retention_policy_missed_slots_total{namespace=shop,policy=events}":                            0,
	}
	want := func(more map[string]float64) {
		t.Helper()
		all := maps.Clone(policy)
		maps.Copy(all, more)
		if diff := cmp.Diff(all, scrape(t, m)); diff != "" {
			t.Errorf("scrape (-want +got):\n%s", diff)
		}
	}
	info := func(reason string) string {
		return "purge_run_info{mode=Purge,namespace=shop,policy=events,reason=" + reason + ",run=events-2,store=orders}"
	}
	want(map[string]float64{info("Running"): 1}) // nothing is counted yet

	c.runs[0].Status.Progress = v1alpha1.RunProgress{Done: 50, Due: 200, Percent: 25, RecordsPerSecond: 10, EstimatedEnd: metav1.NewTime(at.Add(15 * time.Second))}
	working := map[string]float64{
		info("Running"): 1,
		"purge_run_records_done{namespace=shop,policy=events,run=events-2}":                    50,
		"purge_run_records_due{namespace=shop,policy=events,run=events-2}":                     200,
		"purge_run_records_per_second{namespace=shop,policy=events,run=events-2}":              10,
		"purge_run_estimated_end_timestamp_seconds{namespace=shop,policy=events,run=events-2}": float64(at.Unix() + 15),
	}
	want(working)

	c.runs[0].Status.Progress.EstimatedEnd = metav1.Time{}
	c.runs[0].Status.Conditions[0].Reason = v1alpha1.ReasonPaused
	delete(working, info("Running"))
	delete(working, "purge_run_estimated_end_timestamp_seconds{namespace=shop,policy=events,run=events-2}")
	working[info("Paused")] = 1
	want(working)

	c.runs[0].Status.StopReason = v1alpha1.ReasonCompleted
	c.policies[0].Status.LastSucceededAt = metav1.NewTime(at.Add(time.Minute))
	c.policies[0].Status.MissedSlots = 3
	m.Finished(&c.runs[0], v1alpha1.ReasonCompleted)
	policy["retention_policy_last_success_timestamp_seconds{namespace=shop,policy=events}"] = float64(at.Unix() + 60)
	policy["retention_policy_missed_slots_total{namespace=shop,policy=events}"] = 3
	want(map[string]float64{"purge_runs_finished_total{mode=Purge,namespace=shop,policy=events,reason=Completed}": 1})

	c.runs = nil // what was counted stays counted
	m.Finished(&v1alpha1.PurgeRun{Namespace: "shop", Spec: runOf("events-3").Spec}, v1alpha1.ReasonCompleted)
	m.Finished(&v1alpha1.PurgeRun{Namespace: "shop", Spec: runOf("events-4").Spec}, v1alpha1.ReasonCapExceeded)
	want(map[string]float64{
		"purge_runs_finished_total{mode=Purge,namespace=shop,policy=events,reason=Completed}":   2,
		"purge_runs_finished_total{mode=Purge,namespace=shop,policy=events,reason=CapExceeded}": 1,
	})

	c.policies, policy = nil, nil
	if got := scrape(t, m); len(got) > 0 || len(m.finished) > 0 {
		t.Errorf("the policy is gone, and its series are not: %v", got)
	}
}

func TestManagerThatDoesNotWorkShowsNothing(t *testing.T) {
	if got := scrape(t, New(shop(), func() bool { return false })); len(got) > 0 {
		t.Errorf("shown: %v", slices.Collect(maps.Keys(got)))
	}
}

func TestCacheThatCannotBeReadFailsTheScrape(t *testing.T) {
	c := shop()
	c.err = errors.New("the cache is not there")
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(c, always))
	if _, err := registry.Gather(); !errors.Is(err, c.err) && (err == nil || !strings.Contains(err.Error(), c.err.Error())) {
		t.Errorf("error %v", err)
	}
}
