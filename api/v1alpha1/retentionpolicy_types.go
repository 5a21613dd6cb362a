package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RunMode says whether a run changes the store.
//
// +kubebuilder:validation:Enum=Preview;Purge
type RunMode string

// Modes of a run.
const (
	// RunPreview counts what is due and changes nothing.
	RunPreview RunMode = "Preview"
	// RunPurge deletes or anonymizes what is due.
	RunPurge RunMode = "Purge"
)

// PolicyState says whether a policy makes runs.
//
// +kubebuilder:validation:Enum=Active;Suspended
type PolicyState string

// States of a policy.
const (
	PolicyActive    PolicyState = "Active"
	PolicySuspended PolicyState = "Suspended"
)

// RetentionPolicySpec says which records of a store go, when and how.
type RetentionPolicySpec struct {
	// schedule of the runs: five-field cron (minute hour day-of-month month day-of-week). TZ= and CRON_TZ= are refused: use timeZone.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="a time zone inside of the schedule is not supported: use the field timeZone"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^ ]+( +[^ ]+){4}$')",message="a schedule has five fields: minute hour day-of-month month day-of-week, for example 0 3 * * *"
	Schedule string `json:"schedule,omitempty"`

	// timeZone of schedule and calendar periods, an IANA name such as Europe/Berlin. Default UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`

	// mode of the runs: Purge, or Preview, which counts and changes nothing.
	// +required
	Mode RunMode `json:"mode,omitempty"`

	// firstRun is the mode of the first run after the policy is made or its rules change: Preview (default) or Purge.
	// +optional
	FirstRun RunMode `json:"firstRun,omitempty"`

	// state of the policy: Active (default), or Suspended, which makes no new runs and lets one that is under way wait. It goes on from its
	// checkpoint once the state is Active again.
	// +optional
	State PolicyState `json:"state,omitempty"`

	// storeRef names a DataStore in the same namespace.
	// +required
	StoreRef LocalReference `json:"storeRef,omitzero"`

	// rules that say what goes, at least one. Rules of one collection run in the order of the list; referring collections come first.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Rules []RetentionRule `json:"rules,omitempty"`

	// hashKeyRef names the Secret, in the same namespace, whose key "key" holds the key of KeyedHash, of Fake, of the evidence digest and of
	// legal holds of the store that name people by hash, 32 bytes or more. Without it, where none of the others needs it, the digest is keyed
	// with a random key of the run.
	// +optional
	HashKeyRef LocalReference `json:"hashKeyRef,omitzero"`

	// signingKeyRef names the Secret, in the same namespace, whose key "tls.key" holds the Ed25519 private key (PKCS #8, PEM) that intents
	// and outcomes of runs are signed with, for example one that cert-manager made. Without it the evidence has digests and no signatures.
	// +optional
	SigningKeyRef LocalReference `json:"signingKeyRef,omitzero"`

	// evidence says what the evidence of runs covers.
	// +optional
	Evidence PolicyEvidence `json:"evidence,omitzero"`

	// caps stop a run that would change more than anyone expects. A run over a cap changes nothing and asks for a person.
	// +optional
	Caps PurgeCaps `json:"caps,omitzero"`

	// throttle keeps a run from disturbing the store's other users.
	// +optional
	Throttle PurgeThrottle `json:"throttle,omitzero"`

	// parallelism is the number of pods that share a run, 1 to 8, in PostgreSQL and MySQL; other stores refuse more than 1. Pods work on
	// parts of a collection that have no record in common; throttle counts for each of them, caps for the run. A preview has one pod. Default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	Parallelism int32 `json:"parallelism,omitempty"`

	// startingDeadlineMinutes is how late a run may start, in minutes, 1 to 1440. A slot that is older counts as missed: it is reported
	// and not made up for. Default 60.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1440
	StartingDeadlineMinutes int32 `json:"startingDeadlineMinutes,omitempty"`

	// historyLimit is the number of finished runs that are kept, 1 to 1000. Default 30.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	HistoryLimit int32 `json:"historyLimit,omitempty"`
}

// PolicyRunStatus says how a run of the policy went.
type PolicyRunStatus struct {
	// name of the PurgeRun.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// mode of the run.
	// +required
	Mode RunMode `json:"mode,omitempty"`

	// result of the run: Running, or the reason with which it ended.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Result string `json:"result,omitempty"`

	// slot that the run is for.
	// +optional
	Slot metav1.Time `json:"slot,omitzero"`

	// rulesDigest is the SHA-256 of the rules that the run was made from, in hexadecimal: changed rules are previewed again.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RulesDigest string `json:"rulesDigest,omitempty"`
}

// RetentionPolicyStatus is what the operator observed.
type RetentionPolicyStatus struct {
	// conditions of the policy: Ready, Reconciling, Stalled, SchedulesRuns.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// nextSlot is when the next run is due.
	// +optional
	NextSlot metav1.Time `json:"nextSlot,omitzero"`

	// lastSlot is the last slot that was handled: run, skipped or missed.
	// +optional
	LastSlot metav1.Time `json:"lastSlot,omitzero"`

	// missedSlots counts slots for which no run was made because the operator was not there in time or the previous run was still going.
	// +optional
	MissedSlots int64 `json:"missedSlots,omitempty"`

	// lastMissedSlot is the last of them.
	// +optional
	LastMissedSlot metav1.Time `json:"lastMissedSlot,omitzero"`

	// lastHandledRunRequest is the last value of the annotation carrier-operator.io/run-requested-at that was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledRunRequest string `json:"lastHandledRunRequest,omitempty"`

	// lastHandledPreviewRequest is the last value of the annotation carrier-operator.io/preview-requested-at that was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledPreviewRequest string `json:"lastHandledPreviewRequest,omitempty"`

	// lastRun says how the latest run went.
	// +optional
	LastRun PolicyRunStatus `json:"lastRun,omitzero"`

	// lastSucceededAt is when the last purge that ended well ended, by the store's clock. Absent before the first; previews do not count.
	// +optional
	LastSucceededAt metav1.Time `json:"lastSucceededAt,omitzero"`

	// previewedRulesDigest is the rulesDigest of the last preview that completed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PreviewedRulesDigest string `json:"previewedRulesDigest,omitempty"`
}

// RetentionPolicy says which records of a store go after how long, and removes them on schedule, with proof. A legal hold wins.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rp,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.storeRef.name`
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.storeRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Last Run",type=string,JSONPath=`.status.lastRun.name`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.lastRun.result`
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.nextSlot`
// +kubebuilder:printcolumn:name="Schedule",type=string,priority=1,JSONPath=`.spec.schedule`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="the name becomes part of the runs' names: use at most 40 characters"
// +kubebuilder:validation:XValidation:rule="self.spec.rules.all(r, !has(r.action.archive) || self.spec.rules.all(o, !has(o.action.archive) || o.action.archive.storeRef.name == r.action.archive.storeRef.name))",message="rules of one policy archive to one store: use one storeRef, or another policy"
// +kubebuilder:validation:XValidation:rule="has(self.spec.hashKeyRef) || self.spec.rules.all(r, !has(r.action.fields) || r.action.fields.all(f, !(f.strategy in ['KeyedHash', 'Fake'])))",message="strategies KeyedHash and Fake need a key: set hashKeyRef to a Secret of this namespace"
type RetentionPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says which records go, when and how.
	// +required
	Spec RetentionPolicySpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RetentionPolicyStatus `json:"status,omitzero"`
}

// RetentionPolicyList is a list of RetentionPolicy.
//
// +kubebuilder:object:root=true
type RetentionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RetentionPolicy `json:"items"`
}
