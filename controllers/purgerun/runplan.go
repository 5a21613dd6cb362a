package purgerun

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

// Defaults of caps and throttle, as the API documents them.
const (
	defaultMaxSharePercent         = 20
	defaultMaxRows                 = 5_000_000
	defaultTargetBatchMilliseconds = 100
)

// maxPlanBytes leaves room for metadata below the API server's limit of 1 MiB for a ConfigMap.
const maxPlanBytes = 1_000_000

var errRulesChanged = errors.New("the policy or its store changed after the run was made")

// newPlan renders the plan from its sources. It fails with errRulesChanged if they no longer say what the run's intent says.
func newPlan(in *input, holds []v1alpha1.LegalHold) (*retention.Plan, error) {
	run, policy, store := in.run, in.policy, in.store
	if policy == nil || store == nil || runs.RulesDigest(policy, store) != run.Spec.RulesDigest {
		return nil, errRulesChanged
	}
	rules, err := planRules(run, policy, store)
	if err != nil {
		return nil, err
	}
	plan := &retention.Plan{
		Namespace: run.Namespace, Run: run.Name, RunUID: string(run.UID),
		Policy: policy.Name, PolicyUID: string(policy.UID), PolicyGeneration: run.Spec.PolicyGeneration, RulesDigest: run.Spec.RulesDigest,
		Mode: string(run.Spec.Mode), Slot: run.Spec.Slot.UTC(),
		Store: planStore(store, in.caBundle), Archive: planArchive(in.archive), Rules: rules, Holds: planHolds(holds),
		Caps: planCaps(policy.Spec.Caps), Throttle: planThrottle(policy.Spec.Throttle),
		ExpectedIdentity: store.Status.Identity, OtherStores: otherStores(store, in.stores), PreviousDigest: run.Spec.PreviousDigest,
		Records: string(policy.Spec.Evidence.Records), HashKey: policy.Spec.HashKeyRef.Name != "", SigningKey: policy.Spec.SigningKeyRef.Name != "",
	}
	if run.Spec.Mode == v1alpha1.RunPurge && policy.Spec.Parallelism > 1 {
		plan.Parallelism = policy.Spec.Parallelism // counting is one pod's work
	}
	if len(encodePlan(plan)) > maxPlanBytes {
		plan.Store.Decided = nil // looking for undecided fields is worth less than the run
	}
	return plan, nil
}

func planRules(run *v1alpha1.PurgeRun, policy *v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) ([]retention.Rule, error) {
	ordered, err := storemap.Order(store, policy.Spec.Rules)
	if err != nil {
		return nil, err
	}
	cutoffs := map[string]v1alpha1.RuleCutoff{}
	for _, c := range run.Spec.Cutoffs {
		cutoffs[c.Rule] = c
	}
	rules := make([]retention.Rule, len(ordered))
	for i := range ordered {
		rule := &ordered[i]
		collection, p := storemap.Collection(store, rule.Collection)
		if p != nil {
			return nil, p
		}
		cutoff, ok := cutoffs[rule.Name]
		if !ok {
			return nil, fmt.Errorf("rule %q has no cutoff in the run's intent: %w", rule.Name, errRulesChanged)
		}
		rules[i] = retention.Rule{
			Name: rule.Name, Collection: rule.Collection, Key: collection.Key,
			Clock:  retention.Clock{Field: rule.Clock.Field, Unit: string(rule.Clock.Unit)},
			Before: cutoff.Before.UTC(), Where: planFilters(rule.Where),
			Action: string(rule.Action.Type), Fields: planFields(rule.Action.Fields),
		}
		if rule.Action.Type == v1alpha1.ActionArchive { // to the purger it is a deletion that writes before it commits
			rules[i].Action = string(v1alpha1.ActionDelete)
			rules[i].Archive = &retention.ArchiveTarget{Collection: rule.Action.Archive.Collection, LockDays: rule.Action.Archive.LockDays}
		}
	}
	return rules, nil
}

func planStore(store *v1alpha1.DataStore, caBundle string) retention.Store {
	mode := store.Spec.Connection.TLS.Mode
	if mode == "" {
		mode = v1alpha1.StoreTLSVerifyFull
	}
	return retention.Store{Name: store.Name, Type: string(store.Spec.Type), TLSMode: string(mode), CABundle: caBundle,
		ClientCertificate: store.Spec.Connection.TLS.ClientCertificateRef.Name != "", Decided: discovery.Decided(store)}
}

