package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
)

const (
	// countsInterval is how often replicas are asked for what they counted, and how often that is written down, at most.
	countsInterval = 5 * time.Minute
	usageKey       = "usage.json"
	maxFields      = 64
	maxFieldPath   = 512 // bytes, as in the API
)

// usageName is the ConfigMap with the use of long limits.
func usageName(integration string) string { return integration + "-usage" }

// asked remembers when the replicas of integrations were last asked for counts.
type asked struct {
	mu sync.Mutex
	at map[client.ObjectKey]time.Time
}

// due is how long to wait before asking again.
func (a *asked) due(key client.ObjectKey, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.at[key].Add(countsInterval).Sub(now), 0)
}

func (a *asked) note(key client.ObjectKey, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = map[client.ObjectKey]time.Time{}
	}
	a.at[key] = now
}

func (a *asked) forget(key client.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.at, key)
}

// askCounts asks replicas that serve what is wanted for what they counted.
func (c *Controller) askCounts(ctx context.Context, i *integrations.Integration, cfg *config.Config, replicas []replica) error {
	peer, err := c.peer(ctx, i, cfg)
	if err != nil {
		return err
	}
	ask(ctx, c.Acknowledger, peer, newNonce(), replicas)
	return nil
}

// takeCounts records what the replicas counted: the use of long limits for pods to come, removed fields for people.
func (c *Controller) takeCounts(ctx context.Context, ci *v1alpha1.CarrierIntegration, replicas []replica) (v1alpha1.MinimizationStatus, error) {
	now := c.Clock.Now()
	c.asked.note(client.ObjectKeyFromObject(ci), now)
	return minimization(ci.Status.Minimization, replicas, now), c.recordUsage(ctx, ci, replicas, now)
}

// recordUsage writes the sum of the replicas' use when traffic has changed it.
func (c *Controller) recordUsage(ctx context.Context, ci *v1alpha1.CarrierIntegration, replicas []replica, now time.Time) error {
	name := usageName(ci.Name)
	live, err := integrations.Child(ctx, &c.Base, ci, "ConfigMap", name, &corev1.ConfigMap{})
	if err != nil {
		return err
	}
	var recorded []config.LimitUsage
	if live != nil {
		_ = json.Unmarshal([]byte(live.Data[usageKey]), &recorded) // what somebody broke is written anew
	}
	merged, grown := limit.Merge(recorded, usages(replicas), now)
	if !grown || live != nil && now.Sub(appliedAt(live)) < countsInterval {
		return nil
	}
	encoded, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	want := corev1ac.ConfigMap(name, ci.Namespace).WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithData(map[string]string{usageKey: string(encoded)})
	return ssa.Apply(ctx, c.Client, FieldManager, want, live, corev1ac.ExtractConfigMap)
}

func usages(replicas []replica) (reports [][]config.LimitUsage) {
	for i := range replicas {
		if s := replicas[i].status; s != nil {
			reports = append(reports, s.Usage)
		}
	}
	return reports
}

// appliedAt is when this controller last applied an object.
func appliedAt(o client.Object) time.Time {
	for _, f := range o.GetManagedFields() {
		if f.Manager == FieldManager && f.Time != nil {
			return f.Time.Time
		}
	}
	return time.Time{}
}

// minimization is the sum of what the replicas removed, or what was observed before if that has not changed, was observed just now, or
// not every replica answered.
func minimization(observed v1alpha1.MinimizationStatus, replicas []replica, now time.Time) v1alpha1.MinimizationStatus {
	if now.Sub(observed.ObservedAt.Time) < countsInterval {
		return observed
	}
	sums := map[config.FieldCount]int64{} // by operation and path
	for i := range replicas {
		if replicas[i].status == nil {
			return observed
		}
		for _, f := range replicas[i].status.Fields {
			if f.Operation != "" && f.Path != "" && len(f.Path) <= maxFieldPath {
				sums[config.FieldCount{Operation: f.Operation, Path: f.Path}] += f.Count
			}
		}
	}
	var fields []v1alpha1.FieldCount
	for key, count := range sums {
		fields = append(fields, v1alpha1.FieldCount{Operation: key.Operation, Path: key.Path, Count: &count})
	}
	slices.SortFunc(fields, func(a, b v1alpha1.FieldCount) int {
		return cmp.Or(cmp.Compare(*b.Count, *a.Count), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Path, b.Path))
	})
	fields = fields[:min(len(fields), maxFields)]
	// Entries stay where the object has them: an apply would leave them there, and another order look like a change.
	slices.SortStableFunc(fields, func(a, b v1alpha1.FieldCount) int {
		return fieldPlace(observed.Fields, &a) - fieldPlace(observed.Fields, &b)
	})
	if len(replicas) == 0 || slices.EqualFunc(fields, observed.Fields, sameCount) {
		return observed
	}
	return v1alpha1.MinimizationStatus{ObservedAt: metav1.NewTime(now.UTC().Truncate(time.Second)), Fields: fields}
}

func fieldPlace(list []v1alpha1.FieldCount, f *v1alpha1.FieldCount) int {
	at := slices.IndexFunc(list, func(o v1alpha1.FieldCount) bool { return o.Operation == f.Operation && o.Path == f.Path })
	if at < 0 {
		return len(list)
	}
	return at
}

func sameCount(a, b v1alpha1.FieldCount) bool {
	return a.Operation == b.Operation && a.Path == b.Path && a.Count != nil && b.Count != nil && *a.Count == *b.Count
}

// applyMinimization is the status as this controller applies it; nil before anything was counted.
func applyMinimization(m *v1alpha1.MinimizationStatus) *apiac.MinimizationStatusApplyConfiguration {
	if m.ObservedAt.IsZero() {
		return nil
	}
	status := apiac.MinimizationStatus().WithObservedAt(m.ObservedAt)
	for _, f := range m.Fields {
		status.WithFields(apiac.FieldCount().WithOperation(f.Operation).WithPath(f.Path).WithCount(*f.Count))
	}
	return status
}
