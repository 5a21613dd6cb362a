package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/carrier-operator/carrier-operator/controllers"
	"github.com/carrier-operator/carrier-operator/controllers/network"
	"github.com/carrier-operator/carrier-operator/controllers/presets"
	networks "github.com/carrier-operator/carrier-operator/internal/network"
)

// options are the manager's flags.
type options struct {
	controllers.Options
	watchNamespaces list
	dnsServers      list
	clusterRanges   list
	apiServerPorts  list
	ipv6            bool
	presets         presets.Mode
	metricsAddress  string
	healthAddress   string
	probeAddress    string
	leaderElection  bool
	logLevel        slog.Level
}

// list is a flag of comma-separated values.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = nil
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// pullPolicy is a flag's value.
type pullPolicy corev1.PullPolicy

func (p *pullPolicy) String() string { return string(*p) }

func (p *pullPolicy) Set(value string) error {
	switch policy := corev1.PullPolicy(value); policy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		*p = pullPolicy(policy)
		return nil
	default:
		return fmt.Errorf("use %s, %s or %s", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
	}
}

func parse(args []string) (*options, error) {
	o := &options{apiServerPorts: list{"443", "6443"}}
	f := flag.NewFlagSet("manager", flag.ExitOnError)
	f.StringVar(&o.GatewayImage, "gateway-image", "", "`image` of the gateway (required)")
	f.StringVar(&o.PurgerImage, "purger-image", "", "`image` of the purger (required)")
	f.Var((*pullPolicy)(&o.GatewayPullPolicy), "gateway-pull-policy", "when the gateway's image is pulled: Always, IfNotPresent or Never; empty: by its tag")
	f.Var((*pullPolicy)(&o.PurgerPullPolicy), "purger-pull-policy", "likewise of the purger's")
	f.StringVar(&o.OperatorNamespace, "operator-namespace", "", "`namespace` that the manager runs in (required)")
	f.Var(&o.watchNamespaces, "watch-namespaces", "comma-separated `namespaces` to work in; empty: all")
	f.Var(&o.dnsServers, "dns-server", "comma-separated `addresses` of DNS servers, with or without port, that resolve the carriers' names; empty: those of /etc/resolv.conf")
	f.Var(&o.clusterRanges, "cluster-cidrs", "comma-separated `ranges` of the cluster's own addresses, which no carrier can have; private ranges are refused anyhow")
	f.Var(&o.apiServerPorts, "api-server-ports", "comma-separated TCP `ports` at which pods reach the API server")
	f.BoolVar(&o.ipv6, "ipv6", hasIPv6(), "resolve IPv6 addresses too; by default where the manager's own pod has one")
	f.TextVar(&o.presets, "presets", presets.Apply, "Apply the shipped CarrierProfiles at start, or Ignore them")
	f.TextVar(&o.ClusterNetworkPolicies, "cluster-network-policies", network.Auto, "Auto: each gateway gets a ClusterNetworkPolicy where the cluster serves policy.networking.k8s.io/v1alpha2; Off: those that were made are removed")
	f.StringVar(&o.metricsAddress, "metrics-address", ":8080", "`address` of /metrics; 0 switches it off")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "`address` of /healthz and /readyz")
	f.StringVar(&o.probeAddress, "probe-bind-address", ":9444", "`address` that no gateway may reach, for the condition NetworkEnforced; needs the environment variable POD_IP; 0 switches it off")
	f.BoolVar(&o.leaderElection, "leader-election", true, "let one manager of several work at a time")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "DEBUG, INFO, WARN or ERROR")
	_ = f.Parse(args) // exits on an error
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.complete()
}

// complete checks the flags and derives what the controllers get from them.
func (o *options) complete() (err error) {
	for _, required := range []struct{ name, value string }{
		{"gateway-image", o.GatewayImage}, {"purger-image", o.PurgerImage}, {"operator-namespace", o.OperatorNamespace},
	} {
		if required.value == "" {
			return fmt.Errorf("--%s is required", required.name)
		}
	}
	for _, text := range o.apiServerPorts {
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil || number == 0 {
			return fmt.Errorf("--api-server-ports: %q is no TCP port", text)
		}
		o.APIServerPorts = append(o.APIServerPorts, int32(number))
	}
	if o.ClusterRanges, err = networks.ParsePrefixes(o.clusterRanges); err != nil {
		return fmt.Errorf("--cluster-cidrs: %w", err)
	}
	if o.ProbeTarget, err = probeTarget(o.probeAddress, os.Getenv("POD_IP")); err != nil {
		return err
	}
	servers, err := o.servers()
	o.Resolver = &networks.Resolver{Servers: servers, IPv6: o.ipv6}
	return err
}

// probeTarget is where pods would reach the probe listener, if policies let them; the zero value if there is none.
func probeTarget(bind, podIP string) (netip.AddrPort, error) {
	if bind == "0" || podIP == "" {
		return netip.AddrPort{}, nil
	}
	address, err := netip.ParseAddr(podIP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("POD_IP: %q is not an address", podIP)
	}
	_, port, err := net.SplitHostPort(bind)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--probe-bind-address: %q is not address:port, such as :9444", bind)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return netip.AddrPort{}, fmt.Errorf("--probe-bind-address: %q is no TCP port", port)
	}
	return netip.AddrPortFrom(address, uint16(number)), nil
}

// servers are the DNS servers as host:port.
func (o *options) servers() ([]string, error) {
	if len(o.dnsServers) == 0 {
		return networks.SystemServers("/etc/resolv.conf")
	}
	var servers []string
	for _, text := range o.dnsServers {
		if address, err := netip.ParseAddr(text); err == nil {
			servers = append(servers, net.JoinHostPort(address.String(), "53"))
		} else if _, err := netip.ParseAddrPort(text); err == nil {
			servers = append(servers, text)
		} else {
			return nil, fmt.Errorf("--dns-server: %q is neither an address nor address:port", text)
		}
	}
	return servers, nil
}

// hasIPv6 says whether this machine has an IPv6 address that reaches beyond the link.
func hasIPv6() bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, address := range addresses {
		if n, ok := address.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsGlobalUnicast() {
			return true
		}
	}
	return false
}
