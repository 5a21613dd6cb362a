package setup

import (
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// reconcileTimeout bounds one visit of a controller: nothing that it does takes longer unless something hangs.
const reconcileTimeout = time.Minute

// Backoff of an object whose visit failed.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 2 * time.Minute
)

// Scheme knows every kind that the operator reads or writes.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, cmapi.AddToScheme, npav1alpha2.Install} {
		utilruntime.Must(add(s))
	}
	return s
}

// Served says which of the APIs that others bring the cluster serves. Only what is served can be watched, so when that changes, the
// manager has to start anew.
type Served struct{ CertManager, ClusterNetworkPolicies bool }

// Discover finds out what is served. An error means that it could not be found out.
func Discover(mapper meta.RESTMapper) (Served, error) {
	certManager, err := served(mapper, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind))
	if err != nil {
		return Served{}, err
	}
	clusterPolicies, err := served(mapper, schema.GroupVersion(npav1alpha2.GroupVersion).WithKind("ClusterNetworkPolicy"))
	return Served{CertManager: certManager, ClusterNetworkPolicies: clusterPolicies}, err
}

func served(mapper meta.RESTMapper, kind schema.GroupVersionKind) (bool, error) {
	_, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// Manager completes a manager's options: what all managers and tests of the operator have in common. namespaces are those that it works
// in; none: all.
func Manager(o ctrl.Options, namespaces []string, served Served) ctrl.Options {
	o.Scheme = Scheme()
	o.Cache = cacheOptions(namespaces, served)
	// ConfigMaps are read live, where their content is needed: the cache holds metadata of them.
	o.Client.Cache = &client.CacheOptions{DisableFor: []client.Object{&corev1.ConfigMap{}}}
	o.Client.FieldValidation = metav1.FieldValidationStrict
	o.Controller = config.Controller{ReconciliationTimeout: reconcileTimeout, MaxConcurrentReconciles: 4}
	return o
}

// cacheOptions keep the manager's memory proportional to the number of its own objects: of kinds that others use too, only what carries
// our label is held, of Secrets and ConfigMaps only metadata, and of Services little more.
func cacheOptions(namespaces []string, served Served) cache.Options {
	managed := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": "carrier-operator"})}
	o := cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Secret{}:                {Transform: metadataOnly},
		&corev1.ConfigMap{}:             {Transform: metadataOnly},
		&corev1.Pod{}:                   {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelComponent: v1alpha1.ComponentGateway})},
		&corev1.Service{}:               {Transform: slimService},
		&corev1.ServiceAccount{}:        managed,
		&appsv1.Deployment{}:            managed,
		&batchv1.Job{}:                  managed,
		&policyv1.PodDisruptionBudget{}: managed,
		&networkingv1.NetworkPolicy{}:   managed,
		&rbacv1.Role{}:                  managed,
		&rbacv1.RoleBinding{}:           managed,
	}}
	if served.ClusterNetworkPolicies {
		o.ByObject[&npav1alpha2.ClusterNetworkPolicy{}] = cache.ByObject{Label: clusterPolicies(namespaces)}
	}
	if served.CertManager {
		// cert-manager copies a Certificate's labels to its requests.
		o.ByObject[&cmapi.Certificate{}], o.ByObject[&cmapi.CertificateRequest{}] = managed, managed
	}
	for _, namespace := range namespaces {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[namespace] = cache.Config{}
	}
	return o
}

// clusterPolicies selects ours: of the namespaces that this manager works in, since another may work in others.
func clusterPolicies(namespaces []string) labels.Selector {
	selector := labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": "carrier-operator"})
	if len(namespaces) > 0 {
		requirement, err := labels.NewRequirement(v1alpha1.LabelNamespace, selection.In, namespaces)
		utilruntime.Must(err) // names of namespaces are values of labels
		selector = selector.Add(*requirement)
	}
	return selector
}

// metadataOnly keeps content of Secrets and ConfigMaps out of the cache: whole objects are refused, and from metadata goes what is not
// looked at, above all the copy of the content that `kubectl apply` leaves in an annotation.
func metadataOnly(object any) (any, error) {
	m, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, fmt.Errorf("%T must not be cached: watch its metadata and read it live", object)
	}
	m.ManagedFields = nil
	delete(m.Annotations, corev1.LastAppliedConfigAnnotation)
	return m, nil
}

// slimService keeps of other people's Services what the gateway's policies and addresses are made from: integrations may name any.
func slimService(object any) (any, error) {
	service, ok := object.(*corev1.Service)
	if !ok || service.Labels["app.kubernetes.io/managed-by"] == "carrier-operator" {
		return object, nil
	}
	return &corev1.Service{
		Name: service.Name, Namespace: service.Namespace, UID: service.UID, ResourceVersion: service.ResourceVersion,
		Spec: corev1.ServiceSpec{
			Type: service.Spec.Type, ClusterIP: service.Spec.ClusterIP, Ports: service.Spec.Ports, Selector: service.Spec.Selector},
	}, nil
}

// Builder begins a controller with the limits that all of them keep.
func Builder(mgr ctrl.Manager, name string) *builder.Builder {
	limiter := workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](),
	)
	return ctrl.NewControllerManagedBy(mgr). //nolint:forbidigo // this is the wrapper
							Named(name).
							WithOptions(controller.Options{RateLimiter: limiter})
}
