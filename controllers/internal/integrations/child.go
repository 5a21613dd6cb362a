package integrations

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// NameConflict is the error for a child whose name belongs to an object of someone else.
type NameConflict struct{ Kind, Name string }

func (e *NameConflict) Error() string {
	return fmt.Sprintf("%s %q exists and does not belong to this integration: it is not touched; delete or rename it, or rename the integration", e.Kind, e.Name)
}

// ConflictCondition turns a NameConflict into a condition; other errors are returned.
func ConflictCondition(conditionType string, err error) (metav1.Condition, error) {
	var conflict *NameConflict
	if !errors.As(err, &conflict) {
		return metav1.Condition{}, err
	}
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNameConflict, Message: conflict.Error()}, nil
}

// Owner is the owner reference of an integration's children.
func Owner(ci *v1alpha1.CarrierIntegration) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind("CarrierIntegration").
		WithName(ci.Name).WithUID(ci.UID).WithController(true).WithBlockOwnerDeletion(true)
}

// Child reads a child into an empty object; nil if it does not exist, a NameConflict if it is not ours. What the cache lacks is looked
// for at the API server: the cache holds only what carries our labels.
func Child[T client.Object](ctx context.Context, b *Base, ci *v1alpha1.CarrierIntegration, kind, name string, into T) (T, error) {
	var none T
	found, err := ssa.Get(ctx, b.Client, ci.Namespace, name, into)
	if err == nil && Missing(found) {
		found, err = ssa.Get(ctx, b.Live, ci.Namespace, name, into)
	}
	if err != nil || Missing(found) {
		return none, err
	}
	if !metav1.IsControlledBy(found, ci) {
		return none, &NameConflict{Kind: kind, Name: name}
	}
	return found, nil
}

// Missing says whether a read found nothing.
func Missing(object client.Object) bool { return reflect.ValueOf(object).IsNil() }

// ApplyChild makes a child what want says, and returns it as it was before.
func ApplyChild[T client.Object, C runtime.ApplyConfiguration](
	ctx context.Context, b *Base, manager string, ci *v1alpha1.CarrierIntegration, kind, name string, want C, into T, extract ssa.Extract[T, C],
) (T, error) {
	live, err := Child(ctx, b, ci, kind, name, into)
	if err != nil {
		return live, err
	}
	return live, ssa.Apply(ctx, b.Client, manager, want, live, extract)
}

// DeleteChild deletes a child that is no longer wanted; one that is not ours, or not there, is left alone.
func DeleteChild[T client.Object](ctx context.Context, b *Base, ci *v1alpha1.CarrierIntegration, kind, name string, into T) error {
	found, err := ssa.Get(ctx, b.Client, ci.Namespace, name, into)
	if err != nil || Missing(found) || !metav1.IsControlledBy(found, ci) || !found.GetDeletionTimestamp().IsZero() {
		return err
	}
	uid := found.GetUID()
	err = b.Client.Delete(ctx, found, client.Preconditions{UID: &uid})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing %s %q: %w", kind, name, err)
	}
	return nil
}
