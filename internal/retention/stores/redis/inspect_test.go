//go:build integration

package redis_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
	"github.com/carrier-operator/carrier-operator/test/redisserver"
)

var seconds90 = deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 90)

func TestLoginsThatAreRefused(t *testing.T) {
	s := newServer(t)
	s.fill(orders(10))
	for name, tc := range map[string]struct{ key, value, reason, says string }{
		"wrong password":   {"password", "wrong", v1alpha1.ReasonLoginRefused, "password"},
		"unknown user":     {"username", "nobody", v1alpha1.ReasonLoginRefused, "username"},
		"empty password":   {"password", "", v1alpha1.ReasonLoginRefused, "password"},
		"no such database": {"database", "99", v1alpha1.ReasonLoginRefused, "database"},
		"no number":        {"database", "orders", v1alpha1.ReasonLoginRefused, "database"},
		"no port":          {"port", "redis", v1alpha1.ReasonStoreUnreachable, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			old := *s
			old.t, old.secret = t, t.TempDir()
			host, port, _ := net.SplitHostPort(s.address)
			for key, value := range map[string]string{"host": host, "port": port, "password": password, tc.key: tc.value} {
				old.write(key, value)
			}
			got := newRunner(t, &old, seconds90).Run(tc.reason)
			if !strings.Contains(got.Outcome.Message, tc.says) || strings.Contains(got.Outcome.Message, password) {
				t.Error(got.Outcome.Message)
			}
		})
	}
}

func TestChangedPasswordAndOtherDatabaseAreTakenUp(t *testing.T) {
	s := newServer(t)
	s.fill(orders(100))
	s.do("ACL", "SETUSER", "purger", "on", ">first", "~order:*", "+@all")
	s.write("username", "purger")
	s.write("password", "first\n")
	s.write("database", "3")
	got := newRunner(t, s, seconds90).Run(v1alpha1.ReasonNothingDue)
	if !strings.Contains(got.Outcome.Message, `no key matches "order:*"`) || got.Evidence.StoreIdentity != s.address+"/3" {
		t.Errorf("an empty database is said to be one: %s, %s", got.Outcome.Message, got.Evidence.StoreIdentity)
	}
	s.write("database", "0")
	r := newRunner(t, s, seconds90)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, Before: func() error {
		if windows++; windows != 2 {
			return nil
		}
		s.do("ACL", "SETUSER", "purger", "resetpass", ">second")
		s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		s.write("password", "second")
		return nil
	}}
	if got := r.Run(v1alpha1.ReasonCompleted); got.Evidence.StoreIdentity != s.address+"/0" {
		t.Error(got.Evidence.StoreIdentity)
	}
}

func TestCertificateIsVerified(t *testing.T) {
	tls := redisserver.Start(t)
	other := redisserver.Start(t)
	host, port, _ := net.SplitHostPort(tls.Address)
	secret := &server{t: t, secret: t.TempDir()}
	for key, value := range map[string]string{"host": host, "port": port, "password": tls.Password} {
		secret.write(key, value)
	}
	for name, tc := range map[string]struct {
		mode   v1alpha1.StoreTLSMode
		ca     string
		server *server
		reason string
	}{
		"the right CA":      {v1alpha1.StoreTLSVerifyCA, string(tls.CAPEM), secret, v1alpha1.ReasonNothingDue},
		"another CA":        {v1alpha1.StoreTLSVerifyCA, string(other.CAPEM), secret, v1alpha1.ReasonStoreTLSFailed},
		"another name":      {v1alpha1.StoreTLSVerifyFull, string(tls.CAPEM), secret, v1alpha1.ReasonStoreTLSFailed},
		"public CAs":        {v1alpha1.StoreTLSVerifyFull, "", secret, v1alpha1.ReasonStoreTLSFailed},
		"TLS is not wanted": {v1alpha1.StoreTLSDisable, "", secret, v1alpha1.ReasonStoreUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, tc.server, seconds90)
			r.Plan.Store.TLSMode, r.Plan.Store.CABundle = string(tc.mode), tc.ca
			r.Clock = retentiontest.NewHurried(slot)
			r.Run(tc.reason)
		})
	}
}

func TestServerThatSaysNothingToTLSIsNamed(t *testing.T) {
	t.Parallel() // with its timeout
	s := newServer(t)
	r := newRunner(t, s, seconds90)
	r.Plan.Store.TLSMode = string(v1alpha1.StoreTLSVerifyFull)
	if _, err := r.Driver.Open(t.Context()); !errors.Is(err, retention.ErrUnreachable) || !strings.Contains(err.Error(), "TLS") {
		t.Error(err)
	}
}

