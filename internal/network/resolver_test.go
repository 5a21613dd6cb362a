package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// samePort listens on one port over UDP and TCP. The port that UDP is given may be taken in TCP, so it is tried again.
func samePort(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var failure error
	for range 20 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		failure = errors.Join(err, udp.Close())
	}
	t.Fatal(failure)
	return nil, nil
}

// zone serves records over UDP and TCP on loopback and counts queries.
func zone(t *testing.T, records map[string][]string, rcode int) string {
	t.Helper()
	udp, tcp := samePort(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		reply := new(dns.Msg).SetReply(query)
		reply.Rcode = rcode
		lines, ok := records[dns.CanonicalName(query.Question[0].Name)]
		if !ok && rcode == dns.RcodeSuccess {
			reply.Rcode = dns.RcodeNameError
		}
		for _, line := range lines {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Error(err)
			}
			if rr.Header().Rrtype == query.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME || !equalName(rr.Header().Name, query.Question[0].Name) {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		if _, overUDP := w.RemoteAddr().(*net.UDPAddr); overUDP {
			reply.Truncate(1232)
		}
		_ = w.WriteMsg(reply)
	})
	for _, server := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return udp.LocalAddr().String()
}

func addresses(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

var compareAddresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestResolve(t *testing.T) {
	var many []string
	for i := range 200 {
		many = append(many, "many.example. 60 IN A 23.0."+string(rune('0'+i/100))+"."+itoa(i))
	}
	records := map[string][]string{
		"plain.example.":    {"plain.example. 120 IN A 23.0.0.2", "plain.example. 90 IN A 23.0.0.1", "plain.example. 90 IN A 23.0.0.1"},
		"zero.example.":     {"zero.example. 0 IN A 23.0.0.1"},
		"long.example.":     {"long.example. 86400 IN A 23.0.0.1"},
		"alias.example.":    {"alias.example. 300 IN CNAME target.example.", "target.example. 60 IN A 23.0.0.9"},
		"far.example.":      {"far.example. 300 IN CNAME plain.example."},
		"loop.example.":     {"loop.example. 300 IN CNAME pool.example."},
		"pool.example.":     {"pool.example. 300 IN CNAME loop.example."},
		"stranger.example.": {"other.example. 60 IN A 23.0.0.66"},
		"six.example.":      {"six.example. 60 IN AAAA 2600::1"},
		"many.example.":     many,
		"inward.example.":   {"inward.example. 60 IN CNAME api.shop.svc.Cluster.Local."},
		"through.example.":  {"through.example. 60 IN CNAME api.shop.svc.cluster.local.", "api.shop.svc.cluster.local. 60 IN A 23.0.0.1"},
		"both.example.":     {"both.example. 60 IN A 23.0.0.1", "both.example. 60 IN AAAA 2600::1"},
		"turn.example.":     {"turn.example. 60 IN CNAME nruter.example.", "nruter.example. 60 IN CNAME turn.example."},
		"short.example.":    {"short.example. 5 IN CNAME plain.example."},
		"noise.example.":    {"noise.example. 60 IN A 23.0.0.1", "evil.example. 1 IN A 23.0.0.66", "noise.example. 60 IN TXT \"10.0.0.1\""},
		"mapped.example.":   {"mapped.example. 60 IN AAAA ::ffff:127.0.0.1"},
	}
	var long []string
	for i := range 10 {
		long = append(long, "long"+itoa(i)+".example. 60 IN CNAME long"+itoa(i+1)+".example.")
	}
	records["long0.example."] = append(long, "long10.example. 60 IN A 23.0.0.1")
	records["chain10.example."] = []string{"chain10.example. 60 IN A 23.0.0.8"}
	for i := range 10 {
		records["chain"+itoa(i)+".example."] = []string{"chain" + itoa(i) + ".example. 60 IN CNAME chain" + itoa(i+1) + ".example."}
	}
	server := zone(t, records, dns.RcodeSuccess)
	tests := map[string]struct {
		host    string
		ipv6    bool
		want    []netip.Addr
		ttl     time.Duration
		count   int
		problem string
	}{
		"addresses come sorted, once, with the shortest TTL": {host: "plain.example", want: addresses("23.0.0.1", "23.0.0.2"), ttl: 90 * time.Second},
		"a TTL of zero becomes 30 s":                         {host: "zero.example", want: addresses("23.0.0.1"), ttl: 30 * time.Second},
		"a TTL of a day becomes an hour":                     {host: "long.example", want: addresses("23.0.0.1"), ttl: time.Hour},
		"a CNAME in the same answer is followed":             {host: "alias.example", want: addresses("23.0.0.9"), ttl: time.Minute},
		"a CNAME into another answer is followed":            {host: "far.example", want: addresses("23.0.0.1", "23.0.0.2"), ttl: 90 * time.Second},
		"a loop of CNAMEs is refused":                        {host: "loop.example", problem: "comes back to itself"},
		"a chain of more than 8 is refused":                  {host: "chain0.example", problem: "longer than 8"},
		"a chain of 8 is not":                                {host: "chain2.example", want: addresses("23.0.0.8"), ttl: time.Minute},
		"likewise in a single answer":                        {host: "long0.example", problem: "longer than 8"},
		"a loop in a single answer is refused":               {host: "turn.example", problem: "comes back to itself"},
		"the shortest TTL of a chain counts":                 {host: "short.example", want: addresses("23.0.0.1", "23.0.0.2"), ttl: 30 * time.Second},
		"an alias of a Service is refused":                   {host: "inward.example", problem: "name of the cluster itself"},
		"even where it has a public address":                 {host: "through.example", problem: "name of the cluster itself"},
		"records of other names and types do not count":      {host: "noise.example", want: addresses("23.0.0.1"), ttl: time.Minute},
		"both families come in a dual-stack cluster":         {host: "both.example", ipv6: true, want: addresses("23.0.0.1", "2600::1"), ttl: time.Minute},
		"one family comes in an IPv4 cluster":                {host: "both.example", want: addresses("23.0.0.1"), ttl: time.Minute},
		"an IPv4-mapped AAAA record stays what it is":        {host: "mapped.example", ipv6: true, want: addresses("::ffff:127.0.0.1"), ttl: time.Minute},
		"a record of another name does not count":            {host: "stranger.example", problem: "has no address"},
		"a name that does not exist":                         {host: "nobody.example", problem: "NXDOMAIN"},
		"IPv6 is not asked for in an IPv4 cluster":           {host: "six.example", problem: "has no address"},
		"IPv6 is asked for in a dual-stack cluster":          {host: "six.example", ipv6: true, want: addresses("2600::1"), ttl: time.Minute},
		"a large answer comes over TCP and is cut to 100":    {host: "many.example", count: 100, ttl: time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := (&Resolver{Servers: []string{server}, IPv6: tc.ipv6}).Resolve(t.Context(), tc.host)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Fatalf("got %v and error %v, want an error with %q", got, err, tc.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.count != 0 && len(got.Addresses) != tc.count {
				t.Errorf("%d addresses, want %d", len(got.Addresses), tc.count)
			}
			if diff := cmp.Diff(tc.want, got.Addresses, compareAddresses); tc.count == 0 && diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
			if want := map[bool]int{true: 200, false: len(tc.want)}[tc.count != 0]; got.Total != want {
				t.Errorf("%d addresses in total, want %d", got.Total, want)
			}
			if got.TTL != tc.ttl {
				t.Errorf("TTL %s, want %s", got.TTL, tc.ttl)
			}
		})
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

func TestASecondServerIsAskedWhenTheFirstFails(t *testing.T) {
	failing := zone(t, nil, dns.RcodeServerFailure)
	working := zone(t, map[string][]string{"plain.example.": {"plain.example. 60 IN A 23.0.0.1"}}, dns.RcodeSuccess)
	got, err := (&Resolver{Servers: []string{failing, working}}).Resolve(t.Context(), "plain.example")
	if err != nil || len(got.Addresses) != 1 {
		t.Fatalf("got %v, error %v", got, err)
	}
	if _, err := (&Resolver{Servers: []string{failing}}).Resolve(t.Context(), "plain.example"); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("error %v, want one that says SERVFAIL", err)
	}
}

// A message that changes with each attempt would be a new status with each attempt.
func TestAFailureReadsTheSameEachTime(t *testing.T) {
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := closed.LocalAddr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	r := &Resolver{Servers: []string{server}}
	_, first := r.Resolve(t.Context(), "api.example.com")
	_, second := r.Resolve(t.Context(), "api.example.com")
	if first == nil || second == nil || first.Error() != second.Error() {
		t.Errorf("two failures read\n%v\n%v", first, second)
	}
}

func TestSetKeepsAddressesThatLeft(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	one, two, three := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2"), netip.MustParseAddr("23.0.0.3")
	s := Set{}.Update(Answer{Addresses: []netip.Addr{one, two}, TTL: time.Minute}, start)

	s = s.Update(Answer{Addresses: []netip.Addr{three, two}, TTL: time.Minute}, start.Add(time.Minute))
	want := Set{Addresses: []netip.Addr{one, two, three}, Retiring: map[netip.Addr]time.Time{one: start.Add(11 * time.Minute)}}
	if diff := cmp.Diff(want, s, compareAddresses); diff != "" {
		t.Errorf("after the change (-want +got):\n%s", diff)
	}
	if got := s.NextChange(); !got.Equal(start.Add(11 * time.Minute)) {
		t.Errorf("next change at %s", got)
	}

	again := s.Update(Answer{Addresses: []netip.Addr{two, three}, TTL: time.Minute}, start.Add(5*time.Minute))
	if diff := cmp.Diff(s, again, compareAddresses); diff != "" {
		t.Errorf("the same answer changed the set (-want +got):\n%s", diff)
	}
	back := again.Update(Answer{Addresses: []netip.Addr{one, two, three}, TTL: time.Minute}, start.Add(6*time.Minute))
	if len(back.Retiring) != 0 {
		t.Errorf("an address that came back still retires: %v", back.Retiring)
	}
	gone := again.Update(Answer{Addresses: []netip.Addr{two, three}, TTL: time.Minute}, start.Add(11*time.Minute))
	if diff := cmp.Diff([]netip.Addr{two, three}, gone.Addresses, compareAddresses); diff != "" || !gone.NextChange().IsZero() {
		t.Errorf("after the grace (-want +got):\n%s", diff)
	}

	slow := Set{Addresses: []netip.Addr{one}}.Update(Answer{Addresses: []netip.Addr{two}, TTL: time.Hour}, start)
	if until := slow.Retiring[one]; !until.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("with a TTL of an hour the address stays until %s, want two hours", until)
	}
}

// A name that answers others each time: the set stays within what status and policies hold, and today's addresses are never left out.
func TestSetIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := Set{}
	for round := range 8 {
		var answer Answer
		for i := range 50 {
			answer.Addresses = append(answer.Addresses, netip.AddrFrom4([4]byte{23, 0, byte(round), byte(i)}))
		}
		answer.TTL = time.Minute
		now = now.Add(time.Minute)
		s = s.Update(answer, now)
		if len(s.Addresses) > 128 || len(s.Retiring) != len(s.Addresses)-50 {
			t.Fatalf("round %d: %d addresses, %d retiring", round, len(s.Addresses), len(s.Retiring))
		}
		for _, a := range answer.Addresses {
			if !slices.Contains(s.Addresses, a) {
				t.Fatalf("round %d: %s of the newest answer is missing", round, a)
			}
		}
	}
	for a := range s.Retiring {
		if a.As4()[2] < 5 {
			t.Errorf("%s stays, though later ones had to go", a)
		}
	}
}

