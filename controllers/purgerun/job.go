package purgerun

import (
	"path"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

const (
	containerPurger = "purger"
	volumePlan      = "plan"
	volumeStore     = "store"
	volumeArchive   = "archive"
	volumeHashKey   = "hash-key"
	// volumeSigningKey holds the key that evidence is signed with.
	volumeSigningKey = "signing-key"

	// hashKeyItem is the key of the hash key's Secret.
	hashKeyItem = "key"

	// nonRoot is the user of distroless images.
	nonRoot = 65532
	// retries of a pod that died without an outcome; the checkpoint lets the next one go on.
	retries = 6
	// graceSeconds is enough for the window at hand and a last checkpoint.
	graceSeconds = 60
	// ownerAndGroup lets the pod's group read, and nobody else.
	ownerAndGroup = 0o440
)

// jobSources are what a Job's pods are made from.
type jobSources struct {
	image string
	pull  corev1.PullPolicy // empty: as Kubernetes does by default
	store connectionSecrets
	// archive is the zero value if the run archives nothing.
	archive connectionSecrets
	// hashKeySecret and signingKeySecret are empty if the policy names none.
	hashKeySecret, signingKeySecret string
	planDigest                      string
	// pods that share the run.
	pods int32
}

// connectionSecrets are the Secrets that a store is reached with.
type connectionSecrets struct {
	secret string
	// clientCertificate is the Secret with what the purger shows to the store, empty for nothing.
	clientCertificate string
	// kind says which keys of the store's Secret the purger needs.
	kind stores.Kind
}

func secretsOf(store *v1alpha1.DataStore) connectionSecrets {
	kind, _ := stores.Of(store.Spec.Type)
	connection := &store.Spec.Connection
	return connectionSecrets{secret: connection.SecretRef.Name, clientCertificate: connection.TLS.ClientCertificateRef.Name, kind: kind}
}

// renderJob runs the purger once for each index. A pod is replaced only after it is gone, so that two of an index never work at once; pods
// lost to eviction or drain are not counted as failures.
func renderJob(run *v1alpha1.PurgeRun, s jobSources) *batchv1ac.JobApplyConfiguration {
	return batchv1ac.Job(run.Name, run.Namespace).
		WithLabels(labels(run)).WithOwnerReferences(owner(run)).
		WithSpec(batchv1ac.JobSpec().
			WithCompletionMode(batchv1.IndexedCompletion).WithCompletions(s.pods).WithParallelism(s.pods).
			WithBackoffLimit(retries * s.pods).WithPodReplacementPolicy(batchv1.Failed).
			WithSuspend(false).
			WithPodFailurePolicy(batchv1ac.PodFailurePolicy().WithRules(
				batchv1ac.PodFailurePolicyRule().WithAction(batchv1.PodFailurePolicyActionIgnore).
					WithOnPodConditions(batchv1ac.PodFailurePolicyOnPodConditionsPattern().
						WithType(corev1.DisruptionTarget).WithStatus(corev1.ConditionTrue)))).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(labels(run)).
				WithAnnotations(map[string]string{v1alpha1.AnnotationPlanDigest: s.planDigest}).
				WithSpec(renderPod(run, s))))
}

// keepJob is an existing Job as it was applied, with everything that can be changed put right.
func keepJob(run *v1alpha1.PurgeRun, applied *batchv1ac.JobApplyConfiguration, suspend bool) *batchv1ac.JobApplyConfiguration {
	applied.Labels, applied.OwnerReferences = nil, nil
	applied.WithLabels(labels(run)).WithOwnerReferences(owner(run))
	pods := ptr.Deref(applied.Spec.Completions, 1) // cannot be changed
	applied.Spec.WithParallelism(pods).WithBackoffLimit(retries * pods).WithSuspend(suspend)
	return applied
}

