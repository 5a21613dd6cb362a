package certificate

import (
	"context"
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// cert-manager leaves a certificate's Secret behind when the Certificate goes, and an owner reference to the integration would hand the
// Secret to whoever can delete integrations. So they are removed by name: when a client leaves the spec, and with the integration.

// addFinalizer makes sure that the Secrets go with the integration. added: the integration changed, the next event goes on.
func (c *Controller) addFinalizer(ctx context.Context, ci *v1alpha1.CarrierIntegration) (added bool, err error) {
	patched := ci.DeepCopy()
	if !controllerutil.AddFinalizer(patched, v1alpha1.Finalizer) {
		return false, nil
	}
	// The lock keeps a list of finalizers that someone else changed meanwhile.
	err = c.Client.Patch(ctx, patched, client.MergeFromWithOptions(ci, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) { // a newer version is on its way to us
		return true, nil
	}
	return true, client.IgnoreNotFound(err)
}

// cleanUp removes Certificates and Secrets, then lets the integration go. It needs neither the carrier nor cert-manager.
func (c *Controller) cleanUp(ctx context.Context, ci *v1alpha1.CarrierIntegration) error {
	if !controllerutil.ContainsFinalizer(ci, v1alpha1.Finalizer) {
		return nil
	}
	if err := c.prune(ctx, ci, nil); err != nil {
		return err
	}
	patched := ci.DeepCopy()
	controllerutil.RemoveFinalizer(patched, v1alpha1.Finalizer)
	err := c.Client.Patch(ctx, patched, client.MergeFromWithOptions(ci, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// prune removes the Certificates that are not wanted (any more), then the Secrets that they left: cert-manager would make a Secret again
// whose Certificate is still there.
func (c *Controller) prune(ctx context.Context, ci *v1alpha1.CarrierIntegration, all []wanted) error {
	keep := map[string]bool{}
	for _, w := range all {
		keep[w.name] = true
	}
	ours := []client.ListOption{client.InNamespace(ci.Namespace), client.MatchingLabels{v1alpha1.LabelIntegration: ci.Name}}
	if err := c.pruneCertificates(ctx, ci, keep, ours); err != nil {
		return err
	}
	secrets := metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := c.Client.List(ctx, &secrets, ours...); err != nil {
		return err
	}
	for i := range secrets.Items {
		// The annotation is cert-manager's: a Secret that only carries our label is somebody else's.
		if secret := &secrets.Items[i]; !keep[secret.Name] && secret.Annotations[cmapi.CertificateNameKey] == secret.Name {
			if err := c.remove(ctx, secret); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) pruneCertificates(ctx context.Context, ci *v1alpha1.CarrierIntegration, keep map[string]bool, ours []client.ListOption) error {
	if !c.Installed() {
		return nil
	}
	var certificates cmapi.CertificateList
	if err := c.Client.List(ctx, &certificates, ours...); err != nil {
		return err
	}
	for i := range certificates.Items {
		if certificate := &certificates.Items[i]; !keep[certificate.Name] && metav1.IsControlledBy(certificate, ci) {
			if err := c.remove(ctx, certificate); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) remove(ctx context.Context, object client.Object) error {
	if !object.GetDeletionTimestamp().IsZero() {
		return nil
	}
	uid := object.GetUID()
	if err := c.Client.Delete(ctx, object, client.Preconditions{UID: &uid}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("removing %s %q: %w", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
	}
	return nil
}
