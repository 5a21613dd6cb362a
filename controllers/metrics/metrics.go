// Package metrics shows Prometheus how retention goes. Gauges are read from the objects at each scrape, so a series goes with its object;
// names and counts are shown, nothing that a store holds.
package metrics

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

// scrapeTimeout bounds the reading of the cache at a scrape.
const scrapeTimeout = 5 * time.Second

// Series of one run are those of runs that have not ended: there is at most one for each policy.
var (
	runInfo = desc("purge_run_info", "A purge run that has not ended, with the reason of its condition Complete: always 1.",
		"run", "store", "mode", "reason")
	runDone = desc("purge_run_records_done", "Records that a run that has not ended deleted or anonymized so far.", "run")
	runDue  = desc("purge_run_records_due", "Records that a run that has not ended may change: due, and neither held nor deferred.", "run")
	runRate = desc("purge_run_records_per_second", "Mean rate of a run that has not ended, over about the last minute of its work.", "run")
	runEnd  = desc("purge_run_estimated_end_timestamp_seconds", "When the last due record of a run is likely to go. Absent while the run waits.", "run")

	policyInfo    = desc("retention_policy_info", "A policy, with the reason of its condition Ready: always 1.", "store", "mode", "reason")
	policyCreated = desc("retention_policy_created_timestamp_seconds", "When the policy was made.")
	policySuccess = desc("retention_policy_last_success_timestamp_seconds", "When the policy's last purge that ended well ended. Absent before the first.")
	policyMissed  = desc("retention_policy_missed_slots_total", "Slots of the schedule that passed without a run.")

	finished = desc("purge_runs_finished_total", "Runs that ended while this manager worked, by the reason with which they did.", "mode", "reason")
)

// desc describes a series of a policy.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("carrier_operator_"+name, help, append([]string{"namespace", "policy"}, labels...), nil)
}

// policyKey says which policy a series is of.
type policyKey struct{ namespace, policy string }

// outcome is what finished runs are counted by.
type outcome struct {
	policyKey
	mode, reason string
}

// Retention is the collector of retention's metrics.
type Retention struct {
	reader client.Reader
	works  func() bool

	mu       sync.Mutex
	finished map[outcome]int64
}

var _ prometheus.Collector = (*Retention)(nil)

// New returns a collector that reads policies and runs while works says so: of several managers only one shows them.
func New(reader client.Reader, works func() bool) *Retention {
	return &Retention{reader: reader, works: works, finished: map[outcome]int64{}}
}

// Finished counts a run that ended with a reason.
func (r *Retention) Finished(run *v1alpha1.PurgeRun, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished[outcome{policyKey{run.Namespace, run.Spec.PolicyRef.Name}, string(run.Spec.Mode), reason}]++
}

// Describe implements prometheus.Collector.
func (r *Retention) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runInfo, runDone, runDue, runRate, runEnd, policyInfo, policyCreated, policySuccess, policyMissed, finished} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (r *Retention) Collect(to chan<- prometheus.Metric) {
	if !r.works() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	asTheyAre := &client.ListOptions{UnsafeDisableDeepCopy: new(true)}
	var policies v1alpha1.RetentionPolicyList
	var all v1alpha1.PurgeRunList
	for _, list := range []client.ObjectList{&policies, &all} {
		if err := r.reader.List(ctx, list, asTheyAre); err != nil {
			to <- prometheus.NewInvalidMetric(policyInfo, err)
			return
		}
	}
	for i := range policies.Items {
		collectPolicy(to, &policies.Items[i])
	}
	for i := range all.Items {
		collectRun(to, &all.Items[i])
	}
	r.collectFinished(to, policies.Items)
}

// sender sends the series of one policy.
type sender struct {
	to     chan<- prometheus.Metric
	policy policyKey
}

func (s sender) send(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, kind, value, append([]string{s.policy.namespace, s.policy.policy}, labels...)...)
}

func collectPolicy(to chan<- prometheus.Metric, policy *v1alpha1.RetentionPolicy) {
	s := sender{to, policyKey{policy.Namespace, policy.Name}}
	reason := ""
	if ready := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		reason = ready.Reason
	}
	s.send(policyInfo, prometheus.GaugeValue, 1, policy.Spec.StoreRef.Name, string(policy.Spec.Mode), reason)
	s.send(policyCreated, prometheus.GaugeValue, float64(policy.CreationTimestamp.Unix()))
	s.send(policyMissed, prometheus.CounterValue, float64(policy.Status.MissedSlots))
	if at := policy.Status.LastSucceededAt; !at.IsZero() {
		s.send(policySuccess, prometheus.GaugeValue, float64(at.Unix()))
	}
}

func collectRun(to chan<- prometheus.Metric, run *v1alpha1.PurgeRun) {
	if runs.Finished(run) {
		return
	}
	s := sender{to, policyKey{run.Namespace, run.Spec.PolicyRef.Name}}
	reason := ""
	if complete := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionComplete); complete != nil {
		reason = complete.Reason
	}
	s.send(runInfo, prometheus.GaugeValue, 1, run.Name, run.Spec.StoreRef.Name, string(run.Spec.Mode), reason)
	p := run.Status.Progress
	if p == (v1alpha1.RunProgress{}) {
		return
	}
	s.send(runDone, prometheus.GaugeValue, float64(p.Done), run.Name)
	s.send(runDue, prometheus.GaugeValue, float64(p.Due), run.Name)
	s.send(runRate, prometheus.GaugeValue, float64(p.RecordsPerSecond), run.Name)
	if !p.EstimatedEnd.IsZero() {
		s.send(runEnd, prometheus.GaugeValue, float64(p.EstimatedEnd.Unix()), run.Name)
	}
}

// collectFinished sends the counters of policies that exist, and forgets the others.
func (r *Retention) collectFinished(to chan<- prometheus.Metric, policies []v1alpha1.RetentionPolicy) {
	known := map[policyKey]bool{}
	for i := range policies {
		known[policyKey{policies[i].Namespace, policies[i].Name}] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.finished, func(o outcome, _ int64) bool { return !known[o.policyKey] })
	for o, n := range r.finished {
		sender{to, o.policyKey}.send(finished, prometheus.CounterValue, float64(n), o.mode, o.reason)
	}
}
