package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	clientID     = "bench"
	clientSecret = "bench-secret"
	staticHeader = "X-Api-Key"
	// memoryLimit is what the operator sets for a gateway with default settings: 85 % of the container's 112 MiB.
	memoryLimit = "GOMEMLIMIT=95MiB"
)

// clientURI is the identity in the certificate of the load generator.
var clientURI = config.ClientURI("bench", "carrier", "shop")

// startGateway runs the gateway as the operator's Deployment does, with the files that the operator would mount.
func startGateway(e *environment, s setup, binary string, env []string) (*process, error) {
	at := func(parts ...string) string { return filepath.Join(append([]string{s.dir}, parts...)...) }
	data, err := json.Marshal(gatewayConfig(e, s))
	if err != nil {
		return nil, err
	}
	if err := writeFiles(map[string][]byte{
		at("config", "config.json"):               data,
		at("credentials", "main", "clientID"):     []byte(clientID),
		at("credentials", "main", "clientSecret"): []byte(clientSecret),
		at("state", ".keep"):                      nil,
	}); err != nil {
		return nil, err
	}
	level, listener := "WARN", "-plaintext-address"
	if s.mode.log {
		level = "INFO"
	}
	if s.mode.clientTLS {
		listener = "-tls-address"
	}
	return startPinned(e.proxyCore, at("log"), env, binary,
		"-config", at("config", "config.json"), "-tls-dir", e.serverPair.dir, "-carrier-tls-dir", e.clientPair.dir,
		"-credentials-dir", at("credentials"), "-state-dir", at("state"), listener, s.address(),
		"-admin-address", "127.0.0.1:0", "-metrics-address", "127.0.0.1:0", "-callback-address", "127.0.0.1:0", "-drain-delay", "0s", "-log-level", level)
}

// gatewayConfig has rules for bodies only where the mode minimizes: without, bodies pass unread, which mode Report allows.
func gatewayConfig(e *environment, s setup) config.Config {
	endpoint := func(role string, port int, path string) config.Endpoint {
		return config.Endpoint{Role: role, URL: fmt.Sprintf("https://%s:%d%s", carrierName, port, path), Addresses: []string{"127.0.0.1"},
			CABundle: string(e.ca.pem())}
	}
	operation := func(name, method, path string) config.Operation {
		return config.Operation{Name: name, Role: "API", Requests: []config.Request{{Method: method, Path: path}}}
	}
	rate, track, label := operation("rate", "POST", "/rate/{version}"), operation("track", "GET", "/track/{number}"), operation("label", "GET", "/label/{id}")
	c := config.Config{
		Revision: "1", Namespace: "bench", Integration: "carrier", Profile: "bench", Environment: "Production",
		Listener: config.Listener{Mode: config.ListenerPlaintext}, TrustBundle: string(e.ca.pem()),
		Clients:                  []config.Client{{Name: "shop", URI: clientURI, Operations: []string{"rate", "track", "label"}}},
		Endpoints:                []config.Endpoint{endpoint("API", s.upstream, s.mode.base())},
		Credentials:              []config.Credential{{Name: "main"}},
		CarrierClientCertificate: true,
		MinimizationMode:         "Report", Replicas: 1, MaxRequestBytes: 1 << 20, TimeoutSeconds: 30,
	}
	if s.mode.clientTLS {
		c.Listener.Mode = config.ListenerMutualTLS
	}
	if s.mode.minimize {
		c.MinimizationMode = "Enforce"
		rate.Request = &config.BodyRules{Format: "JSON", Allow: rateAllow, Remove: rateRemove, Require: rateRequire}
		track.Response = &config.BodyRules{Format: "JSON", Remove: answerRemoved}
	}
	c.Operations = []config.Operation{rate, track, label}
	if !s.mode.token {
		c.Authentication = config.Authentication{Type: config.AuthenticationAPIKeyHeaders,
			Headers: []config.SecretHeader{{Name: staticHeader, Key: "clientSecret"}}}
		return c
	}
	c.Endpoints = append(c.Endpoints, endpoint("Token", e.origin.tokenPort, "/token"))
	c.Authentication = config.Authentication{Type: config.AuthenticationOAuth2ClientCredentials, OAuth2: &config.OAuth2{
		ClientAuthentication: "Basic", ClientIDKey: "clientID", ClientSecretKey: "clientSecret", AssumedLifetimeSeconds: 3600}}
	return c
}