func TestAnswersToAnotherQuestionAreIgnored(t *testing.T) {
	for name, forge := range map[string]func(query, reply *dns.Msg){
		"another name":       func(_, reply *dns.Msg) { reply.Question[0].Name = "evil.example." },
		"another type":       func(_, reply *dns.Msg) { reply.Question[0].Qtype = dns.TypeTXT },
		"no question":        func(_, reply *dns.Msg) { reply.Question = nil },
		"a query, no answer": func(_, reply *dns.Msg) { reply.Response = false },
		"cut off twice":      func(_, reply *dns.Msg) { reply.Truncated = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := &Resolver{Servers: []string{"first", "second"}, Exchange: func(_ context.Context, query *dns.Msg, server, _ string) (*dns.Msg, error) {
				reply := new(dns.Msg).SetReply(query)
				address := "23.0.0.1"
				if server == "first" {
					address = "23.0.0.66"
					forge(query, reply)
				}
				rr, err := dns.NewRR("api.example. 60 IN A " + address)
				reply.Answer = []dns.RR{rr}
				return reply, err
			}}
			got, err := r.Resolve(t.Context(), "api.example")
			if err != nil || !slices.Equal(got.Addresses, addresses("23.0.0.1")) {
				t.Errorf("got %v, error %v: want the second server's answer", got.Addresses, err)
			}
		})
	}
}
