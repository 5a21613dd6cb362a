package v1alpha1

// Labels and annotations that the operator reads or writes.
const (
	// LabelIntegration names the CarrierIntegration that an object belongs to. Set on every child of an integration.
	LabelIntegration = "carrier-operator.io/integration"
	// LabelNamespace names the namespace of the CarrierIntegration that an object without namespace belongs to.
	LabelNamespace = "carrier-operator.io/namespace"
	// LabelComponent says which part of the product a pod is: ComponentGateway or ComponentPurger.
	LabelComponent = "carrier-operator.io/component"
	// LabelClient names the entry of spec.clients that a client certificate's Secret belongs to.
	LabelClient = "carrier-operator.io/client"
	// LabelPolicy names the RetentionPolicy that a PurgeRun belongs to.
	LabelPolicy = "carrier-operator.io/retention-policy"
	// LabelRun names the PurgeRun that a Job and its ConfigMap belong to.
	LabelRun = "carrier-operator.io/purge-run"

	// AnnotationAllowedHosts, on a Secret, lists the host names (comma separated, exact) that its content may be sent to. A Secret
	// without it is never used: someone who may only create a CarrierIntegration cannot have a Secret sent to a host of their choice.
	AnnotationAllowedHosts = "carrier-operator.io/allowed-hosts"
	// AnnotationAllowedIntegrations, on a Secret, lists the CarrierIntegrations (comma separated) that may use it. Absent: any of the namespace.
	AnnotationAllowedIntegrations = "carrier-operator.io/allowed-integrations"
	// AnnotationRunRequestedAt, on a RetentionPolicy, asks for a run outside of the schedule: an RFC 3339 instant. It acts once for each
	// value that differs from status.lastHandledRunRequest.
	AnnotationRunRequestedAt = "carrier-operator.io/run-requested-at"
	// AnnotationPreviewRequestedAt, on a RetentionPolicy, asks for a run that counts and changes nothing, whatever the policy's mode is. It
	// acts as AnnotationRunRequestedAt does, with status.lastHandledPreviewRequest.
	AnnotationPreviewRequestedAt = "carrier-operator.io/preview-requested-at"
	// AnnotationRevision, on a gateway pod, is the configuration revision that the operator wants served. Changing it makes the kubelet
	// refresh the pod's mounted configuration at once instead of at its next periodic sync.
	AnnotationRevision = "carrier-operator.io/revision"
	// AnnotationPlanDigest, on the pods of a PurgeRun, is the SHA-256 of the plan that the run began with, its holds apart: nothing else of
	// a plan changes while the run works.
	AnnotationPlanDigest = "carrier-operator.io/plan-digest"
	// AnnotationStoreIdentity, on a DataStore, is the identity that the store is expected to have. It accepts a store that was restored,
	// cloned or failed over: set it to status.evidence.storeIdentity of the run that stopped with StoreIdentityChanged.
	AnnotationStoreIdentity = "carrier-operator.io/store-identity"

	ComponentGateway = "gateway"
	ComponentPurger  = "purger"
	ComponentManager = "manager"
)

// Finalizer guards deletion where something outside of the object itself needs care.
const Finalizer = "carrier-operator.io/finalizer"
