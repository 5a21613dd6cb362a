package main

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	controller "github.com/carrier-operator/carrier-operator/controllers/network"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

var required = []string{"--gateway-image=registry.example/gateway:1", "--purger-image=registry.example/purger:1", "--operator-namespace=carrier-system"}

func TestFlags(t *testing.T) {
	o, err := parse(append([]string{"--dns-server=10.96.0.10,[2001:db8::1]:5353,::1", "--cluster-cidrs=192.0.2.5/16", "--watch-namespaces=shop, returns",
		"--api-server-ports=6443", "--ipv6=false", "--log-level=debug", "--cluster-network-policies=Off"}, required...))
	if err != nil {
		t.Fatal(err)
	}
	want := &network.Resolver{Servers: []string{"10.96.0.10:53", "[2001:db8::1]:5353", "[::1]:53"}}
	if diff := cmp.Diff(want, o.Resolver); diff != "" {
		t.Errorf("resolver (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]netip.Prefix{netip.MustParsePrefix("192.0.0.0/16")}, o.ClusterRanges, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("ranges of the cluster (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(list{"shop", "returns"}, o.watchNamespaces); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	if o.ClusterNetworkPolicies != controller.Off {
		t.Errorf("ClusterNetworkPolicies: %s", o.ClusterNetworkPolicies)
	}
	if diff := cmp.Diff([]int32{6443}, o.APIServerPorts); diff != "" || o.logLevel != slog.LevelDebug {
		t.Errorf("log level %s, ports (-want +got):\n%s", o.logLevel, diff)
	}
}

func TestFlagsThatCannotBe(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no image":        {required[1:], "--gateway-image is required"},
		"no namespace":    {required[:2], "--operator-namespace is required"},
		"bad DNS server":  {append([]string{"--dns-server=dns.example"}, required...), `"dns.example" is neither an address nor address:port`},
		"bad range":       {append([]string{"--cluster-cidrs=10.0.0.0"}, required...), "--cluster-cidrs"},
		"bad port":        {append([]string{"--api-server-ports=https"}, required...), `"https" is no TCP port`},
		"more than flags": {append([]string{}, append(required, "run")...), `unexpected argument "run"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("POD_IP", "10.1.0.9")
			if _, err := parse(tc.args); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestProbeTarget(t *testing.T) {
	for name, tc := range map[string]struct{ bind, podIP, want string }{
		"in a pod":          {":9444", "10.1.0.9", "10.1.0.9:9444"},
		"in an IPv6 pod":    {"[::]:9445", "2600::1", "[2600::1]:9445"},
		"switched off":      {"0", "10.1.0.9", "invalid AddrPort"},
		"outside of a pod":  {":9444", "", "invalid AddrPort"},
		"no address at all": {":9444", "pod", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := probeTarget(tc.bind, tc.podIP)
			if text := map[bool]string{true: "error", false: got.String()}[err != nil]; text != tc.want {
				t.Errorf("got %s, want %s", text, tc.want)
			}
		})
	}
}
