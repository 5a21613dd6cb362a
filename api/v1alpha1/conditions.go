package v1alpha1

// Condition types that kstatus reads. One controller a kind computes them from the other conditions.
const (
	// ConditionReady is true when the object does what its spec says.
	ConditionReady = "Ready"
	// ConditionReconciling is true while the operator works towards that or waits for something that is under way.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when a person has to do something. The operator watches what the message names and goes on by itself.
	ConditionStalled = "Stalled"
)

// Condition types of a CarrierIntegration, one a concern.
const (
	// ConditionProfileResolved is true when profile, environment, operations and clients fit together.
	ConditionProfileResolved = "ProfileResolved"
	// ConditionCertificatesReady is true when every certificate is issued, fresh and fit for its use.
	ConditionCertificatesReady = "CertificatesReady"
	// ConditionCredentialsReady is true when every credential exists, is complete and may be sent to the carrier's hosts.
	ConditionCredentialsReady = "CredentialsReady"
	// ConditionNetworkReady is true when every host has a published address set and the policies hold it.
	ConditionNetworkReady = "NetworkReady"
	// ConditionNetworkEnforced is true when a probe found that the gateway cannot reach what its policies forbid. Ready does not depend on it.
	ConditionNetworkEnforced = "NetworkEnforced"
	// ConditionGatewayReady is true when every replica serves the current revision.
	ConditionGatewayReady = "GatewayReady"
)

// Condition types of retention.
const (
	// ConditionComplete is true when a PurgeRun ended as it should.
	ConditionComplete = "Complete"
	// ConditionFieldsDecided is false when a run found fields in a DataStore that have no decision.
	ConditionFieldsDecided = "FieldsDecided"
	// ConditionSchedulesRuns is true when a RetentionPolicy makes runs.
	ConditionSchedulesRuns = "SchedulesRuns"
)

// Reasons of any condition.
const (
	// ReasonSucceeded: everything is as it should be.
	ReasonSucceeded = "Succeeded"
	// ReasonProgressing: work is under way.
	ReasonProgressing = "Progressing"
	// ReasonDependencyNotReady: another condition or object has to become ready first.
	ReasonDependencyNotReady = "DependencyNotReady"
	// ReasonNameConflict: an object of the needed name exists and is not ours. It is never adopted.
	ReasonNameConflict = "NameConflict"
	// ReasonDeleting: the object is being deleted.
	ReasonDeleting = "Deleting"
)

// Reasons of ProfileResolved.
const (
	// ReasonProfileNotFound: no CarrierProfile of that name.
	ReasonProfileNotFound = "ProfileNotFound"
	// ReasonEnvironmentNotFound: the profile has no such environment.
	ReasonEnvironmentNotFound = "EnvironmentNotFound"
	// ReasonOperationNotFound: a client, credential, exception or limit names an operation that the profile does not have.
	ReasonOperationNotFound = "OperationNotFound"
	// ReasonOperationWithoutCredential: an operation that a client may call has no credential.
	ReasonOperationWithoutCredential = "OperationWithoutCredential"
	// ReasonRulesInvalid: a path of the profile or of an exception cannot be used.
	ReasonRulesInvalid = "RulesInvalid"
	// ReasonAuthenticationIncomplete: the profile's authentication needs something that the integration lacks, such as a client certificate.
	ReasonAuthenticationIncomplete = "AuthenticationIncomplete"
	// ReasonWebhookNotFound: a callback names a webhook that the profile does not have.
	ReasonWebhookNotFound = "WebhookNotFound"
)

// Reasons of CertificatesReady.
const (
	// ReasonCertificatePending: cert-manager has not issued a certificate yet.
	ReasonCertificatePending = "CertificatePending"
	// ReasonAwaitingApproval: a CertificateRequest waits for an approver.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonIssuerNotFound: the issuer does not exist.
	ReasonIssuerNotFound = "IssuerNotFound"
	// ReasonIssuerUnsuitable: the issuer cannot issue client certificates (ACME).
	ReasonIssuerUnsuitable = "IssuerUnsuitable"
	// ReasonCertificateInvalid: an issued certificate does not fit its key, use or time.
	ReasonCertificateInvalid = "CertificateInvalid"
	// ReasonCertManagerMissing: the cluster does not serve cert-manager's API.
	ReasonCertManagerMissing = "CertManagerMissing"
	// ReasonTrustBundleInvalid: the trust bundle does not exist or holds no CA certificate.
	ReasonTrustBundleInvalid = "TrustBundleInvalid"
)

// Reasons of CredentialsReady and of a CarrierCredential's Ready.
const (
	// ReasonCredentialNotFound: no CarrierCredential of that name.
	ReasonCredentialNotFound = "CredentialNotFound"
	// ReasonSecretNotFound: the Secret does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretEmpty: the Secret has no data, or a needed key is empty.
	ReasonSecretEmpty = "SecretEmpty"
	// ReasonSecretTypeUnsupported: the Secret is not of type Opaque.
	ReasonSecretTypeUnsupported = "SecretTypeUnsupported"
	// ReasonKeyMissing: the Secret lacks a key that the profile needs.
	ReasonKeyMissing = "KeyMissing"
	// ReasonKeyInvalid: a key of the Secret holds a value that cannot be used.
	ReasonKeyInvalid = "KeyInvalid"
	// ReasonHostNotAllowed: the Secret's annotation does not allow a host that it would be sent to.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonIntegrationNotAllowed: the Secret's annotation does not allow this integration.
	ReasonIntegrationNotAllowed = "IntegrationNotAllowed"
)

