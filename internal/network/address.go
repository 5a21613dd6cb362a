// Package network decides where a gateway may connect to: it classifies addresses, resolves the carrier's names, keeps the published
// address set, and renders the NetworkPolicies that hold it.
package network

import (
	"fmt"
	"net/netip"
	"slices"
)

// A class of addresses that are never a carrier on the internet.
type class struct {
	prefix netip.Prefix
	what   string
}

// special are the ranges of the IANA special-purpose registries (RFC 6890 and its updates) that are not globally reachable, and the
// ranges that embed an IPv4 address, whose real target the range does not show.
var special = []class{
	{netip.MustParsePrefix("0.0.0.0/8"), `"this network" (RFC 791)`},
	{netip.MustParsePrefix("10.0.0.0/8"), "private (RFC 1918)"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT (RFC 6598)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, where cloud metadata lives (RFC 3927)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private (RFC 1918)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments (RFC 6890)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112 (RFC 7535)"},
	{netip.MustParsePrefix("192.52.193.0/24"), "automatic multicast tunneling (RFC 7450)"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay (RFC 7526)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private (RFC 1918)"},
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112 (RFC 7534)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking (RFC 2544)"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved (RFC 1112)"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible (RFC 4291)"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4-mapped (RFC 4291)"},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "IPv4-translated (RFC 7915)"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64, which embeds an IPv4 address (RFC 6052)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64 (RFC 8215)"},
	{netip.MustParsePrefix("100::/64"), "discard-only (RFC 6666)"},
	{netip.MustParsePrefix("2001::/23"), "protocol assignments, Teredo and ORCHID among them (RFC 2928)"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation (RFC 3849)"},
	{netip.MustParsePrefix("2002::/16"), "6to4, which embeds an IPv4 address (RFC 3056)"},
	{netip.MustParsePrefix("3fff::/20"), "documentation (RFC 9637)"},
	{netip.MustParsePrefix("5f00::/16"), "segment routing (RFC 9602)"},
	{netip.MustParsePrefix("fc00::/7"), "unique local (RFC 4193)"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local (RFC 3879)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// globalUnicast is the only part of IPv6 that is allocated to networks of the internet (IANA IPv6 Global Unicast Address Assignments).
var globalUnicast = netip.MustParsePrefix("2000::/3")

// CheckAddress refuses an address at which no carrier on the internet can be: private, special, or of the cluster's own ranges. An
// exception that contains the address lets it pass. Where the address embeds an IPv4 address, which is the real target, that one has to
// pass too; an IPv4-mapped address never does.
func CheckAddress(address netip.Addr, exceptions, cluster []netip.Prefix) error {
	if address.Zone() != "" {
		return fmt.Errorf("%s has a zone", address)
	}
	if address.Is4In6() {
		return fmt.Errorf("%s is IPv4-mapped (RFC 4291)", address)
	}
	if !contains(exceptions, address) {
		return checkPlain(address, cluster)
	}
	if embedded, ok := embeddedAddress(address); ok && !contains(exceptions, embedded) {
		if err := checkPlain(embedded, cluster); err != nil {
			return fmt.Errorf("%s embeds an address that is refused: %w", address, err)
		}
	}
	return nil
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// checkPlain is CheckAddress without exceptions.
func checkPlain(address netip.Addr, cluster []netip.Prefix) error {
	for _, prefix := range cluster {
		if prefix.Contains(address) {
			return fmt.Errorf("%s is an address of the cluster itself (%s)", address, prefix)
		}
	}
	for _, c := range special {
		if c.prefix.Contains(address) {
			return fmt.Errorf("%s is %s", address, c.what)
		}
	}
	switch {
	case isISATAP(address):
		return fmt.Errorf("%s is an ISATAP address, which embeds an IPv4 address (RFC 5214)", address)
	case address.Is6() && !globalUnicast.Contains(address):
		return fmt.Errorf("%s is outside of %s, the part of IPv6 that is in use on the internet", address, globalUnicast)
	}
	return nil
}

// isISATAP tells by the interface identifier ::[02]00:5efe:a.b.c.d, which can follow any prefix (RFC 5214, section 6.1).
func isISATAP(address netip.Addr) bool {
	b := address.As16()
	return address.Is6() && b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// Ranges that embed an IPv4 address elsewhere than in the last 32 bits.
var (
	sixToFour = netip.MustParsePrefix("2002::/16")
	teredo    = netip.MustParsePrefix("2001::/32")
	// lastBits embed it there: IPv4-compatible, IPv4-translated, NAT64.
	lastBits = []netip.Prefix{netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
		netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48")}
)

// embeddedAddress is the IPv4 address inside of an IPv6 address: the host that packets to it end up at.
func embeddedAddress(address netip.Addr) (netip.Addr, bool) {
	b := address.As16()
	switch {
	case !address.Is6():
		return netip.Addr{}, false
	case sixToFour.Contains(address):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(address): // inverted (RFC 4380, section 4)
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	case contains(lastBits, address), isISATAP(address):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

// CheckRange refuses a range that holds an address of a private, special or own range, unless an exception contains it as a whole.
func CheckRange(r netip.Prefix, exceptions, cluster []netip.Prefix) error {
	if r.Addr().Is4In6() {
		return fmt.Errorf("%s is IPv4-mapped (RFC 4291)", r)
	}
	for _, exception := range exceptions {
		if covers(exception, r) {
			return nil
		}
	}
	for _, prefix := range cluster {
		if prefix.Overlaps(r) {
			return fmt.Errorf("%s covers addresses of the cluster itself (%s)", r, prefix)
		}
	}
	for _, c := range special {
		if c.prefix.Overlaps(r) {
			return fmt.Errorf("%s covers %s, which is %s", r, c.prefix, c.what)
		}
	}
	if r.Addr().Is6() && !covers(globalUnicast, r) {
		return fmt.Errorf("%s is outside of %s, the part of IPv6 that is in use on the internet", r, globalUnicast)
	}
	return nil
}

// covers says whether all of inner is in outer.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// ParsePrefixes parses ranges that the API has validated.
func ParsePrefixes(ranges []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(ranges))
	for _, r := range ranges {
		prefix, err := netip.ParsePrefix(r)
		if err != nil {
			return nil, fmt.Errorf("%q is not a range of addresses: write it as address/bits", r)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
