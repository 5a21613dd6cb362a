package v1alpha1

// RunEvidence proves what a run did.
type RunEvidence struct {
	// digest is sha256: and the SHA-256, in hexadecimal, of the outcome's canonical record. It covers the previous digest, so that the
	// policy's runs form a chain.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// previous is the digest of the policy's previous run.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Previous string `json:"previous,omitempty"`

	// records is Count if the policy asked for numbers of records alone: then there is no recordsDigest. Omitted: the keys are digested.
	// +optional
	Records RecordsEvidence `json:"records,omitempty"`

	// recordsDigest covers the keyed hashes of the handled records' keys, in order.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	RecordsDigest string `json:"recordsDigest,omitempty"`

	// storeIdentity is the store as the run found it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	StoreIdentity string `json:"storeIdentity,omitempty"`

	// schemaDigest is the SHA-256 of the columns of the collections as the run found them.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	SchemaDigest string `json:"schemaDigest,omitempty"`

	// intentDigest is sha256: and the SHA-256, in hexadecimal, of the canonical record of what the run was about to do. The outcome's
	// record covers it. Only runs that are signed have one.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	IntentDigest string `json:"intentDigest,omitempty"`

	// intentEnvelope is the signed intent, written before anything was changed: a DSSE envelope with an in-toto statement, in JSON.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	IntentEnvelope string `json:"intentEnvelope,omitempty"`

	// outcomeEnvelope is the signed outcome: a DSSE envelope with an in-toto statement, in JSON. It is there if the policy has a signingKeyRef.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	OutcomeEnvelope string `json:"outcomeEnvelope,omitempty"`
}

// RecordsEvidence is what evidence says of the records that a run handled.
//
// +kubebuilder:validation:Enum=Digest;Count
type RecordsEvidence string

// What evidence says of handled records.
const (
	// RecordsDigest is their number and a digest of the keyed hashes of their keys, in order.
	RecordsDigest RecordsEvidence = "Digest"
	// RecordsCount is their number alone. The store returns no keys, which makes a purge faster; which records went cannot be shown later.
	RecordsCount RecordsEvidence = "Count"
)

// PolicyEvidence says what the evidence of a policy's runs covers.
//
// +kubebuilder:validation:MinProperties=1
type PolicyEvidence struct {
	// records says what evidence holds of the records that went: Digest (default), which covers each record's key, or Count, their number
	// alone, for tables where speed matters more. Counts, verification and signatures are the same with both.
	// +optional
	Records RecordsEvidence `json:"records,omitempty"`
}
