//go:build integration

package redis

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/limit"
	"github.com/carrier-operator/carrier-operator/test/redisserver"
)

func open(t *testing.T, server *redisserver.Server, change ...func(*Options)) *Store {
	t.Helper()
	c, err := Verified(redisserver.Name, string(server.CAPEM))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Address: server.Address, TLS: c, Password: server.Password, Prefix: "shop/ups:"}
	for _, f := range change {
		f(&o)
	}
	s := Open(o)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *Store) take(t *testing.T, entries ...limit.Entry) limit.Verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	v, err := s.Take(ctx, entries, 1)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestManyAtOnceShareALimitExactly(t *testing.T) {
	server := redisserver.Start(t)
	hour := limit.Entry{Key: "hour", Limit: 100, Slot: time.Minute}
	day := limit.Entry{Key: "day", Limit: 1000, Slot: 24 * time.Minute}
	var passed, refused atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		s := open(t, server)
		for range 4 {
			all.Go(func() {
				for range 20 {
					v, err := s.Take(t.Context(), []limit.Entry{day, hour}, 1)
					switch {
					case err != nil:
						t.Error(err)
					case v.Refused < 0:
						passed.Add(1)
					case v.Refused == 1 && v.Wait > 59*time.Minute && v.Wait <= 61*time.Minute:
						refused.Add(1)
					default:
						t.Errorf("verdict %+v", v)
					}
				}
			})
		}
	}
	all.Wait()
	if passed.Load() != 100 || refused.Load() != 220 {
		t.Errorf("%d pass and %d are refused, want 100 and 220", passed.Load(), refused.Load())
	}
	s := open(t, server)
	for i := range 900 { // a refused event was counted nowhere
		if v := s.take(t, day); v.Refused >= 0 {
			t.Fatalf("the day is used up after %d more", i)
		}
	}
	if v := s.take(t, day, hour); v.Refused != 0 || v.Wait < 23*time.Hour {
		t.Errorf("verdict %+v, want to wait for the day, which takes longest", v)
	}
}

func TestWhatIsOwedIsAddedOnce(t *testing.T) {
	s := open(t, redisserver.Start(t))
	e := limit.Entry{Key: "hour", Limit: 10, Slot: time.Minute, Owed: 8}
	if v, err := s.Take(t.Context(), []limit.Entry{e}, 0); err != nil || v.Refused >= 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	e.Owed = 0
	for i, want := range []bool{true, true, false} {
		if got := s.take(t, e).Refused < 0; got != want {
			t.Errorf("event %d after 8 that were owed passes: %t, want %t", i, got, want)
		}
	}
	e.Owed = 5 // added also where there is no room
	if v := s.take(t, e); v.Refused != 0 {
		t.Errorf("verdict %+v", v)
	}
	e.Owed, e.Limit = 0, 16
	if s.take(t, e).Refused >= 0 || s.take(t, e).Refused < 0 {
		t.Error("15 events are not counted as 15")
	}
}

func TestAWindowRolls(t *testing.T) {
	s := open(t, redisserver.Start(t))
	second := limit.Entry{Key: "second", Limit: 3, Slot: 17 * time.Millisecond}
	var taken []time.Time
	for deadline := time.Now().Add(3500 * time.Millisecond); time.Now().Before(deadline); {
		v := s.take(t, second)
		if v.Refused < 0 {
			taken = append(taken, time.Now())
			continue
		}
		time.Sleep(v.Wait) // what it says is long enough
		if v := s.take(t, second); v.Refused >= 0 {
			t.Fatalf("after the wait it refuses again: %+v", v)
		}
		taken = append(taken, time.Now())
	}
	for i := 3; i < len(taken); i++ {
		if gap := taken[i].Sub(taken[i-3]); gap < 990*time.Millisecond {
			t.Errorf("4 events within %v", gap)
		}
	}
	if len(taken) < 9 {
		t.Errorf("%d events passed in 3.5 s, want at least 9", len(taken))
	}
}

func TestEveryKeyExpiresAndHoldsCountsOnly(t *testing.T) {
	s := open(t, redisserver.Start(t))
	s.take(t, limit.Entry{Key: "day", Limit: 5, Slot: 24 * time.Minute})
	keys, err := s.client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("keys %v, error %v, want 2", keys, err)
	}
	for _, key := range keys {
		life, err := s.client.PTTL(t.Context(), key).Result()
		if err != nil || life <= 0 || life > generationLife || !strings.HasPrefix(key, "shop/ups:") {
			t.Errorf("key %s lives for %v (%v)", key, life, err)
		}
	}
}

func TestTheGenerationTellsOfALoss(t *testing.T) {
	server := redisserver.Start(t)
	a, b := open(t, server), open(t, server)
	first := a.take(t).Generation
	var many sync.WaitGroup
	for range poolSize { // as many connections as there can be, all of which will be dead
		many.Go(func() { a.take(t) })
	}
	many.Wait()
	if got := b.take(t).Generation; got != first || first == "" {
		t.Errorf("generations %q and %q, want one", first, got)
	}
	server.Stop()
	server.Run()
	if got := a.take(t).Generation; got == first {
		t.Error("a server that lost everything is of the same generation")
	}
}

func TestFailuresAreToldInTimeAndInPlainWords(t *testing.T) {
	server := redisserver.Start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := x509.SystemCertPool(); err != nil { // reads files, which takes a while the first time
		t.Fatal(err)
	}
	plain := func(o *Options) { o.TLS = nil }
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"a wrong password":         {func(o *Options) { o.Password = "wrong" }, "WRONGPASS"},
		"no password":              {func(o *Options) { o.Password = "" }, "limitStore.redis.secretRef"},
		"another name":             {func(o *Options) { o.TLS.ServerName = "other.shop.svc" }, "certificate is not trusted"},
		"the public CAs":           {func(o *Options) { o.TLS.RootCAs = nil }, "certificate is not trusted"},
		"nobody there":             {func(o *Options) { o.Address = "127.0.0.1:1" }, "connection refused"},
		"somebody who is silent":   {func(o *Options) { o.Address = silent.Addr().String(); plain(o) }, "does not answer in time"},
		"no TLS where there is":    {plain, "limit store"},
		"silence in TLS handshake": {func(o *Options) { o.Address = silent.Addr().String() }, "does not answer in time"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, server, tc.change)
			for range 2 {
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), limit.StoreTimeout)
				_, err := s.Take(ctx, []limit.Entry{{Key: "x", Limit: 1, Slot: time.Second}}, 1)
				cancel()
				if took := time.Since(began); took > limit.StoreTimeout+150*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), server.Password) {
					t.Errorf("error %v, want one with %q", err, tc.want)
				}
			}
		})
	}
}

func TestAFrozenServerDoesNotBlock(t *testing.T) {
	server := redisserver.Start(t)
	s := open(t, server)
	s.take(t)
	thaw := server.Freeze()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), limit.StoreTimeout)
	defer cancel()
	if _, err := s.Take(ctx, nil, 1); err == nil {
		t.Error("a frozen server answers")
	}
	if took := time.Since(began); took > limit.StoreTimeout+150*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	thaw()
	s.take(t)
}
