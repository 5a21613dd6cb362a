package story

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	apiv1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

// OpenOrders makes the shop's database, fills it and declares it: the store, two holds and a policy.
func (s *Shop) OpenOrders(ctx context.Context, db *lab.Database) (*Orders, error) {
	o := &Orders{shop: s, db: db}
	schema, err := manifests.ReadFile("manifests/orders.sql")
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, string(schema)); err != nil {
		return nil, fmt.Errorf("orders.sql: %w", err)
	}
	password := rand.Text()
	s.secrets = append(s.secrets, password)
	if _, err := db.Exec(ctx, "ALTER ROLE carrier_purger PASSWORD '"+password+"'"); err != nil {
		return nil, err
	}
	err = s.applyObject(ctx, map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{
			"name": "orders-purger", "namespace": Namespace,
			"annotations": map[string]string{"carrier-operator.io/allowed-hosts": lab.PostgresHost},
		},
		"stringData": map[string]string{"host": lab.PostgresHost, "database": "orders", "username": "carrier_purger", "password": password},
	})
	if err != nil {
		return nil, err
	}
	if err := s.applyConfigMap(ctx, "orders-ca", map[string]string{"ca.crt": db.CA}); err != nil {
		return nil, err
	}
	return o, s.applyFile(ctx, "retention.yaml", nil)
}

// Orders is the shop's database under a retention policy.
type Orders struct {
	shop *Shop
	db   *lab.Database

	preview, purge apiv1.PurgeRun
}

// Checks show that retention does its job: a preview that changes nothing, then a purge of exactly what is due.
func (o *Orders) Checks() []Check {
	return []Check{
		{"the preview counted what is due and changed nothing", o.previewChangesNothing},
		{"the purge removed exactly the due rows and kept the held ones", o.purgeRemovesExactlyDue},
		{"the verification query agrees, and the evidence is recorded", o.verificationAgrees},
		{"an auditor verifies the signed evidence offline", o.auditorVerifies},
	}
}

// Rules of the policy as plain SQL, written here from the policy's text and not from the operator's code. $1 is the run's slot.
const (
	shipmentsClock = `delivered_at < $1::timestamptz - interval '30 days'`
	shipmentsDue   = shipmentsClock + ` AND NOT (recipient_name IS NULL AND recipient_phone IS NULL AND street = 'removed')`
	eventsDue      = `occurred_at < $1::timestamptz - interval '90 days'`
	shipmentsHeld  = `id IN (7, 8)`
	eventsHeld     = `shipment_id IN (7, 8)`
)

// requestRun asks for a run with the annotation and returns the run once it ended.
func (o *Orders) requestRun(ctx context.Context) (apiv1.PurgeRun, error) {
	l, policy := o.shop.Lab, "retentionpolicy/shipments"
	if err := l.WaitCondition(ctx, time.Minute, Namespace, policy, "SchedulesRuns", "True"); err != nil {
		return apiv1.PurgeRun{}, err
	}
	request := time.Now().UTC().Format(time.RFC3339)
	if _, err := l.Kubectl(ctx, "-n", Namespace, "annotate", "--overwrite", policy, apiv1.AnnotationRunRequestedAt+"="+request); err != nil {
		return apiv1.PurgeRun{}, err
	}
	var run apiv1.PurgeRun
	err := l.Wait(ctx, 3*time.Minute, "the requested run to end", func(ctx context.Context) (bool, string, error) {
		var p apiv1.RetentionPolicy
		if err := l.Get(ctx, &p, "-n", Namespace, policy); err != nil {
			return false, "", err
		}
		if p.Status.LastHandledRunRequest != request {
			return false, "the request is not handled yet", nil
		}
		if err := l.Get(ctx, &run, "-n", Namespace, "purgerun/"+p.Status.LastRun.Name); err != nil {
			return false, "", err
		}
		return run.Status.StopReason != "", fmt.Sprintf("%s: %v", run.Name, run.Status.Conditions), nil
	})
	if err == nil && run.Status.StopReason != apiv1.ReasonCompleted {
		err = fmt.Errorf("%s ended with %s: %s", run.Name, run.Status.StopReason, run.Status.Outcome.Message)
	}
	return run, err
}

