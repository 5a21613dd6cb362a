//go:build envtest

package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/certificate"
	"github.com/carrier-operator/carrier-operator/controllers/credential"
	"github.com/carrier-operator/carrier-operator/controllers/enforcement"
	"github.com/carrier-operator/carrier-operator/controllers/gateway"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/network"
	"github.com/carrier-operator/carrier-operator/controllers/profile"
	"github.com/carrier-operator/carrier-operator/controllers/readiness"
	"github.com/carrier-operator/carrier-operator/controllers/setup"
	networks "github.com/carrier-operator/carrier-operator/internal/network"
)

var (
	// server is reached with all rights by the tests, which play the users and the rest of the cluster; manager with the rights of the
	// shipped ClusterRole by the controllers.
	server  connection
	manager connection

	scheme = setup.Scheme()
)

// connection is what all clients of one identity share, so that making one costs nothing.
type connection struct {
	config *rest.Config
	http   *http.Client
	mapper meta.RESTMapper
}

func connect(config *rest.Config) (connection, error) {
	config.QPS, config.Timeout = -1, 20*time.Second
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return connection{}, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	return connection{config, httpClient, mapper}, err
}

// client makes a client; through, if not nil, sees its requests.
func (c connection) client(through *wire) (client.Client, error) {
	httpClient := c.http
	if through != nil {
		through.next = c.http.Transport
		httpClient = &http.Client{Transport: through, Timeout: c.http.Timeout}
	}
	return client.New(c.config, client.Options{Scheme: scheme, HTTPClient: httpClient, Mapper: c.mapper})
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	fail := func(what string, err error) int {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		return 1
	}
	modules, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager", "sigs.k8s.io/network-policy-api").Output()
	if err != nil {
		return fail("where are the modules of cert-manager and of the policy API?", err)
	}
	folders := strings.Fields(string(modules))
	env := &envtest.Environment{
		CRDDirectoryPaths: []string{
			filepath.Join("..", "config", "crd", "bases"), filepath.Join(folders[0], "deploy", "crds"),
			filepath.Join(folders[1], "config", "crd", "standard", "policy.networking.k8s.io_clusternetworkpolicies.yaml"),
		},
		ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		return fail("the API server does not start", err)
	}
	defer func() { _ = env.Stop() }()
	if server, err = connect(config); err != nil {
		return fail("the API server does not answer", err)
	}
	if manager, err = restricted(env); err != nil {
		return fail("the manager's rights cannot be granted", err)
	}
	return m.Run()
}

// restricted adds a user with the rights of the manager and no others.
func restricted(env *envtest.Environment) (connection, error) {
	none := connection{}
	user, err := env.AddUser(envtest.User{Name: "carrier-operator-manager"}, nil)
	if err != nil {
		return none, err
	}
	file, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		return none, err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(file, role); err != nil {
		return none, err
	}
	admin, err := server.client(nil)
	if err != nil {
		return none, err
	}
	for _, object := range []client.Object{role, &rbacv1.ClusterRoleBinding{
		Name:     role.Name,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carrier-operator-manager"}},
	}} {
		if err := admin.Create(context.Background(), object); err != nil {
			return none, err
		}
	}
	return connect(user.Config())
}

// world is one namespace with the controllers of an integration, called directly, a clock that only the test moves, an observer of every
// write that the controllers send, and around them what else there is in a cluster: cert-manager, Deployments with pods, DNS.
type world struct {
	t         *testing.T
	ctx       context.Context
	namespace string
	user      client.Client
	wire      *wire
	clock     *clocktesting.FakePassiveClock
	events    *events.FakeRecorder

	names   map[string]lookup
	issuer  *issuer
	fleet   *fleet
	plugin  *plugin
	missing bool // cert-manager's API is not there
	// clusterPolicies by default are not served.
	clusterPolicies network.ClusterPolicies
	wakeUp          map[string]time.Duration
}

// lookup is what DNS answers for a name.
type lookup struct {
	addresses []string
	err       error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	user, err := server.client(nil)
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{GenerateName: "shop-"}
	if err := user.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, ctx: t.Context(), namespace: namespace.Name, user: user, wire: &wire{},
		clock:  clocktesting.NewFakePassiveClock(time.Now().Truncate(time.Second)),
		events: events.NewFakeRecorder(10_000),
		names: map[string]lookup{
			"api.acme.example":  {addresses: []string{"23.1.0.1", "23.1.0.2"}},
			"auth.acme.example": {addresses: []string{"23.2.0.1"}},
		},
		wakeUp: map[string]time.Duration{},
	}
	w.issuer = newIssuer(t, w.clock.Now())
	w.fleet = &fleet{w: w, stuck: map[string]bool{}}
	w.plugin = &plugin{}
	return w
}

// Resolve is the DNS of the world.
func (w *world) Resolve(_ context.Context, host string) (networks.Answer, error) {
	found := w.names[host]
	answer := networks.Answer{TTL: time.Minute}
	for _, address := range found.addresses {
		answer.Addresses = append(answer.Addresses, netip.MustParseAddr(address))
	}
	return answer, found.err
}

type kindController struct {
	name, kind string
	controller reconcile.Reconciler
}

