package gateway

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

const (
	configKey = "config.json"
	trustKey  = "ca.crt"
	// userID of the gateway's process; the same as in its image.
	userID = 65532
	// graceSeconds is the gateway's drain (30 s at most) and some air.
	graceSeconds = 35
	// Memory of the gateway: a base, and room for bodies under way at the same time. A MiB is 1 << 20 bytes.
	baseMemory     = 96 << 20
	bodiesInMemory = 16
	mebibyte       = 1 << 20
)

func labels(ci *v1alpha1.CarrierIntegration) map[string]string {
	all := integrations.Labels(ci)
	maps.Copy(all, integrations.GatewayPods(ci))
	all["app.kubernetes.io/name"] = "carrier-gateway"
	all["app.kubernetes.io/instance"] = ci.Name
	return all
}

// scheme of the address that clients call; also the name of its port.
func scheme(ci *v1alpha1.CarrierIntegration) string {
	if integration.Listener(ci) == v1alpha1.ListenerPlaintext {
		return "http"
	}
	return "https"
}

// address that clients call.
func address(ci *v1alpha1.CarrierIntegration) string {
	return fmt.Sprintf("%s://%s:%d", scheme(ci), serviceHost(ci), integrations.ListenerPort(ci))
}

func serviceHost(ci *v1alpha1.CarrierIntegration) string {
	return fmt.Sprintf("%s.%s.svc", integration.GatewayName(ci.Name), ci.Namespace)
}

func renderServiceAccount(ci *v1alpha1.CarrierIntegration) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(integration.GatewayName(ci.Name), ci.Namespace).
		WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithAutomountServiceAccountToken(false)
}

func renderConfigMap(ci *v1alpha1.CarrierIntegration, encoded []byte) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(integration.GatewayName(ci.Name), ci.Namespace).
		WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithData(map[string]string{configKey: string(encoded)})
}

func renderService(ci *v1alpha1.CarrierIntegration) *corev1ac.ServiceApplyConfiguration {
	port, name := integrations.ListenerPort(ci), scheme(ci)
	return corev1ac.Service(integration.GatewayName(ci.Name), ci.Namespace).
		WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(integrations.GatewayPods(ci)).
			WithPorts(servicePorts(ci, name, port)...))
}

func servicePorts(ci *v1alpha1.CarrierIntegration, name string, port int32) []*corev1ac.ServicePortApplyConfiguration {
	ports := []*corev1ac.ServicePortApplyConfiguration{corev1ac.ServicePort().WithName(name).WithProtocol(corev1.ProtocolTCP).WithPort(port).
		WithTargetPort(intstr.FromString(name)).WithAppProtocol(name)}
	if len(ci.Spec.Callbacks) > 0 {
		ports = append(ports, corev1ac.ServicePort().WithName(portCallbacks).WithProtocol(corev1.ProtocolTCP).
			WithPort(config.PortCallbacks).WithTargetPort(intstr.FromString(portCallbacks)).WithAppProtocol("https"))
	}
	return ports
}

// renderBudget lets nodes be drained one gateway pod after the other, and a single replica be moved at all.
func renderBudget(ci *v1alpha1.CarrierIntegration) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	spec := policyv1ac.PodDisruptionBudgetSpec().WithSelector(metav1ac.LabelSelector().WithMatchLabels(integrations.GatewayPods(ci)))
	if integration.Replicas(ci) > 1 {
		spec.WithMinAvailable(intstr.FromInt32(1))
	} else {
		spec.WithMaxUnavailable(intstr.FromInt32(1))
	}
	return policyv1ac.PodDisruptionBudget(integration.GatewayName(ci.Name), ci.Namespace).
		WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).WithSpec(spec)
}

// renderDeployment has nothing in it that changes with configuration, certificates or the content of credentials: those reach running
// pods through their mounts.
func renderDeployment(ci *v1alpha1.CarrierIntegration, image string, pull corev1.PullPolicy) *appsv1ac.DeploymentApplyConfiguration {
	pod := corev1ac.PodSpec().
		WithServiceAccountName(integration.GatewayName(ci.Name)).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithDNSPolicy(corev1.DNSDefault).
		WithTerminationGracePeriodSeconds(graceSeconds).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(userID).WithRunAsGroup(userID).WithFSGroup(userID).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithTopologySpreadConstraints(corev1ac.TopologySpreadConstraint().
			WithMaxSkew(1).WithTopologyKey(corev1.LabelHostname).WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(integrations.GatewayPods(ci)))).
		WithContainers(renderContainer(ci, image, pull)).
		WithVolumes(renderVolumes(ci)...)
	return appsv1ac.Deployment(integration.GatewayName(ci.Name), ci.Namespace).
		WithLabels(labels(ci)).WithOwnerReferences(integrations.Owner(ci)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(integration.Replicas(ci)).
			WithRevisionHistoryLimit(2).
			WithProgressDeadlineSeconds(300).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(integrations.GatewayPods(ci))).
			WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).WithMaxSurge(intstr.FromInt32(1)))).
			WithTemplate(corev1ac.PodTemplateSpec().WithLabels(labels(ci)).WithSpec(pod)))
}

