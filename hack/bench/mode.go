package main

// mode is what the proxies are asked to do. Both legs keep connections alive, unless it says otherwise; the carrier's leg always has
// TLS 1.3 with a client certificate, CA and name check.
type mode struct {
	key       string // in tables and for -only
	name      string // what it is
	token     bool   // an Authorization header with an access token, else a static API key
	minimize  bool   // remove from bodies what the carrier does not need
	log       bool   // an access record a request
	clientTLS bool   // mutual TLS with the client too
	closing   bool   // the carrier ends the connection after each answer
	// only the gateway can do it
	gatewayOnly bool
}

// The modes. Targets are set for passthrough and full.
var (
	passthrough   = mode{key: "token", name: "a cached access token is added; bodies pass as they are", token: true}
	staticKey     = mode{key: "static", name: "an API key is added instead"}
	accessLog     = mode{key: "log", name: "token, and an access record a request", token: true, log: true}
	minimization  = mode{key: "minimize", name: "token, and minimization (gateway only)", token: true, minimize: true, gatewayOnly: true}
	full          = mode{key: "all", name: "token, minimization and access record (gateway only)", token: true, minimize: true, log: true, gatewayOnly: true}
	mutualTLS     = mode{key: "mtls", name: "token, and mutual TLS with clients too", token: true, clientTLS: true}
	mutualTLSFull = mode{key: "mtls-all", name: "all, and mutual TLS with clients too (gateway only)", token: true, minimize: true, log: true,
		clientTLS: true, gatewayOnly: true}
	churn = mode{key: "churn", name: "token, and the carrier ends the connection after each answer", token: true, closing: true}

	allModes = []mode{passthrough, full, minimization, accessLog, staticKey, mutualTLS, mutualTLSFull, churn}
)

// of is what a proxy does where the mode is measured. Where only the gateway can do it, nginx runs beside it and does what it can.
func (m mode) of(p *peer) (_ mode, takesPart bool) {
	switch {
	case !m.gatewayOnly || p.gateway:
		return m, true
	case p.name != "nginx":
		return m, false
	case m.clientTLS:
		return mutualTLS, true
	default:
		return passthrough, true
	}
}

// base is the path below which the carrier serves the mode.
func (m mode) base() string {
	if m.token {
		return tokenBase
	}
	return openBase
}

// cell is one line of the matrix: what is measured, for each proxy.
type cell struct {
	mode     mode
	workload workload
	clients  int // connections, each with one request at a time
}

func (c cell) key() string { return c.mode.key + "/" + c.workload.key + "/c" + itoa(c.clients) }

// matrix is all that is measured under load, by mode. The figures that targets are set for come first.
func matrix() []cell {
	var cells []cell
	add := func(m mode, clients int, workloads ...workload) {
		for _, w := range workloads {
			cells = append(cells, cell{m, w, clients})
		}
	}
	add(passthrough, 32, allWorkloads...)
	add(passthrough, 4, getSmall, postSmall)
	add(passthrough, 128, getSmall, postSmall)
	add(full, 32, allWorkloads...)
	add(minimization, 32, getSmall, postSmall, postLarge)
	add(accessLog, 32, allWorkloads...)
	add(staticKey, 32, allWorkloads...)
	add(mutualTLS, 32, getSmall, postSmall)
	add(mutualTLSFull, 32, getSmall, postSmall)
	add(churn, 32, postSmall)
	return cells
}
