package network

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

// privateLine is where the carrier may be by exception; clusterOwn is the cluster itself.
var (
	privateLine = netip.MustParsePrefix("10.8.0.0/16")
	clusterOwn  = netip.MustParsePrefix("20.96.0.0/16")
)

// mayBeCarrier says once more, and in other words than the product, at which addresses a carrier can be.
func mayBeCarrier(a netip.Addr) bool {
	if privateLine.Contains(a) {
		return true
	}
	if clusterOwn.Contains(a) || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !a.IsGlobalUnicast() {
		return false
	}
	b := a.As16()
	if a.Is6() && a.Is4In6() {
		return false
	}
	if a.Is4() {
		v := a.As4()
		switch {
		case v[0] == 0, v[0] >= 224, v[0] == 100 && v[1]&0xc0 == 64, v[0] == 198 && v[1]&0xfe == 18, v[0] == 192 && v[1] == 0 && (v[2] == 0 || v[2] == 2),
			v[0] == 198 && v[1] == 51 && v[2] == 100, v[0] == 203 && v[1] == 0 && v[2] == 113, v[0] == 192 && v[1] == 88 && v[2] == 99:
			return false
		}
		return true
	}
	switch {
	case b[0]&0xe0 != 0x20, // outside of 2000::/3: NAT64, mapped, compatible, unique local and all others
		b[0] == 0x20 && b[1] == 0x02,                                 // 6to4
		b[0] == 0x20 && b[1] == 0x01 && b[2]&0xfe == 0,               // Teredo, ORCHID
		b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8, // documentation
		b[0] == 0x3f && b[1] == 0xff && b[2]&0xf0 == 0,               // documentation
		b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:  // ISATAP
		return false
	}
	return true
}

// packed is a DNS message as bytes, without its header's number.
func packed(f *testing.F, edit func(*dns.Msg), records ...string) []byte {
	f.Helper()
	reply := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("api.example.", dns.TypeA))
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply.Answer = append(reply.Answer, rr)
	}
	edit(reply)
	bytes, err := reply.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return bytes
}

// Whatever bytes a DNS server answers, no address is ever published at which no carrier can be, nor more than a set may hold.
func FuzzAnswer(f *testing.F) {
	asIs := func(*dns.Msg) {}
	aaaa := func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }
	f.Add(packed(f, asIs, "api.example. 60 IN A 23.0.0.1", "api.example. 60 IN A 10.0.0.1"), false)
	f.Add(packed(f, asIs, "api.example. 60 IN CNAME other.example.", "other.example. 0 IN A 127.0.0.1"), false)
	f.Add(packed(f, asIs, "api.example. 60 IN CNAME x.svc.cluster.local.", "x.svc.cluster.local. 60 IN A 23.0.0.1"), false)
	f.Add(packed(f, asIs, "api.example. 60 IN A 20.96.0.1", "api.example. 60 IN A 10.8.0.1"), false)
	f.Add(packed(f, aaaa, "api.example. 60 IN AAAA 2600::1", "api.example. 60 IN AAAA 64:ff9b::a00:1", "api.example. 60 IN AAAA ::ffff:10.8.0.1"), true)
	f.Add(packed(f, aaaa, "api.example. 60 IN AAAA 2002:7f00:1::1"), true)
	f.Add(packed(f, aaaa, "api.example. 4294967295 IN AAAA 2600:2::5efe:a00:1"), true)
	f.Add(packed(f, func(m *dns.Msg) { m.Truncated = true }, "api.example. 60 IN A 23.0.0.1"), false)
	f.Add(packed(f, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }), false)
	f.Add([]byte{}, true)

	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	exceptions, cluster := []netip.Prefix{privateLine}, []netip.Prefix{clusterOwn}
	f.Fuzz(func(t *testing.T, bytes []byte, ipv6 bool) {
		resolver := &network.Resolver{Servers: []string{"server"}, IPv6: ipv6,
			Exchange: func(_ context.Context, query *dns.Msg, _, _ string) (*dns.Msg, error) {
				reply := &dns.Msg{}
				if err := reply.Unpack(bytes); err != nil {
					return nil, err
				}
				// What a forger can guess anyhow, so that more of the bytes are looked at.
				reply.Id, reply.Response, reply.Question = query.Id, true, query.Question
				return reply, nil
			}}
		host := integration.Host{Name: "api.example", Port: 443}
		cache := &Cache{Resolver: resolver, Clock: clocktesting.NewFakePassiveClock(now)}
		answer, left, err := cache.Resolve(t.Context(), host.Name)
		if err == nil && (answer.TTL < 30*time.Second || answer.TTL > time.Hour || len(answer.Addresses) == 0 || len(answer.Addresses) > 100) {
			t.Errorf("an answer of %d addresses with a TTL of %s", len(answer.Addresses), answer.TTL)
		}
		p := decide(nil, []outcome{{host: host, answer: answer, left: left, err: err}}, exceptions, cluster, now)
		for _, text := range p.hosts[0].Addresses {
			if a, err := netip.ParseAddr(text); err != nil || !mayBeCarrier(a) {
				t.Errorf("%s is published", text)
			}
		}
		if !p.next.After(now) {
			t.Errorf("asks again at %s", p.next)
		}
	})
}
