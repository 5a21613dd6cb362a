package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestRemovedFieldsOfReplicasAddUp(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	field := func(path string, count int64) v1alpha1.FieldCount {
		return v1alpha1.FieldCount{Operation: "rate", Path: path, Count: &count}
	}
	at := func(age time.Duration, fields ...v1alpha1.FieldCount) v1alpha1.MinimizationStatus {
		return v1alpha1.MinimizationStatus{ObservedAt: metav1.NewTime(now.Add(-age)), Fields: fields}
	}
	report := func(counts ...config.FieldCount) replica { return replica{status: &config.Status{Fields: counts}} }
	counted := func(path string, count int64) config.FieldCount {
		return config.FieldCount{Operation: "rate", Path: path, Count: count}
	}
	var many []config.FieldCount
	var most []v1alpha1.FieldCount
	for i := range int64(100) {
		many = append(many, counted(fmt.Sprintf("$.a%03d", i), 1000-i))
		if i < maxFields {
			most = append(most, field(fmt.Sprintf("$.a%03d", i), 1000-i))
		}
	}
	tests := map[string]struct {
		observed v1alpha1.MinimizationStatus
		replicas []replica
		want     v1alpha1.MinimizationStatus
	}{
		"nothing was removed":       {v1alpha1.MinimizationStatus{}, []replica{report(), report()}, v1alpha1.MinimizationStatus{}},
		"replicas add up":           {v1alpha1.MinimizationStatus{}, []replica{report(counted("$.a", 1), counted("$.b", 5)), report(counted("$.a", 2))}, at(0, field("$.b", 5), field("$.a", 3))},
		"places stay":               {at(time.Hour, field("$.a", 1), field("$.b", 1)), []replica{report(counted("$.b", 5), counted("$.c", 9), counted("$.a", 2))}, at(0, field("$.a", 2), field("$.b", 5), field("$.c", 9))},
		"no traffic":                {at(time.Hour, field("$.a", 1)), []replica{report(counted("$.a", 1))}, at(time.Hour, field("$.a", 1))},
		"observed just now":         {at(time.Minute, field("$.a", 1)), []replica{report(counted("$.a", 7))}, at(time.Minute, field("$.a", 1))},
		"a replica is silent":       {at(time.Hour, field("$.a", 9)), []replica{report(counted("$.a", 7)), {}}, at(time.Hour, field("$.a", 9))},
		"no replica":                {at(time.Hour, field("$.a", 9)), nil, at(time.Hour, field("$.a", 9))},
		"what the API would refuse": {v1alpha1.MinimizationStatus{}, []replica{report(counted(string(make([]byte, maxFieldPath+1)), 1), counted("", 1), counted("$.a", 1))}, at(0, field("$.a", 1))},
		"the highest only":          {v1alpha1.MinimizationStatus{}, []replica{report(many...)}, at(0, most...)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, minimization(tc.observed, tc.replicas, now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitStoreIsRendered(t *testing.T) {
	in := example(t)
	in.resolved.Integration.Spec.LimitStore.Redis = v1alpha1.RedisLimitStore{Service: "redis", SecretRef: v1alpha1.LocalReference{Name: "redis-key"}}
	in.services = map[string]*corev1.Service{"redis": {Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.7"}}}
	in.limitStoreBundle = "the store's CAs"
	want := &config.LimitStore{Address: "10.0.0.7:6379", ServerName: "redis.shop.svc", TLS: true, CABundle: "the store's CAs", Prefix: "carrier-operator:shop/acme:"}
	if diff := cmp.Diff(want, renderConfig(in).LimitStore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	pod := renderDeployment(in.resolved.Integration, "x", "").Spec.Template.Spec
	var mounted bool
	for _, m := range pod.Containers[0].VolumeMounts {
		mounted = mounted || *m.Name == limitStoreVolume && *m.MountPath == config.LimitStoreDir && *m.ReadOnly
	}
	if !mounted {
		t.Error("its Secret is not mounted")
	}
	in.resolved.Integration.Spec.LimitStore.Redis = v1alpha1.RedisLimitStore{Service: "redis", Port: 6390, TLS: v1alpha1.LimitStoreTLSPlaintext}
	in.limitStoreBundle = ""
	want = &config.LimitStore{Address: "10.0.0.7:6390", ServerName: "redis.shop.svc", Prefix: want.Prefix}
	if diff := cmp.Diff(want, renderConfig(in).LimitStore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
