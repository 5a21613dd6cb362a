package v1alpha1

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
// +kubebuilder:validation:Enum=Delete;Anonymize;Archive
type PurgeActionType string

// What is done with due records.
const (
	// ActionDelete removes due records.
	ActionDelete PurgeActionType = "Delete"
	// ActionAnonymize replaces values of due records.
	ActionAnonymize PurgeActionType = "Anonymize"
	// ActionArchive writes due records to an S3 store, and deletes them once they are there.
	ActionArchive PurgeActionType = "Archive"
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

// ArchiveTarget says where records are written before they are deleted.
type ArchiveTarget struct {
	// storeRef names a DataStore of type S3 in the same namespace. All rules of a policy archive to one store.
	// +required
	StoreRef LocalReference `json:"storeRef,omitzero"`

	// collection of that DataStore, bucket or bucket/prefix/. What is archived there is personal data still: give the collection a
	// RetentionPolicy of its own.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^/]+(/|/[^/].*/)?$')",message="write a bucket, or bucket/prefix/ with a slash at the end"
	Collection string `json:"collection,omitempty"`

	// lockDays puts each object under Object Lock (governance mode) for so many days, 1 to 36500. Omitted: as the bucket does by default.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	LockDays int32 `json:"lockDays,omitempty"`
}

// PurgeAction says what is done with due records.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Archive') == has(self.archive)",message="type Archive goes with archive: say where to for this type and for no other"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Anonymize') == has(self.fields)",message="type Anonymize goes with fields: list the fields for this type and for no other"
type PurgeAction struct {
	// type of the action: Delete removes the record, Anonymize replaces the values of the listed fields, Archive writes the record to an S3
	// store and removes it once it is there (PostgreSQL and MySQL only).
	// +required
	Type PurgeActionType `json:"type,omitempty"`

	// fields that Anonymize replaces. A record counts as done once all of them hold their replacement.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Fields []AnonymizeField `json:"fields,omitempty"`

	// archive says where Archive writes the records to.
	// +optional
	Archive ArchiveTarget `json:"archive,omitzero"`
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