// A login that may not do its work never ends with "0 records".
func TestMissingPrivileges(t *testing.T) {
	for name, tc := range map[string]struct {
		acl   []any
		rule  retention.Rule
		says  string
		works bool
	}{
		"what is documented":  {acl: []any{"~order:*", "+info", "+select", "+scan", "+eval", "+evalsha", "+time", "+type", "+hmget", "+object|idletime", "+unlink", "+hset", "+hdel"}, rule: seconds90, works: true},
		"no INFO":             {acl: []any{"~*", "+@all", "-info"}, rule: seconds90, says: "privilege"},
		"no SCAN":             {acl: []any{"~*", "+@all", "-scan"}, rule: seconds90, says: "privilege"},
		"no scripts":          {acl: []any{"~*", "+@all", "-eval", "-evalsha"}, rule: seconds90, says: "privilege"},
		"no UNLINK":           {acl: []any{"~*", "+@all", "-unlink"}, rule: seconds90, says: "UNLINK"},
		"no HMGET":            {acl: []any{"~*", "+@all", "-hmget"}, rule: seconds90, says: "HMGET"},
		"no HDEL":             {acl: []any{"~*", "+@all", "-hdel"}, rule: anonymizeRule(retention.Anonymize{Name: "shop", Strategy: "Null"}), says: "HDEL"},
		"no TYPE":             {acl: []any{"~*", "+@all", "-type"}, rule: seconds90, says: "TYPE"},
		"no IDLETIME":         {acl: []any{"~*", "+@all", "-object|idletime"}, rule: deleteRule("order:*", "lastAccess", v1alpha1.ClockStoreTime, 10), says: "OBJECT"},
		"no key":              {acl: []any{"+@all"}, rule: seconds90, says: "privilege"},
		"a part of the keys":  {acl: []any{"~order:1*", "+@all"}, rule: seconds90, says: "privilege"},
		"may read keys alone": {acl: []any{"%R~order:*", "+@all"}, rule: seconds90, says: "privilege"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.fill(orders(200))
			before := len(s.hashes())
			s.do(append([]any{"ACL", "SETUSER", "purger", "on", ">" + password}, tc.acl...)...)
			s.write("username", "purger")
			r := newRunner(t, s, tc.rule)
			if tc.works {
				r.Run(v1alpha1.ReasonCompleted)
				return
			}
			got := r.Run(v1alpha1.ReasonPrivilegeMissing)
			if !strings.Contains(got.Outcome.Message, tc.says) || len(s.hashes()) != before {
				t.Errorf("%d of %d keys are left: %s", len(s.hashes()), before, got.Outcome.Message)
			}
		})
	}
}

func TestPrivilegeThatIsTakenAwayMidRunStopsIt(t *testing.T) {
	s := newServer(t)
	s.fill(orders(2000))
	before := len(s.hashes())
	s.do("ACL", "SETUSER", "purger", "on", ">"+password, "~*", "+@all")
	s.write("username", "purger")
	r := newRunner(t, s, seconds90)
	windows := 0
	r.Driver = &retentiontest.Faulty{Driver: r.Driver, Size: 64, Before: func() error {
		if windows++; windows == 4 {
			s.do("ACL", "SETUSER", "purger", "-unlink")
		}
		return nil
	}}
	got := r.Run(v1alpha1.ReasonPrivilegeMissing)
	if done := got.Results[0].Done; done == 0 || done != int64(before-len(s.hashes())) {
		t.Errorf("%+v, %d of %d keys are left: %s", got.Results[0], len(s.hashes()), before, got.Outcome.Message)
	}
}

