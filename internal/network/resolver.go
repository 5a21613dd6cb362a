package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of what one name may answer.
const (
	maxChain     = 8
	maxAddresses = 100
	minTTL       = 30 * time.Second
	maxTTL       = time.Hour
	queryTimeout = 3 * time.Second
)

// clusterDomain is the domain of a cluster's own names, unless somebody chose another one.
const clusterDomain = "cluster.local."

// ErrClusterName is the error for a name that is an alias of one of the cluster's own: a Service is no carrier on the internet.
var ErrClusterName = errors.New("is a name of the cluster itself")

// Answer is what a name resolves to.
type Answer struct {
	// Addresses, sorted, each once, at most 100.
	Addresses []netip.Addr
	// Total is how many there were; more than len(Addresses) if some were cut.
	Total int
	// TTL is the shortest of the chain, between 30 s and 1 h.
	TTL time.Duration
}

// Resolver asks DNS servers directly, since the TTL of an answer is needed.
type Resolver struct {
	// Servers as host:port, asked in order.
	Servers []string
	// IPv6 asks for AAAA records too: only where the cluster's pods have IPv6.
	IPv6 bool
	// Exchange sends a query to a server over a network, udp or tcp. Default: really.
	Exchange func(ctx context.Context, query *dns.Msg, server, network string) (*dns.Msg, error)
}

// SystemServers are the DNS servers of resolv.conf.
func SystemServers(file string) ([]string, error) {
	config, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("DNS servers: %w; name them with --dns-server", err)
	}
	var servers []string
	for _, s := range config.Servers {
		servers = append(servers, net.JoinHostPort(s, config.Port))
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("%s names no DNS server; name one with --dns-server", file)
	}
	return servers, nil
}

// Resolve looks a name up, always as a fully qualified one: a search domain must not turn it into another.
func (r *Resolver) Resolve(ctx context.Context, host string) (Answer, error) {
	types := []uint16{dns.TypeA}
	if r.IPv6 {
		types = append(types, dns.TypeAAAA)
	}
	answer := Answer{TTL: maxTTL}
	var errs []error
	for _, t := range types {
		found, ttl, err := r.lookup(ctx, dns.Fqdn(host), t)
		if errors.Is(err, ErrClusterName) { // whatever else the name answers: somebody leads it astray
			return Answer{}, err
		}
		errs = append(errs, err)
		answer.Addresses = append(answer.Addresses, found...)
		if err == nil && len(found) > 0 {
			answer.TTL = min(answer.TTL, ttl)
		}
	}
	if len(answer.Addresses) == 0 {
		if err := errors.Join(errs...); err != nil {
			return Answer{}, err
		}
		return Answer{}, fmt.Errorf("%s has no address", host)
	}
	slices.SortFunc(answer.Addresses, netip.Addr.Compare)
	answer.Addresses = slices.Compact(answer.Addresses)
	answer.Total = len(answer.Addresses)
	answer.Addresses = answer.Addresses[:min(len(answer.Addresses), maxAddresses)]
	answer.TTL = max(answer.TTL, minTTL)
	return answer, nil
}

// lookup follows the chain of CNAMEs from name, over as many queries as it takes.
func (r *Resolver) lookup(ctx context.Context, name string, qtype uint16) ([]netip.Addr, time.Duration, error) {
	c := &chain{name: dns.CanonicalName(name), ttl: maxTTL, seen: map[string]bool{}}
	for {
		asked := c.name
		records, err := r.exchange(ctx, asked, qtype)
		if err != nil {
			return nil, 0, err
		}
		if err := c.follow(records); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", strings.TrimSuffix(name, "."), err)
		}
		if addresses := c.addresses(records, qtype); len(addresses) > 0 || c.name == asked {
			return addresses, c.ttl, nil
		}
	}
}

// chain is a walk along CNAME records: where it is, where it was, and the shortest TTL so far.
type chain struct {
	name string
	ttl  time.Duration
	seen map[string]bool
}

