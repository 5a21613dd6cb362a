package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// dependencies are the conditions without which the gateway is not changed: what it serves is then the last that was right.
var dependencies = []string{v1alpha1.ConditionCertificatesReady, v1alpha1.ConditionCredentialsReady, v1alpha1.ConditionNetworkReady}

// blocked names the first condition that does not hold for the integration as it is now; empty if all do.
func blocked(ci *v1alpha1.CarrierIntegration) string {
	for _, dependency := range dependencies {
		c := meta.FindStatusCondition(ci.Status.Conditions, dependency)
		if c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != ci.Generation {
			return "condition " + dependency
		}
	}
	return ""
}

// notBound names a credential that may not be sent to one of the carrier's hosts; empty if there is none. The profile can change after
// condition CredentialsReady was computed: between the two a credential must not follow it to another host.
func notBound(r *integration.Resolved, credentials map[string]*v1alpha1.CarrierCredential) string {
	for _, entry := range r.Integration.Spec.Credentials {
		credential := credentials[entry.Name]
		for _, host := range r.Hosts {
			if credential == nil || !host.In(credential.Status.AllowedHosts) {
				return fmt.Sprintf("credential %s, which may not be sent to %s", entry.Name, host)
			}
		}
	}
	return ""
}

// wanted is what every replica shall serve.
type wanted struct {
	replicas           int32
	revision           string
	serverCertificate  string
	carrierCertificate string
	// proofs of the credentials' content under the nonce of this visit, by name.
	proofs map[string]string
}

// converged says whether all that is wanted was acknowledged before, by these pods: then nobody has to be asked again.
func converged(ci *v1alpha1.CarrierIntegration, w *wanted, replicas []replica) bool {
	c := meta.FindStatusCondition(ci.Status.Conditions, v1alpha1.ConditionGatewayReady)
	if c == nil || c.Status != metav1.ConditionTrue || ci.Status.Gateway.Revision != w.revision || len(replicas) != int(w.replicas) {
		return false
	}
	return !slices.ContainsFunc(replicas, func(r replica) bool {
		revision, _, _ := strings.Cut(r.pod.Annotations[v1alpha1.AnnotationRevision], "/")
		return !podReady(r.pod) || revision != w.revision
	})
}

// replica is a gateway pod and what it says of itself; err if it could not be asked.
type replica struct {
	pod    *corev1.Pod
	status *config.Status
	err    error
}

// lag says what keeps a replica from serving what is wanted; empty if it serves it.
func (w *wanted) lag(r *replica) string {
	switch {
	case !podReady(r.pod):
		return "is not ready"
	case r.err != nil:
		return r.err.Error()
	case r.status == nil:
		return "was not asked yet"
	case r.status.Revision != w.revision:
		return cmp.Or(r.status.LastError, "still serves revision "+short(r.status.Revision))
	case r.status.ServerCertificate != w.serverCertificate || r.status.CarrierCertificate != w.carrierCertificate:
		return cmp.Or(r.status.LastError, "still serves an older certificate")
	}
	for name, proof := range w.proofs {
		i := slices.IndexFunc(r.status.Credentials, func(p config.CredentialProof) bool { return p.Name == name })
		switch {
		case i < 0:
			return "has no credential " + name
		case r.status.Credentials[i].Proof == proof:
		case r.status.Credentials[i].Failure != "":
			return fmt.Sprintf("keeps the previous content of credential %s, since the carrier did not accept the new one (%s)", name, r.status.Credentials[i].Failure)
		default:
			return "still uses the previous content of credential " + name
		}
	}
	return ""
}

func short(revision string) string { return revision[:min(len(revision), 8)] }

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// decide says how far the replicas are. Serving replicas are those that acknowledged everything.
func decide(w *wanted, deployment *appsv1.Deployment, replicas []replica) (condition metav1.Condition, serving int32) {
	condition = metav1.Condition{Type: v1alpha1.ConditionGatewayReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonGatewayProgressing}
	var laggards []string
	for i := range replicas {
		if lag := w.lag(&replicas[i]); lag != "" {
			laggards = append(laggards, fmt.Sprintf("pod %s %s", replicas[i].pod.Name, lag))
		} else {
			serving++
		}
	}
	slices.Sort(laggards)
	switch trouble := troubles(deployment, replicas); {
	case trouble != "":
		condition.Reason, condition.Message = v1alpha1.ReasonGatewayUnavailable, trouble
	case len(laggards) > 0:
		condition.Message = fmt.Sprintf("%d of %d replicas serve revision %s; %s", serving, w.replicas, short(w.revision), strings.Join(laggards, "; "))
	case !rolledOut(deployment, w.replicas) || serving != w.replicas:
		condition.Message = fmt.Sprintf("%d of %d replicas serve revision %s; the Deployment rolls out", serving, w.replicas, short(w.revision))
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonSucceeded
		condition.Message = fmt.Sprintf("%d of %d replicas serve revision %s", serving, w.replicas, short(w.revision))
	}
	return condition, serving
}

func rolledOut(d *appsv1.Deployment, replicas int32) bool {
	return d != nil && d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == replicas && d.Status.Replicas == replicas
}

// hopeless are reasons of a waiting container that rarely go away without a person.
var hopeless = []string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"}

// troubles says why pods cannot run; empty if they can or may.
func troubles(d *appsv1.Deployment, replicas []replica) string {
	for i := range replicas {
		for _, c := range replicas[i].pod.Status.ContainerStatuses {
			if waiting := c.State.Waiting; waiting != nil && slices.Contains(hopeless, waiting.Reason) {
				return fmt.Sprintf("pod %s cannot run (%s): `kubectl describe pod %s` and its log say why", replicas[i].pod.Name, waiting.Reason, replicas[i].pod.Name)
			}
		}
	}
	if d == nil {
		return ""
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return fmt.Sprintf("pods cannot be created: %s", c.Message)
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ProgressDeadlineExceeded":
			return fmt.Sprintf("the rollout does not come to an end: `kubectl describe deployment %s` and its pods say why", d.Name)
		}
	}
	return ""
}

// nudgeAgainAfter is how long a nudged pod may go on serving something else: the kubelet may have looked before it knew of the change. The
// wait doubles each time, so that clocks which disagree cause no storm.
const (
	nudgeAgainAfter = 10 * time.Second
	maxDoublings    = 10
)

// nudge is the value of the pod's annotation that makes the kubelet refresh its mounts; false if there is nothing to do. A nudge that
// had no effect is repeated under another value.
func nudge(pod *corev1.Pod, w *wanted, lag string, now time.Time) (string, bool) {
	if !pod.DeletionTimestamp.IsZero() {
		return "", false
	}
	value := pod.Annotations[v1alpha1.AnnotationRevision]
	revision, count, _ := strings.Cut(value, "/")
	if revision != w.revision {
		return w.revision, true
	}
	n, _ := strconv.Atoi(count)
	if lag == "" || now.Sub(appliedAt(pod)) < nudgeAgainAfter<<min(n, maxDoublings) {
		return "", false
	}
	return fmt.Sprintf("%s/%d", w.revision, n+1), true
}

// pollAfter is when to ask again while replicas lag behind: every second at first, ever more rarely when it takes long.
func pollAfter(ci *v1alpha1.CarrierIntegration, now time.Time) time.Duration {
	c := meta.FindStatusCondition(ci.Status.Conditions, v1alpha1.ConditionGatewayReady)
	if c == nil || c.Status == metav1.ConditionTrue {
		return time.Second
	}
	return min(max(now.Sub(c.LastTransitionTime.Time)/30, time.Second), 30*time.Second)
}
