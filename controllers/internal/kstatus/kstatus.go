// Package kstatus makes the three conditions by which kstatus, Helm and GitOps tools tell how an object is. It is pure.
package kstatus

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Conditions returns Ready, Reconciling and Stalled with one reason and message. Exactly one of them is true: the one named.
func Conditions(is, reason, message string) []metav1.Condition {
	all := make([]metav1.Condition, 0, 3)
	for _, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		status := metav1.ConditionFalse
		if conditionType == is {
			status = metav1.ConditionTrue
		}
		all = append(all, metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message})
	}
	return all
}
