package datastore

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/kstatus"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
)

// FieldManager owns the whole status of a DataStore.
const FieldManager = "carrier-operator-datastore"

// +kubebuilder:rbac:groups=carrier-operator.io,resources=datastores,verbs=get;list;watch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=datastores/status,verbs=patch
// +kubebuilder:rbac:groups=carrier-operator.io,resources=purgeruns,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Controller reports on DataStores.
type Controller struct {
	// Client reads through the cache; Live reads Secrets and CA bundles from the API server.
	Client client.Client
	Live   client.Reader
	Events events.EventRecorder
	Clock  clock.PassiveClock
}

// Reconcile looks at the store's Secret and CA bundle, at the runs that met the store, and at the namespace's other DataStores.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	store, err := ssa.Get(ctx, c.Client, req.Namespace, req.Name, &v1alpha1.DataStore{})
	if err != nil || store == nil || !store.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	_, p, err := ReadConnection(ctx, c.Live, store)
	if err != nil {
		return ctrl.Result{}, err
	}
	var list v1alpha1.PurgeRunList
	if err := c.Client.List(ctx, &list, client.InNamespace(store.Namespace)); err != nil {
		return ctrl.Result{}, err
	}
	o := look(store, list.Items)
	if o.duplicateOf, err = c.findDuplicate(ctx, store, o.identity); err != nil {
		return ctrl.Result{}, err
	}
	if p == nil {
		p = duplicateProblem(store, o.duplicateOf)
	}
	return ctrl.Result{}, c.report(ctx, store, p, o)
}

func (c *Controller) report(ctx context.Context, store *v1alpha1.DataStore, p *storemap.Problem, o observed) error {
	want := append(conditions(p), fieldsDecided(o.discovery))
	status := apiac.DataStoreStatus().WithObservedGeneration(store.Generation).
		WithConditions(ssa.Conditions(want, store.Status.Conditions, store.Generation, c.Clock.Now())...)
	if o.identity != "" {
		status.WithIdentity(o.identity)
	}
	if o.duplicateOf != "" {
		status.WithDuplicateOf(o.duplicateOf)
	}
	for _, f := range o.discovery.Fields {
		field := apiac.UndecidedField().WithCollection(f.Collection).WithField(f.Field)
		if f.LooksLike != "" {
			field.WithLooksLike(f.LooksLike)
		}
		status.WithUndecided(field)
	}
	changed, err := ssa.ApplyStatus(ctx, c.Client, FieldManager,
		apiac.DataStore(store.Name, store.Namespace).WithStatus(status), store, apiac.ExtractDataStoreStatus)
	if err != nil || !changed {
		return err
	}
	if ready := ssa.Changed(store.Status.Conditions, want, v1alpha1.ConditionReady); ready != nil {
		kind := corev1.EventTypeNormal
		if p != nil {
			kind = corev1.EventTypeWarning
		}
		c.Events.Eventf(store, nil, kind, ready.Reason, "CheckConnection", "%s", ready.Message)
	}
	if fields := ssa.Changed(store.Status.Conditions, want, v1alpha1.ConditionFieldsDecided); fields != nil && fields.Status == metav1.ConditionFalse {
		c.Events.Eventf(store, nil, corev1.EventTypeWarning, fields.Reason, "Discover", "%s", fields.Message)
	}
	return nil
}

// conditions of a store: it is ready, or needs a person.
func conditions(p *storemap.Problem) []metav1.Condition {
	if p == nil {
		p = &storemap.Problem{Reason: v1alpha1.ReasonSucceeded, Message: "the Secret is complete and may be sent to its host; runs find out whether the store accepts it"}
		return kstatus.Conditions(v1alpha1.ConditionReady, p.Reason, p.Message)
	}
	return kstatus.Conditions(v1alpha1.ConditionStalled, p.Reason, p.Message)
}
