// Package ssa applies objects with server-side apply, and only when that would change something: a converged object causes no write.
package ssa

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Extract reads what a field manager applied from an object: the generated ExtractX and ExtractXStatus functions.
type Extract[T client.Object, C runtime.ApplyConfiguration] func(object T, fieldManager string) (C, error)

// Apply applies the wanted object unless the manager already applied exactly that. live is the object as read, nil if it does not exist.
func Apply[T client.Object, C runtime.ApplyConfiguration](
	ctx context.Context, c client.Client, manager string, want C, live T, extract Extract[T, C],
) error {
	if same, err := applied(manager, want, live, extract); same || err != nil {
		return err
	}
	return c.Apply(ctx, want, client.FieldOwner(manager), client.ForceOwnership)
}

// ApplyStatus is Apply for the status of an object that exists.
func ApplyStatus[T client.Object, C runtime.ApplyConfiguration](
	ctx context.Context, c client.Client, manager string, want C, live T, extract Extract[T, C],
) (changed bool, err error) {
	if same, err := applied(manager, want, live, extract); same || err != nil {
		return false, err
	}
	return true, c.Status().Apply(ctx, want, client.FieldOwner(manager), client.ForceOwnership)
}

func applied[T client.Object, C runtime.ApplyConfiguration](manager string, want C, live T, extract Extract[T, C]) (bool, error) {
	if reflect.ValueOf(live).IsNil() {
		return false, nil
	}
	have, err := extract(live, manager)
	if err != nil {
		return false, fmt.Errorf("reading what %s applied: %w", manager, err)
	}
	wantFields, err := plain(want)
	if err != nil {
		return false, err
	}
	haveFields, err := plain(have)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(wantFields, haveFields), nil
}

func plain(config any) (map[string]any, error) {
	encoded, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	return fields, json.Unmarshal(encoded, &fields)
}

// Conditions completes the wanted conditions: generation, and the transition time, which stays as observed while the status of a
// condition stays. They are in the order in which the object holds them.
func Conditions(want, observed []metav1.Condition, generation int64, now time.Time) []*metav1ac.ConditionApplyConfiguration {
	var configs []*metav1ac.ConditionApplyConfiguration
	for _, c := range want {
		since := metav1.NewTime(now)
		if old := meta.FindStatusCondition(observed, c.Type); old != nil && old.Status == c.Status {
			since = old.LastTransitionTime
		}
		configs = append(configs, metav1ac.Condition().WithType(c.Type).WithStatus(c.Status).
			WithReason(c.Reason).WithMessage(c.Message).WithObservedGeneration(generation).
			WithLastTransitionTime(metav1.NewTime(since.UTC().Truncate(time.Second))))
	}
	// The extraction gives list entries in the order of the object, which is the order of the first apply.
	slices.SortStableFunc(configs, func(a, b *metav1ac.ConditionApplyConfiguration) int {
		return place(observed, *a.Type) - place(observed, *b.Type)
	})
	return configs
}

func place(observed []metav1.Condition, conditionType string) int {
	for i := range observed {
		if observed[i].Type == conditionType {
			return i
		}
	}
	return len(observed)
}

// Get reads an object; nil without an error if it does not exist.
func Get[T client.Object](ctx context.Context, reader client.Reader, namespace, name string, into T) (T, error) {
	var none T
	switch err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into); {
	case apierrors.IsNotFound(err):
		return none, nil
	case err != nil:
		return none, err
	}
	return into, nil
}

// Truncate cuts a message to a number of bytes, at the border of a character.
func Truncate(message string, limit int) string {
	if len(message) <= limit {
		return message
	}
	return strings.ToValidUTF8(message[:limit-3], "") + "..."
}

// Changed returns the wanted condition of that type if its status or reason differs from the observed one, nil otherwise: the moment
// for an event.
func Changed(observed, want []metav1.Condition, conditionType string) *metav1.Condition {
	now, before := meta.FindStatusCondition(want, conditionType), meta.FindStatusCondition(observed, conditionType)
	if now == nil || (before != nil && before.Status == now.Status && before.Reason == now.Reason) {
		return nil
	}
	return now
}
