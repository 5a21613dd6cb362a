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

// ClockUnit is the type and unit of a clock column.
//
// +kubebuilder:validation:Enum=TimestampTZ;Timestamp;Date;EpochSeconds;EpochMilliseconds;EpochMicroseconds;RFC3339;StoreTime
type ClockUnit string

// Types and units of a clock column. The store's column type must agree, or the run stops before it changes anything.
const (
	// ClockTimestampTZ is a timestamp with time zone.
	ClockTimestampTZ ClockUnit = "TimestampTZ"
	// ClockTimestamp is a timestamp without time zone that holds UTC.
	ClockTimestamp ClockUnit = "Timestamp"
	// ClockDate is a calendar date; a record is due when its whole day (UTC) lies before the cutoff.
	ClockDate ClockUnit = "Date"
	// ClockEpochSeconds is a number of seconds since 1970-01-01T00:00:00Z.
	ClockEpochSeconds ClockUnit = "EpochSeconds"
	// ClockEpochMilliseconds is a number of milliseconds since then.
	ClockEpochMilliseconds ClockUnit = "EpochMilliseconds"
	// ClockEpochMicroseconds is a number of microseconds since then.
	ClockEpochMicroseconds ClockUnit = "EpochMicroseconds"
	// ClockRFC3339 is text such as 2026-11-24T03:00:00Z, with an offset or Z (RFC 3339).
	ClockRFC3339 ClockUnit = "RFC3339"
	// ClockStoreTime is the store's own time of a record: field lastModified of a version in S3, field _id (an ObjectId) in MongoDB, field
	// lastAccess of a key in Redis, there below 193 days and not with an LFU eviction policy.
	ClockStoreTime ClockUnit = "StoreTime"
)

// NullClockPolicy says what happens to records whose clock is null.
//
// +kubebuilder:validation:Enum=Keep
type NullClockPolicy string

// NullClockKeep keeps and counts records whose clock is null.
const NullClockKeep NullClockPolicy = "Keep"

// RetentionClock is the column that says when a record's time began to run.
type RetentionClock struct {
	// field that holds the instant, for example delivered_at. With unit StoreTime: lastModified (S3), _id (MongoDB) or lastAccess (Redis).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// unit is the type and unit of the field; not every type of store has each. It is compared with the store's column type before anything is changed, and with the range
	// of the values found: seconds read as milliseconds would match everything or nothing.
	// +required
	Unit ClockUnit `json:"unit,omitempty"`

	// whenNull says what happens to records whose clock is null: Keep, and count them. A clock that says nothing counts as null: a
	// timestamp of -infinity, a number of 0 or less.
	// +required
	WhenNull NullClockPolicy `json:"whenNull,omitempty"`
}

// KeepPeriod is how long records are kept. Exactly one member is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.days), has(self.months), has(self.years)].filter(x, x).size() == 1",message="say how long in exactly one unit: days, months or years"
type KeepPeriod struct {
	// days of 24 hours, 1 to 36500.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days int32 `json:"days,omitempty"`

	// months by the calendar in the policy's time zone, 1 to 1200. A day that the month does not have becomes its last day.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1200
	Months int32 `json:"months,omitempty"`

	// years by the calendar in the policy's time zone, 1 to 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Years int32 `json:"years,omitempty"`
}

// LegalBasisKind is the reason in law for a period.
//
// +kubebuilder:validation:Enum=Contract;Consent;LegalObligation;LegitimateInterest
type LegalBasisKind string

// LegalBasis says why records are kept for the period.
type LegalBasis struct {
	// kind of the basis (GDPR, article 6(1)): Contract, Consent, LegalObligation or LegitimateInterest.
	// +required
	Kind LegalBasisKind `json:"kind,omitempty"`

	// note for the people who review the policy.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Note string `json:"note,omitempty"`
}

// MinimumPeriod says how long records must not be removed, by any policy.
type MinimumPeriod struct {
	// keep is how long the records must be kept, counted from the rule's clock.
	// +required
	Keep KeepPeriod `json:"keep,omitzero"` //nolint:kubeapilinter // its rule demands exactly one member

	// basis says which law or contract demands it.
	// +required
	Basis LegalBasis `json:"basis,omitzero"`

	// fields of the record that must be kept, at most 128; the others may be anonymized earlier. Omitted: the whole record.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Fields []string `json:"fields,omitempty"`
}

