package v1alpha1

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

// YieldMode says whether a run gives way to the store's other users.
//
// +kubebuilder:validation:Enum=WhenBusy;Never
type YieldMode string

// Whether a run gives way.
const (
	YieldWhenBusy YieldMode = "WhenBusy"
	YieldNever    YieldMode = "Never"
)

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

	// yield says whether the run gives way to others. WhenBusy: while the store does 20 pieces of work a second or more for others, transactions
	// take 10 ms at most and the run rests twice as long as each took. PostgreSQL, where transactions that write count, and MySQL, where
	// statements do; in other stores it does nothing. Never: others are not looked at. Default WhenBusy.
	// +optional
	Yield YieldMode `json:"yield,omitempty"`

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
