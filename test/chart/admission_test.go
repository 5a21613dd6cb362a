//go:build envtest

package chart_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// manager is the user name of the manager's ServiceAccount.
const manager = "system:serviceaccount:" + namespace + ":" + release

// RBAC lets the manager patch pods; the policy narrows that to one annotation of gateway pods.
func TestManagerChangesOneAnnotationOfGatewayPods(t *testing.T) {
	install(t, mustRender(t))
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: manager}
	operator, err := client.New(as, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	for name, component := range map[string]string{"gateway": v1alpha1.ComponentGateway, "purger": v1alpha1.ComponentPurger, "app": ""} {
		if err := admin.Create(t.Context(), pod(name, component)); err != nil {
			t.Fatal(err)
		}
	}
	patch := func(ctx context.Context, c client.Client, name, change string) error {
		target := &corev1.Pod{Name: name, Namespace: "shop"}
		return c.Patch(ctx, target, client.RawPatch(types.StrategicMergePatchType, []byte(change)))
	}
	revision := `{"metadata":{"annotations":{"carrier-operator.io/revision":"7"}}}`

	// A policy works a moment after it was made.
	err = wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		return patch(ctx, operator, "app", revision) != nil, nil
	})
	if err != nil {
		t.Fatalf("the policy never refused a pod that is no gateway: %v", err)
	}

	const (
		onlyGateways   = "the carrier operator may change pods of gateways only (label carrier-operator.io/component=gateway)"
		onlyRevision   = "the carrier operator may change no annotation of a pod but carrier-operator.io/revision"
		onlyAnnotation = "the carrier operator may change nothing of a pod but its annotation carrier-operator.io/revision"
	)
	for name, tc := range map[string]struct{ pod, change, refused string }{
		"the revision of a gateway":       {"gateway", revision, ""},
		"a new revision":                  {"gateway", `{"metadata":{"annotations":{"carrier-operator.io/revision":"8"}}}`, ""},
		"the revision of a purger":        {"purger", revision, onlyGateways},
		"the revision of an app":          {"app", revision, onlyGateways},
		"an app that is made a gateway":   {"app", `{"metadata":{"labels":{"carrier-operator.io/component":"gateway"}}}`, onlyGateways},
		"another annotation":              {"gateway", `{"metadata":{"annotations":{"example.com/inject":"true"}}}`, onlyRevision},
		"a changed annotation":            {"gateway", `{"metadata":{"annotations":{"team":"other"}}}`, onlyRevision},
		"an annotation that goes":         {"gateway", `{"metadata":{"annotations":{"team":null}}}`, onlyRevision},
		"a label":                         {"gateway", `{"metadata":{"labels":{"app":"checkout"}}}`, onlyAnnotation},
		"a finalizer":                     {"gateway", `{"metadata":{"finalizers":["example.com/f"]}}`, onlyAnnotation},
		"an owner":                        {"gateway", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"a","uid":"b"}]}}`, onlyAnnotation},
		"the image":                       {"gateway", `{"spec":{"containers":[{"name":"c","image":"registry.example/other:1"}]}}`, onlyAnnotation},
		"the revision and the image both": {"gateway", `{"metadata":{"annotations":{"carrier-operator.io/revision":"9"}},"spec":{"activeDeadlineSeconds":1}}`, onlyAnnotation},
	} {
		t.Run(name, func(t *testing.T) {
			err := patch(t.Context(), operator, tc.pod, tc.change)
			switch {
			case tc.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)):
				t.Errorf("got %v, want a refusal with %q", err, tc.refused)
			}
		})
	}
	// Nobody else is concerned.
	if err := patch(t.Context(), admin, "app", `{"metadata":{"labels":{"team":"shipping"}}}`); err != nil {
		t.Errorf("an administrator: %v", err)
	}
}

func pod(name, component string) *corev1.Pod {
	labels := map[string]string{"app": name}
	if component != "" {
		labels[v1alpha1.LabelComponent] = component
	}
	no, yes := false, true
	return &corev1.Pod{
		Name: name, Namespace: "shop", Labels: labels, Annotations: map[string]string{"team": "shipping"},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "c", Image: "registry.example/c:1",
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}