// restart makes the controllers anew, as a restart of the manager does.
func (w *world) restart() []kindController {
	c, err := manager.client(w.wire)
	if err != nil {
		w.t.Fatal(err)
	}
	base := integrations.Base{Client: c, Live: c, Events: w.events, Clock: w.clock}
	const integration = "CarrierIntegration"
	return []kindController{
		{"carriercredential", "CarrierCredential", &credential.Controller{Base: base}},
		{"profile", integration, &profile.Controller{Base: base}},
		{"credential", integration, &credential.IntegrationController{Base: base}},
		{"certificate", integration, &certificate.Controller{Base: base, Installed: func() bool { return !w.missing }}},
		{"network", integration, &network.Controller{Base: base, Resolver: &network.Cache{Resolver: w, Clock: w.clock},
			OperatorNamespace: "carrier-system", OperatorPods: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentManager}, ClusterPolicies: w.clusterPolicies}},
		{"gateway", integration, &gateway.Controller{Base: base, Image: "registry.example/gateway:test", Acknowledger: w.fleet}},
		{"enforcement", integration, &enforcement.Controller{Base: base, Prober: w.plugin, Reach: w.plugin.reach,
			Target: netip.MustParseAddrPort("10.9.0.9:9444")}},
		{"readiness", integration, &readiness.Controller{Base: base}},
	}
}

// round calls every controller once for every object of its kind and returns the first error.
func (w *world) round(controllers []kindController) error {
	var first error
	for _, kc := range controllers {
		for _, object := range w.list(kc.kind) {
			result, err := kc.controller.Reconcile(w.ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&object)})
			if err != nil && first == nil {
				first = fmt.Errorf("%s of %s: %w", kc.name, object.GetName(), err)
			}
			w.wakeUp[kc.name] = result.RequeueAfter
		}
	}
	return first
}

// settle lets controllers and cluster work until nothing changes any more, and checks what must hold after every story: nothing is
// written by two more rounds nor by a restarted manager, and kstatus agrees with the conditions.
func (w *world) settle() {
	w.t.Helper()
	w.settleRough()
	before := w.wire.count()
	controllers := w.restart()
	for range 2 {
		if err := w.round(controllers); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.round(w.restart()); err != nil {
		w.t.Fatal(err)
	}
	if writes := w.wire.since(before); len(writes) > 0 {
		w.t.Errorf("a converged world was written to: %s", strings.Join(writes, ", "))
	}
	w.checkKstatus()
}

// settleRough is settle without the checks. Errors are allowed where the test broke the wire.
func (w *world) settleRough() {
	w.t.Helper()
	controllers := w.restart()
	for range 30 {
		before := w.wire.count()
		if err := w.round(controllers); err != nil && !w.wire.brokeSince(before) {
			w.t.Fatal(err)
		}
		changed := w.issuer.work(w)
		changed = w.fleet.work() || changed
		if !changed && w.wire.count() == before {
			return
		}
	}
	w.t.Error("the world does not settle: " + strings.Join(w.wire.since(max(0, w.wire.count()-3)), ", "))
}

func (w *world) checkKstatus() {
	w.t.Helper()
	for _, kind := range []string{"CarrierIntegration", "CarrierCredential"} {
		for _, object := range w.list(kind) {
			result, err := status.Compute(&object)
			if err != nil {
				w.t.Fatal(err)
			}
			conditions := conditionsOf(w.t, &object)
			want := status.InProgressStatus
			switch {
			case object.GetDeletionTimestamp() != nil:
				want = status.TerminatingStatus
			case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled):
				want = status.FailedStatus
			case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady):
				want = status.CurrentStatus
			}
			if result.Status != want {
				w.t.Errorf("%s %s: kstatus says %s, the conditions say %s: %s", kind, object.GetName(), result.Status, want, result.Message)
			}
		}
	}
}

func conditionsOf(t *testing.T, object *unstructured.Unstructured) []metav1.Condition {
	t.Helper()
	var parsed struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Status.Conditions
}

func (w *world) list(kind string) []unstructured.Unstructured {
	w.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	if err := w.user.List(w.ctx, list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// create makes objects as a user does.
func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, object := range objects {
		object.SetNamespace(w.namespace)
		if err := w.user.Create(w.ctx, object); err != nil {
			w.t.Fatal(err)
		}
	}
}

// get reads an object; false if it does not exist.
func (w *world) get(name string, into client.Object) bool {
	w.t.Helper()
	err := w.user.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, into)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// edit changes an object as a user does.
func edit[T client.Object](w *world, name string, into T, change func(T)) {
	w.t.Helper()
	if !w.get(name, into) {
		w.t.Fatalf("%T %s does not exist", into, name)
	}
	change(into)
	if err := w.user.Update(w.ctx, into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string, object client.Object) {
	w.t.Helper()
	object.SetNamespace(w.namespace)
	object.SetName(name)
	if err := w.user.Delete(w.ctx, object, client.GracePeriodSeconds(0)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) integration() *v1alpha1.CarrierIntegration {
	w.t.Helper()
	ci := &v1alpha1.CarrierIntegration{}
	if !w.get("acme", ci) {
		w.t.Fatal("the integration is gone")
	}
	return ci
}

// expect checks a condition of the integration.
func (w *world) expect(conditionType string, want metav1.ConditionStatus, reason string) {
	w.t.Helper()
	c := meta.FindStatusCondition(w.integration().Status.Conditions, conditionType)
	if c == nil {
		w.t.Fatalf("there is no condition %s", conditionType)
	}
	if c.Status != want || c.Reason != reason {
		w.t.Errorf("%s is %s/%s (%s), want %s/%s", conditionType, c.Status, c.Reason, c.Message, want, reason)
	}
}

func (w *world) expectReady() {
	w.t.Helper()
	w.expect(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}
