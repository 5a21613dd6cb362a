// Package certificate owns condition CertificatesReady of a CarrierIntegration: the cert-manager Certificates of the gateway, its clients,
// the operator and, where it demands one, the carrier; and the trust bundle with which both sides verify each other.
package certificate

import (
	"context"
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmapiac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=issuers;clusterissuers;certificaterequests,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierintegrations,verbs=get;list;watch;patch

// FieldManager owns condition CertificatesReady, status.certificates, the Certificates and the trust bundle.
const FieldManager = "carrier-operator-certificate"

// Controller has cert-manager issue an integration's certificates.
type Controller struct {
	integrations.Base
	// Installed says whether the cluster serves cert-manager's API.
	Installed func() bool
}

// awaitCertManager is how often a cluster without cert-manager is looked at again.
const awaitCertManager = time.Minute

// Reconcile makes the certificates and says whether all are fit; on deletion it removes their Secrets.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ci, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.CarrierIntegration{})
	if err != nil || ci == nil {
		return ctrl.Result{}, err
	}
	if !ci.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, c.cleanUp(ctx, ci)
	}
	if added, err := c.addFinalizer(ctx, ci); added || err != nil {
		return ctrl.Result{}, err
	}
	return c.reconcile(ctx, ci)
}

func (c *Controller) reconcile(ctx context.Context, ci *v1alpha1.CarrierIntegration) (ctrl.Result, error) {
	if !c.Installed() {
		return ctrl.Result{RequeueAfter: awaitCertManager}, c.report(ctx, ci, ci.Status.Certificates.Issued, notYet(v1alpha1.ReasonCertManagerMissing,
			"the cluster does not serve cert-manager's API: install cert-manager 1.18 or newer"))
	}
	wanted := wantedCertificates(ci)
	if v, err := c.checkIssuers(ctx, ci, wanted); err != nil || v.reason != "" {
		return ctrl.Result{}, c.reportUnless(ctx, err, ci, v)
	}
	states, err := c.ensure(ctx, ci, wanted)
	if err != nil {
		condition, err := integrations.ConflictCondition(v1alpha1.ConditionCertificatesReady, err)
		return ctrl.Result{}, c.reportUnless(ctx, err, ci, verdict{reason: condition.Reason, message: condition.Message})
	}
	verdicts := make([]named, 0, len(states)+1)
	for _, s := range states {
		verdicts = append(verdicts, named{s.wanted.name, s.judge(find(ci.Status.Certificates.Issued, s.wanted.name), c.Clock.Now())})
	}
	if v, asked, err := c.given(ctx, ci, wanted); err != nil {
		return ctrl.Result{}, err
	} else if asked {
		verdicts = append(verdicts, named{integration.CarrierSecret(ci), v})
	}
	first, issued := judgeAll(verdicts, ci.Status.Certificates.Issued)
	next, problem, err := c.ensureTrust(ctx, ci, states)
	if err != nil {
		return ctrl.Result{}, err
	}
	if first.reason == "" {
		first = problem
	}
	if err := c.prune(ctx, ci, wanted); err != nil {
		return ctrl.Result{}, err
	}
	return requeueAt(next, issued, c.Clock.Now()), c.report(ctx, ci, issued, first)
}

func (c *Controller) reportUnless(ctx context.Context, err error, ci *v1alpha1.CarrierIntegration, v verdict) error {
	if err != nil {
		return err
	}
	return c.report(ctx, ci, ci.Status.Certificates.Issued, v)
}

// named is the verdict on one certificate.
type named struct {
	name string
	verdict
}

// judgeAll joins the verdicts: the first that is against its certificate gives the reason. Facts of one that is not fit (any more) stay
// as recorded.
func judgeAll(verdicts []named, recorded []v1alpha1.CertificateStatus) (first verdict, issued []v1alpha1.CertificateStatus) {
	for _, v := range verdicts {
		if v.issued == nil {
			if first.reason == "" {
				first = v.verdict
			}
			v.issued = find(recorded, v.name)
		}
		if v.issued != nil {
			issued = append(issued, *v.issued)
		}
	}
	return first, issued
}

func find(recorded []v1alpha1.CertificateStatus, name string) *v1alpha1.CertificateStatus {
	for i := range recorded {
		if recorded[i].Name == name {
			return &recorded[i]
		}
	}
	return nil
}

// requeueAt comes back when a retired CA leaves the bundle, or when a certificate expires.
func requeueAt(next time.Time, issued []v1alpha1.CertificateStatus, now time.Time) ctrl.Result {
	for _, i := range issued {
		if at := i.NotAfter.Time; at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(time.Second, next.Sub(now))}
}

// ensure applies the Certificates and reads what came of them.
func (c *Controller) ensure(ctx context.Context, ci *v1alpha1.CarrierIntegration, all []wanted) ([]*state, error) {
	states := make([]*state, 0, len(all))
	for n := range all {
		w := &all[n]
		live, err := integrations.ApplyChild(ctx, &c.Base, FieldManager, ci, "Certificate", w.name, render(ci, w), &cmapi.Certificate{}, cmapiac.ExtractCertificate)
		if err != nil {
			return nil, err
		}
		s := &state{wanted: w, certificate: live}
		if live != nil {
			if s.secret, err = ssa.Get(ctx, c.Live, ci.Namespace, w.name, &corev1.Secret{}); err != nil {
				return nil, err
			}
			if s.pendingRequest, err = c.pendingRequest(ctx, live); err != nil {
				return nil, err
			}
		}
		states = append(states, s)
	}
	return states, nil
}

// report applies the condition and the facts.
func (c *Controller) report(ctx context.Context, ci *v1alpha1.CarrierIntegration, issued []v1alpha1.CertificateStatus, v verdict) error {
	condition := metav1.Condition{Type: v1alpha1.ConditionCertificatesReady, Status: metav1.ConditionFalse, Reason: v.reason, Message: v.message}
	if v.reason == "" {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonSucceeded
		condition.Message = fmt.Sprintf("%d certificates are issued and fit for their use", len(issued))
	}
	status, facts := apiac.CarrierIntegrationStatus(), apiac.CertificatesStatus()
	var earliest *metav1.Time
	for i := range issued {
		f := &issued[i]
		fact := apiac.CertificateStatus().WithName(f.Name).WithFingerprint(f.Fingerprint).WithSerialNumber(f.SerialNumber).WithNotAfter(f.NotAfter)
		if !f.RenewalTime.IsZero() {
			fact.WithRenewalTime(f.RenewalTime)
		}
		facts.WithIssued(fact)
		if earliest == nil || f.NotAfter.Before(earliest) {
			earliest = &f.NotAfter
		}
	}
	if earliest != nil {
		status.WithCertificates(facts.WithEarliestExpiry(*earliest))
	}
	return c.Report(ctx, FieldManager, ci, status, condition)
}