func TestServersAndRulesThatDoNotGoTogether(t *testing.T) {
	access := deleteRule("order:*", "lastAccess", v1alpha1.ClockStoreTime, 10)
	missing := deleteRule("order:*", "deliveredAt", v1alpha1.ClockEpochSeconds, 90)
	for name, tc := range map[string]struct {
		args   []string
		setup  func(*server)
		rule   retention.Rule
		hold   retention.Hold
		reason string
		says   string
	}{
		"cluster":            {args: []string{"--cluster-enabled", "yes"}, rule: seconds90, reason: v1alpha1.ReasonStoreUnreachable, says: "Cluster"},
		"LFU":                {args: []string{"--maxmemory-policy", "allkeys-lfu"}, rule: access, reason: v1alpha1.ReasonClockTypeMismatch, says: "LFU"},
		"a field of no hash": {setup: func(s *server) { s.fill(orders(10)) }, rule: missing, reason: v1alpha1.ReasonColumnNotFound, says: "deliveredAt"},
		"no hash at all":     {setup: func(s *server) { s.do("SET", "order:1", "x") }, rule: seconds90, reason: v1alpha1.ReasonClockTypeMismatch, says: "StoreTime"},
		"a hold's field that no hash has": {setup: func(s *server) { s.fill(orders(10)) }, rule: seconds90, reason: v1alpha1.ReasonHoldInvalid, says: "customer",
			hold: retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{retentiontest.In("customer", "7")}}},
		"a hold that resets the clock": {setup: func(s *server) { s.fill(orders(10)) }, rule: access, reason: v1alpha1.ReasonHoldInvalid, says: "case-1",
			hold: retention.Hold{Name: "case-1", Collection: "order:1*", Where: []retention.Filter{retentiontest.In("shop", "7")}}},
		"a hold of other keys": {setup: func(s *server) { s.fill(orders(100)) }, rule: seconds90, reason: v1alpha1.ReasonCompleted,
			hold: retention.Hold{Name: "case-1", Collection: "session:*", Where: []retention.Filter{retentiontest.In("customer", "7")}}},
		"no key": {rule: seconds90, reason: v1alpha1.ReasonNothingDue, says: "no key matches"},
		"a filter on a field of no hash": {setup: func(s *server) { s.fill(orders(10)) }, reason: v1alpha1.ReasonNothingDue, says: "customer",
			rule: func() retention.Rule {
				r := seconds90
				r.Where = []retention.Filter{retentiontest.In("customer", "7")}
				return r
			}()},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tc.args...)
			if tc.setup != nil {
				tc.setup(s)
			}
			r := newRunner(t, s, tc.rule)
			if tc.hold.Name != "" {
				r.Hold(tc.hold)
			}
			if got := r.Run(tc.reason); !strings.Contains(got.Outcome.Message, tc.says) {
				t.Error(got.Outcome.Message)
			}
		})
	}
}

func TestNamesAreLiteralAndMayBeAnything(t *testing.T) {
	const field, value = `x'] "; \ ключ 🔑` + "\x01", `'; redis.call("FLUSHALL") --`
	s := newServer(t)
	old, fresh := fmt.Sprint(slot.Unix()-200*86400), fmt.Sprint(slot.Unix())
	goes, stays := map[string]string{"at " + field: old, field: value}, map[string]string{"at " + field: fresh, field: value}
	held := map[string]string{"at " + field: old, field: "held " + value}
	s.fill(records{"заказ \"'\\{}\x00\xff:1": goes, "заказ \"'\\{}:2": stays, "заказ \"'\\{}:3": held, "другой:1": goes})
	rule := deleteRule(`заказ "'\\{}*`, "at "+field, v1alpha1.ClockEpochSeconds, 90)
	r := newRunner(t, s, rule)
	r.Hold(retention.Hold{Name: "case-1", Collection: rule.Collection, Where: []retention.Filter{retentiontest.In(field, "held "+value)}})
	got := r.Run(v1alpha1.ReasonCompleted)
	left := s.hashes()
	if len(left) != 3 || left["заказ \"'\\{}\x00\xff:1"] != nil || got.Results[0].Done != 1 || got.Results[0].Held != 1 {
		t.Errorf("%+v, %v", got.Results[0], left)
	}
}

// Holds are matched by the purger: patterns must mean the same to it as to the store. Random patterns and keys from a small alphabet.
func TestHoldPatternsMeanWhatTheStoreMeans(t *testing.T) {
	s := newServer(t)
	random := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string, n int) string {
		var b strings.Builder
		for range 1 + random.IntN(n) {
			b.WriteByte(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	const clock = "1000000000"
	for range 150 {
		pattern := word("ab*?[]^-\\c\xe4", 7)
		s.do("FLUSHALL")
		all := records{}
		for range 40 {
			all[word("abc]^-\\*\xe4", 5)] = map[string]string{"at": clock}
		}
		all["zz"] = map[string]string{"at": clock}
		s.fill(all)
		matched, err := s.Keys(t.Context(), pattern).Result()
		if err != nil {
			t.Fatal(err)
		}
		r := newRunner(t, s, deleteRule("*", "at", v1alpha1.ClockEpochSeconds, 90))
		r.Plan.Rules[0].Collection = "**" // matches everything, and is not the hold's pattern
		r.Hold(retention.Hold{Name: "case-1", Collection: pattern})
		r.Run(v1alpha1.ReasonCompleted)
		if left := s.hashes(); len(left) != len(matched) || (len(matched) > 0 && s.Exists(t.Context(), matched...).Val() != int64(len(matched))) {
			t.Fatalf("pattern %q: the store matches %q, held are %v", pattern, matched, left)
		}
	}
}
