//go:build integration

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/redis"
)

// errKilled stands for kill -9: the engine returns at once and reports nothing.
var errKilled = errors.New("killed")

// The purger is killed at every step of its way, again and again. Each time it goes on, and in the end counts and records are right.
func TestKilledAtEveryStepItGoesOnAndCountsRight(t *testing.T) {
	for name, rule := range map[string]retention.Rule{
		"delete":    seconds90,
		"anonymize": anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"}, retention.Anonymize{Name: "shop", Strategy: "Null"}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			all := orders(1000)
			s.fill(all)
			r := newRunner(t, s, rule)
			r.clock, r.plan.Throttle.PauseMilliseconds = &hurried{now: slot}, 1000 // a report after each window
			kills, step := 0, 0
			kill := func() error {
				if step++; step > kills {
					return errKilled
				}
				return nil
			}
			// Every report, every moment before a window and after its work is a step; the n-th life ends at its n-th step.
			for lives := range 200 {
				kills, step = lives, 0
				r.driver = &faulty{Driver: &redis.Driver{Dir: s.secret, Plan: r.plan}, before: kill, after: func(retention.Batch) error { return kill() }}
				r.beforeReport = func() error {
					if kill() != nil {
						return retention.ErrGone // not tried again
					}
					return nil
				}
				if err := r.try(context.Background()); err == nil {
					break
				} else if !errors.Is(err, errKilled) && !errors.Is(err, retention.ErrGone) {
					t.Fatal(err)
				}
			}
			due := count(all, due90)
			if result := r.status.Results[0]; r.status.Outcome.Reason != v1alpha1.ReasonCompleted || result.Due != due || result.Done != due || result.Inferred == 0 ||
				result.Verification != v1alpha1.VerificationAgreed {
				t.Errorf("outcome %+v, result %+v, due %d", r.status.Outcome, result, due)
			}
			want := kept(all, due90)
			if name == "anonymize" {
				for key, fields := range all {
					if due90(key, fields) {
						want[key] = map[string]string{"at": fields["at"], "city": fields["city"], "note": fields["note"], "email": hashOf(fields["email"])}
					}
				}
			}
			if diff := cmp.Diff(want, s.hashes()); diff != "" {
				t.Error("records", diff)
			}
		})
	}
}

func TestHoldCreatedMidRunWins(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.clock, r.plan.Throttle.PauseMilliseconds = &hurried{now: slot}, 600 // longer than holds stay good
	windows := 0
	r.driver = &faulty{Driver: r.driver, after: func(retention.Batch) error {
		if windows++; windows == 5 {
			r.hold(retention.Hold{Name: "late", Collection: "order:*"})
		}
		return nil
	}}
	got := r.run(v1alpha1.ReasonCompleted)
	due, left := count(all, due90), count(s.hashes(), due90)
	if result := got.Results[0]; left == 0 || left == due || result.Held != left || result.Done != due-left || !strings.Contains(got.Outcome.Message, "held by late") {
		t.Errorf("%d of %d due records are left; %+v, %s", left, due, result, got.Outcome.Message)
	}
}

func TestHoldRemovedMidRunIsCaughtUpWith(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.hold(retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{in("shop", "shop-1", "shop-2", "shop-3")}})
	r.clock, r.plan.Throttle.PauseMilliseconds = &hurried{now: slot}, 300
	windows := 0
	r.driver = &faulty{Driver: r.driver, after: func(retention.Batch) error {
		if windows++; windows == 5 {
			r.hold()
		}
		return nil
	}}
	got := r.run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" || got.Results[0].Held != 0 || !strings.HasPrefix(got.Checkpoint.Position, "2/") {
		t.Errorf("%+v at %s: %s", got.Results[0], got.Checkpoint.Position, diff)
	}
}

