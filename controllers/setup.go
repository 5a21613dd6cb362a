// Package controllers lists all controllers of the operator.
package controllers

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/certificate"
	"github.com/carrier-operator/carrier-operator/controllers/credential"
	"github.com/carrier-operator/carrier-operator/controllers/datastore"
	"github.com/carrier-operator/carrier-operator/controllers/enforcement"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/controllers/legalhold"
	"github.com/carrier-operator/carrier-operator/controllers/metrics"
	"github.com/carrier-operator/carrier-operator/controllers/network"
	"github.com/carrier-operator/carrier-operator/controllers/profile"
	"github.com/carrier-operator/carrier-operator/controllers/purgerun"
	"github.com/carrier-operator/carrier-operator/controllers/readiness"
	"github.com/carrier-operator/carrier-operator/controllers/refreshtoken"
	"github.com/carrier-operator/carrier-operator/controllers/retention"
	"github.com/carrier-operator/carrier-operator/controllers/setup"
)

// Options are what the controllers need to know of the world.
type Options struct {
	// GatewayImage and PurgerImage are run in the namespaces of integrations and runs.
	GatewayImage, PurgerImage string
	// GatewayPullPolicy and PurgerPullPolicy say when the images are pulled; empty: as Kubernetes does by default.
	GatewayPullPolicy, PurgerPullPolicy corev1.PullPolicy
	// OperatorNamespace is where the manager runs: only from there may a gateway be asked what it serves.
	OperatorNamespace string
	// Resolver looks up carriers' names. ClusterRanges are the cluster's own addresses, which no carrier can have.
	Resolver      network.Resolver
	ClusterRanges []netip.Prefix
	// APIServerPorts are the TCP ports at which pods reach the API server.
	APIServerPorts []int32
	// Acknowledger asks gateways what they serve.
	Acknowledger gateway.Acknowledger
	// Prober has gateways try to reach ProbeTarget, where this manager listens and no gateway may get to. The zero value: none.
	Prober      gateway.Prober
	ProbeTarget netip.AddrPort
	// Served says which APIs of others the cluster serves.
	Served setup.Served
	// ClusterNetworkPolicies says whether gateways get one where that API is served.
	ClusterNetworkPolicies network.Mode
	// Metrics are where the operator's metrics are shown; nil: nowhere.
	Metrics prometheus.Registerer
	Clock   clock.PassiveClock
}

// Add adds all controllers to the manager.
func Add(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := integrations.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := storemap.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	c, live, events := mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("carrier-operator")
	base := integrations.Base{Client: c, Live: live, Events: events, Clock: o.Clock}
	retentionMetrics := metrics.New(c, func() bool { return elected(mgr) })
	if o.Metrics != nil {
		if err := o.Metrics.Register(retentionMetrics); err != nil {
			return fmt.Errorf("metrics of retention: %w", err)
		}
	}
	manager := map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}

	for _, controller := range []struct {
		name  string
		setup func(*builder.Builder) error
	}{
		// A CarrierIntegration, one concern each; readiness joins them.
		{"integration-profile", (&profile.Controller{Base: base}).Setup},
		{"integration-credential", (&credential.IntegrationController{Base: base}).Setup},
		{"integration-certificate", (&certificate.Controller{Base: base, Installed: func() bool { return o.Served.CertManager }}).Setup},
		{"integration-network", (&network.Controller{Base: base, Resolver: &network.Cache{Resolver: o.Resolver, Clock: o.Clock, Spread: network.TenPercent},
			OperatorNamespace: o.OperatorNamespace, OperatorPods: manager, ClusterRanges: o.ClusterRanges,
			ClusterPolicies: network.ClusterPolicies{Mode: o.ClusterNetworkPolicies, Served: o.Served.ClusterNetworkPolicies}}).Setup},
		{"integration-gateway", (&gateway.Controller{Base: base, Image: o.GatewayImage, PullPolicy: o.GatewayPullPolicy, Acknowledger: o.Acknowledger}).Setup},
		{"integration-refresh-token", (&refreshtoken.Controller{Base: base, Asker: gateway.AdminClient{}}).Setup},
		{"integration-enforcement", (&enforcement.Controller{Base: base, Prober: o.Prober, Target: o.ProbeTarget, Spread: network.TenPercent}).Setup},
		{"integration-readiness", (&readiness.Controller{Base: base}).Setup},
		{"carriercredential", (&credential.Controller{Base: base}).Setup},
		// Retention.
		{"datastore", (&datastore.Controller{Client: c, Live: live, Events: events, Clock: o.Clock}).Setup},
		{"legalhold", (&legalhold.Controller{Client: c, Events: events, Clock: o.Clock}).Setup},
		{"retentionpolicy", (&retention.Controller{Client: c, Live: live, Events: events, Clock: o.Clock}).Setup},
		{"purgerun", (&purgerun.Controller{Client: c, Live: live, Events: events, Clock: o.Clock, Ended: retentionMetrics.Finished,
			Options: purgerun.Options{Image: o.PurgerImage, PullPolicy: o.PurgerPullPolicy, APIServerPorts: o.APIServerPorts}}).Setup},
	} {
		if err := controller.setup(setup.Builder(mgr, controller.name)); err != nil {
			return fmt.Errorf("controller %s: %w", controller.name, err)
		}
	}
	return nil
}

// elected says whether this manager is the one of several that works.
func elected(mgr ctrl.Manager) bool {
	select {
	case <-mgr.Elected():
		return true
	default:
		return false
	}
}