// state is a digest of all rows of both tables.
func (o *Orders) state(ctx context.Context) (digest string, err error) {
	err = o.db.QueryRow(ctx, `SELECT md5(coalesce((SELECT string_agg(s::text, '|' ORDER BY id) FROM shipments s), '')) ||
		md5(coalesce((SELECT string_agg(e::text, '|' ORDER BY id) FROM tracking_events e), ''))`).Scan(&digest)
	return digest, err
}

func (o *Orders) count(ctx context.Context, table, where string, slot time.Time) (n int64, err error) {
	err = o.db.QueryRow(ctx, "SELECT count(*) FROM "+table+" WHERE $1::timestamptz IS NOT NULL AND "+where, slot).Scan(&n)
	return n, err
}

// wanted is what plain SQL counts for a rule.
type wanted struct{ due, held, nullClock, futureClock int64 }

func (o *Orders) wanted(ctx context.Context, table, clock, due, held string, slot time.Time) (wanted, error) {
	var w wanted
	for where, into := range map[string]*int64{
		due:                          &w.due,
		"(" + due + ") AND " + held:  &w.held,
		clock + " IS NULL":           &w.nullClock,
		clock + " > $1::timestamptz": &w.futureClock,
	} {
		n, err := o.count(ctx, table, where, slot)
		if err != nil {
			return w, err
		}
		*into = n
	}
	return w, nil
}

func result(run apiv1.PurgeRun, rule string) apiv1.RuleResult {
	for _, r := range run.Status.Results {
		if r.Rule == rule {
			return r
		}
	}
	return apiv1.RuleResult{}
}

func (o *Orders) previewChangesNothing(ctx context.Context) (string, error) {
	before, err := o.state(ctx)
	if err != nil {
		return "", err
	}
	if o.preview, err = o.requestRun(ctx); err != nil {
		return "", err
	}
	if o.preview.Spec.Mode != apiv1.RunPreview {
		return "", fmt.Errorf("the policy's first run has mode %s, want Preview", o.preview.Spec.Mode)
	}
	after, err := o.state(ctx)
	if err != nil {
		return "", err
	}
	if before != after {
		return "", fmt.Errorf("the preview changed the tables")
	}
	shipments, events, err := o.compareCounts(ctx, o.preview)
	return fmt.Sprintf("%d shipments and %d events due, %d held", shipments.due, events.due, shipments.held+events.held), err
}

// compareCounts compares a preview's counts with plain SQL.
func (o *Orders) compareCounts(ctx context.Context, run apiv1.PurgeRun) (shipments, events wanted, err error) {
	slot := run.Spec.Slot.Time
	if shipments, err = o.wanted(ctx, "shipments", "delivered_at", shipmentsDue, shipmentsHeld, slot); err != nil {
		return shipments, events, err
	}
	if events, err = o.wanted(ctx, "tracking_events", "occurred_at", eventsDue, eventsHeld, slot); err != nil {
		return shipments, events, err
	}
	for rule, want := range map[string]wanted{"personal-data-after-delivery": shipments, "events": events} {
		r := result(run, rule)
		if got := (wanted{r.Due, r.Held, r.NullClock, r.FutureClock}); got != want || want.due == 0 || want.held == 0 {
			return shipments, events, fmt.Errorf("rule %s: the run counted %+v, plain SQL %+v", rule, got, want)
		}
	}
	return shipments, events, nil
}

