// Package v1alpha1 holds the kinds of carrier-operator.io/v1alpha1: what users declare about a parcel carrier, their connection to
// it, and the personal data that must be removed on schedule.
//
// It imports apimachinery only, so that other programs can use the types without the operator's dependencies. Defaults are applied
// by the controllers, not by the API server: an omitted field stays omitted, so GitOps tools see no drift.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="../applyconfiguration"
// +groupName=carrier-operator.io
package v1alpha1
