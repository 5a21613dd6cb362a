// Package retention is the run of a purge: the plan that the operator writes, and the purger that carries it out.
package retention

import (
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// PlanFile is the key of the run's ConfigMap that holds the Plan as JSON, and its name below PlanDir in the purger's pod.
const (
	PlanFile = "plan.json"
	PlanDir  = "/etc/carrier/plan"
	// ConnectionDir holds the keys of the store's Secret: host, port, database, username, password.
	ConnectionDir = "/etc/carrier/store"
	// ArchiveDir holds the keys of the archive's Secret, if the plan has an archive.
	ArchiveDir = "/etc/carrier/archive"
	// HashKeyFile is the key of KeyedHash, of Fake and of the records digest, if the policy names one.
	HashKeyFile = "/etc/carrier/hash/key"
	// SigningKeyFile is the key that evidence is signed with, if the policy names one.
	SigningKeyFile = "/etc/carrier/signing/tls.key"
	// PodNameVariable is the environment's variable with the name of the purger's pod.
	PodNameVariable = "POD_NAME"
)

// Plan is everything that a run needs besides the store's connection. It holds no secret. The operator renders it from PurgeRun,
// RetentionPolicy, DataStore and LegalHolds when the run starts; it renders Holds again whenever a hold changes, and the purger
// reads them again before each transaction's window.
type Plan struct {
	// Namespace, Run and Policy say whose run it is.
	Namespace string `json:"namespace"`
	Run       string `json:"run"`
	RunUID    string `json:"runUID"`
	Policy    string `json:"policy"`
	PolicyUID string `json:"policyUID"`
	// PolicyGeneration and RulesDigest say which version of the policy and of its rules the run is made from.
	PolicyGeneration int64  `json:"policyGeneration"`
	RulesDigest      string `json:"rulesDigest"`
	// Mode is Preview or Purge.
	Mode string `json:"mode"`
	// Slot is the instant that the run is for.
	Slot time.Time `json:"slot"`

	Store Store `json:"store"`
	// Archive is the store that rules archive to; nil: none does.
	Archive *Store `json:"archive,omitempty"`
	Rules   []Rule `json:"rules"`
	Holds   []Hold `json:"holds"`

	// Parallelism is the number of pods that share the run; 0 and 1: one. Index is that of the pod that reads the plan, from 0: it is not
	// in the file.
	Parallelism int32 `json:"parallelism,omitempty"`
	Index       int32 `json:"-"`

	Caps     Caps     `json:"caps"`
	Throttle Throttle `json:"throttle"`

	// ExpectedIdentity is the store's identity at the previous run; empty: any.
	ExpectedIdentity string `json:"expectedIdentity,omitempty"`
	// OtherStores are the databases of other DataStores, by identity, each with the DataStore's name: the run must not work on one of them.
	OtherStores map[string]string `json:"otherStores,omitempty"`
	// PreviousDigest is the evidence digest of the policy's previous run; empty for the first.
	PreviousDigest string `json:"previousDigest,omitempty"`
	// Records is Digest or Count: what the evidence says of the records that went. Empty: Digest.
	Records string `json:"records,omitempty"`
	// HashKey says that HashKeyFile is mounted.
	HashKey bool `json:"hashKey,omitempty"`
	// SigningKey says that SigningKeyFile is mounted.
	SigningKey bool `json:"signingKey,omitempty"`
}

// CountOnly says whether handled records are counted and their keys not digested.
func (p *Plan) CountOnly() bool { return p.Records == string(v1alpha1.RecordsCount) }

// Store describes the store apart from its connection's secrets.
type Store struct {
	// Name of the DataStore and Type of the store, for example PostgreSQL.
	Name string `json:"name"`
	Type string `json:"type"`
	// TLSMode is VerifyFull, VerifyCA or Disable; CABundle the PEM to verify with, empty: public CAs.
	TLSMode  string `json:"tlsMode"`
	CABundle string `json:"caBundle,omitempty"`
	// ClientCertificate says that ConnectionDir holds tls.crt and tls.key, for the store to see.
	ClientCertificate bool `json:"clientCertificate,omitempty"`
	// Decided are, by collection, the fields that have a category or are ignored. Nil: not told, so that the run does not look for others.
	Decided map[string][]string `json:"decided,omitempty"`
}

// Rule says which records of one collection go. Rules are in the order in which they run.
type Rule struct {
	Name       string   `json:"name"`
	Collection string   `json:"collection"`
	Key        []string `json:"key"`
	Clock      Clock    `json:"clock"`
	// Before is the cutoff: records whose clock lies before are due.
	Before time.Time `json:"before"`
	Where  []Filter  `json:"where,omitempty"`
	// Action is Delete or Anonymize, the latter with Fields.
	Action string      `json:"action"`
	Fields []Anonymize `json:"fields,omitempty"`
	// Archive, of a rule that deletes, says where records are written before; nil: nowhere.
	Archive *ArchiveTarget `json:"archive,omitempty"`
}

// ArchiveTarget is where records are written in the plan's archive: bucket or bucket/prefix/, under Object Lock for so many days, 0: not.
type ArchiveTarget struct {
	Collection string `json:"collection"`
	LockDays   int32  `json:"lockDays,omitempty"`
}

// Clock is the column that says when a record's time began to run.
type Clock struct {
	Field string `json:"field"`
	// Unit is TimestampTZ, Timestamp, Date, EpochSeconds, EpochMilliseconds or EpochMicroseconds.
	Unit string `json:"unit"`
}

// Filter compares one field: Operator is In, NotIn, Exists or DoesNotExist.
type Filter struct {
	Field    string   `json:"field"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

// Anonymize says what replaces a field's value: Strategy is Null, Constant (with Value), KeyedHash, Truncate or CoarsenPostcode (with
// Length, in characters), CoarsenDate (with Precision, Month or Year) or Fake (with Form, Email or Text).
type Anonymize struct {
	Name      string `json:"name"`
	Strategy  string `json:"strategy"`
	Value     string `json:"value,omitempty"`
	Length    int32  `json:"length,omitempty"`
	Precision string `json:"precision,omitempty"`
	Form      string `json:"form,omitempty"`
}

// Hold is a legal hold of the store that is in force: records of Collection that match all filters, and are of a subject if there is
// one, are not touched; without both the whole collection is held.
type Hold struct {
	Name       string       `json:"name"`
	Collection string       `json:"collection"`
	Where      []Filter     `json:"where,omitempty"`
	Subject    *HeldSubject `json:"subject,omitempty"`
}

// Whole says that the hold covers all records of its collection.
func (h *Hold) Whole() bool { return len(h.Where) == 0 && h.Subject == nil }

// HeldSubject is whose records are held: those whose Field has one of Hashes, either as its value or as Hasher.Value of its value's text.
type HeldSubject struct {
	Field string `json:"field"`
	// KeyID is Hasher.KeyID of the key that the hashes are of.
	KeyID  string   `json:"keyID"`
	Hashes []string `json:"hashes"`
}

// Caps stop a run that would change more than anyone expects: shares in percent of the collection, rows a rule.
type Caps struct {
	MaxSharePercent int32 `json:"maxSharePercent"`
	MaxRows         int64 `json:"maxRows"`
}

// Throttle keeps a run from disturbing the store's other users. MaxReplicaLagSeconds 0: replicas are not looked at.
type Throttle struct {
	TargetBatchMilliseconds int32 `json:"targetBatchMilliseconds"`
	PauseMilliseconds       int32 `json:"pauseMilliseconds"`
	MaxReplicaLagSeconds    int32 `json:"maxReplicaLagSeconds"`
	// PauseAbove are the signals that pause the run.
	PauseAbove []Limit `json:"pauseAbove,omitempty"`
	// Yield makes transactions short, and the run rest between them, while the store works for others.
	Yield bool `json:"yield,omitempty"`
}

// Limit of a signal.
type Limit struct {
	Signal Signal `json:"signal"`
	Above  int64  `json:"above"`
}