func planHolds(holds []v1alpha1.LegalHold) []retention.Hold {
	planned := make([]retention.Hold, len(holds))
	for i := range holds {
		spec := &holds[i].Spec
		planned[i] = retention.Hold{Name: holds[i].Name, Collection: spec.Collection, Where: planFilters(spec.Where)}
		if spec.Subject.Field != "" {
			planned[i].Subject = &retention.HeldSubject{Field: spec.Subject.Field, KeyID: spec.Subject.KeyID}
			for _, hash := range spec.Subject.Hashes {
				planned[i].Subject.Hashes = append(planned[i].Subject.Hashes, string(hash))
			}
		}
	}
	return planned
}

// otherStores are the databases of DataStores that were made before, by identity: the run must not work on one of them.
func otherStores(store *v1alpha1.DataStore, all []v1alpha1.DataStore) map[string]string {
	others := map[string]string{}
	for i := range all {
		if identity := all[i].Status.Identity; storemap.Identifies(identity) && storemap.MayRepeat(store, &all[i]) {
			others[identity] = all[i].Name
		}
	}
	return others
}

func planFilters(where []v1alpha1.RecordFilter) []retention.Filter {
	var filters []retention.Filter
	for _, f := range where {
		filters = append(filters, retention.Filter{Field: f.Field, Operator: string(f.Operator), Values: f.Values})
	}
	return filters
}

func planFields(fields []v1alpha1.AnonymizeField) []retention.Anonymize {
	var planned []retention.Anonymize
	for _, f := range fields {
		a := retention.Anonymize{Name: f.Name, Strategy: string(f.Strategy), Length: f.Length, Precision: string(f.Precision), Form: string(f.Form)}
		if f.Value != nil {
			a.Value = *f.Value
		}
		planned = append(planned, a)
	}
	return planned
}

func planCaps(caps v1alpha1.PurgeCaps) retention.Caps {
	planned := retention.Caps{MaxSharePercent: caps.MaxSharePercent, MaxRows: caps.MaxRows}
	if planned.MaxSharePercent == 0 {
		planned.MaxSharePercent = defaultMaxSharePercent
	}
	if planned.MaxRows == 0 {
		planned.MaxRows = defaultMaxRows
	}
	return planned
}

func planThrottle(throttle v1alpha1.PurgeThrottle) retention.Throttle {
	planned := retention.Throttle{
		TargetBatchMilliseconds: throttle.TargetBatchMilliseconds, MaxReplicaLagSeconds: throttle.MaxReplicaLagSeconds,
		PauseAbove: runs.PauseLimits(&throttle.PauseAbove), Yield: throttle.Yield != v1alpha1.YieldNever,
	}
	if planned.TargetBatchMilliseconds == 0 {
		planned.TargetBatchMilliseconds = defaultTargetBatchMilliseconds
	}
	if throttle.PauseMilliseconds != nil {
		planned.PauseMilliseconds = *throttle.PauseMilliseconds
	}
	return planned
}

// frozenDigest is the SHA-256 of everything in a plan but its holds: while a Job works, only holds may change.
func frozenDigest(p *retention.Plan) string {
	frozen := *p
	frozen.Holds = nil
	sum := sha256.Sum256(encodePlan(&frozen))
	return hex.EncodeToString(sum[:])
}

func encodePlan(p *retention.Plan) []byte {
	encoded, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and times of four-digit years: cannot fail
	}
	return encoded
}

// currentPlan is the plan that a run should have now. Before the Job exists it comes from its sources. Afterwards everything but the
// holds stays as the Job knows it, even if policy or store have been edited since.
func currentPlan(in *input, holds []v1alpha1.LegalHold) (*retention.Plan, error) {
	fresh, err := newPlan(in, holds)
	frozen := in.frozen()
	if frozen == "" || (err == nil && frozenDigest(fresh) == frozen) {
		return fresh, err
	}
	var kept retention.Plan
	if in.config == nil || json.Unmarshal([]byte(in.config.Data[retention.PlanFile]), &kept) != nil || frozenDigest(&kept) != frozen {
		return nil, errors.New("the run's ConfigMap was edited or deleted by hand after its policy or store changed, so the plan cannot be restored: " +
			"delete the run; the next slot or request makes a new one")
	}
	kept.Holds = planHolds(holds)
	return &kept, nil
}