// The server is killed in the middle of the run and comes back with its records: as another process, in which cursors mean something else.
func TestServerKilledMidRunIsGoneOnWith(t *testing.T) {
	s := newServer(t, "--appendonly", "yes", "--appendfsync", "always")
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	windows := 0
	var positions []string
	r.driver = &faulty{Driver: r.driver,
		before: func() error {
			if windows++; windows%10 == 0 && windows < 40 {
				s.kill()
				s.start()
			}
			return nil
		},
		after: func(b retention.Batch) error { positions = append(positions, b.Next); return nil },
	}
	got := r.run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	processes := map[string]bool{}
	for _, p := range positions {
		process, _, _ := strings.Cut(p, ":")
		processes[process] = true
	}
	if result := got.Results[0]; len(processes) < 4 || result.Done != result.Due || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("%d processes, %+v", len(processes), result)
	}
}

func TestLostConnectionIsOpenedAgain(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	windows := 0
	r.driver = &faulty{Driver: r.driver,
		before: func() error {
			if windows++; windows == 3 {
				clients := s.do("CLIENT", "LIST").(string)
				if !strings.Contains(clients, "name=carrier-purge/uid-1 ") {
					t.Error("the connection does not bear the run's name", clients)
				}
				s.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}
			return nil
		},
		after: func(retention.Batch) error {
			if windows == 6 || windows == 9 {
				return fmt.Errorf("%w: in doubt", retention.ErrUnreachable)
			}
			return nil
		}}
	got := r.run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(kept(all, due90), s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	if result := got.Results[0]; result.Done != result.Due || result.Inferred == 0 || result.Inferred >= result.Done {
		t.Errorf("result %+v", result)
	}
}

func TestStoreThatStaysAwayEndsTheRun(t *testing.T) {
	s := newServer(t)
	s.write("port", "1")
	r := newRunner(t, s, seconds90)
	r.clock = &hurried{now: slot}
	if got := r.run(v1alpha1.ReasonStoreUnreachable); !strings.Contains(got.Outcome.Message, "2m0s") || !strings.Contains(got.Outcome.Message, "refused") {
		t.Error(got.Outcome.Message)
	}
}

func TestTwoPodsNeverWorkAtOnce(t *testing.T) {
	s := newServer(t)
	r := newRunner(t, s, seconds90)
	first, err := r.driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.driver.Open(t.Context()); !errors.Is(err, retention.ErrBusy) {
		t.Errorf("a second pod of the run gets in: %v", err)
	}
	first.Close()
	s.await("the first pod's connection to end", func() bool {
		second, err := r.driver.Open(t.Context())
		if err == nil {
			second.Close()
		}
		return err == nil
	})
}

func TestStoppedPodKeepsWhatItDid(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	ctx, cancel := context.WithCancel(t.Context())
	windows := 0
	r.driver = &faulty{Driver: r.driver, after: func(retention.Batch) error {
		if windows++; windows == 4 {
			cancel()
		}
		return nil
	}}
	if err := r.try(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped run returned %v", err)
	}
	if r.status.Checkpoint.Batches != 4 || r.status.Results[0].Done != int64(len(all)-len(s.hashes())) {
		t.Errorf("checkpoint %+v, %+v", r.status.Checkpoint, r.status.Results[0])
	}
	if got := r.run(v1alpha1.ReasonCompleted).Results[0]; got.Done != got.Due || got.Inferred != 0 {
		t.Errorf("after it went on: %+v", got)
	}
}

// Another client's script keeps the store busy, and one that has no memory left for writing says so: both are waited for.
func TestBusyStoreIsWaitedFor(t *testing.T) {
	for name, block := range map[string]func(s *server) (release func()){
		"script": func(s *server) func() {
			s.do("CONFIG", "SET", "busy-reply-threshold", "1")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.Eval(context.Background(), "while true do end", nil).Err()
			}()
			s.await("the store to be busy", func() bool {
				err := s.Get(context.Background(), "x").Err()
				return err != nil && strings.HasPrefix(err.Error(), "BUSY")
			})
			return func() { s.do("SCRIPT", "KILL"); <-ended }
		},
		"memory": func(s *server) func() {
			s.do("CONFIG", "SET", "maxmemory", "1")
			return func() { s.do("CONFIG", "SET", "maxmemory", "0") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			all := orders(1000)
			s.fill(all)
			r := newRunner(t, s, anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"}))
			windows := 0
			var release func()
			r.driver = &faulty{Driver: r.driver, before: func() error {
				switch windows++; windows {
				case 2:
					release = block(s)
				case 4:
					release()
				}
				return nil
			}}
			got := r.run(v1alpha1.ReasonCompleted)
			if !strings.Contains(r.log.String(), "StoreBusy") || got.Results[0].Done != count(all, due90) {
				t.Errorf("%+v %s", got.Results[0], r.log.String())
			}
		})
	}
}

// A replica that stops: the run waits for it, says so, and goes on when it has caught up.
func TestReplicaThatFallsBehindIsWaitedFor(t *testing.T) {
	s := newServer(t)
	all := orders(2000)
	s.fill(all)
	host, port, _ := net.SplitHostPort(s.address)
	replica := newServer(t, "--replicaof", host+" "+port, "--masterauth", password)
	s.await("the replica to be online", func() bool { return strings.Contains(s.Info(t.Context(), "replication").Val(), "state=online") })

	r := newRunner(t, s, seconds90)
	r.plan.Throttle.MaxReplicaLagSeconds, r.plan.Throttle.PauseMilliseconds = 2, 200
	windows := 0
	r.driver = &faulty{Driver: r.driver, after: func(retention.Batch) error {
		if windows++; windows == 2 {
			return replica.process.Process.Signal(syscall.SIGSTOP)
		}
		return nil
	}}
	ended := make(chan error, 1)
	go func() { ended <- r.try(context.Background()) }()
	pause := func() v1alpha1.RunPause {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.status.Pause
	}
	s.await("the run to wait", func() bool { return pause().Reason == v1alpha1.ReasonReplicaLag })
	if left := count(s.hashes(), due90); left == 0 || !strings.Contains(pause().Message, "behind") {
		t.Errorf("%d due records are left, pause says %q", left, pause().Message)
	}
	if err := replica.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || r.status.Outcome.Reason != v1alpha1.ReasonCompleted || r.status.Pause.Reason != "" {
		t.Errorf("%v, %+v, %+v", err, r.status.Outcome, r.status.Pause)
	}
	want := kept(all, due90)
	replica.await("the replica to have caught up", func() bool { return replica.DBSize(t.Context()).Val() == int64(len(want)) })
	if diff := cmp.Diff(want, replica.hashes()); diff != "" {
		t.Error("the replica", diff)
	}
}

func TestUnknownLagIsWaitedForAndSaid(t *testing.T) {
	s := newServer(t)
	all := orders(100)
	s.fill(all)
	r := newRunner(t, s, seconds90)
	r.plan.Throttle.MaxReplicaLagSeconds = 5
	r.clock = &hurried{now: slot}
	if got := r.run(v1alpha1.ReasonReplicaLag); !strings.Contains(got.Outcome.Message, "no replica") || len(s.hashes()) != len(all) {
		t.Error(got.Outcome.Message)
	}
}

// opened is a session of its own, inspected.
func opened(t *testing.T, s *server, rule retention.Rule) retention.Session {
	t.Helper()
	session, err := newRunner(t, s, rule).driver.Open(t.Context())
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
		w := retention.Window{Rule: &rule, Size: 4096, Hasher: retention.NewHasher(hashKey),
			Holds: []retention.Hold{{Name: "late", Collection: "order:*", Where: []retention.Filter{in("email", "a6", "a7")}}}}
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
		if _, err := session.Window(t.Context(), retention.Window{Rule: &rule, Size: 4096, Hasher: retention.NewHasher(hashKey)}); err != nil {
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
	if result := newRunner(t, s, rule).run(v1alpha1.ReasonCompleted).Results[0]; result.Remaining != 0 {
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
