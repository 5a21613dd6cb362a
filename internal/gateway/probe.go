package gateway

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// probeTimeout is how long a connection may take that policies forbid: an enforcer either refuses it at once or drops it.
const probeTimeout = 3 * time.Second

// probe tries to connect to an address that the policies forbid. It sends nothing, and dials as the operator says, past the published
// addresses: that the cluster stops it is what is to be shown.
func (g *Gateway) probe(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()["address"]
	if len(values) != 1 {
		newProblem(http.StatusBadRequest, ruleTarget, "one address is needed").write(w)
		return
	}
	address, err := netip.ParseAddrPort(values[0])
	if err != nil || address.Port() == 0 || address.Addr().Zone() != "" {
		newProblem(http.StatusBadRequest, ruleTarget, "address must be ip:port, or [ip]:port for IPv6").write(w)
		return
	}
	result := config.ProbeResult{Outcome: config.ProbeBlocked}
	dialer := net.Dialer{Timeout: probeTimeout}
	if connection, err := dialer.DialContext(r.Context(), "tcp", address.String()); err == nil {
		_ = connection.Close()
		result.Outcome = config.ProbeConnected
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(result)
}