// PurgeActionType says what is done with due records.
//
// +kubebuilder:validation:Enum=Delete;Anonymize
type PurgeActionType string

// What is done with due records.
const (
	ActionDelete    PurgeActionType = "Delete"
	ActionAnonymize PurgeActionType = "Anonymize"
)

// AnonymizeStrategy says what replaces a value.
//
// +kubebuilder:validation:Enum=Null;Constant;KeyedHash;Truncate;CoarsenPostcode;CoarsenDate;Fake
type AnonymizeStrategy string

// What replaces a value.
const (
	// AnonymizeNull writes null.
	AnonymizeNull AnonymizeStrategy = "Null"
	// AnonymizeConstant writes a fixed value.
	AnonymizeConstant AnonymizeStrategy = "Constant"
	// AnonymizeKeyedHash writes kh1- and HMAC-SHA-256 of the value in hexadecimal, 68 characters, so that equal values stay equal. Without
	// the key nobody can test a guess. A value of that form counts as hashed and is not hashed again.
	AnonymizeKeyedHash AnonymizeStrategy = "KeyedHash"
	// AnonymizeTruncate keeps the first characters of a text. What is not longer stays whole.
	AnonymizeTruncate AnonymizeStrategy = "Truncate"
	// AnonymizeCoarsenPostcode keeps the first characters of a text; behind them digits become 0 and all else X or x, while spaces and dashes
	// stay: of SW1A 2AA two characters leave SW0X 0XX.
	AnonymizeCoarsenPostcode AnonymizeStrategy = "CoarsenPostcode"
	// AnonymizeCoarsenDate writes the first day, at 00:00:00, of a date's or time's month or year: in UTC, in a text (RFC 3339) by its own offset.
	AnonymizeCoarsenDate AnonymizeStrategy = "CoarsenDate"
	// AnonymizeFake writes an invented value, the same for the same value and key, that programs take for a real one. See FakeForm.
	AnonymizeFake AnonymizeStrategy = "Fake"
)

// DatePrecision says what CoarsenDate leaves of a date.
//
// +kubebuilder:validation:Enum=Month;Year
type DatePrecision string

// What CoarsenDate leaves of a date.
const (
	PrecisionMonth DatePrecision = "Month"
	PrecisionYear  DatePrecision = "Year"
)

// FakeForm says what an invented value looks like.
//
// +kubebuilder:validation:Enum=Email;Text
type FakeForm string

// What an invented value looks like.
const (
	// FakeEmail is a mail address of 36 characters below example.invalid, a domain that never exists (RFC 6761). Two values get the same
	// address with a chance of one in 2^100.
	FakeEmail FakeForm = "Email"
	// FakeText has a digit for each digit, a letter for each letter, in its case, and a letter for each character beyond ASCII; the rest
	// stays. The first three are 9 or Q, by which an invented value is recognized: a value that begins so counts as invented, and a number is
	// one with a chance of one in a thousand. What comes behind them is drawn from as many values as the form has, so that short values may meet.
	FakeText FakeForm = "Text"
)

