package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RunTrigger says why a run was made.
//
// +kubebuilder:validation:Enum=Schedule;Request
type RunTrigger string

// Why a run was made.
const (
	TriggerSchedule RunTrigger = "Schedule"
	TriggerRequest  RunTrigger = "Request"
)

// PurgeRunSpec is the intent of a run: recorded before anything is touched, never changed afterwards.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run's intent is a record and cannot be changed: ask for a new run with the annotation carrier-operator.io/run-requested-at on its policy"
type PurgeRunSpec struct {
	// policyRef names the RetentionPolicy that the run belongs to.
	// +required
	PolicyRef LocalReference `json:"policyRef,omitzero"`

	// policyUID is the UID of that policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	PolicyUID string `json:"policyUID,omitempty"`

	// policyGeneration is the policy's generation that the run was made from.
	// +required
	// +kubebuilder:validation:Minimum=1
	PolicyGeneration int64 `json:"policyGeneration,omitempty"`

	// rulesDigest is the SHA-256 of the rules that the run was made from, in hexadecimal.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	RulesDigest string `json:"rulesDigest,omitempty"`

	// storeRef names the DataStore that the run works on.
	// +required
	StoreRef LocalReference `json:"storeRef,omitzero"`

	// mode of the run: Preview counts and changes nothing.
	// +required
	Mode RunMode `json:"mode,omitempty"`

	// trigger says why the run was made: Schedule or Request.
	// +required
	Trigger RunTrigger `json:"trigger,omitempty"`

	// slot is the instant that the run is for. Cutoffs are computed from it, so a late start does not move them.
	// +required
	Slot metav1.Time `json:"slot,omitzero"` //nolint:kubeapilinter // required, and a time is never the empty object

	// cutoffs of the rules: records whose clock lies before are due.
	// +required
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Cutoffs []RuleCutoff `json:"cutoffs,omitempty"`

	// previousDigest is the evidence digest of the policy's previous run, empty for the first.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	PreviousDigest string `json:"previousDigest,omitempty"`
}

// RuleCutoff is the cutoff of one rule.
type RuleCutoff struct {
	// rule that the cutoff is for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// before is the cutoff, one UTC instant: records whose clock lies before it are due.
	// +required
	Before metav1.Time `json:"before,omitzero"`
}

// RunCheckpoint says how far a run has come. A new pod goes on from here.
type RunCheckpoint struct {
	// rule that the run is at.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// position inside of the collection, in the store's own terms.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Position string `json:"position,omitempty"`

	// batches is the number of transactions that were committed so far.
	// +optional
	Batches int64 `json:"batches,omitempty"`

	// digest of the records handled so far.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// completedRules are rules that are done and verified.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	CompletedRules []string `json:"completedRules,omitempty"`

	// bounds divide the collection of the rule into the parts that pods work on, in the store's own terms and order. Only a run of several
	// pods has some, and only in a store that needs them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=4096
	Bounds []string `json:"bounds,omitempty"`
}

// RunOutcome is how the purger ended.
type RunOutcome struct {
	// reason with which the run ended, see the conditions' reasons.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason,omitempty"`

	// message says what happened and what to do, without personal data.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// finishedAt is the store's clock at the end.
	// +optional
	FinishedAt metav1.Time `json:"finishedAt,omitzero"`
}

// RunPause says why a run waits.
type RunPause struct {
	// reason why the run waits, for example ReplicaLag.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason,omitempty"`

	// message for people.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// UndecidedField is a field of a store that has neither a category nor is ignored.
type UndecidedField struct {
	// collection that has the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Collection string `json:"collection,omitempty"`

	// field without a decision.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// looksLike is the category that the field's name suggests. Values are never looked at. Omitted: it suggests none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	LooksLike string `json:"looksLike,omitempty"`
}

// RunDiscovery is what a run found in the store that nobody has decided about.
type RunDiscovery struct {
	// looked is true if the store could list its fields.
	// +required
	Looked bool `json:"looked"` //nolint:kubeapilinter // absent is another thing than false: the run did not come so far

	// undecided is the number of fields without a decision: any field of a collection of the DataStore, and those of other collections
	// whose names suggest personal data.
	// +optional
	Undecided int32 `json:"undecided,omitempty"`

	// fields without a decision, the first 32 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Fields []UndecidedField `json:"fields,omitempty"`
}

// PurgeRunStatus is written by the purger (results, progress, checkpoint, shards, pause, outcome, evidence) and the operator (the rest).
type PurgeRunStatus struct {
	// conditions of the run: Ready (true once it ended well), Reconciling (while it works), Stalled (it needs a person), Complete.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// startedAt is when the run's Job was made.
	// +optional
	StartedAt metav1.Time `json:"startedAt,omitzero"`

	// stopReason says why the run ended: Completed, or a reason that a person can act on.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	StopReason string `json:"stopReason,omitempty"`

	// summary of the counts, done/due, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Summary string `json:"summary,omitempty"`

	// results of the rules. Written by the purger.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Results []RuleResult `json:"results,omitempty"`

	// progress says how far a purge is and how fast it goes. Absent in previews, and until it was counted what is due. Written by the purger.
	// +optional
	Progress RunProgress `json:"progress,omitzero"`

	// checkpoint says how far the run has come. Written by the purger.
	// +optional
	Checkpoint RunCheckpoint `json:"checkpoint,omitzero"`

	// shards are what each of several pods did, if the policy's parallelism is more than 1. Written by the purgers, each its own.
	// +optional
	// +listType=map
	// +listMapKey=index
	// +kubebuilder:validation:MaxItems=8
	Shards []RunShard `json:"shards,omitempty"`

	// holders are the pods that work on the run, or did so last: one, or one for each index. A pod that finds another in its place stops.
	// Written by the purgers, each its own.
	// +optional
	// +listType=map
	// +listMapKey=index
	// +kubebuilder:validation:MaxItems=8
	Holders []RunHolder `json:"holders,omitempty"`

	// pause says why the run waits. Written by the purger.
	// +optional
	Pause RunPause `json:"pause,omitzero"`

	// outcome is how the purger ended. Written by the purger.
	// +optional
	Outcome RunOutcome `json:"outcome,omitzero"`

	// discovery is what the run found in the store that has no decision yet. Written by the purger.
	// +optional
	Discovery RunDiscovery `json:"discovery,omitzero"`

	// evidence proves what the run did. Written by the purger.
	// +optional
	Evidence RunEvidence `json:"evidence,omitzero"`
}

// PurgeRun is one run of a RetentionPolicy: its intent, progress, counts and evidence. The operator writes it, people read it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pr,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.policyRef.name`
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.spec.policyRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Complete",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].reason`
// +kubebuilder:printcolumn:name="Done/Due",type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name="Percent",type=integer,JSONPath=`.status.progress.percent`
// +kubebuilder:printcolumn:name="Records/s",type=integer,priority=1,JSONPath=`.status.progress.recordsPerSecond`
// +kubebuilder:printcolumn:name="Estimated End",type=string,priority=1,JSONPath=`.status.progress.estimatedEnd`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Complete")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type PurgeRun struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the intent of the run.
	// +required
	Spec PurgeRunSpec `json:"spec,omitzero"`

	// status is the run's progress and outcome.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PurgeRunStatus `json:"status,omitzero"`
}

// PurgeRunList is a list of PurgeRun.
//
// +kubebuilder:object:root=true
type PurgeRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PurgeRun `json:"items"`
}
