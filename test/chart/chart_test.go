//go:build envtest

package chart_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestDefinitionsAreThoseOfTheRepository(t *testing.T) {
	for name, tc := range map[string]struct {
		values []string
		want   string
	}{
		"kept by default":   {nil, "keep"},
		"removable on wish": {[]string{`crds={"keep":false}`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rendered := mustRender(t, tc.values...)
			for _, file := range files(t, filepath.Join("config", "crd", "bases")) {
				want := documents(t, file)[0]
				got := find(rendered, "CustomResourceDefinition", want.GetName())
				if got == nil {
					t.Errorf("%s is missing", want.GetName())
					continue
				}
				if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
					t.Errorf("%s differs: run `make manifests` (-repository +chart):\n%s", want.GetName(), diff)
				}
				if policy := got.GetAnnotations()["helm.sh/resource-policy"]; policy != tc.want {
					t.Errorf("%s: resource policy %q, want %q", want.GetName(), policy, tc.want)
				}
			}
		})
	}
	if got := find(mustRender(t, `crds={"enabled":false}`), "CustomResourceDefinition", "carrierprofiles.carrier-operator.io"); got != nil {
		t.Error("crds.enabled=false renders definitions")
	}
}

// Who installs with kustomize gets the same permissions and the same policy.
func TestKustomizeFoldersSayTheSame(t *testing.T) {
	rendered := mustRender(t)
	for _, file := range files(t, filepath.Join("config", "rbac")) {
		for _, want := range documents(t, file) {
			if want.GetKind() == "Kustomization" {
				continue
			}
			got := find(rendered, want.GetKind(), want.GetName())
			if got == nil {
				t.Errorf("the chart has no %s %s", want.GetKind(), want.GetName())
				continue
			}
			for _, field := range []string{"rules", "roleRef", "subjects", "spec", "automountServiceAccountToken"} {
				if diff := cmp.Diff(sorted(want.Object[field]), sorted(got.Object[field])); diff != "" {
					t.Errorf("%s of %s %s (-config +chart):\n%s", field, want.GetKind(), want.GetName(), diff)
				}
			}
		}
	}
}

// sorted brings a role's rules into an order: the chart splits and joins them.
func sorted(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	var texts []string
	for _, item := range list {
		rule, _ := item.(map[string]any)
		resources, _ := rule["resources"].([]any)
		for _, resource := range resources {
			texts = append(texts, fmt.Sprint(rule["apiGroups"], resource, rule["verbs"]))
		}
	}
	if texts == nil {
		return value
	}
	slices.Sort(texts)
	return texts
}

