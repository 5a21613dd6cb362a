package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// FieldManager owns condition GatewayReady, status.gateway and the gateway's objects.
const FieldManager = "carrier-operator-gateway"

// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierintegrations/finalizers,verbs=update

// Controller runs the gateways of integrations.
type Controller struct {
	integrations.Base
	// Image of the gateway. PullPolicy says when it is pulled; empty: as Kubernetes does by default.
	Image      string
	PullPolicy corev1.PullPolicy
	// Acknowledger asks gateway pods what they serve.
	Acknowledger Acknowledger

	asked asked
}

// Reconcile brings the gateway to what the integration says and reports how many replicas serve it.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i, err := c.Load(ctx, req)
	if err != nil || i == nil {
		c.asked.forget(req.NamespacedName)
		return ctrl.Result{}, err
	}
	if i.Problem != nil {
		return ctrl.Result{}, c.wait(ctx, i, "condition "+v1alpha1.ConditionProfileResolved)
	}
	if err := c.applyShell(ctx, i.CarrierIntegration); err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	if dependency := blocked(i.CarrierIntegration); dependency != "" {
		return ctrl.Result{}, c.wait(ctx, i, dependency)
	}
	in, problem, err := c.gather(ctx, i)
	if err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	if problem != nil {
		return ctrl.Result{}, c.report(ctx, i, i.Status.Gateway, metav1.Condition{Type: v1alpha1.ConditionGatewayReady,
			Status: metav1.ConditionFalse, Reason: problem.Reason, Message: problem.Message})
	}
	cfg := renderConfig(in)
	lacking, err := c.lacking(ctx, i, in, cfg)
	if err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	if lacking != "" {
		return ctrl.Result{}, c.wait(ctx, i, lacking)
	}
	deployment, err := c.applyCore(ctx, i.CarrierIntegration, cfg)
	if err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	return c.acknowledge(ctx, i, cfg, deployment)
}

// gather reads trust bundle, CA bundles and the Services that the gateway talks to.
func (c *Controller) gather(ctx context.Context, i *integrations.Integration) (*inputs, *integration.Problem, error) {
	in := &inputs{resolved: i.Resolved}
	var problem string
	var err error
	if in.bundles, problem, err = c.bundles(ctx, i.CarrierIntegration, i.Resolved.Environment); err != nil || problem != "" {
		return nil, &integration.Problem{Reason: v1alpha1.ReasonCABundleInvalid, Message: problem}, err
	}
	if in.limitStoreBundle, problem, err = c.limitStoreBundle(ctx, i.CarrierIntegration); err != nil || problem != "" {
		return nil, &integration.Problem{Reason: v1alpha1.ReasonCABundleInvalid, Message: problem}, err
	}
	if in.services, problem, err = integrations.ReadServices(ctx, c.Client, i.CarrierIntegration); err != nil || problem != "" {
		return nil, &integration.Problem{Reason: v1alpha1.ReasonServiceNotFound, Message: problem}, err
	}
	trust, err := integrations.Child(ctx, &c.Base, i.CarrierIntegration, "ConfigMap", integration.TrustBundle(i.Name), &corev1.ConfigMap{})
	if err != nil {
		return nil, nil, err
	}
	if trust != nil {
		in.trustBundle = trust.Data[trustKey]
	}
	return in, nil, nil
}

func (c *Controller) lacking(ctx context.Context, i *integrations.Integration, in *inputs, cfg *config.Config) (string, error) {
	if lacking := missing(in, cfg); lacking != "" {
		return lacking, nil
	}
	credentials := map[string]*v1alpha1.CarrierCredential{}
	for _, entry := range i.Spec.Credentials {
		credential, err := ssa.Get(ctx, c.Client, i.Namespace, entry.CredentialRef.Name, &v1alpha1.CarrierCredential{})
		if err != nil {
			return "", err
		}
		credentials[entry.Name] = credential
	}
	if credential := notBound(i.Resolved, credentials); credential != "" {
		return credential, nil
	}
	if certificate, err := c.certificateNotBound(ctx, i); certificate != "" || err != nil {
		return certificate, err
	}
	if rotatesRefreshTokens(cfg) {
		return c.refreshTokensKept(ctx, i.CarrierIntegration)
	}
	return "", nil
}

// certificateNotBound says whether a given certificate may not be presented to one of the carrier's hosts: as with credentials, the
// profile can change after condition CertificatesReady was computed.
func (c *Controller) certificateNotBound(ctx context.Context, i *integrations.Integration) (string, error) {
	name := i.Spec.Certificates.CarrierClient.SecretRef.Name
	if name == "" {
		return "", nil
	}
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	found, err := ssa.Get(ctx, c.Client, i.Namespace, name, secret)
	if err != nil || found == nil {
		return "certificate " + name, err
	}
	if p := i.Resolved.Bound(name, found.Annotations); p != nil {
		return "certificate " + name + ": " + p.Message, nil
	}
	return "", nil
}

// applyShell applies what does not depend on other concerns.
func (c *Controller) applyShell(ctx context.Context, ci *v1alpha1.CarrierIntegration) error {
	name := integration.GatewayName(ci.Name)
	if _, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "ServiceAccount", name, renderServiceAccount(ci),
		&corev1.ServiceAccount{}, corev1ac.ExtractServiceAccount); err != nil {
		return err
	}
	if _, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "Service", name, renderService(ci),
		&corev1.Service{}, corev1ac.ExtractService); err != nil {
		return err
	}
	_, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "PodDisruptionBudget", name, renderBudget(ci),
		&policyv1.PodDisruptionBudget{}, policyv1ac.ExtractPodDisruptionBudget)
	return err
}