// AnonymizeField says what replaces one field's value.
//
// +kubebuilder:validation:XValidation:rule="(self.strategy in ['Truncate', 'CoarsenPostcode']) == has(self.length)",message="strategies Truncate and CoarsenPostcode go with length: set it for these and for no other"
// +kubebuilder:validation:XValidation:rule="(self.strategy == 'CoarsenDate') == has(self.precision)",message="strategy CoarsenDate goes with precision: set it for this strategy and for no other"
// +kubebuilder:validation:XValidation:rule="(self.strategy == 'Fake') == has(self.form)",message="strategy Fake goes with form: set it for this strategy and for no other"
// +kubebuilder:validation:XValidation:rule="(self.strategy == 'Constant') == has(self.value)",message="strategy Constant goes with value: set it for this strategy and for no other"
type AnonymizeField struct {
	// name of the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// strategy says what replaces the value: Null, Constant, KeyedHash, Truncate, CoarsenPostcode, CoarsenDate or Fake. A value that is a
	// replacement already stays as it is.
	// +required
	Strategy AnonymizeStrategy `json:"strategy,omitempty"`

	// value that Constant writes, in the store's notation of the field's type; may be empty.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=512
	Value *string `json:"value,omitempty"`

	// length is how many characters Truncate and CoarsenPostcode keep, 1 to 255.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=255
	Length int32 `json:"length,omitempty"`

	// precision is what CoarsenDate leaves: Month or Year.
	// +optional
	Precision DatePrecision `json:"precision,omitempty"`

	// form is what Fake writes: Email or Text.
	// +optional
	Form FakeForm `json:"form,omitempty"`
}

// PurgeAction says what is done with due records.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Anonymize') == has(self.fields)",message="type Anonymize goes with fields: list the fields for this type and for no other"
type PurgeAction struct {
	// type of the action: Delete removes the record, Anonymize replaces the values of the listed fields.
	// +required
	Type PurgeActionType `json:"type,omitempty"`

	// fields that Anonymize replaces. A record counts as done once all of them hold their replacement.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Fields []AnonymizeField `json:"fields,omitempty"`
}

// RetentionRule says which records of one collection go after how long.
type RetentionRule struct {
	// name of the rule, unique in the policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="use lower-case letters, digits and '-', starting with a letter, for example events"
	Name string `json:"name,omitempty"`

	// collection of the store, by the DataStore's name for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Collection string `json:"collection,omitempty"`

	// clock is the column that says when a record's time began to run.
	// +required
	Clock RetentionClock `json:"clock,omitzero"`

	// keep is how long records are kept. The cutoff is computed once a run, as one UTC instant: the slot minus this period.
	// +required
	Keep KeepPeriod `json:"keep,omitzero"` //nolint:kubeapilinter // its rule demands exactly one member

	// basis says why records are kept for the period.
	// +optional
	Basis LegalBasis `json:"basis,omitzero"`

	// minimum is how long the rule's records must be kept. A policy of the same DataStore whose rule would remove them earlier, this one included, makes
	// no runs. It binds while the policy exists, also if that is suspended. Omitted: the rule demands nothing of others.
	// +optional
	Minimum MinimumPeriod `json:"minimum,omitzero"`

	// where narrows the rule to records that match all of these filters. Omitted: all records of the collection.
	// +optional
	// +listType=map
	// +listMapKey=field
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Where []RecordFilter `json:"where,omitempty"`

	// action says what is done with due records.
	// +required
	Action PurgeAction `json:"action,omitzero"`
}

// PurgeCaps stop a run that would change more than anyone expects.
//
// +kubebuilder:validation:MinProperties=1
type PurgeCaps struct {
	// maxSharePercent is the largest share of a collection's records that a run may change, in percent, 1 to 100. Default 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxSharePercent int32 `json:"maxSharePercent,omitempty"`

	// maxRows is the largest number of records that a run may change with one rule, 1 to 10000000000. Default 5000000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000000
	MaxRows int64 `json:"maxRows,omitempty"`
}

