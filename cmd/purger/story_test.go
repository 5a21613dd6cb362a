//go:build envtest

package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	runplan "github.com/carrier-operator/carrier-operator/internal/retention"
)

// The demo's rules as plain SQL, written from the policy's text. $1 is the run's slot.
const (
	shipmentsClock = `delivered_at < $1::timestamptz - interval '30 days'`
	shipmentsDue   = shipmentsClock + ` AND NOT (recipient_name IS NULL AND recipient_phone IS NULL AND street = 'removed')`
	eventsDue      = `occurred_at < $1::timestamptz - interval '90 days'`
)

func (o *operator) results(run *v1alpha1.PurgeRun) (shipments, events v1alpha1.RuleResult) {
	count := func(table, where string) int64 {
		return o.store.count(o.t, "SELECT count(*) FROM "+table+" WHERE $1::timestamptz IS NOT NULL AND "+where, run.Spec.Slot.Time)
	}
	of := func(rule, table, clock, due, held string) v1alpha1.RuleResult {
		return v1alpha1.RuleResult{
			Rule: rule, Collection: "public." + table, Total: count(table, "true"), Due: count(table, due), Held: count(table, "("+due+") AND "+held),
			NullClock: count(table, clock+" IS NULL"), FutureClock: count(table, clock+" > $1::timestamptz"),
		}
	}
	return of("personal-data-after-delivery", "shipments", "delivered_at", shipmentsDue, "id IN (7, 8)"),
		of("events", "tracking_events", "occurred_at", eventsDue, "shipment_id IN (7, 8)")
}

func byRule(run *v1alpha1.PurgeRun) map[string]v1alpha1.RuleResult {
	results := map[string]v1alpha1.RuleResult{}
	for _, r := range run.Status.Results {
		results[r.Rule] = r
	}
	return results
}

func TestOperatorAndPurgerPreviewThenPurgeTheDemo(t *testing.T) {
	o := newOperator(t)

	name := o.begin()
	must(t, o.purger(name))
	preview := o.end(name)

	if preview.Spec.Mode != v1alpha1.RunPreview || preview.Status.StopReason != v1alpha1.ReasonCompleted {
		t.Fatalf("preview: mode %s, %s: %s", preview.Spec.Mode, preview.Status.StopReason, preview.Status.Outcome.Message)
	}
	shipments, events := o.results(preview)
	shipments.Verification, events.Verification = v1alpha1.VerificationNotApplicable, v1alpha1.VerificationNotApplicable
	if diff := cmp.Diff(map[string]v1alpha1.RuleResult{shipments.Rule: shipments, events.Rule: events}, byRule(preview)); diff != "" {
		t.Errorf("the preview's counts differ from plain SQL (-want +got):\n%s", diff)
	}
	t.Log(preview.Status.Outcome.Message)

	o.store.exec(t, "CREATE SCHEMA before; CREATE TABLE before.shipments AS TABLE shipments; CREATE TABLE before.tracking_events AS TABLE tracking_events")
	name = o.begin()
	must(t, o.purger(name))
	purge := o.end(name)

	if purge.Spec.Mode != v1alpha1.RunPurge || purge.Status.StopReason != v1alpha1.ReasonCompleted {
		t.Fatalf("purge: mode %s, %s: %s", purge.Spec.Mode, purge.Status.StopReason, purge.Status.Outcome.Message)
	}
	o.checkTables(purge)
	for rule, due := range map[string]int64{shipments.Rule: shipments.Due, events.Rule: events.Due} {
		r := byRule(purge)[rule]
		if r.Due != due || r.Done != r.Due-r.Held || r.Held < 2 || r.Remaining != 0 || r.Verification != v1alpha1.VerificationAgreed {
			t.Errorf("rule %s: %+v, want %d due", rule, r, due)
		}
	}
	o.checkEvidence(preview, purge)
	t.Log(purge.Status.Outcome.Message)
}