func TestValuesReachThePods(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	rendered := mustRender(t,
		`images={"manager":{"repository":"registry.example/manager","tag":"v1","digest":"`+digest+`","pullPolicy":"Always"},"gateway":{"repository":"registry.example/gateway","tag":"v2","pullPolicy":"Never"}}`,
		`watchNamespaces=["shop","returns"]`, `dnsServers=["192.0.2.53","192.0.2.54:5353"]`, `clusterCIDRs=["198.51.100.0/24"]`,
		`presets="Ignore"`, `clusterNetworkPolicies="Off"`, `logLevel="DEBUG"`, `replicas=2`, `apiServerPorts=[443,26443]`)
	deployment := typed[appsv1.Deployment](t, find(rendered, "Deployment", release))
	container := deployment.Spec.Template.Spec.Containers[0]
	if want := "registry.example/manager:v1@" + digest; container.Image != want || container.ImagePullPolicy != corev1.PullAlways {
		t.Errorf("image %s, pulled %s; want %s, Always", container.Image, container.ImagePullPolicy, want)
	}
	want := []string{
		"--gateway-image=registry.example/gateway:v2", "--purger-image=carrier-operator/purger:0.1.0", "--operator-namespace=carrier-system",
		"--gateway-pull-policy=Never", "--purger-pull-policy=IfNotPresent", "--presets=Ignore", "--cluster-network-policies=Off", "--api-server-ports=443,26443",
		"--metrics-address=:8080", "--probe-bind-address=:9444", "--log-level=DEBUG", "--watch-namespaces=shop,returns",
		"--dns-server=192.0.2.53,192.0.2.54:5353",
		"--cluster-cidrs=198.51.100.0/24",
	}
	if diff := cmp.Diff(want, container.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if find(rendered, "PodDisruptionBudget", release) == nil {
		t.Error("two managers have no PodDisruptionBudget")
	}
	if find(mustRender(t), "PodDisruptionBudget", release) != nil {
		t.Error("one manager has a PodDisruptionBudget: no node could be drained")
	}
}

func TestUnknownValuesAreRefused(t *testing.T) {
	for _, value := range []string{
		`image={"tag":"v1"}`, `images={"manager":{"repo":"a"}}`, `presets="apply"`, `clusterNetworkPolicies="On"`, `logLevel="info"`, `replicas="2"`,
		`watchNamespaces="shop"`, `metrics={"port":0}`, `images={"gateway":{"digest":"sha256:0"}}`,
	} {
		_, err := render(t, value)
		field, _, _ := strings.Cut(value, "=")
		if err == nil || !strings.Contains(err.Error(), "schema") || !strings.Contains(err.Error(), field) {
			t.Errorf("--set-json %s: %v, want an error that names the field", value, err)
		}
	}
}

func TestReleaseInstallsAndTheManagerMayDoWhatItNeeds(t *testing.T) {
	rendered := mustRender(t, `replicas=2`)
	install(t, rendered)

	// The namespace is restricted, so its admission judges the pod.
	deployment := typed[appsv1.Deployment](t, find(rendered, "Deployment", release))
	pod := &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec}
	pod.Name, pod.Namespace = "manager", namespace
	if err := admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("the manager's pod: %v", err)
	}

	type access struct {
		verb, group, resource, namespace string
		want                             bool
	}
	check := func(accesses ...access) {
		t.Helper()
		for _, a := range accesses {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: manager, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: a.verb, Group: a.group, Resource: a.resource, Namespace: a.namespace}}}
			if err := admin.Create(t.Context(), review); err != nil {
				t.Fatal(err)
			}
			if review.Status.Allowed != a.want {
				t.Errorf("%s %s in %q: allowed is %t, want %t", a.verb, a.resource, a.namespace, review.Status.Allowed, a.want)
			}
		}
	}
	check(
		access{"list", "", "secrets", "", true},
		access{"create", "", "secrets", "shop", false},
		access{"patch", "carrier-operator.io", "carrierintegrations/status", "shop", true},
		access{"patch", "carrier-operator.io", "carrierprofiles", "", true},
		access{"delete", "carrier-operator.io", "legalholds", "shop", false},
		access{"update", "coordination.k8s.io", "leases", namespace, true},
		access{"update", "coordination.k8s.io", "leases", "shop", false},
		access{"create", "", "pods/exec", "shop", false},
	)

	// The same release, narrowed to one namespace.
	install(t, mustRender(t, `watchNamespaces=["shop"]`))
	check(
		access{"list", "", "secrets", "", false},
		access{"list", "", "secrets", "returns", false},
		access{"list", "", "secrets", "shop", true},
		access{"patch", "carrier-operator.io", "carrierintegrations/status", "shop", true},
		access{"patch", "carrier-operator.io", "carrierprofiles", "", true},
		access{"list", "cert-manager.io", "clusterissuers", "", true},
		access{"patch", "policy.networking.k8s.io", "clusternetworkpolicies", "", true},
		access{"create", "events.k8s.io", "events", metav1.NamespaceDefault, true},
	)
}

// files are the contents of a folder's YAML files.
func files(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing in %s: %v", folder, err)
	}
	var contents []string
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	return contents
}

func typed[T any](t *testing.T, object *unstructured.Unstructured) *T {
	t.Helper()
	if object == nil {
		t.Fatal("not rendered")
	}
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
		t.Fatal(err)
	}
	return into
}
