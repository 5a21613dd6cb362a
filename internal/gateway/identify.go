package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// connection is what is known of a client's connection: the TLS setup that it was accepted with.
type connection struct{ tls *serverTLS }

type connectionKey struct{}

// connectionIsOutdated says whether certificates or CAs have changed since the handshake; then the connection is not kept.
func (x *exchange) connectionIsOutdated() bool {
	c, _ := x.r.Context().Value(connectionKey{}).(*connection)
	return x.r.TLS != nil && c != nil && c.tls != x.server
}

// identify finds the client by the URI in its certificate; without client certificates there is one client only.
func (x *exchange) identify() *problem {
	if x.cfg.Listener.Mode != config.ListenerMutualTLS {
		x.client = &x.cfg.Clients[0]
		return nil
	}
	if x.r.TLS == nil || len(x.r.TLS.VerifiedChains) == 0 || !x.certificateHolds(x.r.TLS) {
		return newProblem(http.StatusUnauthorized, ruleClientUnknown, "connect with the client certificate of an entry in spec.clients")
	}
	if uris := x.r.TLS.PeerCertificates[0].URIs; len(uris) == 1 {
		x.client = x.clients[uris[0].String()]
	}
	if x.client == nil {
		return newProblem(http.StatusForbidden, ruleClientUnknown, "the certificate belongs to no client of this integration")
	}
	return nil
}

// certificateHolds checks a certificate again that was verified in the handshake: connections may be older than the CAs in force.
func (x *exchange) certificateHolds(state *tls.ConnectionState) bool {
	leaf := state.PeerCertificates[0]
	if !x.connectionIsOutdated() {
		return x.started.Before(leaf.NotAfter)
	}
	intermediates := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: x.server.roots, Intermediates: intermediates, CurrentTime: x.started,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}
