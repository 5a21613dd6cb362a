package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	dialTimeout   = 5 * time.Second  // for one address
	avoidDuration = 30 * time.Second // an address that failed is tried last for so long
)

// errNoAddress: nothing could be connected to.
var errNoAddress = errors.New("no published address of the carrier accepts a connection")

// dialer connects to the published addresses of one endpoint and to nothing else, whatever name or address it is asked for.
type dialer struct {
	port  uint16
	clock clock.PassiveClock

	mu        sync.Mutex
	addresses []netip.Addr
	avoid     map[netip.Addr]time.Time
}

func parseAddresses(list []string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("address %q is not an IP address", s)
		}
		out = append(out, a.Unmap())
	}
	if len(out) == 0 {
		return nil, errors.New("no address is published: the gateway could not dial anything")
	}
	return out, nil
}

// set replaces the addresses.
func (d *dialer) set(addresses []netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses, d.avoid = addresses, map[netip.Addr]time.Time{}
}

// order is the addresses in the order in which they are tried: from a random one on, failed ones last.
func (d *dialer) order() []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	var good, bad []netip.Addr
	start := rand.IntN(len(d.addresses)) //nolint:gosec // spreads load, guards nothing
	for i := range d.addresses {
		a := d.addresses[(start+i)%len(d.addresses)]
		if now.Before(d.avoid[a]) {
			bad = append(bad, a)
		} else {
			good = append(good, a)
		}
	}
	return append(good, bad...)
}

func (d *dialer) failed(a netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.avoid[a] = d.clock.Now().Add(avoidDuration)
}

// DialContext ignores the address that it is given: package net/http derives it from the URL, whose host is never resolved here.
func (d *dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	plain := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	for _, a := range d.order() {
		c, err := plain.DialContext(ctx, "tcp", netip.AddrPortFrom(a, d.port).String())
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.failed(a)
	}
	return nil, errNoAddress
}
