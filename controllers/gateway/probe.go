package gateway

import (
	"context"
	"net/netip"
	"net/url"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// probeTimeout is more than the gateway waits for a connection that is dropped.
const probeTimeout = 6 * time.Second

// Prober has a gateway pod try to connect to an address. It returns config.ProbeConnected or config.ProbeBlocked.
type Prober interface {
	Probe(ctx context.Context, podIP string, peer *Peer, address netip.AddrPort) (string, error)
}

// Probe has one pod try it.
func (AdminClient) Probe(ctx context.Context, podIP string, peer *Peer, address netip.AddrPort) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	result := config.ProbeResult{}
	err := get(ctx, podIP, peer, config.ProbePath+"?"+url.Values{"address": {address.String()}}.Encode(), &result)
	return result.Outcome, err
}
