package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// Setup says what wakes the controller up: the integration with its status, its profile and credentials, its objects and pods, and the
// CA bundles that it names. ConfigMaps and Secrets are watched by their metadata only.
func (c *Controller) Setup(b *builder.Builder) error {
	return b.For(&v1alpha1.CarrierIntegration{}).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ServiceAccount{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&corev1.ConfigMap{}, builder.OnlyMetadata).
		Owns(&corev1.Secret{}, builder.OnlyMetadata).
		Watches(&v1alpha1.CarrierProfile{}, c.By(integrations.FieldProfile, integrations.ByName)).
		Watches(&v1alpha1.CarrierCredential{}, c.By(integrations.FieldCredential, integrations.ByName)).
		Watches(&corev1.Service{}, c.By(integrations.FieldService, integrations.ByName)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ofPod)).
		WatchesMetadata(&corev1.ConfigMap{}, c.By(integrations.FieldBundle, bundleKey(v1alpha1.BundleConfigMap))).
		WatchesMetadata(&corev1.Secret{}, c.By(integrations.FieldBundle, bundleKey(v1alpha1.BundleSecret))).
		Complete(c)
}

func bundleKey(kind v1alpha1.BundleKind) func(client.Object) string {
	return func(o client.Object) string { return integrations.BundleKey(string(kind), o.GetName()) }
}

func ofPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.LabelIntegration]
	if name == "" || pod.GetLabels()[v1alpha1.LabelComponent] != v1alpha1.ComponentGateway {
		return nil
	}
	return []reconcile.Request{{Namespace: pod.GetNamespace(), Name: name}}
}

// replicas are the gateway's pods that are not on their way out.
func (c *Controller) replicas(ctx context.Context, ci *v1alpha1.CarrierIntegration) ([]replica, error) {
	var list corev1.PodList
	if err := c.Client.List(ctx, &list, client.InNamespace(ci.Namespace), client.MatchingLabels(integrations.GatewayPods(ci))); err != nil {
		return nil, err
	}
	var replicas []replica
	for n := range list.Items {
		pod := &list.Items[n]
		if pod.DeletionTimestamp.IsZero() && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			replicas = append(replicas, replica{pod: pod})
		}
	}
	return replicas, nil
}

// ask finds out what each replica serves, and what it would prove if it served the Secrets' present content.
func (c *Controller) ask(ctx context.Context, i *integrations.Integration, cfg *config.Config, w *wanted, replicas []replica) error {
	if len(replicas) == 0 {
		return nil
	}
	peer, err := c.peer(ctx, i, cfg)
	if err != nil {
		return err
	}
	nonce := newNonce()
	w.proofs = map[string]string{}
	for _, credential := range cfg.Credentials {
		name := secretOf(i.CarrierIntegration, credential.Name)
		secret, err := ssa.Get(ctx, c.Live, i.Namespace, name, &corev1.Secret{})
		if err != nil {
			return err
		}
		if secret == nil {
			return fmt.Errorf("the Secret %q of credential %s has just gone", name, credential.Name)
		}
		w.proofs[credential.Name] = config.CredentialProofOf(nonce, secret.Data)
	}
	ask(ctx, c.Acknowledger, peer, nonce, replicas)
	return nil
}

// peer reads the operator's certificate for this integration.
func (c *Controller) peer(ctx context.Context, i *integrations.Integration, cfg *config.Config) (*Peer, error) {
	return ReadPeer(ctx, c.Live, i.CarrierIntegration, cfg.TrustBundle)
}

// ReadPeer reads the operator's certificate for an integration; trust are the CAs, as PEM, that the gateway's is verified with.
func ReadPeer(ctx context.Context, reader client.Reader, ci *v1alpha1.CarrierIntegration, trust string) (*Peer, error) {
	name := integration.ManagerCertificate(ci.Name)
	secret, err := ssa.Get(ctx, reader, ci.Namespace, name, &corev1.Secret{})
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, fmt.Errorf("the Secret %q has just gone", name)
	}
	certificate, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("the operator's certificate in Secret %q: %w", name, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(trust)) {
		return nil, errors.New("the trust bundle holds no certificate")
	}
	return &Peer{Certificate: certificate, Roots: roots, Host: serviceHost(ci), URI: config.GatewayURI(ci.Namespace, ci.Name)}, nil
}

// nudge changes an annotation of the pod, so that the kubelet looks at it and refreshes its mounts.
func (c *Controller) nudge(ctx context.Context, r *replica, w *wanted) error {
	value, needed := nudge(r.pod, w, w.lag(r), c.Clock.Now())
	if !needed {
		return nil
	}
	apply := corev1ac.Pod(r.pod.Name, r.pod.Namespace).WithUID(r.pod.UID).
		WithAnnotations(map[string]string{v1alpha1.AnnotationRevision: value})
	err := c.Client.Apply(ctx, apply, client.FieldOwner(FieldManager), client.ForceOwnership)
	if err == nil {
		return nil
	}
	// A pod that has gone meanwhile needs no nudge; its name may even be another's by now.
	live, getErr := ssa.Get(ctx, c.Live, r.pod.Namespace, r.pod.Name, &corev1.Pod{})
	if getErr == nil && (live == nil || live.UID != r.pod.UID) {
		return nil
	}
	return err
}

// observed is the condition as it is.
func observed(i *integrations.Integration) metav1.Condition {
	return *meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionGatewayReady)
}
