//go:build envtest

package controllers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers"
	"github.com/carrier-operator/carrier-operator/controllers/setup"
)

// startManager runs the real manager, with the cache and limits of the product, for this world's namespace, until the returned function is called.
func (w *world) startManager() (stop func()) {
	w.t.Helper()
	config := rest.CopyConfig(manager.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { w.wire.next = next; return w.wire })
	served := setup.Served{CertManager: true, ClusterNetworkPolicies: true}
	options := setup.Manager(ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"}, []string{w.namespace}, served)
	options.Controller.SkipNameValidation = new(true) // a restart happens in the same process
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	shown := prometheus.NewRegistry()
	err = controllers.Add(ctx, mgr, controllers.Options{
		Metrics:      shown,
		GatewayImage: "registry.example/gateway:test", PurgerImage: "registry.example/purger:test", OperatorNamespace: "carrier-system",
		Resolver: w, APIServerPorts: []int32{443}, Acknowledger: w.fleet, Clock: clock.RealClock{}, Served: served,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	return func() {
		if _, err := shown.Gather(); err != nil {
			w.t.Errorf("a scrape: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// eventually plays the cluster until the condition holds.
func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(w.ctx, 50*time.Millisecond, 60*time.Second, true, func(context.Context) (bool, error) {
		w.issuer.work(w)
		w.fleet.work()
		return condition(), nil
	})
	if err != nil {
		w.t.Fatalf("%s: does not happen; conditions: %v", what, w.integration().Status.Conditions)
	}
}

func (w *world) ready() bool {
	for _, c := range w.integration().Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Status == metav1.ConditionTrue
		}
	}
	return false
}

// Everything that can happen to an integration wakes the right controller up, through a cache that holds little; a restart writes nothing.
func TestManagerNoticesWhatHappens(t *testing.T) {
	w := newWorld(t)
	stop := w.startManager()
	w.acme()
	w.eventually("the integration becomes Ready", w.ready)

	revision := w.integration().Status.Gateway.Revision
	secret(changeSecret)(w)
	w.eventually("a changed credential is served", func() bool {
		g := w.integration().Status.Gateway
		return w.ready() && g.Revision != revision && g.Summary == "2/2"
	})
	revision = w.integration().Status.Gateway.Revision
	w.reissue("acme-gateway-tls")
	w.eventually("a renewed certificate is served", func() bool { return w.ready() && w.integration().Status.Gateway.Revision != revision })

	for name, c := range children() {
		if name == "policy of a client" {
			continue // egress of clients is not managed here
		}
		before := c.empty()
		w.get(c.name, before)
		w.remove(c.name, c.empty())
		w.eventually("a deleted "+name+" comes back", func() bool {
			now := c.empty()
			return w.get(c.name, now) && now.GetUID() != before.GetUID() && w.ready()
		})
	}
	w.remove("acme-key", &corev1.Secret{})
	w.eventually("a missing Secret is noticed", func() bool { return !w.ready() })
	w.create(acmeSecret())
	w.eventually("it is noticed that the Secret is back", w.ready)
	w.restartPods()
	w.eventually("new pods are asked", func() bool { return w.ready() && w.podsNudged() })
	stop()

	before := w.wire.count()
	stop = w.startManager()
	w.quiet(3 * time.Second)
	stop()
	if writes := writesOfControllers(w.wire.since(before)); len(writes) > 0 {
		t.Errorf("a restarted manager wrote: %s", strings.Join(writes, ", "))
	}
	noPanics(t)
}

func (w *world) podsNudged() bool {
	var pods corev1.PodList
	if err := w.user.List(w.ctx, &pods, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	for i := range pods.Items {
		if pods.Items[i].Annotations[v1alpha1.AnnotationRevision] == "" {
			return false
		}
	}
	return len(pods.Items) == 2
}

// quiet waits until no request has been sent for a while.
func (w *world) quiet(span time.Duration) {
	w.t.Helper()
	last, since := -1, time.Now()
	err := wait.PollUntilContextTimeout(w.ctx, 100*time.Millisecond, 60*time.Second, true, func(context.Context) (bool, error) {
		if n := w.wire.requests(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > span, nil
	})
	if err != nil {
		w.t.Fatal("the manager does not come to rest")
	}
}

// writesOfControllers leaves out events, which tell and change nothing.
func writesOfControllers(log []string) (writes []string) {
	for _, line := range log {
		if !strings.Contains(line, "/events") {
			writes = append(writes, line)
		}
	}
	return writes
}

// noPanics reads the metric in which controller-runtime counts the panics that it recovers.
func noPanics(t *testing.T) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_panics_total" {
			continue
		}
		found = true
		for _, m := range family.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				t.Errorf("%v panicked %v times", m.GetLabel(), n)
			}
		}
	}
	if !found {
		t.Error("the metric of panics is not there")
	}
}