// follow goes as far as the records of one answer lead.
func (c *chain) follow(records []dns.RR) error {
	for {
		i := slices.IndexFunc(records, func(rr dns.RR) bool { return c.isAt(rr, dns.TypeCNAME) })
		if i < 0 {
			return nil
		}
		record, ok := records[i].(*dns.CNAME)
		if !ok {
			return fmt.Errorf("the CNAME record of %s cannot be read", c.name)
		}
		c.seen[c.name] = true
		next := dns.CanonicalName(record.Target)
		switch {
		case dns.IsSubDomain(clusterDomain, next):
			return fmt.Errorf("is an alias of %s, which %w", next, ErrClusterName)
		case c.seen[next]:
			return errors.New("the chain of CNAME records comes back to itself")
		case len(c.seen) > maxChain:
			return fmt.Errorf("the chain of CNAME records is longer than %d", maxChain)
		}
		c.name, c.ttl = next, min(c.ttl, ttlOf(record))
	}
}

// addresses are those of the name that the chain is at; what an answer says of other names does not count.
func (c *chain) addresses(records []dns.RR, qtype uint16) (all []netip.Addr) {
	for _, rr := range records {
		if !c.isAt(rr, qtype) {
			continue
		}
		var ip net.IP
		switch record := rr.(type) {
		case *dns.A:
			ip = record.A
		case *dns.AAAA:
			ip = record.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			if qtype == dns.TypeA {
				a = a.Unmap()
			}
			all = append(all, a)
			c.ttl = min(c.ttl, ttlOf(rr))
		}
	}
	return all
}

func (c *chain) isAt(rr dns.RR, qtype uint16) bool {
	h := rr.Header()
	return h.Rrtype == qtype && h.Class == dns.ClassINET && equalName(h.Name, c.name)
}

func ttlOf(rr dns.RR) time.Duration { return time.Duration(rr.Header().Ttl) * time.Second }

func equalName(a, b string) bool { return dns.CanonicalName(a) == dns.CanonicalName(b) }

// exchange asks the servers in order.
func (r *Resolver) exchange(ctx context.Context, name string, qtype uint16) ([]dns.RR, error) {
	query := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, false)
	var errs []error
	for _, server := range r.Servers {
		reply, err := r.ask(ctx, query, server)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("DNS server %s does not answer: %w", server, withoutPorts(err)))
		case !answers(reply, query):
			errs = append(errs, fmt.Errorf("DNS server %s answers another question than that for %s", server, name))
		case reply.Rcode == dns.RcodeNameError:
			return nil, fmt.Errorf("%s does not exist (NXDOMAIN)", name)
		case reply.Rcode != dns.RcodeSuccess:
			errs = append(errs, fmt.Errorf("DNS server %s answers %s for %s", server, dns.RcodeToString[reply.Rcode], name))
		default:
			return reply.Answer, nil
		}
	}
	return nil, errors.Join(errs...)
}

// ask asks one server, over TCP where UDP's answer was cut.
func (r *Resolver) ask(ctx context.Context, query *dns.Msg, server string) (*dns.Msg, error) {
	exchange := r.Exchange
	if exchange == nil {
		exchange = overNetwork
	}
	reply, err := exchange(ctx, query, server, "udp")
	if err == nil && reply.Truncated {
		reply, err = exchange(ctx, query, server, "tcp")
	}
	if err == nil && reply.Truncated {
		return nil, errors.New("its answer is cut off even over TCP")
	}
	return reply, err
}

func overNetwork(ctx context.Context, query *dns.Msg, server, network string) (*dns.Msg, error) {
	reply, _, err := (&dns.Client{Net: network, Timeout: queryTimeout}).ExchangeContext(ctx, query, server)
	return reply, err
}

// answers says whether a message is the answer to a query: its number alone can be guessed.
func answers(reply, query *dns.Msg) bool {
	if !reply.Response || len(reply.Question) != 1 {
		return false
	}
	got, want := reply.Question[0], query.Question[0]
	return got.Qtype == want.Qtype && got.Qclass == want.Qclass && equalName(got.Name, want.Name)
}

// withoutPorts takes the addresses out of a network error: a port that differs with each attempt would make each failure a new message,
// and with it a new status.
func withoutPorts(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
