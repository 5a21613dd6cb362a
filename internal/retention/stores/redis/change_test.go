//go:build integration

package redis_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// opened is a session of its own, inspected.
func opened(t *testing.T, s *server, rule retention.Rule) retention.Session {
	t.Helper()
	session, err := newRunner(t, s, rule).Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	if _, err := session.Inspect(t.Context(), []retention.Rule{rule}, nil); err != nil {
		t.Fatal(err)
	}
	return session
}

// What becomes of a record between the count and its window, or between the read of a value and its replacement, decides.
func TestChangesOfOthersAreRespected(t *testing.T) {
	old, fresh := strconv.FormatInt(slot.Unix()-200*86400, 10), strconv.FormatInt(slot.Unix(), 10)
	for _, rule := range []retention.Rule{seconds90, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"})} {
		s := newServer(t)
		session := opened(t, s, func() retention.Rule { s.fill(records{"order:0": {"at": old, "email": "a"}}); return rule }())
		all := records{}
		for i := range 100 {
			all["order:"+strconv.Itoa(i)] = map[string]string{"at": old, "email": "a" + strconv.Itoa(i)}
		}
		s.fill(all)
		if counted, err := session.Count(t.Context(), []retention.Rule{rule}, nil, slot); err != nil || counted.Rules[0].Due != 100 {
			t.Fatal(counted, err)
		}
		s.do("HSET", "order:1", "at", fresh)
		s.do("HDEL", "order:2", "at")
		s.do("SET", "order:3", "a text now")
		s.do("DEL", "order:4")
		s.do("PEXPIRE", "order:5", 1)
		s.await("a key to expire", func() bool { return s.Exists(t.Context(), "order:5").Val() == 0 })
		w := retention.Window{Rule: &rule, Size: 4096, Hasher: retention.NewHasher(retentiontest.HashKey),
			Holds: []retention.Hold{{Name: "late", Collection: "order:*", Where: []retention.Filter{retentiontest.In("email", "a6", "a7")}}}}
		batch, err := session.Window(t.Context(), w)
		if err != nil || batch.Next != "" || batch.Done != 93 || batch.Commits != 1 || batch.Digest == "" {
			t.Errorf("%s: %+v, %v", rule.Action, batch, err)
		}
		for key, email := range map[string]string{"order:1": "a1", "order:2": "a2", "order:6": "a6", "order:7": "a7"} {
			if got := s.hashes()[key]["email"]; got != email {
				t.Errorf("%s: %s has %q", rule.Action, key, got)
			}
		}
		// The same window again, at its place and with a position that nobody gave, changes nothing.
		before := s.hashes()
		for _, w.Position = range []string{"", "another-process:77", "nonsense"} {
			if batch, err := session.Window(t.Context(), w); err != nil || batch.Done != 0 || batch.Digest != "" {
				t.Errorf("again: %+v, %v", batch, err)
			}
		}
		if diff := cmp.Diff(before, s.hashes()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestValueThatChangesBetweenReadAndHashIsHashedLater(t *testing.T) {
	s := newServer(t)
	all := records{}
	for i := range 300 {
		all["order:"+strconv.Itoa(i)] = map[string]string{"at": "1000000000", "email": "a"}
	}
	s.fill(all)
	stop, ended := make(chan struct{}), make(chan int)
	go func() { // another program that writes all the time
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				ended <- n
				return
			default:
				_ = s.HSet(context.Background(), "order:"+strconv.Itoa(n%300), "email", "b"+strconv.Itoa(n)).Err()
			}
		}
	}()
	rule := anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"})
	session := opened(t, s, rule)
	for range 20 {
		if _, err := session.Window(t.Context(), retention.Window{Rule: &rule, Size: 4096, Hasher: retention.NewHasher(retentiontest.HashKey)}); err != nil {
			t.Fatal(err)
		}
	}
	session.Close()
	close(stop)
	written := <-ended
	hashes := map[string]bool{hashOf("a"): true}
	for n := range written {
		hashes[hashOf("b"+strconv.Itoa(n))] = true
	}
	for key, fields := range s.hashes() {
		if email := fields["email"]; strings.HasPrefix(email, "kh1-") && !hashes[email] {
			t.Errorf("%s has a hash of something that it never held: %s", key, email)
		}
	}
	if result := newRunner(t, s, rule).Run(v1alpha1.ReasonCompleted).Results[0]; result.Remaining != 0 {
		t.Errorf("%+v", result)
	}
}

func TestStoreTellsItsTime(t *testing.T) {
	s := newServer(t)
	s.fill(orders(10))
	session := opened(t, s, seconds90)
	now, err := session.Now(t.Context())
	if off := time.Since(now).Abs(); err != nil || off > time.Minute {
		t.Errorf("%v is %v off, %v", now, off, err)
	}
	if id, err := session.Identity(t.Context()); err != nil || id != s.address+"/0" {
		t.Error(id, err)
	}
	if err := session.CheckReferences(t.Context(), &seconds90, nil); err != nil {
		t.Error(err)
	}
}
