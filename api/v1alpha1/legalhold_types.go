package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KeyedHash of a value: kh1- and HMAC-SHA-256 in hexadecimal.
//
// +kubebuilder:validation:MinLength=68
// +kubebuilder:validation:MaxLength=68
// +kubebuilder:validation:XValidation:rule="self.matches('^kh1-[0-9a-f]{64}$')",message="a hash is kh1- and 64 digits 0-9a-f: kubectl carrier hold hash computes it"
type KeyedHash string

// HeldSubject says whose records are held without naming anybody.
type HeldSubject struct {
	// field of the collection that identifies the person, for example customer_id.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// keyID says with which key the hashes were computed, as kubectl carrier hold hash prints it. Runs of a policy whose hashKeyRef is
	// missing, or names another key, stop until hold and policy agree.
	// +required
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^hk1-[0-9a-f]{16}$')",message="a key ID is hk1- and 16 digits 0-9a-f: kubectl carrier hold hash prints it"
	KeyID string `json:"keyID,omitempty"`

	// hashes of the field's values, at most 1000: HMAC-SHA-256 of the value's text, byte by byte as the store writes it. They are those of
	// strategy KeyedHash, so that a value that was anonymized with it is held too. Hashes of earlier keys match such values alone.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Hashes []KeyedHash `json:"hashes,omitempty"`
}

// LegalHoldSpec says what no purge may touch.
type LegalHoldSpec struct {
	// storeRef names a DataStore in the same namespace.
	// +required
	StoreRef LocalReference `json:"storeRef,omitzero"`

	// collection of the store that the hold covers, by the DataStore's name for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Collection string `json:"collection,omitempty"`

	// where narrows the hold to records that match all of these filters. Without where and subject, all records of the collection are held.
	// +optional
	// +listType=map
	// +listMapKey=field
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Where []RecordFilter `json:"where,omitempty"`

	// subject narrows the hold to records of some people, by keyed hash, so that the hold names nobody. With where, both must match. Not every
	// type of store can check it: PostgreSQL and MySQL can.
	// +optional
	Subject HeldSubject `json:"subject,omitzero"`

	// reason for the hold. It is shown to people who see the run; write a case number, no personal data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// until is the last day (UTC) of the hold, as YYYY-MM-DD. Omitted: it holds until it is deleted.
	// +optional
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="!format.date().validate(self).hasValue()",message="write the day as YYYY-MM-DD, for example 2028-01-01"
	Until string `json:"until,omitempty"`
}

// LegalHoldStatus is what the operator observed.
type LegalHoldStatus struct {
	// conditions of the hold: Ready, Reconciling, Stalled. Ready is true while the hold is in force.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// LegalHold says what no purge may touch, why and until when. It wins over every policy, and a hold that the operator cannot
// understand stops the store's runs instead of being ignored.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lh,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.storeRef.name`
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.storeRef.name`
// +kubebuilder:printcolumn:name="Collection",type=string,JSONPath=`.spec.collection`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.spec.until`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LegalHold struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says what no purge may touch.
	// +required
	Spec LegalHoldSpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status LegalHoldStatus `json:"status,omitzero"`
}

// LegalHoldList is a list of LegalHold.
//
// +kubebuilder:object:root=true
type LegalHoldList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LegalHold `json:"items"`
}