// Reasons of NetworkReady.
const (
	// ReasonResolveFailed: a name does not resolve and no earlier answer is known.
	ReasonResolveFailed = "ResolveFailed"
	// ReasonResolveStale: a name does not resolve; the last good addresses stay in use.
	ReasonResolveStale = "ResolveStale"
	// ReasonAddressRefused: a name resolves to a private or special address that no exception allows.
	ReasonAddressRefused = "AddressRefused"
	// ReasonAddressesCut: a name answers more addresses than are published.
	ReasonAddressesCut = "AddressesCut"
	// ReasonClusterPolicyRefused: the API server refuses the gateway's ClusterNetworkPolicy; the NetworkPolicy holds the gateway alone.
	ReasonClusterPolicyRefused = "ClusterPolicyRefused"
)

// Reasons of NetworkEnforced.
const (
	// ReasonEnforced: the probe was refused.
	ReasonEnforced = "Enforced"
	// ReasonNotEnforced: the probe reached an address that the policies forbid: the cluster's network plugin does not enforce them.
	ReasonNotEnforced = "NotEnforced"
	// ReasonForeignPolicy: a policy of somebody else lets the gateway reach more.
	ReasonForeignPolicy = "ForeignPolicy"
	// ReasonProbePending: no gateway has been probed yet.
	ReasonProbePending = "ProbePending"
)

// Reasons of GatewayReady.
const (
	// ReasonGatewayProgressing: replicas start or take over a new revision.
	ReasonGatewayProgressing = "GatewayProgressing"
	// ReasonGatewayUnavailable: the gateway's pods cannot run.
	ReasonGatewayUnavailable = "GatewayUnavailable"
	// ReasonCABundleInvalid: a CA bundle for the carrier does not exist or holds no certificate.
	ReasonCABundleInvalid = "CABundleInvalid"
	// ReasonServiceNotFound: a Service that a callback or the limit store names does not exist, or has no selector or cluster IP.
	ReasonServiceNotFound = "ServiceNotFound"
)

// Reasons of DataStore, RetentionPolicy and LegalHold.
const (
	// ReasonStoreNotFound: no DataStore of that name.
	ReasonStoreNotFound = "StoreNotFound"
	// ReasonStoreDuplicate: another DataStore, made before, reaches the same database.
	ReasonStoreDuplicate = "StoreDuplicate"
	// ReasonStoreNotReady: the DataStore is not ready.
	ReasonStoreNotReady = "StoreNotReady"
	// ReasonCollectionNotFound: the DataStore does not list the collection.
	ReasonCollectionNotFound = "CollectionNotFound"
	// ReasonFieldNotDecided: a rule names a field that the DataStore neither categorizes nor ignores.
	ReasonFieldNotDecided = "FieldNotDecided"
	// ReasonRuleInvalid: a rule would anonymize a field of the key, by which the run finds its way.
	ReasonRuleInvalid = "RuleInvalid"
	// ReasonBelowMinimum: a rule would remove records earlier than a minimum, its own policy's or another's, allows.
	ReasonBelowMinimum = "BelowMinimum"
	// ReasonReferenceCycle: collections refer to each other in a circle, so there is no order in which records can be deleted.
	ReasonReferenceCycle = "ReferenceCycle"
	// ReasonScheduleInvalid: the schedule does not parse.
	ReasonScheduleInvalid = "ScheduleInvalid"
	// ReasonTimeZoneInvalid: the time zone is unknown.
	ReasonTimeZoneInvalid = "TimeZoneInvalid"
	// ReasonSuspended: the policy is suspended.
	ReasonSuspended = "Suspended"
	// ReasonScheduled: runs are made on schedule.
	ReasonScheduled = "Scheduled"
	// ReasonSchemaDrift: the store has fields that nobody has decided about.
	ReasonSchemaDrift = "SchemaDrift"
	// ReasonNotLooked: no run has looked at the store's fields yet.
	ReasonNotLooked = "NotLooked"
	// ReasonSlotMissed: the last slots passed without a run.
	ReasonSlotMissed = "SlotMissed"
	// ReasonLastRunFailed: the latest run ended with a reason that needs a person.
	ReasonLastRunFailed = "LastRunFailed"
	// ReasonHoldExpired: the hold's last day has passed.
	ReasonHoldExpired = "HoldExpired"
	// ReasonHoldInvalid: a hold of the store cannot be understood; the store's runs stop until it is mended.
	ReasonHoldInvalid = "HoldInvalid"
	// ReasonHoldKeyMismatch: a hold names people by hashes of a key that the policy does not have.
	ReasonHoldKeyMismatch = "HoldKeyMismatch"
)

