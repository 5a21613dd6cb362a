// Package gateway owns condition GatewayReady of a CarrierIntegration: it renders the gateway's configuration, Deployment, Service and
// budget, and asks every replica what it serves. The condition is true only when all replicas serve the current revision.
package gateway
