package setup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestContentOfSecretsIsNeverCached(t *testing.T) {
	for name, object := range map[string]any{"Secret": &corev1.Secret{}, "ConfigMap": &corev1.ConfigMap{}} {
		if _, err := metadataOnly(object); err == nil {
			t.Errorf("a whole %s would be cached", name)
		}
	}
	got, err := metadataOnly(&metav1.PartialObjectMetadata{
		Name: "acme-key", Labels: map[string]string{"team": "shop"},
		Annotations: map[string]string{
			corev1.LastAppliedConfigAnnotation:  `{"data":{"clientSecret":"b25l"}}`,
			"carrier-operator.io/allowed-hosts": "api.acme.example",
		},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &metav1.PartialObjectMetadata{
		Name: "acme-key", Labels: map[string]string{"team": "shop"},
		Annotations: map[string]string{"carrier-operator.io/allowed-hosts": "api.acme.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is cached of a Secret (-want +got):\n%s", diff)
	}
}

func TestLittleIsCachedOfForeignServices(t *testing.T) {
	foreign := &corev1.Service{
		Name: "tracker", Namespace: "shop", Annotations: map[string]string{"note": "long"}, Labels: map[string]string{"team": "shop"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7"}, Selector: map[string]string{"app": "tracker"},
			Ports: []corev1.ServicePort{{Port: 80}}},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "23.0.0.1"}}}},
	}
	want := &corev1.Service{Name: "tracker", Namespace: "shop",
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", Selector: map[string]string{"app": "tracker"}, Ports: []corev1.ServicePort{{Port: 80}}}}
	got, err := slimService(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is cached (-want +got):\n%s", diff)
	}
	ours := foreign.DeepCopy()
	ours.Labels["app.kubernetes.io/managed-by"] = "carrier-operator"
	if got, err := slimService(ours); err != nil || got != any(ours) { // applying one compares with its managed fields
		t.Errorf("of our own Services something is left out: %v, error %v", got, err)
	}
}
