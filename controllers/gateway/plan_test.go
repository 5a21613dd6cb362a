package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func readyPod(name string) *corev1.Pod {
	return &corev1.Pod{Name: name, Status: corev1.PodStatus{
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
}

func serving(name string) replica {
	return replica{pod: readyPod(name), status: &config.Status{Revision: "new", ServerCertificate: "aa",
		Credentials: []config.CredentialProof{{Name: "shipping", Proof: "p1"}}}}
}

func rolled(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{Name: "acme-gateway", Generation: 3,
		Status: appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: replicas, UpdatedReplicas: replicas}}
}

func TestDecide(t *testing.T) {
	second := func(change func(*replica)) []replica {
		r := serving("b")
		change(&r)
		return []replica{serving("a"), r}
	}
	waiting := func(reason string) func(*replica) {
		return func(r *replica) {
			r.pod.Status.Conditions[0].Status = corev1.ConditionFalse
			r.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
		}
	}
	tests := map[string]struct {
		deployment *appsv1.Deployment
		replicas   []replica
		reason     string // empty: GatewayReady is true
		message    string
		serving    int32
	}{
		"all serve": {rolled(2), []replica{serving("a"), serving("b")}, "", "2 of 2 replicas serve revision new", 2},
		"one is not ready": {rolled(2), second(func(r *replica) { r.pod.Status.Conditions = nil }),
			v1alpha1.ReasonGatewayProgressing, "pod b is not ready", 1},
		"one cannot be asked": {rolled(2), second(func(r *replica) { r.status, r.err = nil, errors.New("does not answer: connection refused") }),
			v1alpha1.ReasonGatewayProgressing, "pod b does not answer: connection refused", 1},
		"one serves another revision": {rolled(2), second(func(r *replica) { r.status.Revision = "0123456789" }),
			v1alpha1.ReasonGatewayProgressing, "pod b still serves revision 01234567", 1},
		"one says what is wrong with the new revision": {rolled(2), second(func(r *replica) { r.status.Revision, r.status.LastError = "old", "rules: no" }),
			v1alpha1.ReasonGatewayProgressing, "pod b rules: no", 1},
		"one serves another certificate": {rolled(2), second(func(r *replica) { r.status.ServerCertificate = "bb" }),
			v1alpha1.ReasonGatewayProgressing, "pod b still serves an older certificate", 1},
		"one presents a certificate to the carrier that nobody wants": {rolled(2), second(func(r *replica) { r.status.CarrierCertificate = "cc" }),
			v1alpha1.ReasonGatewayProgressing, "older certificate", 1},
		"one uses the previous credential": {rolled(2), second(func(r *replica) { r.status.Credentials[0].Proof = "p0" }),
			v1alpha1.ReasonGatewayProgressing, "pod b still uses the previous content of credential shipping", 1},
		"one keeps the previous credential, since the carrier refuses the new one": {rolled(2), second(func(r *replica) {
			r.status.Credentials[0].Proof, r.status.Credentials[0].Failure = "p0", "InvalidClient"
		}), v1alpha1.ReasonGatewayProgressing, "the carrier did not accept the new one (InvalidClient)", 1},
		"one has no credential": {rolled(2), second(func(r *replica) { r.status.Credentials = nil }),
			v1alpha1.ReasonGatewayProgressing, "pod b has no credential shipping", 1},
		"an old pod still serves beside the new ones": {
			&appsv1.Deployment{Generation: 3, Status: appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 3, UpdatedReplicas: 2}},
			[]replica{serving("a"), serving("b"), serving("c")}, v1alpha1.ReasonGatewayProgressing, "the Deployment rolls out", 3},
		"the Deployment was not looked at yet": {
			&appsv1.Deployment{Generation: 4, Status: rolled(2).Status},
			[]replica{serving("a"), serving("b")}, v1alpha1.ReasonGatewayProgressing, "the Deployment rolls out", 2},
		"there is no pod yet":    {nil, nil, v1alpha1.ReasonGatewayProgressing, "0 of 2 replicas", 0},
		"an image is not there":  {rolled(2), second(waiting("ErrImagePull")), v1alpha1.ReasonGatewayUnavailable, "pod b cannot run (ErrImagePull)", 1},
		"a container is created": {rolled(2), second(waiting("ContainerCreating")), v1alpha1.ReasonGatewayProgressing, "pod b is not ready", 1},
		"pods are refused": {
			&appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota"}}}},
			nil, v1alpha1.ReasonGatewayUnavailable, "pods cannot be created: exceeded quota", 0},
		"the rollout got stuck": {
			&appsv1.Deployment{Name: "acme-gateway", Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}}}},
			nil, v1alpha1.ReasonGatewayUnavailable, "kubectl describe deployment acme-gateway", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := &wanted{replicas: 2, revision: "new", serverCertificate: "aa", proofs: map[string]string{"shipping": "p1"}}
			condition, serving := decide(w, tc.deployment, tc.replicas)
			wantStatus, wantReason := metav1.ConditionFalse, tc.reason
			if tc.reason == "" {
				wantStatus, wantReason = metav1.ConditionTrue, v1alpha1.ReasonSucceeded
			}
			if condition.Status != wantStatus || condition.Reason != wantReason || !strings.Contains(condition.Message, tc.message) {
				t.Errorf("%s/%s: %s, want %s/%s: ...%s", condition.Status, condition.Reason, condition.Message, wantStatus, wantReason, tc.message)
			}
			if serving != tc.serving {
				t.Errorf("%d serve, want %d", serving, tc.serving)
			}
		})
	}
}

