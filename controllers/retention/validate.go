package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// problem is why a policy makes no runs. Waiting ones mend themselves; the others need a person.
type problem struct {
	reason, message string
	waiting         bool
}

func fromMap(p *storemap.Problem) *problem {
	if p == nil {
		return nil
	}
	return &problem{reason: p.Reason, message: p.Message}
}

// timing returns the policy's zone and schedule.
func timing(spec *v1alpha1.RetentionPolicySpec, now time.Time) (*schedule, *problem) {
	zone, err := runs.ParseZone(spec.TimeZone)
	if err != nil {
		return nil, &problem{reason: v1alpha1.ReasonTimeZoneInvalid, message: err.Error()}
	}
	s, err := parseSchedule(spec.Schedule, zone, now)
	if err != nil {
		return nil, &problem{reason: v1alpha1.ReasonScheduleInvalid, message: err.Error()}
	}
	return s, nil
}

// storeProblem says why the policy's store cannot be worked on; store is nil if it does not exist. Policies are those of the store.
func storeProblem(policy *v1alpha1.RetentionPolicy, policies []v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) *problem {
	if store == nil {
		return fromMap(storemap.StoreNotFound(policy.Spec.StoreRef.Name))
	}
	if p := rulesProblem(policy.Spec.Rules, store); p != nil {
		return p
	}
	if p := minimumProblem(policy, policies, store); p != nil {
		return p
	}
	if p := throttleProblem(&policy.Spec.Throttle, store.Spec.Type); p != nil {
		return p
	}
	if kind, _ := stores.Of(store.Spec.Type); policy.Spec.Parallelism > 1 && !kind.Shared {
		return &problem{reason: v1alpha1.ReasonParallelismUnsupported, message: fmt.Sprintf(
			"a store of type %s is worked on by one pod: set parallelism to 1, or leave it out", store.Spec.Type)}
	}
	if storemap.Ready(store) {
		return nil
	}
	message := fmt.Sprintf("DataStore %q is not ready: see its conditions", store.Name)
	return &problem{reason: v1alpha1.ReasonStoreNotReady, message: message, waiting: !storemap.Stalled(store)}
}

// archiveProblem says why the policy cannot archive; archive is nil if it does not exist.
func archiveProblem(policy *v1alpha1.RetentionPolicy, archive *v1alpha1.DataStore) *problem {
	if p := storemap.CheckArchive(policy, archive); p != nil {
		return fromMap(p)
	}
	if archive == nil || storemap.Ready(archive) {
		return nil
	}
	return &problem{reason: v1alpha1.ReasonStoreNotReady, waiting: !storemap.Stalled(archive),
		message: fmt.Sprintf("DataStore %q, which records are archived to, is not ready: see its conditions", archive.Name)}
}

// archiveWarning says which of the policy's archives nobody clears; empty: there is a rule for each.
func archiveWarning(policy *v1alpha1.RetentionPolicy, ofArchive []v1alpha1.RetentionPolicy) string {
	collections := storemap.Ownerless(policy, ofArchive)
	if len(collections) == 0 {
		return ""
	}
	return fmt.Sprintf("no RetentionPolicy of DataStore %q has a rule for collection %s, so that what is archived there stays for ever: give it one",
		storemap.ArchiveName(policy), strings.Join(collections, ", "))
}

// throttleProblem says what a store of that type cannot show.
func throttleProblem(throttle *v1alpha1.PurgeThrottle, storeType v1alpha1.DataStoreType) *problem {
	kind, _ := stores.Of(storeType)
	if throttle.MaxReplicaLagSeconds > 0 && !kind.ReplicaLag {
		return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
			"a store of type %s cannot say how far its replicas are behind: leave throttle.maxReplicaLagSeconds out", storeType)}
	}
	for _, l := range runs.PauseLimits(&throttle.PauseAbove) {
		if !slices.Contains(kind.Signals, l.Signal) {
			return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
				"a store of type %s does not show %s: leave it out of throttle.pauseAbove (it shows %v)", storeType, l.Signal, kind.Signals)}
		}
	}
	return nil
}

// rulesProblem says which rule does not fit the store's map.
func rulesProblem(rules []v1alpha1.RetentionRule, store *v1alpha1.DataStore) *problem {
	for i := range rules {
		if p := ruleProblem(&rules[i], store); p != nil {
			p.message = fmt.Sprintf("rule %q: %s", rules[i].Name, p.message)
			return p
		}
	}
	if _, err := storemap.Order(store, rules); err != nil {
		return &problem{reason: v1alpha1.ReasonReferenceCycle, message: fmt.Sprintf(
			"%v: no order of deletion exists; split the policy, or anonymize one of them instead of deleting", err)}
	}
	return nil
}

func ruleProblem(rule *v1alpha1.RetentionRule, store *v1alpha1.DataStore) *problem {
	collection, p := storemap.Collection(store, rule.Collection)
	if p != nil {
		return fromMap(p)
	}
	if p := kindProblem(rule, store.Spec.Type); p != nil {
		return p
	}
	fields := append(storemap.FilterFields(rule.Where), rule.Minimum.Fields...)
	if rule.Clock.Unit != v1alpha1.ClockStoreTime { // the store's own time is no field that anyone could decide about
		fields = append(fields, rule.Clock.Field)
	}
	for _, f := range rule.Action.Fields {
		fields = append(fields, f.Name)
		if slices.Contains(collection.Key, f.Name) {
			return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
				"field %q is part of the key of collection %q and cannot be anonymized: remove it from action.fields, or delete the records instead",
				f.Name, collection.Name)}
		}
	}
	return fromMap(storemap.CheckFields(store, collection, fields...))
}

// kindProblem says what a store of that type cannot do for the rule.
func kindProblem(rule *v1alpha1.RetentionRule, storeType v1alpha1.DataStoreType) *problem {
	kind, _ := stores.Of(storeType)
	storeTime := rule.Clock.Unit == v1alpha1.ClockStoreTime
	switch {
	case !kind.HasUnit(rule.Clock.Unit):
		return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
			"a store of type %s has no clocks with unit %s: use one of %v", storeType, rule.Clock.Unit, kind.Units)}
	case storeTime && rule.Clock.Field != kind.StoreTime:
		return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
			"the clock of unit StoreTime of a store of type %s is %q, not %q: correct clock.field", storeType, kind.StoreTime, rule.Clock.Field)}
	case storeTime && storeType == v1alpha1.StoreRedis && rule.Action.Type == v1alpha1.ActionAnonymize:
		return &problem{reason: v1alpha1.ReasonRuleInvalid, message: "anonymizing a key is an access to it, which would set its clock " +
			"lastAccess back: delete the records, or use a field of the hash as the clock"}
	case !kind.HasAction(rule.Action.Type):
		return &problem{reason: v1alpha1.ReasonRuleInvalid, message: fmt.Sprintf(
			"records of a store of type %s cannot be handled with action %s: use one of %v", storeType, rule.Action.Type, kind.Actions)}
	}
	return nil
}