func (o *Orders) purgeRemovesExactlyDue(ctx context.Context) (string, error) {
	if _, err := o.db.Exec(ctx, `DROP SCHEMA IF EXISTS before CASCADE; CREATE SCHEMA before;
		CREATE TABLE before.shipments AS TABLE public.shipments; CREATE TABLE before.tracking_events AS TABLE public.tracking_events`); err != nil {
		return "", err
	}
	var err error
	if o.purge, err = o.requestRun(ctx); err != nil {
		return "", err
	}
	if o.purge.Spec.Mode != apiv1.RunPurge {
		return "", fmt.Errorf("the run after the preview has mode %s, want Purge", o.purge.Spec.Mode)
	}
	// What must be there now, by plain SQL over the copy, against what is there: any row in one and not in the other is an error.
	for table, want := range map[string]string{
		"tracking_events": `SELECT * FROM before.tracking_events WHERE (` + eventsDue + ` AND NOT ` + eventsHeld + `) IS NOT TRUE`,
		"shipments": `SELECT id, service, customer_email, CASE WHEN d THEN NULL ELSE recipient_name END, CASE WHEN d THEN NULL ELSE recipient_phone END,
			CASE WHEN d THEN 'removed' ELSE street END, price_cents, delivered_at
			FROM (SELECT *, (` + shipmentsClock + ` AND NOT ` + shipmentsHeld + `) IS TRUE AS d FROM before.shipments) AS b`,
	} {
		var wrong int64
		query := fmt.Sprintf(`WITH want AS (%s) SELECT count(*) FROM ((TABLE want EXCEPT TABLE public.%s) UNION ALL (TABLE public.%s EXCEPT TABLE want)) AS x`, want, table, table)
		if err := o.db.QueryRow(ctx, query, o.purge.Spec.Slot.Time).Scan(&wrong); err != nil {
			return "", err
		}
		if wrong != 0 {
			return "", fmt.Errorf("%d rows of %s are not what plain SQL says they should be", wrong, table)
		}
	}
	shipments, events := result(o.purge, "personal-data-after-delivery"), result(o.purge, "events")
	if shipments.Done == 0 || events.Done == 0 || shipments.Held != 2 || events.Held == 0 {
		return "", fmt.Errorf("the run reports %+v and %+v", shipments, events)
	}
	return fmt.Sprintf("%d shipments anonymized, %d events deleted, %d rows held", shipments.Done, events.Done, shipments.Held+events.Held), nil
}

func (o *Orders) verificationAgrees(ctx context.Context) (string, error) {
	slot := o.purge.Spec.Slot.Time
	for rule, where := range map[string][2]string{
		"personal-data-after-delivery": {"shipments", "(" + shipmentsDue + ") AND NOT " + shipmentsHeld},
		"events":                       {"tracking_events", "(" + eventsDue + ") AND NOT " + eventsHeld},
	} {
		left, err := o.count(ctx, where[0], where[1], slot)
		if err != nil {
			return "", err
		}
		r := result(o.purge, rule)
		if r.Verification != apiv1.VerificationAgreed || r.Remaining != left || left != 0 {
			return "", fmt.Errorf("rule %s: verification %s with %d remaining, plain SQL finds %d", rule, r.Verification, r.Remaining, left)
		}
	}
	evidence := o.purge.Status.Evidence
	if evidence.Digest == "" || evidence.Previous != o.preview.Status.Evidence.Digest {
		return "", fmt.Errorf("the evidence does not follow the preview's: digest %q, previous %q, preview %q", evidence.Digest, evidence.Previous, o.preview.Status.Evidence.Digest)
	}
	return "0 due rows left; " + evidence.Digest[:15] + "… follows " + evidence.Previous[:15] + "…", nil
}

// auditorVerifies checks the runs as an auditor does: from the exported objects and the certificate of the signing key alone, and with an
// edit that must not pass.
func (o *Orders) auditorVerifies(ctx context.Context) (string, error) {
	l := o.shop.Lab
	var secret corev1.Secret
	if err := l.Get(ctx, &secret, "-n", Namespace, "secret/evidence"); err != nil {
		return "", err
	}
	keys, err := evidence.ParseKeys(secret.Data["tls.crt"])
	if err != nil {
		return "", err
	}
	var list apiv1.PurgeRunList
	if err := l.Get(ctx, &list, "-n", Namespace, "purgeruns"); err != nil {
		return "", err
	}
	chains := evidence.Check(ctx, list.Items, keys)
	if len(chains) != 1 || !chains[0].Sound() || len(chains[0].Runs) < 2 {
		return "", fmt.Errorf("the evidence does not hold: %+v", chains)
	}
	edited := slices.IndexFunc(list.Items, func(r apiv1.PurgeRun) bool { return r.Name == o.purge.Name })
	list.Items[edited].Status.Results[0].Done++
	if chains := evidence.Check(ctx, list.Items, keys); chains[0].Sound() {
		return "", fmt.Errorf("an edited count passed: %+v", chains)
	}
	return fmt.Sprintf("%d runs signed by %s…; an edited count is found", len(chains[0].Runs), chains[0].Runs[0].SignedBy[:15]), nil
}
