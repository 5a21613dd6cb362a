package v1alpha1

// RunShard is what one of several pods that share a run did. Each pod writes its own.
type RunShard struct {
	// index of the pod in the run's Job, from 0. The pod of index 0 leads: it counts, checks caps, verifies and ends the run.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=7
	Index int32 `json:"index"`

	// rule that the pod is at.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// position inside of the pod's part of the collection, in the store's own terms.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Position string `json:"position,omitempty"`

	// interrupted says that a pod of this index may have handled records of the rule without counting them. Default false.
	// +optional
	Interrupted bool `json:"interrupted,omitempty"` //nolint:kubeapilinter // seen or not: there is no third state

	// batches is the number of transactions that the pod committed so far.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Batches int64 `json:"batches,omitempty"`

	// digest of the records that the pod handled so far.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// results of the pod's part of each rule.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Results []ShardResult `json:"results,omitempty"`

	// pause says why the pod waits.
	// +optional
	Pause RunPause `json:"pause,omitzero"`

	// stop says why the pod stopped before its part was done: it failed, or another pod of the run did.
	// +optional
	Stop RunStop `json:"stop,omitzero"`
}

// ShardResult counts what one pod did with one rule.
type ShardResult struct {
	// rule that is counted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// done records: deleted or anonymized by this pod.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Done int64 `json:"done"`

	// archivedObjects is how many objects the pod's records were written to before they were deleted. Those of records that were counted by comparison are not among them.
	// Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ArchivedObjects int64 `json:"archivedObjects,omitempty"`

	// archiveDigest chains the SHA-256 digests of these objects, in the order in which they were written.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ArchiveDigest string `json:"archiveDigest,omitempty"`
}

// RunStop is why one pod of a run stopped.
type RunStop struct {
	// reason of the run's outcome to come.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason,omitempty"`

	// message says what happened and what to do, without personal data.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