func renderPod(run *v1alpha1.PurgeRun, s jobSources) *corev1ac.PodSpecApplyConfiguration {
	container := corev1ac.Container().WithName(containerPurger).WithImage(s.image).
		WithEnv(corev1ac.EnvVar().WithName(retention.PodNameVariable).WithValueFrom(corev1ac.EnvVarSource().
			WithFieldRef(corev1ac.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath("metadata.name")))).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))).
		WithResources(corev1ac.ResourceRequirements().
			WithRequests(corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}).
			WithLimits(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")})).
		WithVolumeMounts(
			mount(volumePlan, retention.PlanDir),
			mount(volumeStore, retention.ConnectionDir))
	if s.pull != "" {
		container.WithImagePullPolicy(s.pull)
	}
	pod := corev1ac.PodSpec().
		WithServiceAccountName(run.Name).WithAutomountServiceAccountToken(true).WithEnableServiceLinks(false).
		WithRestartPolicy(corev1.RestartPolicyNever).WithTerminationGracePeriodSeconds(graceSeconds).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(nonRoot).WithRunAsGroup(nonRoot).WithFSGroup(nonRoot).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithVolumes(
			corev1ac.Volume().WithName(volumePlan).WithConfigMap(corev1ac.ConfigMapVolumeSource().
				WithName(run.Name).WithItems(item(retention.PlanFile))),
			corev1ac.Volume().WithName(volumeStore).WithProjected(s.store.volume()))
	if s.archive.secret != "" {
		container.WithVolumeMounts(mount(volumeArchive, retention.ArchiveDir))
		pod.WithVolumes(corev1ac.Volume().WithName(volumeArchive).WithProjected(s.archive.volume()))
	}
	withKey(pod, container, volumeHashKey, s.hashKeySecret, hashKeyItem, retention.HashKeyFile)
	withKey(pod, container, volumeSigningKey, s.signingKeySecret, evidence.SecretKey, retention.SigningKeyFile)
	return pod.WithContainers(container)
}

// withKey shows the container one key of a Secret as a file; without a Secret it does nothing.
func withKey(pod *corev1ac.PodSpecApplyConfiguration, container *corev1ac.ContainerApplyConfiguration, volume, secret, key, file string) {
	if secret == "" {
		return
	}
	container.WithVolumeMounts(mount(volume, path.Dir(file)))
	pod.WithVolumes(corev1ac.Volume().WithName(volume).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(secret).WithDefaultMode(ownerAndGroup).
		WithItems(corev1ac.KeyToPath().WithKey(key).WithPath(path.Base(file)))))
}

// volume shows the purger the keys of a connection, whatever else the Secret holds. Optional ones may be missing.
func (s connectionSecrets) volume() *corev1ac.ProjectedVolumeSourceApplyConfiguration {
	keys := func(secret string, keys []string) *corev1ac.SecretProjectionApplyConfiguration {
		return corev1ac.SecretProjection().WithName(secret).WithItems(items(keys)...)
	}
	kind := s.kind.For(s.clientCertificate != "")
	volume := corev1ac.ProjectedVolumeSource().WithDefaultMode(ownerAndGroup).WithSources(
		corev1ac.VolumeProjection().WithSecret(keys(s.secret, kind.Required)),
		corev1ac.VolumeProjection().WithSecret(keys(s.secret, kind.Optional).WithOptional(true)))
	if s.clientCertificate != "" {
		volume.WithSources(corev1ac.VolumeProjection().WithSecret(keys(s.clientCertificate, stores.CertificateKeys)))
	}
	return volume
}

func items(keys []string) []*corev1ac.KeyToPathApplyConfiguration {
	items := make([]*corev1ac.KeyToPathApplyConfiguration, len(keys))
	for i, key := range keys {
		items[i] = item(key)
	}
	return items
}

func item(key string) *corev1ac.KeyToPathApplyConfiguration {
	return corev1ac.KeyToPath().WithKey(key).WithPath(key)
}

func mount(volume, path string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volume).WithMountPath(path).WithReadOnly(true)
}
