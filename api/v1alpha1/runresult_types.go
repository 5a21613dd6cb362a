package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Verification is the result of the query that looks for due records after the run.
//
// +kubebuilder:validation:Enum=Pending;Agreed;Disagreed;NotApplicable
type Verification string

// Results of the verification.
const (
	// VerificationPending means that the rule has not been verified yet.
	VerificationPending Verification = "Pending"
	// VerificationAgreed means that the only due records left are held ones.
	VerificationAgreed Verification = "Agreed"
	// VerificationDisagreed means that due records are left that no hold explains.
	VerificationDisagreed Verification = "Disagreed"
	// VerificationNotApplicable means that the run changed nothing by design (Preview).
	VerificationNotApplicable Verification = "NotApplicable"
)

// RuleResult counts what a run found and did with one rule.
type RuleResult struct {
	// rule that is counted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// collection of the rule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Collection string `json:"collection,omitempty"`

	// total records of the collection when the run was planned.
	// +optional
	Total int64 `json:"total"`

	// due records when the run was planned, held ones included; when the rule began, if an earlier rule of the run works on the same collection.
	// +optional
	Due int64 `json:"due"`

	// done records: deleted or anonymized.
	// +optional
	Done int64 `json:"done"`

	// inferred is how many of the done records were counted by comparison: due records that were gone after the purger was interrupted
	// between a transaction's commit and its checkpoint. The records digest does not cover them.
	// +optional
	Inferred int64 `json:"inferred,omitempty"`

	// held records that were due and that a legal hold kept.
	// +optional
	Held int64 `json:"held"`

	// deferred records that were due and that the store itself keeps for now, such as objects under S3's Object Lock. A later run takes them.
	// +optional
	Deferred int64 `json:"deferred,omitempty"`

	// nullClock records, whose clock is null. They are kept.
	// +optional
	NullClock int64 `json:"nullClock"`

	// futureClock records, whose clock lies after the slot. They are kept.
	// +optional
	FutureClock int64 `json:"futureClock"`

	// remaining records that were still due when the run was verified, held and deferred ones not included.
	// +optional
	Remaining int64 `json:"remaining"`

	// verification is the result of the query that looked for due records after the run.
	// +optional
	Verification Verification `json:"verification,omitempty"`

	// logPosition is where the store's log was after the verification, in the store's own terms: an LSN, a GTID. Empty if the store has none.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LogPosition string `json:"logPosition,omitempty"`

	// archivedObjects is how many objects the records were written to before they were deleted. Those of records that were counted by comparison are not among them.
	// Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ArchivedObjects int64 `json:"archivedObjects,omitempty"`

	// archiveDigest chains the SHA-256 digests of these objects, in the order in which they were written; of several pods, the digests of the pods in the order of their indexes.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ArchiveDigest string `json:"archiveDigest,omitempty"`
}

// RunPace is how a run works.
//
// +kubebuilder:validation:Enum=Full;Yielding
type RunPace string

// How a run works.
const (
	PaceFull     RunPace = "Full"
	PaceYielding RunPace = "Yielding"
)

// RunProgress is how far a purge is, and how fast it goes.
type RunProgress struct {
	// done is how many records were deleted or anonymized, under all rules and by all pods.
	// +required
	// +kubebuilder:validation:Minimum=0
	Done int64 `json:"done"`

	// due is how many records the run may change: those that are due and neither held nor deferred.
	// +required
	// +kubebuilder:validation:Minimum=0
	Due int64 `json:"due"`

	// percent of the due records that are done, rounded down; 100 if none are due.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent int32 `json:"percent"`

	// recordsPerSecond is the mean rate over about the last minute in which records went, rounded. The throttle's pause between transactions
	// is part of that time; time in which the run waits, counts or verifies is not. 0: not measured yet, or less than half a record.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RecordsPerSecond int64 `json:"recordsPerSecond,omitempty"`

	// pace is Yielding while the run works less because the store works for others (throttle.yield of its policy), and Full otherwise. Of a run
	// that several pods share it is the pace of the one that leads.
	// +optional
	Pace RunPace `json:"pace,omitempty"`

	// estimatedEnd is when the last due record goes if it goes on at this rate; the verification comes after it. Absent while the run
	// waits or has no rate, if the end is more than a year away, and once all records are done.
	// +optional
	EstimatedEnd metav1.Time `json:"estimatedEnd,omitzero"`
}
