//go:build envtest

package controllers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// counted is what a replica tells of a limit of 1000 a day: requests from a start on.
func counted(start time.Time, count int64) *config.Status {
	return &config.Status{
		Usage:  []config.LimitUsage{{Limit: "day", Requests: 1000, WindowSeconds: 86400, Slots: []config.UsageSlot{{Start: start.Truncate(24 * time.Minute).Unix(), Count: count}}}},
		Fields: []config.FieldCount{{Operation: "rate", Path: "$.to.name", Count: count}, {Operation: "rate", Path: "$.to.city", Count: 1}},
	}
}

// recorded is the sum that pods to come find.
func (w *world) recorded() (sum int64) {
	w.t.Helper()
	file := &corev1.ConfigMap{}
	if !w.get("acme-usage", file) {
		return 0
	}
	var usage []config.LimitUsage
	if err := json.Unmarshal([]byte(file.Data["usage.json"]), &usage); err != nil {
		w.t.Fatal(err)
	}
	for _, u := range usage {
		for _, s := range u.Slots {
			sum += s.Count
		}
	}
	return sum
}

// visit calls the gateway's controller after a while, as its own wake-up does, and tells what it wrote.
func (w *world) visit(controllers []kindController, after time.Duration) []string {
	w.t.Helper()
	w.clock.SetTime(w.clock.Now().Add(after))
	before := w.wire.count()
	if err := w.round(controllers); err != nil {
		w.t.Fatal(err)
	}
	return w.wire.since(before)
}

func TestCountsOfReplicasAreKeptForPodsToCome(t *testing.T) {
	w := newWorld(t)
	w.acme()
	start := w.clock.Now()
	w.fleet.counts = map[string]*config.Status{"10.1.0.1": counted(start, 0), "10.1.0.2": counted(start, 0)}
	w.settle()
	w.expectReady()
	if w.recorded() != 0 {
		t.Error("something was recorded before there was traffic")
	}
	controllers := w.restart()
	w.visit(controllers, 0)

	w.fleet.counts = map[string]*config.Status{"10.1.0.1": counted(start, 30), "10.1.0.2": counted(start, 10)}
	if writes := w.visit(controllers, time.Minute); len(writes) > 0 {
		t.Errorf("written a minute after the last visit: %s", strings.Join(writes, ", "))
	}
	if writes := w.visit(controllers, 6*time.Minute); len(writes) != 2 || w.recorded() != 40 {
		t.Errorf("writes: %s; recorded %d, want the ConfigMap with 40 and the status", strings.Join(writes, ", "), w.recorded())
	}
	want := []v1alpha1.FieldCount{{Operation: "rate", Path: "$.to.city", Count: new(int64(2))}, {Operation: "rate", Path: "$.to.name", Count: new(int64(40))}}
	if diff := cmp.Diff(want, w.integration().Status.Minimization.Fields); diff != "" {
		t.Errorf("fields in the status (-want +got):\n%s", diff)
	}
	for range 3 {
		if writes := w.visit(controllers, 6*time.Minute); len(writes) > 0 {
			t.Errorf("written without traffic: %s", strings.Join(writes, ", "))
		}
	}
	w.settle() // also after a restart of the manager

	// One pod is replaced: what it had counted is not lost with it.
	w.remove("acme-gateway-0", &corev1.Pod{})
	w.fleet.counts = map[string]*config.Status{"10.1.0.1": counted(start, 20), "10.1.0.2": counted(start, 10)} // the new one took its share of 40
	w.settleRough()
	w.visit(controllers, 6*time.Minute)
	if got := w.recorded(); got != 40 {
		t.Errorf("recorded %d after a pod was replaced, want 40", got)
	}
	deployment := &appsv1.Deployment{}
	if !w.get("acme-gateway", deployment) || !mounts(deployment, "acme-usage", config.UsageFile) {
		t.Error("the pods do not mount the record")
	}
}

func mounts(d *appsv1.Deployment, configMap, file string) bool {
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.ConfigMap == nil || v.ConfigMap.Name != configMap || v.ConfigMap.Optional == nil || !*v.ConfigMap.Optional {
			continue
		}
		for _, m := range d.Spec.Template.Spec.Containers[0].VolumeMounts {
			if m.Name == v.Name && m.MountPath+"/usage.json" == file {
				return true
			}
		}
	}
	return false
}

func TestCountsThatBelongToSomebodyElseAreNotTouched(t *testing.T) {
	w := newWorld(t)
	w.create(&corev1.ConfigMap{Name: "acme-usage", Data: map[string]string{"usage.json": "mine"}})
	w.acme()
	w.settleRough()
	w.expect(v1alpha1.ConditionGatewayReady, metav1.ConditionFalse, v1alpha1.ReasonNameConflict)
	file := &corev1.ConfigMap{}
	if !w.get("acme-usage", file) || file.Data["usage.json"] != "mine" {
		t.Error("it was written to")
	}
}

func TestALimitStoreNeedsItsService(t *testing.T) {
	w := newWorld(t)
	w.acme()
	w.settle()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) {
		ci.Spec.LimitStore.Redis = v1alpha1.RedisLimitStore{Service: "redis", SecretRef: v1alpha1.LocalReference{Name: "redis-key"}}
	})
	w.settleRough()
	w.expect(v1alpha1.ConditionGatewayReady, metav1.ConditionFalse, v1alpha1.ReasonServiceNotFound)
	w.create(&corev1.Service{Name: "redis", Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "redis"}, Ports: []corev1.ServicePort{{Port: 6379}}}})
	w.settle()
	w.expectReady()
	service, file := &corev1.Service{}, &corev1.ConfigMap{}
	if !w.get("redis", service) || !w.get("acme-gateway", file) || !strings.Contains(file.Data["config.json"], service.Spec.ClusterIP+":6379") {
		t.Errorf("the configuration does not name the store's address: %s", file.Data["config.json"])
	}
}