// checkTables compares every row with what plain SQL makes of the copy from before the purge.
func (o *operator) checkTables(purge *v1alpha1.PurgeRun) {
	o.t.Helper()
	for table, want := range map[string]string{
		"tracking_events": `SELECT * FROM before.tracking_events WHERE (` + eventsDue + ` AND NOT shipment_id IN (7, 8)) IS NOT TRUE`,
		"shipments": `SELECT id, service, customer_email, CASE WHEN d THEN NULL ELSE recipient_name END, CASE WHEN d THEN NULL ELSE recipient_phone END,
			CASE WHEN d THEN 'removed' ELSE street END, price_cents, delivered_at
			FROM (SELECT *, (` + shipmentsClock + ` AND NOT id IN (7, 8)) IS TRUE AS d FROM before.shipments) AS b`,
	} {
		query := fmt.Sprintf(`WITH want AS (%s) SELECT count(*) FROM ((TABLE want EXCEPT TABLE %s) UNION ALL (TABLE %s EXCEPT TABLE want)) AS x`, want, table, table)
		if wrong := o.store.count(o.t, query, purge.Spec.Slot.Time); wrong != 0 {
			o.t.Errorf("%d rows of %s are not what plain SQL says they should be", wrong, table)
		}
	}
}

// checkEvidence makes sure that the runs form a chain, and that the object itself is enough to compute the digest.
func (o *operator) checkEvidence(preview, purge *v1alpha1.PurgeRun) {
	o.t.Helper()
	if purge.Status.Evidence.Previous != preview.Status.Evidence.Digest || preview.Status.Evidence.Digest == "" {
		o.t.Errorf("the evidence %+v does not follow %+v", purge.Status.Evidence, preview.Status.Evidence)
	}
	chains := evidence.Check(o.t.Context(), []v1alpha1.PurgeRun{*purge, *preview}, o.keys)
	if len(chains) != 1 || !chains[0].Sound() || chains[0].Runs[1].SignedBy == "" {
		o.t.Errorf("the signed evidence does not hold: %+v", chains)
	}
	for _, run := range []*v1alpha1.PurgeRun{preview, purge} {
		digest, err := runplan.NewRecord(runplan.SubjectOfRun(run), &run.Status).Digest()
		if err != nil || digest != run.Status.Evidence.Digest {
			o.t.Errorf("run %s: digest computed from the object: %s, %v, recorded: %s", run.Name, digest, err, run.Status.Evidence.Digest)
		}
	}
}

func TestRunsThatCannotBeginEndWithAReason(t *testing.T) {
	tests := map[string]struct {
		before func(o *operator, run string)
		reason string
	}{
		"the password is wrong": {
			func(o *operator, _ string) { o.store.exec(o.t, "ALTER ROLE carrier_purger PASSWORD 'another'") }, v1alpha1.ReasonLoginRefused},
		"the plan has a field that this purger does not know": {
			func(o *operator, run string) {
				config := &corev1.ConfigMap{}
				o.get(run, config)
				config.Data[runplan.PlanFile] = `{"onlyOnWeekdays": true,` + config.Data[runplan.PlanFile][1:]
				must(o.t, o.user.Update(o.t.Context(), config))
			}, v1alpha1.ReasonPlanInvalid},
		"a privilege is missing": {
			func(o *operator, _ string) { o.store.exec(o.t, "REVOKE DELETE ON tracking_events FROM carrier_purger") }, v1alpha1.ReasonPrivilegeMissing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			run := o.begin()
			test.before(o, run)
			must(t, o.purger(run))
			got := &v1alpha1.PurgeRun{}
			o.get(run, got)
			if got.Status.Outcome.Reason != test.reason || got.Status.Outcome.Message == "" || got.Status.Evidence.Digest == "" {
				t.Errorf("outcome %+v, evidence %+v, want reason %s", got.Status.Outcome, got.Status.Evidence, test.reason)
			}
			t.Log(got.Status.Outcome.Message)
		})
	}
}
