// Command manager is the operator: it runs all controllers of carrier-operator.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // schedules name time zones, and the image has no files but the program

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/carrier-operator/carrier-operator/controllers"
	"github.com/carrier-operator/carrier-operator/controllers/enforcement"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/presets"
	"github.com/carrier-operator/carrier-operator/controllers/setup"
)

// leaseName is the lease by which one manager of several works.
const leaseName = "carrier-operator"

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	ctrl.SetLogger(log)
	klog.SetLogger(log)

	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("the manager runs in a pod, or with KUBECONFIG: %w", err)
	}
	config.QPS = -1 // the API server's own priority and fairness decides
	if o.Served, err = discover(config); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, setup.Manager(ctrl.Options{
		Metrics:                       server.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.OperatorNamespace,
		LeaderElectionReleaseOnCancel: true,
	}, o.watchNamespaces, o.Served))
	if err != nil {
		return err
	}
	o.Clock, o.Acknowledger, o.Prober, o.Metrics = clock.RealClock{}, gateway.AdminClient{}, gateway.AdminClient{}, metrics.Registry
	if err := controllers.Add(ctx, mgr, o.Options); err != nil {
		return err
	}
	if err := presets.Add(mgr, o.presets); err != nil {
		return err
	}
	if o.ProbeTarget.IsValid() {
		if err := mgr.Add(&enforcement.Listener{BindAddress: o.probeAddress}); err != nil {
			return err
		}
	}
	for _, check := range []func(string, healthz.Checker) error{mgr.AddHealthzCheck, mgr.AddReadyzCheck} {
		if err := check("ping", healthz.Ping); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !o.Served.CertManager {
		log.Info("the cluster does not serve cert-manager's API: integrations wait for it")
	}
	if err := mgr.Add(awaitAPIs(mgr, o.Served, cancel)); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func discover(config *rest.Config) (setup.Served, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return setup.Served{}, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, client)
	if err != nil {
		return setup.Served{}, err
	}
	return setup.Discover(mapper)
}

// awaitAPIs ends the manager when an API comes that was not there, since its kinds can only be watched from the start on.
func awaitAPIs(mgr ctrl.Manager, atStart setup.Served, end func()) manager.RunnableFunc {
	return func(ctx context.Context) error {
		tick := clock.RealClock{}.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C():
				if now, err := setup.Discover(mgr.GetRESTMapper()); err == nil && now != atStart {
					ctrl.Log.Info("an API is there that was not: starting anew", "certManager", now.CertManager, "clusterNetworkPolicies", now.ClusterNetworkPolicies)
					end()
					return nil
				}
			}
		}
	}
}
