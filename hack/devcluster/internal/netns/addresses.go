// Package netns builds the namespaces of a cluster: the node's network and mounts, and the internet's network.
package netns

import (
	"fmt"
	"net/netip"
)

// Addresses that are the same in every cluster, since they exist only inside its namespaces.
const (
	PodCIDR      = "10.244.0.0/24"
	ClusterCIDR  = "10.244.0.0/16"
	ServiceCIDR  = "10.96.0.0/16"
	APIServiceIP = "10.96.0.1"
	DNSServiceIP = "10.96.0.10"

	InternetDNS      = "198.51.100.53"
	PostgresIP       = "203.0.113.50"
	internetNetA     = "203.0.113.0/24"  // RFC 5737 TEST-NET-3: the carriers
	internetNetB     = "198.51.100.0/24" // RFC 5737 TEST-NET-2: everyone else
	uplinkNode       = "192.0.2.1"       // RFC 5737 TEST-NET-1: the wire between the two
	uplinkInternet   = "192.0.2.2"
	uplinkPrefixBits = "/30"
)

// MaxSlots is how many clusters fit on one machine: each has one third octet of 10.231.0.0/16.
const MaxSlots = 200

// Addresses are those that the host sees, one set per slot.
type Addresses struct {
	HostNode     string // the host's end towards the node, /25
	Node         string // the node's address and the API server's
	HostInternet string // the host's end towards the internet namespace, /30
	Internet     string // the way for programs on the host to servers in the internet namespace
	LinkNode     string // interface names on the host
	LinkInternet string
}

// ForSlot derives the addresses of a slot in [0, MaxSlots).
func ForSlot(slot int) Addresses {
	ip := func(last int) string { return fmt.Sprintf("10.231.%d.%d", slot, last) }
	return Addresses{
		HostNode: ip(1), Node: ip(2), HostInternet: ip(129), Internet: ip(130),
		LinkNode: fmt.Sprintf("devc%dn", slot), LinkInternet: fmt.Sprintf("devc%di", slot),
	}
}

// FreeSlot returns the lowest slot that no other cluster holds and whose subnet no interface of the host uses.
func FreeSlot(taken map[int]bool, host []netip.Prefix) (int, error) {
	for slot := range MaxSlots {
		subnet := netip.MustParsePrefix(fmt.Sprintf("10.231.%d.0/24", slot))
		used := taken[slot]
		for _, prefix := range host {
			used = used || prefix.Overlaps(subnet)
		}
		if !used {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no free subnet in 10.231.0.0/16: end a cluster with `devcluster down --name ...`")
}
