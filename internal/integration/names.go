package integration

import (
	"cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// GatewayName is the name of the gateway's Deployment, Service, configuration and policy.
func GatewayName(integration string) string { return integration + "-gateway" }

// ServerCertificate is the name of the gateway's server certificate and its Secret.
func ServerCertificate(integration string) string { return integration + "-gateway-tls" }

// ManagerCertificate is the name of the certificate by which the gateway knows the operator.
func ManagerCertificate(integration string) string { return integration + "-manager" }

// CarrierCertificate is the name of the certificate for a carrier that demands one.
func CarrierCertificate(integration string) string { return integration + "-carrier-client" }

// CarrierSecret is the Secret with the certificate for the carrier, issued or given; empty if none is asked for.
func CarrierSecret(ci *v1alpha1.CarrierIntegration) string {
	switch carrier := &ci.Spec.Certificates.CarrierClient; {
	case carrier.SecretRef.Name != "":
		return carrier.SecretRef.Name
	case carrier.CommonName != "":
		return CarrierCertificate(ci.Name)
	default:
		return ""
	}
}

// RefreshTokens is the name of the Secret in which the operator keeps the refresh tokens that a carrier issued in place of earlier ones.
func RefreshTokens(integration string) string { return integration + "-refresh-tokens" }

// RotatesRefreshTokens says whether the carrier replaces the refresh token at each use. Then the newest has to be kept, and two gateways
// at the same time would invalidate each other's.
func RotatesRefreshTokens(a *v1alpha1.Authentication) bool {
	return a.Type == v1alpha1.AuthenticationOAuth2RefreshToken && a.OAuth2RefreshToken.Rotation == v1alpha1.RefreshTokenRotationEachUse
}

// ClientCertificate is the name of a client's certificate and its Secret.
func ClientCertificate(integration, client string) string {
	return integration + "-client-" + client
}

// TrustBundle is the name of the ConfigMap with the CAs that gateway and clients verify each other with.
func TrustBundle(integration string) string { return integration + "-trust" }

// Defaults of an integration's omitted fields.
const (
	defaultReplicas        = 2
	defaultMaxRequestBytes = 1 << 20
	defaultTimeoutSeconds  = 60
	defaultDurationHours   = 2160
	defaultRenewPercent    = 33
)

// Replicas are the gateway's replicas.
func Replicas(ci *v1alpha1.CarrierIntegration) int32 {
	return cmp.Or(ci.Spec.Gateway.Replicas, defaultReplicas)
}

// MaxRequestBytes is the largest request body, in bytes.
func MaxRequestBytes(ci *v1alpha1.CarrierIntegration) int32 {
	return cmp.Or(ci.Spec.Gateway.MaxRequestBytes, defaultMaxRequestBytes)
}

// TimeoutSeconds is how long a request may take at the carrier, in seconds.
func TimeoutSeconds(ci *v1alpha1.CarrierIntegration) int32 {
	return cmp.Or(ci.Spec.Gateway.TimeoutSeconds, defaultTimeoutSeconds)
}

// Listener is how clients connect.
func Listener(ci *v1alpha1.CarrierIntegration) v1alpha1.ListenerMode {
	return cmp.Or(ci.Spec.Gateway.Listener, v1alpha1.ListenerMutualTLS)
}

// DurationHours is the lifetime of certificates, in hours.
func DurationHours(ci *v1alpha1.CarrierIntegration) int32 {
	return cmp.Or(ci.Spec.Certificates.DurationHours, defaultDurationHours)
}

// RenewBeforePercent is the share of the lifetime that is left at renewal, in percent.
func RenewBeforePercent(ci *v1alpha1.CarrierIntegration) int32 {
	return cmp.Or(ci.Spec.Certificates.RenewBeforePercent, defaultRenewPercent)
}
