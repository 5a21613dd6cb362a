package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RotationStrategy says how a credential is renewed at the carrier.
//
// +kubebuilder:validation:Enum=None;Portal
type RotationStrategy string

// Ways in which a credential is renewed.
const (
	// RotationNone leaves rotation to others; a changed Secret is still served without a failed request.
	RotationNone RotationStrategy = "None"
	// RotationPortal means that a person renews the credential in the carrier's portal; the operator says when it is due.
	RotationPortal RotationStrategy = "Portal"
)

// RotationWindow is a time span in which a rotation may happen.
type RotationWindow struct {
	// schedule is when the window opens: five-field cron (minute hour day-of-month month day-of-week).
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=128
	Schedule string `json:"schedule,omitempty"`

	// durationMinutes is how long the window stays open, in minutes, 1 to 10080 (7 days).
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10080
	DurationMinutes int32 `json:"durationMinutes,omitempty"`

	// timeZone of the schedule, an IANA name such as Europe/Berlin. Default UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`
}

// CredentialRotation says how and how often a credential is renewed.
//
// +kubebuilder:validation:XValidation:rule="self.strategy != 'None' || !has(self.intervalDays)",message="strategy None has no interval: leave intervalDays out or choose strategy Portal"
type CredentialRotation struct {
	// strategy of the rotation: Portal (a person renews it at the carrier; the operator reminds) or None.
	// +required
	Strategy RotationStrategy `json:"strategy,omitempty"`

	// intervalDays is the age in days at which the credential is due for rotation, 1 to 3650.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3650
	IntervalDays int32 `json:"intervalDays,omitempty"`

	// minimumOverlapMinutes is how long the old credential stays usable after the new one is served, in minutes, 1 to 43200.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=43200
	MinimumOverlapMinutes int32 `json:"minimumOverlapMinutes,omitempty"`

	// windows in which a rotation may happen. Omitted: at any time.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Windows []RotationWindow `json:"windows,omitempty"`
}

// CarrierCredentialSpec says where a credential lives.
type CarrierCredentialSpec struct {
	// secretRef names the Secret, in the same namespace, that holds the credential. The Secret must carry the annotation
	// carrier-operator.io/allowed-hosts with the host names that it may be sent to (comma separated). It may carry
	// carrier-operator.io/allowed-integrations to be usable by those CarrierIntegrations alone.
	// +required
	SecretRef LocalReference `json:"secretRef,omitzero"`

	// rotation says how and how often the credential is renewed.
	// +optional
	Rotation CredentialRotation `json:"rotation,omitzero"`
}

// CredentialVersion identifies the content of a credential without revealing it.
type CredentialVersion struct {
	// version identifies the Secret's content: its UID and resource version, hashed. It changes whenever the Secret does.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`

	// since is when the operator first saw this version.
	// +optional
	Since metav1.Time `json:"since,omitzero"`
}

// CarrierCredentialStatus is what the operator observed.
type CarrierCredentialStatus struct {
	// conditions of the credential: Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// current is the version of the credential that gateways are given.
	// +optional
	Current CredentialVersion `json:"current,omitzero"`

	// keys that the Secret has, names only.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	Keys []string `json:"keys,omitempty"`

	// allowedHosts that the Secret's annotation names.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	AllowedHosts []string `json:"allowedHosts,omitempty"`
}

// CarrierCredential says where a carrier's credential lives and how it is renewed. It never holds the secret itself.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cc,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.secretRef.name`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.spec.secretRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Hosts",type=string,JSONPath=`.status.allowedHosts`
// +kubebuilder:printcolumn:name="Changed",type=date,JSONPath=`.status.current.since`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CarrierCredential struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says where the credential lives.
	// +required
	Spec CarrierCredentialSpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status CarrierCredentialStatus `json:"status,omitzero"`
}

// CarrierCredentialList is a list of CarrierCredential.
//
// +kubebuilder:object:root=true
type CarrierCredentialList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []CarrierCredential `json:"items"`
}