// PauseLimits are what a store may show of its strain before a run waits. Any signal over its limit pauses the run, between two transactions;
// it goes on once the signal has come down by a tenth of the limit. A store that cannot show a signal, or does not show it to the login,
// ends the run before anything is changed. Omitted ones are not looked at.
//
// +kubebuilder:validation:MinProperties=1
type PauseLimits struct {
	// walBacklogMebibytes of the write-ahead log that wait to be archived, in MiB, 1 to 1048576. PostgreSQL with archive_mode on; the role
	// needs pg_monitor.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	WALBacklogMebibytes int32 `json:"walBacklogMebibytes,omitempty"`

	// slotRetainedMebibytes of the write-ahead log that one replication slot keeps from being removed, in MiB, 1 to 1048576. PostgreSQL.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	SlotRetainedMebibytes int32 `json:"slotRetainedMebibytes,omitempty"`

	// oldestTransactionSeconds is the age of the oldest transaction of others, which keeps deleted records from being cleaned up, in seconds,
	// 1 to 604800. PostgreSQL, where prepared transactions, slots and standbys with feedback count too, and the role needs pg_monitor; MySQL,
	// where the user needs PROCESS.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	OldestTransactionSeconds int32 `json:"oldestTransactionSeconds,omitempty"`

	// runningVacuums is the number of vacuums that work on the rule's table or its partitions, 0 to 1000. PostgreSQL; the role needs pg_monitor.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	RunningVacuums *int32 `json:"runningVacuums,omitempty"`

	// deadRowsPercent is the share of dead rows in the rule's table and its partitions, in percent, 1 to 99; fewer than 10000 are not looked
	// at. Take more than autovacuum_vacuum_scale_factor, which is 20 % by default: autovacuum does not begin below. PostgreSQL.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	DeadRowsPercent int32 `json:"deadRowsPercent,omitempty"`

	// historyListLength of InnoDB: the changes that are not yet purged from its undo logs, 1 to 1000000000. MySQL, where the user needs
	// PROCESS, and MariaDB.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	HistoryListLength int32 `json:"historyListLength,omitempty"`

	// activeSessions is the number of other sessions that the store works for at the moment, 1 to 100000. PostgreSQL, where the role needs
	// pg_monitor; MySQL, by Threads_running, which counts connected replicas too.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	ActiveSessions int32 `json:"activeSessions,omitempty"`

	// queuedOperations is the number of operations that wait for a lock or a ticket in the store, 1 to 100000. MongoDB; the user needs the role
	// clusterMonitor.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	QueuedOperations int32 `json:"queuedOperations,omitempty"`

	// pendingFrees is the number of deleted objects whose memory is not yet free, 1 to 1000000000. Redis.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	PendingFrees int32 `json:"pendingFrees,omitempty"`
}

// DayOfWeek is a day of the week.
//
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type DayOfWeek string

// WorkWindow is a part of the day in which runs may change the store, by the clocks of the policy's time zone: an hour that they skip is in
// none, an hour that they repeat is in it twice.
type WorkWindow struct {
	// days of the week on which the window begins. Omitted: every day.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Days []DayOfWeek `json:"days,omitempty"`

	// from is the time at which the window opens, for example 22:00.
	// +required
	// +kubebuilder:validation:MinLength=5
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')",message="a time of day has hours and minutes, 00:00 to 23:59"
	From string `json:"from,omitempty"`

	// to is the time at which it closes, for example 05:00. At or before from, it is that of the next day: from 00:00 to 00:00 is a whole day.
	// +required
	// +kubebuilder:validation:MinLength=5
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')",message="a time of day has hours and minutes, 00:00 to 23:59"
	To string `json:"to,omitempty"`
}

// PurgeThrottle keeps a run from disturbing the store's other users.
//
// +kubebuilder:validation:MinProperties=1
type PurgeThrottle struct {
	// targetBatchMilliseconds is how long one transaction should take, in milliseconds, 10 to 5000. Default 100. Windows grow and shrink
	// to meet it.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=5000
	TargetBatchMilliseconds int32 `json:"targetBatchMilliseconds,omitempty"`

	// pauseMilliseconds is the pause after each transaction, in milliseconds, 0 to 60000. Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=60000
	PauseMilliseconds *int32 `json:"pauseMilliseconds,omitempty"`

	// maxReplicaLagSeconds pauses the run while a replica is further behind, in seconds, 1 to 3600. Omitted: replicas are not looked at.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	MaxReplicaLagSeconds int32 `json:"maxReplicaLagSeconds,omitempty"`

	// pauseAbove lists what else pauses the run, by the signals of the store. Omitted: nothing.
	// +optional
	PauseAbove PauseLimits `json:"pauseAbove,omitzero"`

	// workWindows are when runs of mode Purge may work. Outside of them a run waits at its checkpoint, however long; a preview does not wait.
	// Omitted: at any time.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=14
	WorkWindows []WorkWindow `json:"workWindows,omitempty"`
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
