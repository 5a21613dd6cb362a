package network

import (
	"net/netip"
	"strings"
	"testing"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Answers that no carrier can have, one row each.
func TestNoExceptionIsNeededToRefuse(t *testing.T) {
	cluster := prefixes("20.96.0.0/16", "2600:1::/32")
	for what, list := range map[string]string{
		"private":                          "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1",
		"loopback":                         "127.0.0.1 127.255.255.254 ::1",
		"IPv4-mapped":                      "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:23.45.67.89",
		"IPv4-compatible":                  "::7f00:1 ::1.1.1.1",
		"IPv4-translated":                  "::ffff:0:10.0.0.1 ::ffff:0:23.1.1.1",
		"NAT64 of loopback":                "64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254",
		"NAT64 of a public address":        "64:ff9b::23.45.67.89",
		"local NAT64":                      "64:ff9b:1::7f00:1 64:ff9b:1:a00::1 64:ff9b:1:ffff::1",
		"6to4":                             "2002:7f00:1:: 2002:a00:1::1 2002:1701:101::1",
		"Teredo":                           "2001:0:4136:e378:8000:63bf:f5ff:fffe 2001::1",
		"ISATAP":                           "2600:2::5efe:10.0.0.1 2600:2::200:5efe:23.1.1.1",
		"link-local and cloud metadata":    "fe80::1 febf::1 169.254.169.254 169.254.20.10",
		"metadata of a cloud over IPv6":    "fd00:ec2::254",
		"unspecified and this network":     ":: 0.0.0.0 0.1.2.3",
		"carrier-grade NAT":                "100.64.0.1 100.127.255.255",
		"benchmarking":                     "198.18.0.1 198.19.255.255",
		"protocol assignments":             "192.0.0.1 192.0.0.170 192.0.0.192",
		"reserved and broadcast":           "240.0.0.0 240.0.0.1 255.255.255.255",
		"multicast":                        "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
		"unique local":                     "fc00::1 fd00::1 fdff:ffff::1",
		"site-local":                       "fec0::1 feff::1",
		"documentation":                    "192.0.2.1 198.51.100.10 203.0.113.9 2001:db8::1 3fff::1",
		"discard-only":                     "100::1",
		"segment routing":                  "5f00::1",
		"relays and AS112":                 "192.88.99.1 192.31.196.1 192.52.193.1 192.175.48.1",
		"IPv6 beyond the global unicast":   "4000::1 8000::1 e000::1 1::1 100:0:0:1::1",
		"the cluster's own":                "20.96.0.10 2600:1::5",
		"ORCHID and other assigned blocks": "2001:10::1 2001:20::1 2001:1ff::1",
	} {
		t.Run(what, func(t *testing.T) {
			for text := range strings.FieldsSeq(list) {
				if err := CheckAddress(netip.MustParseAddr(text), nil, cluster); err == nil {
					t.Errorf("%s passes", text)
				}
			}
		})
	}
	if err := CheckAddress(netip.MustParseAddr("2600::1").WithZone("eth0"), nil, nil); err == nil {
		t.Error("an address with a zone passes")
	}
}

func TestPublicAddressesPass(t *testing.T) {
	for text := range strings.FieldsSeq("23.45.67.89 1.1.1.1 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 198.17.255.255 198.20.0.0 223.255.255.255 " +
		"2600:1401:4000::1 2001:200::1 2001:db7::1 2003::1 2a00::1 2600:2::15:5efe:10.0.0.1") {
		if err := CheckAddress(netip.MustParseAddr(text), nil, prefixes("20.96.0.0/16")); err != nil {
			t.Error(err)
		}
	}
}

func TestExceptions(t *testing.T) {
	cluster := prefixes("20.96.0.0/16")
	tests := map[string]struct {
		address    string
		exceptions []netip.Prefix
		ok         bool
	}{
		"a carrier on a private line":                         {"10.8.3.4", prefixes("10.8.0.0/16"), true},
		"its neighbor":                                        {"10.9.0.1", prefixes("10.8.0.0/16"), false},
		"a range of the cluster itself":                       {"20.96.0.10", prefixes("20.96.0.0/24"), true},
		"IPv4-mapped, even where an exception seems to cover": {"::ffff:23.45.67.89", prefixes("::ffff:0:0/96"), false},
		"NAT64 of a public address":                           {"64:ff9b::23.1.1.1", prefixes("64:ff9b::/96"), true},
		"NAT64 of a private address":                          {"64:ff9b::10.8.3.4", prefixes("64:ff9b::/96"), false},
		"NAT64 of the cloud's metadata":                       {"64:ff9b::169.254.169.254", prefixes("64:ff9b::/96"), false},
		"NAT64 of the cluster itself":                         {"64:ff9b::20.96.0.1", prefixes("64:ff9b::/96"), false},
		"NAT64 of a private address that is excepted too":     {"64:ff9b::10.8.3.4", prefixes("64:ff9b::/96", "10.8.0.0/16"), true},
		"local NAT64 of loopback":                             {"64:ff9b:1::7f00:1", prefixes("64:ff9b:1::/48"), false},
		"6to4 of a private address":                           {"2002:a08:304::1", prefixes("2002:a08::/32"), false},
		"6to4 of a public address":                            {"2002:1701:101::1", prefixes("2002:1701::/32"), true},
		"Teredo of a private address":                         {"2001::f5f7:fcfb", prefixes("2001::/32"), false}, // 10.8.3.4 inverted
		"ISATAP of a private address":                         {"fd00::5efe:10.8.3.4", prefixes("fd00::/32"), false},
		"unique local":                                        {"fd00::1", prefixes("fd00::/32"), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := CheckAddress(netip.MustParseAddr(tc.address), tc.exceptions, cluster); (err == nil) != tc.ok {
				t.Errorf("error %v, want allowed = %v", err, tc.ok)
			}
		})
	}
}

func TestStaticRangesHoldPublicAddressesOnly(t *testing.T) {
	exceptions, cluster := prefixes("10.8.0.0/16"), prefixes("20.96.0.0/16")
	for text, problem := range map[string]string{
		"23.0.0.0/12":         "",
		"2600:1400::/32":      "",
		"198.16.0.0/15":       "",
		"10.8.4.0/24":         "", // within the exception
		"10.0.0.0/12":         "10.0.0.0/8, which is private",
		"10.8.0.0/15":         "10.0.0.0/8, which is private", // more than the exception
		"172.0.0.0/12":        "",
		"172.16.0.0/12":       "172.16.0.0/12, which is private",
		"198.16.0.0/14":       "198.18.0.0/15, which is benchmarking",
		"100.64.0.0/12":       "carrier-grade NAT",
		"192.0.0.0/12":        "protocol assignments",
		"169.254.169.254/32":  "cloud metadata",
		"20.96.3.0/24":        "addresses of the cluster itself (20.96.0.0/16)",
		"20.96.0.0/12":        "addresses of the cluster itself (20.96.0.0/16)",
		"2001::/32":           "Teredo",
		"2002:1701::/32":      "6to4",
		"fd00::/32":           "unique local",
		"4000::/32":           "outside of 2000::/3",
		"::ffff:23.0.0.0/108": "IPv4-mapped",
	} {
		err := CheckRange(netip.MustParsePrefix(text), exceptions, cluster)
		if (problem == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: error %v, want %q", text, err, problem)
		}
	}
}
