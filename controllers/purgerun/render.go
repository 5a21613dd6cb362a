package purgerun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Every child of a run has the run's name.

func labels(run *v1alpha1.PurgeRun) map[string]string {
	return map[string]string{
		"app.kubernetes.io/managed-by": "carrier-operator",
		v1alpha1.LabelComponent:        v1alpha1.ComponentPurger,
		v1alpha1.LabelPolicy:           run.Spec.PolicyRef.Name,
		v1alpha1.LabelRun:              run.Name,
	}
}

func owner(run *v1alpha1.PurgeRun) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind("PurgeRun").
		WithName(run.Name).WithUID(run.UID).
		WithController(true).WithBlockOwnerDeletion(true)
}

// renderConfig holds the plan. The purger reads it through the API, so that a new hold binds within one window.
func renderConfig(run *v1alpha1.PurgeRun, plan *retention.Plan) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithData(map[string]string{retention.PlanFile: string(encodePlan(plan))})
}

func renderServiceAccount(run *v1alpha1.PurgeRun) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithAutomountServiceAccountToken(false)
}

// renderRole lets the run's pod read its own plan and run, and report on that run. Nothing else.
func renderRole(run *v1alpha1.PurgeRun) *rbacv1ac.RoleApplyConfiguration {
	rule := func(group, resource, verb string) *rbacv1ac.PolicyRuleApplyConfiguration {
		return rbacv1ac.PolicyRule().WithAPIGroups(group).WithResources(resource).WithVerbs(verb).WithResourceNames(run.Name)
	}
	return rbacv1ac.Role(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithRules(
			rule("", "configmaps", "get"),
			rule(v1alpha1.GroupVersion.Group, "purgeruns", "get"),
			rule(v1alpha1.GroupVersion.Group, "purgeruns/status", "patch"))
}

func renderRoleBinding(run *v1alpha1.PurgeRun) *rbacv1ac.RoleBindingApplyConfiguration {
	return rbacv1ac.RoleBinding(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("Role").WithName(run.Name)).
		WithSubjects(rbacv1ac.Subject().WithKind(rbacv1.ServiceAccountKind).WithName(run.Name).WithNamespace(run.Namespace))
}

// renderNetworkPolicy closes the run's pod to all but DNS, the ports of store and archive, and the API server's ports. It names ports and no
// addresses: a store's host is in a Secret and may have any address, so the policy narrows what can be spoken to, not whom.
func renderNetworkPolicy(run *v1alpha1.PurgeRun, storePorts, apiServerPorts []int32) *networkingv1ac.NetworkPolicyApplyConfiguration {
	port := func(protocol corev1.Protocol, number int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
		return networkingv1ac.NetworkPolicyPort().WithProtocol(protocol).WithPort(intstr.FromInt32(number))
	}
	ports := []*networkingv1ac.NetworkPolicyPortApplyConfiguration{
		port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53),
	}
	for _, number := range slices.Concat(storePorts, apiServerPorts) {
		ports = append(ports, port(corev1.ProtocolTCP, number))
	}
	return networkingv1ac.NetworkPolicy(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(map[string]string{v1alpha1.LabelRun: run.Name})).
			WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
			WithEgress(networkingv1ac.NetworkPolicyEgressRule().WithPorts(ports...)))
}
