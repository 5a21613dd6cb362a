//go:build envtest

package controllers_test

import (
	"encoding/json"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// child is one object that an integration has, and how a person might spoil it.
type child struct {
	name  string
	empty func() client.Object
	spoil func(client.Object)
}

func children() map[string]child {
	return map[string]child{
		"configuration": {"acme-gateway", func() client.Object { return &corev1.ConfigMap{} }, func(o client.Object) {
			o.(*corev1.ConfigMap).Data["config.json"] = "{}"
		}},
		"trust bundle": {"acme-trust", func() client.Object { return &corev1.ConfigMap{} }, func(o client.Object) {
			o.(*corev1.ConfigMap).Data["ca.crt"] = "mine"
		}},
		"ServiceAccount": {"acme-gateway", func() client.Object { return &corev1.ServiceAccount{} }, func(o client.Object) {
			o.(*corev1.ServiceAccount).AutomountServiceAccountToken = new(true)
		}},
		"Service": {"acme-gateway", func() client.Object { return &corev1.Service{} }, func(o client.Object) {
			o.(*corev1.Service).Spec.Selector = map[string]string{"app": "elsewhere"}
		}},
		"PodDisruptionBudget": {"acme-gateway", func() client.Object { return &policyv1.PodDisruptionBudget{} }, func(o client.Object) {
			o.(*policyv1.PodDisruptionBudget).Spec.MinAvailable = new(intstr.FromInt32(0))
		}},
		"Deployment": {"acme-gateway", func() client.Object { return &appsv1.Deployment{} }, func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "registry.example/other:1"
		}},
		"NetworkPolicy opened": {"acme-gateway", func() client.Object { return &networkingv1.NetworkPolicy{} }, func(o client.Object) {
			o.(*networkingv1.NetworkPolicy).Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}},
		"NetworkPolicy with one more rule": {"acme-gateway", func() client.Object { return &networkingv1.NetworkPolicy{} }, func(o client.Object) {
			spec := &o.(*networkingv1.NetworkPolicy).Spec
			spec.Ingress = append(spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
		}},
		"policy of a client": {"acme-client-checkout", func() client.Object { return &networkingv1.NetworkPolicy{} }, func(o client.Object) {
			o.(*networkingv1.NetworkPolicy).Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		}},
		"Certificate": {"acme-client-checkout", func() client.Object { return &cmapi.Certificate{} }, func(o client.Object) {
			o.(*cmapi.Certificate).Spec.Usages = []cmapi.KeyUsage{cmapi.UsageServerAuth}
		}},
	}
}

func TestEditedAndDeletedChildrenComeBack(t *testing.T) {
	w := newWorld(t)
	w.acme()
	edit(w, "acme", &v1alpha1.CarrierIntegration{}, func(ci *v1alpha1.CarrierIntegration) {
		ci.Spec.Network.ClientEgress = v1alpha1.ClientEgressClusterOnly
	})
	w.settleRough()
	w.expectReady()
	for name, c := range children() {
		t.Run(name, func(t *testing.T) {
			w.t = t
			before := c.empty()
			if !w.get(c.name, before) {
				t.Fatalf("%s does not exist", c.name)
			}
			edit(w, c.name, c.empty(), c.spoil)
			w.settleRough()
			w.compare(before, c, "an edit")

			w.remove(c.name, c.empty())
			w.settleRough()
			w.compare(before, c, "a deletion")
			w.expectReady()
		})
	}
	w.t = t
	w.settle()
}

// compare checks that an object is again what it was, its server-side facts apart.
func (w *world) compare(before client.Object, c child, after string) {
	w.t.Helper()
	now := c.empty()
	if !w.get(c.name, now) {
		w.t.Fatalf("after %s it does not exist", after)
	}
	if diff := cmp.Diff(w.essence(before), w.essence(now)); diff != "" {
		w.t.Errorf("after %s it is not what it was (-before +now):\n%s", after, diff)
	}
}

func (w *world) essence(object client.Object) map[string]any {
	w.t.Helper()
	encoded, err := json.Marshal(object)
	if err != nil {
		w.t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(encoded, &fields); err != nil {
		w.t.Fatal(err)
	}
	delete(fields, "status")
	fields["metadata"] = map[string]any{"labels": object.GetLabels(), "owners": owners(object)}
	if spec, ok := fields["spec"].(map[string]any); ok {
		delete(spec, "clusterIP") // a new Service gets a new one
		delete(spec, "clusterIPs")
	}
	return fields
}

func owners(object client.Object) []metav1.OwnerReference { return object.GetOwnerReferences() }

func TestNameThatIsTakenIsNeverAdopted(t *testing.T) {
	taken := map[string]struct {
		object    client.Object
		condition string
	}{
		"ConfigMap":           {&corev1.ConfigMap{Name: "acme-gateway"}, v1alpha1.ConditionGatewayReady},
		"trust bundle":        {&corev1.ConfigMap{Name: "acme-trust"}, v1alpha1.ConditionCertificatesReady},
		"ServiceAccount":      {&corev1.ServiceAccount{Name: "acme-gateway"}, v1alpha1.ConditionGatewayReady},
		"PodDisruptionBudget": {&policyv1.PodDisruptionBudget{Name: "acme-gateway"}, v1alpha1.ConditionGatewayReady},
		"Service": {&corev1.Service{Name: "acme-gateway",
			Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, v1alpha1.ConditionGatewayReady},
		"Deployment": {&appsv1.Deployment{Name: "acme-gateway", Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "registry.example/a:1"}}}}}}, v1alpha1.ConditionGatewayReady},
		"NetworkPolicy": {&networkingv1.NetworkPolicy{Name: "acme-gateway"}, v1alpha1.ConditionNetworkReady},
		"Certificate": {&cmapi.Certificate{Name: "acme-manager", Spec: cmapi.CertificateSpec{
			SecretName: "elsewhere", CommonName: "elsewhere", Duration: &metav1.Duration{Duration: 3600e9},
			SecretTemplate: &cmapi.CertificateSecretTemplate{}, IssuerRef: cmmetaReference("carrier-ca")}}, v1alpha1.ConditionCertificatesReady},
	}
	for kind, tc := range taken {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.create(tc.object)
			w.acme()
			w.settle()
			w.expect(tc.condition, metav1.ConditionFalse, v1alpha1.ReasonNameConflict)
			w.expect(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
			found := tc.object.DeepCopyObject().(client.Object)
			if !w.get(tc.object.GetName(), found) || len(found.GetOwnerReferences()) > 0 {
				t.Errorf("the other's %s was touched", kind)
			}
			w.remove(tc.object.GetName(), tc.object)
			w.settleRough()
			w.expectReady()
		})
	}
}