// Reasons with which a PurgeRun ends; also stopReason and outcome.reason.
const (
	// ReasonCompleted: the run did everything and verification agreed, or it was a preview.
	ReasonCompleted = "Completed"
	// ReasonNothingDue: no record was due.
	ReasonNothingDue = "NothingDue"
	// ReasonRunning: the run is under way.
	ReasonRunning = "Running"
	// ReasonPaused: the run waits, see status.pause.
	ReasonPaused = "Paused"
	// ReasonHandover: a pod took over from one that did not say that it stopped, and waits until that one must have. A pause reason.
	ReasonHandover = "Handover"
	// ReasonOutsideWorkWindow: the run waits for one of its policy's work windows.
	ReasonOutsideWorkWindow = "OutsideWorkWindow"
	// ReasonCapExceeded: more records are due than a cap allows. Nothing was changed.
	ReasonCapExceeded = "CapExceeded"
	// ReasonLoginRefused: the store refused the login.
	ReasonLoginRefused = "LoginRefused"
	// ReasonStoreUnreachable: the store could not be reached.
	ReasonStoreUnreachable = "StoreUnreachable"
	// ReasonStoreBusy: locks or timeouts kept the store from doing even the smallest transaction. Also a pause reason.
	ReasonStoreBusy = "StoreBusy"
	// ReasonReplicaLag: replicas stayed behind, or could not be seen. Also a pause reason.
	ReasonReplicaLag = "ReplicaLag"
	// ReasonWALBacklog: too much of the store's log waits to be archived. Also a pause reason.
	ReasonWALBacklog = "WALBacklog"
	// ReasonSlotBehind: a replication slot keeps too much of the store's log. Also a pause reason.
	ReasonSlotBehind = "SlotBehind"
	// ReasonOldTransaction: a long transaction keeps the store from cleaning up. Also a pause reason.
	ReasonOldTransaction = "OldTransaction"
	// ReasonVacuumRunning: a vacuum works on the table. Also a pause reason.
	ReasonVacuumRunning = "VacuumRunning"
	// ReasonDeadRows: too many of the table's rows are dead. Also a pause reason.
	ReasonDeadRows = "DeadRows"
	// ReasonHistoryList: InnoDB's history list is too long. Also a pause reason.
	ReasonHistoryList = "HistoryList"
	// ReasonStoreLoad: the store works for too many others. Also a pause reason.
	ReasonStoreLoad = "StoreLoad"
	// ReasonPendingFrees: the memory of too many deleted objects is not yet free. Also a pause reason.
	ReasonPendingFrees = "PendingFrees"
	// ReasonSignalUnavailable: the store does not show a signal that is to pause the run.
	ReasonSignalUnavailable = "SignalUnavailable"
	// ReasonStoreTLSFailed: the store's certificate could not be verified.
	ReasonStoreTLSFailed = "StoreTLSFailed"
	// ReasonTableNotFound: the store has no such table.
	ReasonTableNotFound = "TableNotFound"
	// ReasonParallelismUnsupported: several pods cannot share the store's collections. Set parallelism to 1.
	ReasonParallelismUnsupported = "ParallelismUnsupported"
	// ReasonColumnNotFound: the table has no such column.
	ReasonColumnNotFound = "ColumnNotFound"
	// ReasonColumnTypeMismatch: a column's type does not fit what the rule does with it.
	ReasonColumnTypeMismatch = "ColumnTypeMismatch"
	// ReasonClockTypeMismatch: the clock column's type does not fit its unit.
	ReasonClockTypeMismatch = "ClockTypeMismatch"
	// ReasonClockUnitImplausible: the clock column's values do not fit its unit.
	ReasonClockUnitImplausible = "ClockUnitImplausible"
	// ReasonPrivilegeMissing: the role lacks a privilege.
	ReasonPrivilegeMissing = "PrivilegeMissing"
	// ReasonRowSecurity: row security hides rows from the role, so a count would prove nothing.
	ReasonRowSecurity = "RowSecurity"
	// ReasonConstraintViolated: a constraint of the store refuses the change.
	ReasonConstraintViolated = "ConstraintViolated"
	// ReasonReferenced: records are still referenced by another table.
	ReasonReferenced = "Referenced"
	// ReasonVerificationDisagreed: due records are left that no hold explains.
	ReasonVerificationDisagreed = "VerificationDisagreed"
	// ReasonStoreIdentityChanged: the store is not the one that the previous run worked on.
	ReasonStoreIdentityChanged = "StoreIdentityChanged"
	// ReasonArchiveFailed: the archive is missing, out of reach, or does not keep what is written. Records that it does not have were not deleted.
	ReasonArchiveFailed = "ArchiveFailed"
	// ReasonPlanInvalid: the run's plan cannot be read.
	ReasonPlanInvalid = "PlanInvalid"
	// ReasonJobFailed: the run's Job failed before the purger could say why.
	ReasonJobFailed = "JobFailed"
	// ReasonPodNotStarting: the run's pod cannot start, for example because its image cannot be pulled.
	ReasonPodNotStarting = "PodNotStarting"
	// ReasonCanceled: the run was stopped by a person.
	ReasonCanceled = "Canceled"
)
