package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npav1alpha2ac "sigs.k8s.io/network-policy-api/pkg/client/applyconfiguration/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// +kubebuilder:rbac:groups=policy.networking.k8s.io,resources=clusternetworkpolicies,verbs=get;list;watch;create;patch;delete

// Mode says whether gateways get a ClusterNetworkPolicy. It is a flag's value (flag.TextVar).
type Mode string

// Whether gateways get a ClusterNetworkPolicy.
const (
	// Auto gives them one where the cluster serves that API.
	Auto Mode = "Auto"
	// Off removes those that were made.
	Off Mode = "Off"
)

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// UnmarshalText implements encoding.TextUnmarshaler and refuses an unknown mode.
func (m *Mode) UnmarshalText(text []byte) error {
	switch mode := Mode(text); mode {
	case Auto, Off:
		*m = mode
		return nil
	default:
		return fmt.Errorf("%q is neither %s nor %s", text, Auto, Off)
	}
}

// ClusterPolicies says what to do about ClusterNetworkPolicies.
type ClusterPolicies struct {
	Mode Mode
	// Served says whether the cluster serves the API. If not, nothing is done.
	Served bool
}

// ofClusterPolicy finds the integration of a policy by its labels: a namespaced owner cannot own it. Since all of them are looked at when
// the manager starts, one whose integration went meanwhile goes as well.
func ofClusterPolicy(_ context.Context, policy client.Object) []reconcile.Request {
	name, namespace := policy.GetLabels()[v1alpha1.LabelIntegration], policy.GetLabels()[v1alpha1.LabelNamespace]
	if name == "" || namespace == "" {
		return nil
	}
	return []reconcile.Request{{Namespace: namespace, Name: name}}
}

// applyClusterPolicy applies the gateway's ClusterNetworkPolicy. It is an addition: if the API server refuses it, the condition says so
// and the NetworkPolicy holds the gateway alone.
func (c *Controller) applyClusterPolicy(ctx context.Context, i *integrations.Integration, p *plan, in *Inputs) error {
	if !c.ClusterPolicies.Served || c.ClusterPolicies.Mode == Off {
		return nil
	}
	key := client.ObjectKeyFromObject(i.CarrierIntegration)
	live, err := c.clusterPolicy(ctx, key, true)
	if err != nil {
		return err
	}
	want := ClusterPolicy(in)
	switch err := ssa.Apply(ctx, c.Client, FieldManager, want, live, extractClusterPolicy); {
	case err == nil:
		p.backed(*want.Name)
		return nil
	case refused(err):
		p.unbacked(*want.Name, err)
		return c.removeClusterPolicy(ctx, key) // an old one would close the way to new addresses
	default:
		return err
	}
}

// refused says whether trying again soon is useless: the policy is not valid, not allowed, or the API has gone.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}

// removeClusterPolicy removes an integration's policy, if there is one and it is ours.
func (c *Controller) removeClusterPolicy(ctx context.Context, integration types.NamespacedName) error {
	if !c.ClusterPolicies.Served {
		return nil
	}
	live, err := c.clusterPolicy(ctx, integration, false)
	if conflict := (*integrations.NameConflict)(nil); errors.As(err, &conflict) {
		return nil
	}
	if err != nil || live == nil {
		return err
	}
	uid := live.UID
	if err := c.Client.Delete(ctx, live, client.Preconditions{UID: &uid}); err != nil && !refused(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("removing ClusterNetworkPolicy %q: %w", live.Name, err)
	}
	return nil
}

// clusterPolicy reads an integration's policy; nil if there is none, a NameConflict if it is not ours. What the cache lacks is, on wish,
// looked for at the API server: the cache holds only what carries our labels.
func (c *Controller) clusterPolicy(ctx context.Context, integration types.NamespacedName, thorough bool) (*npav1alpha2.ClusterNetworkPolicy, error) {
	name := clusterPolicyName(integration)
	found, err := ssa.Get(ctx, c.Client, "", name, &npav1alpha2.ClusterNetworkPolicy{})
	if err == nil && found == nil && thorough {
		found, err = ssa.Get(ctx, c.Live, "", name, &npav1alpha2.ClusterNetworkPolicy{})
	}
	if err != nil || found == nil {
		return nil, err
	}
	for label, value := range clusterPolicyLabels(integration) {
		if found.Labels[label] != value {
			return nil, &integrations.NameConflict{Kind: "ClusterNetworkPolicy", Name: name}
		}
	}
	return found, nil
}

// extractClusterPolicy reads what is ours of a policy that has our labels: all but ingress. The API's module has no such function.
func extractClusterPolicy(policy *npav1alpha2.ClusterNetworkPolicy, _ string) (*npav1alpha2ac.ClusterNetworkPolicyApplyConfiguration, error) {
	encoded, err := json.Marshal(policy.Spec)
	if err != nil {
		return nil, err
	}
	spec := npav1alpha2ac.ClusterNetworkPolicySpec()
	if err := json.Unmarshal(encoded, spec); err != nil {
		return nil, err
	}
	spec.Ingress = nil
	integration := ofClusterPolicy(context.Background(), policy)[0].NamespacedName
	return npav1alpha2ac.ClusterNetworkPolicy(policy.Name).WithLabels(clusterPolicyLabels(integration)).WithSpec(spec), nil
}