func renderContainer(ci *v1alpha1.CarrierIntegration, image string, pull corev1.PullPolicy) *corev1ac.ContainerApplyConfiguration {
	port, name := integrations.ListenerPort(ci), scheme(ci)
	memory := baseMemory + bodiesInMemory*int64(integration.MaxRequestBytes(ci))
	memory = (memory + mebibyte - 1) / mebibyte * mebibyte
	c := corev1ac.Container().
		WithName("gateway").WithImage(image).
		// The runtime collects before the limit kills the pod.
		WithEnv(corev1ac.EnvVar().WithName("GOMEMLIMIT").WithValue(fmt.Sprintf("%dMiB", memory*85/100/mebibyte))).
		WithPorts(
			containerPort(name, port),
			containerPort("admin", config.PortAdmin),
			containerPort("metrics", config.PortMetrics)).
		WithResources(corev1ac.ResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("32Mi")}).
			WithLimits(corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI)})).
		WithLivenessProbe(probe("/healthz").WithPeriodSeconds(10).WithFailureThreshold(3)).
		WithReadinessProbe(probe("/readyz").WithPeriodSeconds(3).WithFailureThreshold(2)).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL")))
	if pull != "" {
		c.WithImagePullPolicy(pull)
	}
	mount := func(volume, path string) {
		c.WithVolumeMounts(corev1ac.VolumeMount().WithName(volume).WithMountPath(path).WithReadOnly(true))
	}
	mount("config", configDir)
	mount("tls", config.ServerTLSDir)
	if integration.CarrierSecret(ci) != "" {
		mount("carrier-tls", config.CarrierTLSDir)
	}
	for _, credential := range ci.Spec.Credentials {
		mount("credential-"+credential.Name, config.CredentialsDir+"/"+credential.Name)
	}
	if _, mounts := callbackVolumes(ci); len(ci.Spec.Callbacks) > 0 {
		c.WithPorts(containerPort(portCallbacks, config.PortCallbacks)).WithVolumeMounts(mounts...)
	}
	_, mounts := limitStoreVolumes(ci)
	c.WithVolumeMounts(mounts...)
	mount("usage", usageDir)
	return c.WithVolumeMounts(corev1ac.VolumeMount().WithName("state").WithMountPath(config.StateDir))
}

// Folders of config.ConfigFile and config.UsageFile.
const (
	configDir = "/etc/carrier/config"
	usageDir  = "/etc/carrier/usage"
)

func containerPort(name string, port int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithContainerPort(port).WithProtocol(corev1.ProtocolTCP)
}

func probe(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().WithTimeoutSeconds(2).
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString("metrics")))
}

// renderVolumes mounts whole folders, never single files: only a folder is swapped at once and follows its source.
func renderVolumes(ci *v1alpha1.CarrierIntegration) []*corev1ac.VolumeApplyConfiguration {
	const mode = 0o440
	secret := func(name, secretName string, keys ...string) *corev1ac.VolumeApplyConfiguration {
		source := corev1ac.SecretVolumeSource().WithSecretName(secretName).WithDefaultMode(mode)
		for _, key := range keys {
			source.WithItems(corev1ac.KeyToPath().WithKey(key).WithPath(key))
		}
		return corev1ac.Volume().WithName(name).WithSecret(source)
	}
	volumes := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName("config").WithConfigMap(corev1ac.ConfigMapVolumeSource().
			WithName(integration.GatewayName(ci.Name)).WithDefaultMode(mode)),
		secret("tls", integration.ServerCertificate(ci.Name), corev1.TLSCertKey, corev1.TLSPrivateKeyKey),
	}
	if name := integration.CarrierSecret(ci); name != "" {
		volumes = append(volumes, secret("carrier-tls", name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey))
	}
	for _, credential := range ci.Spec.Credentials {
		volumes = append(volumes, secret("credential-"+credential.Name, secretOf(ci, credential.Name)))
	}
	ofCallbacks, _ := callbackVolumes(ci)
	ofStore, _ := limitStoreVolumes(ci)
	volumes = append(append(volumes, ofCallbacks...), ofStore...)
	volumes = append(volumes, usageVolume(ci))
	return append(volumes, corev1ac.Volume().WithName("state").WithEmptyDir(corev1ac.EmptyDirVolumeSource().
		WithMedium(corev1.StorageMediumMemory).WithSizeLimit(resource.MustParse("4Mi"))))
}
