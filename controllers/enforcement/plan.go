// Package enforcement owns condition NetworkEnforced of a CarrierIntegration. Policies are worth what the cluster's network plugin makes of
// them, and Kubernetes does not say whether there is one that enforces them: so each gateway tries a connection that its policy forbids, to
// a port of the manager that is known to listen.
package enforcement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	// interval between the probes of a gateway for which all is well, and retry while it is not.
	interval = 10 * time.Minute
	retry    = time.Minute
	// settling is how long a pod may run before the plugin must have seen it: some let a new pod connect anywhere for seconds.
	settling      = 15 * time.Second
	settlingRetry = 5 * time.Second
	// memory is how long a verdict holds while no gateway can be asked, as in a rollout.
	memory = 30 * time.Minute
	// maxNamed bounds the policies that a message names.
	maxNamed = 5
)

// replica is a ready gateway pod with the outcome of its probe; err if it could not be asked.
type replica struct {
	pod     *corev1.Pod
	outcome string
	err     error
}

// observation is what was found out about one integration.
type observation struct {
	// obstacle says why no probe can tell anything; empty if one can.
	obstacle string
	replicas []replica
	// foreign policies that widen the gateway's.
	foreign []string
}

func pending(message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionNetworkEnforced, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonProbePending, Message: message}
}

func refuted(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionNetworkEnforced, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// decide says what an observation shows, and when to look again. One connection that was made refutes; one that was refused shows
// something only if none was made.
func decide(o *observation, now time.Time) (condition metav1.Condition, again time.Duration) {
	var blocked, young int
	var failure string
	for i := range o.replicas {
		r := &o.replicas[i]
		switch {
		case r.err != nil:
			failure = fmt.Sprintf("pod %s %v", r.pod.Name, r.err)
		case r.outcome == config.ProbeBlocked:
			blocked++
		case r.outcome != config.ProbeConnected:
			failure = fmt.Sprintf("pod %s gives an answer that is not known: %q", r.pod.Name, r.outcome)
		case now.Sub(readySince(r.pod)) < settling:
			young++
		default:
			return refuted(v1alpha1.ReasonNotEnforced, fmt.Sprintf("the cluster's network plugin does not enforce NetworkPolicies: pod %s on node %s reached an address that its policy forbids. "+
				"The gateway itself dials published addresses only, but nothing holds it, or the clients, to that: use a network plugin that enforces NetworkPolicies",
				r.pod.Name, r.pod.Spec.NodeName)), retry
		}
	}
	switch {
	case len(o.foreign) > 0:
		return refuted(v1alpha1.ReasonForeignPolicy, "policies of others widen what the gateway may reach or be reached from: "+enumerate(o.foreign)+
			". Policies add up: leave the gateway's pods out of their podSelector, for example by "+v1alpha1.LabelComponent+" DoesNotExist"), retry
	case young > 0:
		return pending("a pod has just started; it is tried again in a moment"), settlingRetry
	case o.obstacle != "":
		return pending(o.obstacle), retry
	case blocked > 0:
		return metav1.Condition{Type: v1alpha1.ConditionNetworkEnforced, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonEnforced,
			Message: "the gateway could not reach an address that its policy forbids"}, interval
	case failure != "":
		return pending(failure), retry
	}
	return pending("no replica of the gateway is ready"), retry
}

func enumerate(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && pod.Status.PodIP != "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// foreign names the policies that select gateway pods, do not belong to the integration, and allow something more. One that opens the
// metrics' port only is what a monitoring needs.
func foreign(policies []networkingv1.NetworkPolicy, owner types.UID, replicas []replica) (names []string) {
	for i := range policies {
		p := &policies[i]
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if controller := metav1.GetControllerOf(p); err != nil || controller != nil && controller.UID == owner {
			continue
		}
		if !slices.ContainsFunc(replicas, func(r replica) bool { return selector.Matches(labels.Set(r.pod.Labels)) }) {
			continue
		}
		egress := slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) && len(p.Spec.Egress) > 0
		ingress := slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) && slices.ContainsFunc(p.Spec.Ingress, opensMoreThanMetrics)
		switch {
		case egress && ingress:
			names = append(names, p.Name+" (egress and ingress)")
		case egress:
			names = append(names, p.Name+" (egress)")
		case ingress:
			names = append(names, p.Name+" (ingress)")
		}
	}
	slices.Sort(names)
	return names
}

func opensMoreThanMetrics(rule networkingv1.NetworkPolicyIngressRule) bool {
	return len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Port == nil || p.EndPort != nil || p.Port.String() != fmt.Sprint(config.PortMetrics) && p.Port.String() != "metrics"
	})
}