// applyCore applies configuration and Deployment, in this order: a new pod starts with the new configuration. It returns the Deployment
// as it was before.
func (c *Controller) applyCore(ctx context.Context, ci *v1alpha1.CarrierIntegration, cfg *config.Config) (*appsv1.Deployment, error) {
	encoded, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	name, deployment := integration.GatewayName(ci.Name), renderDeployment(ci, c.Image, c.PullPolicy)
	if rotatesRefreshTokens(cfg) {
		handRefreshTokens(deployment, ci)
	}
	if _, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "ConfigMap", name, renderConfigMap(ci, encoded),
		&corev1.ConfigMap{}, corev1ac.ExtractConfigMap); err != nil {
		return nil, err
	}
	return integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "Deployment", name, deployment, &appsv1.Deployment{}, appsv1ac.ExtractDeployment)
}

// acknowledge asks the replicas what they serve, and nudges those that lag behind.
func (c *Controller) acknowledge(ctx context.Context, i *integrations.Integration, cfg *config.Config, deployment *appsv1.Deployment) (ctrl.Result, error) {
	w := &wanted{replicas: cfg.Replicas, revision: cfg.Revision,
		serverCertificate:  fingerprint(&i.Status, integration.ServerCertificate(i.Name)),
		carrierCertificate: fingerprint(&i.Status, integration.CarrierSecret(i.CarrierIntegration))}
	replicas, err := c.replicas(ctx, i.CarrierIntegration)
	if err != nil {
		return ctrl.Result{}, err
	}
	if converged(i.CarrierIntegration, w, replicas) && rolledOut(deployment, w.replicas) {
		return c.count(ctx, i, cfg, replicas)
	}
	if err := c.ask(ctx, i, cfg, w, replicas); err != nil {
		return ctrl.Result{}, err
	}
	for n := range replicas {
		if err := c.nudge(ctx, &replicas[n], w); err != nil {
			return ctrl.Result{}, err
		}
	}
	counts, err := c.takeCounts(ctx, i.CarrierIntegration, replicas)
	if err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	condition, serving := decide(w, deployment, replicas)
	served := v1alpha1.GatewayStatus{Replicas: w.replicas, ServingReplicas: serving, Revision: w.revision}
	if err := c.reportCounts(ctx, i, served, &counts, condition); err != nil {
		return ctrl.Result{}, err
	}
	if condition.Status == metav1.ConditionTrue {
		return ctrl.Result{RequeueAfter: wait.Jitter(countsInterval, 0.1)}, nil
	}
	return ctrl.Result{RequeueAfter: max(time.Second, wait.Jitter(pollAfter(i.CarrierIntegration, c.Clock.Now()), 0.1))}, nil
}

// count asks replicas that have acknowledged everything for what they counted, now and then.
func (c *Controller) count(ctx context.Context, i *integrations.Integration, cfg *config.Config, replicas []replica) (ctrl.Result, error) {
	if due := c.asked.due(client.ObjectKeyFromObject(i.CarrierIntegration), c.Clock.Now()); due > 0 {
		return ctrl.Result{RequeueAfter: due}, c.report(ctx, i, i.Status.Gateway, observed(i))
	}
	if err := c.askCounts(ctx, i, cfg, replicas); err != nil {
		return ctrl.Result{}, err
	}
	counts, err := c.takeCounts(ctx, i.CarrierIntegration, replicas)
	if err != nil {
		return ctrl.Result{}, c.conflict(ctx, i, err)
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(countsInterval, 0.1)}, c.reportCounts(ctx, i, i.Status.Gateway, &counts, observed(i))
}

// wait reports that the gateway is not changed before something else is there; what it serves until then is what it served.
func (c *Controller) wait(ctx context.Context, i *integrations.Integration, what string) error {
	message := "waits for " + what
	if served := i.Status.Gateway; served.ServingReplicas > 0 {
		message += fmt.Sprintf("; until then revision %s goes on being served", short(served.Revision))
	}
	return c.report(ctx, i, i.Status.Gateway, metav1.Condition{Type: v1alpha1.ConditionGatewayReady, Status: metav1.ConditionUnknown,
		Reason: v1alpha1.ReasonDependencyNotReady, Message: message})
}

func (c *Controller) conflict(ctx context.Context, i *integrations.Integration, err error) error {
	condition, err := integrations.ConflictCondition(v1alpha1.ConditionGatewayReady, err)
	if err != nil {
		return err
	}
	return c.report(ctx, i, i.Status.Gateway, condition)
}

func (c *Controller) report(ctx context.Context, i *integrations.Integration, g v1alpha1.GatewayStatus, condition metav1.Condition) error {
	return c.reportCounts(ctx, i, g, &i.Status.Minimization, condition)
}

func (c *Controller) reportCounts(
	ctx context.Context, i *integrations.Integration, g v1alpha1.GatewayStatus, counts *v1alpha1.MinimizationStatus, condition metav1.Condition,
) error {
	replicas := integration.Replicas(i.CarrierIntegration)
	status := apiac.GatewayStatus().WithAddress(address(i.CarrierIntegration)).WithReplicas(replicas).
		WithSummary(fmt.Sprintf("%d/%d", g.ServingReplicas, replicas))
	if g.ServingReplicas > 0 { // what is read back has no zero in it, and would look like a change
		status.WithServingReplicas(g.ServingReplicas)
	}
	if g.Revision != "" {
		status.WithRevision(g.Revision)
	}
	whole := apiac.CarrierIntegrationStatus().WithGateway(status)
	if m := applyMinimization(counts); m != nil {
		whole.WithMinimization(m)
	}
	return c.Report(ctx, FieldManager, i.CarrierIntegration, whole, condition)
}