func TestNudge(t *testing.T) {
	nudged := func(value string, ago time.Duration) *corev1.Pod {
		at := metav1.NewTime(start.Add(-ago))
		return &corev1.Pod{Annotations: map[string]string{v1alpha1.AnnotationRevision: value},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: FieldManager, Time: &at}}}
	}
	leaving := nudged("old", 0)
	leaving.DeletionTimestamp = &metav1.Time{Time: start}
	tests := map[string]struct {
		pod  *corev1.Pod
		lag  string
		want string // empty: none
	}{
		"a new pod":                         {&corev1.Pod{}, "", "new"},
		"a pod of another revision":         {nudged("old", time.Hour), "lags", "new"},
		"a pod that was nudged just now":    {nudged("new", 9*time.Second), "lags", ""},
		"a pod that missed the first nudge": {nudged("new", 10*time.Second), "lags", "new/1"},
		"a pod that missed three":           {nudged("new/2", 39*time.Second), "lags", ""},
		"and still does":                    {nudged("new/2", 40*time.Second), "lags", "new/3"},
		"a pod that serves":                 {nudged("new", time.Hour), "", ""},
		"a pod on its way out":              {leaving, "lags", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got, _ := nudge(tc.pod, &wanted{revision: "new"}, tc.lag, start); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPollsBecomeRare(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		0: time.Second, 20 * time.Second: time.Second, 5 * time.Minute: 10 * time.Second, 10 * time.Hour: 30 * time.Second,
	} {
		ci := &v1alpha1.CarrierIntegration{Status: v1alpha1.CarrierIntegrationStatus{Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionGatewayReady, Status: metav1.ConditionFalse, LastTransitionTime: metav1.NewTime(start.Add(-waited))}}}}
		if got := pollAfter(ci, start); got != want {
			t.Errorf("after waiting %s the next poll comes in %s, want %s", waited, got, want)
		}
	}
}

func TestBundles(t *testing.T) {
	ref := v1alpha1.BundleReference{Kind: v1alpha1.BundleSecret, Name: "cas", Key: "ca.crt"}
	for name, tc := range map[string]struct {
		content string
		found   bool
		want    string
	}{
		"missing":       {"", false, `key "ca.crt" of Secret "cas" does not exist`},
		"empty":         {"", true, "holds no PEM certificate"},
		"a key in it":   {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", true, "holds a PRIVATE KEY"},
		"broken":        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", true, "certificate 1 does not parse"},
		"far too large": {strings.Repeat("x", maxBundleBytes+1), true, "larger than 128 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checkBundle(ref, tc.content, tc.found); !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q in it", got, tc.want)
			}
		})
	}
}
