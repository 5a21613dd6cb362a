package retention

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	crewRecords = 200
	crewStripe  = 10
	windowTook  = 400 * time.Millisecond
)

// crew is a store in memory that several pods share, with its cluster around it. Inside of synctest its time is nobody's but theirs.
type crew struct {
	t    *testing.T
	plan *Plan

	mu  sync.Mutex
	due map[string]map[int]bool
	// handled says which pods handled a rule's record.
	handled map[string]map[int][]int
	windows []int // by pod
	status  v1alpha1.PurgeRunStatus
	reports []int // by pod
	// die says that a pod dies instead of making its n-th report, counted from 1; it is asked for each.
	die func(pod, n int) bool
	// windowErr and alone are faults of the store.
	windowErr func(pod, n int) error
	alone     bool
	// reach is called for what a holder asks the API, sent before each window of one: both may fail, or take long.
	reach func(holder string, what call) error
	sent  func(holder string) error
	// worked are the windows that the store saw.
	worked []work
}

// call is what a pod asks the API.
type call string

const (
	callLoad   call = "load"
	callReport call = "report"
	callHolds  call = "holds"
)

// work is one window.
type work struct {
	pod          int
	holder       string
	began, ended time.Time
}

func newCrew(t *testing.T, pods int, rules ...string) *crew {
	t.Helper()
	w := newWorld(t, rules...)
	w.plan.Parallelism = int32(pods)
	c := &crew{t: t, plan: w.plan, due: map[string]map[int]bool{}, handled: map[string]map[int][]int{}, windows: make([]int, pods), reports: make([]int, pods)}
	for _, rule := range rules {
		c.due[rule], c.handled[rule] = map[int]bool{}, map[int][]int{}
		for n := range crewRecords {
			c.due[rule][n] = true
		}
	}
	return c
}

var errKilled = fmt.Errorf("%w: killed by the test", ErrGone)

// run starts all pods and, as a Job does, another one for each that dies. It returns once all of them are done.
func (c *crew) run() {
	c.t.Helper()
	var group sync.WaitGroup
	for pod := range c.windows {
		group.Go(func() {
			for deaths := 0; ; deaths++ {
				err := c.engine(pod).Run(c.t.Context())
				if err == nil {
					return
				}
				if !errors.Is(err, errKilled) || deaths > 50 {
					c.t.Errorf("pod %d: %v", pod, err)
					return
				}
				time.Sleep(5 * time.Second)
			}
		})
	}
	group.Wait()
}

func (c *crew) engine(pod int) *Engine { return c.engineOf(pod, rand.Text()) }

func (c *crew) engineOf(pod int, holder string) *Engine {
	plan := *c.plan
	plan.Index = int32(pod)
	p := crewPod{crew: c, pod: pod, holder: holder}
	return &Engine{Plan: &plan, Store: p, Holds: p, Reporter: p, Hasher: NewHasher(nil),
		Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler)}
}

// check fails unless every record was handled exactly once, by the pod whose it is, and all of it was counted.
func (c *crew) check() {
	c.t.Helper()
	if c.status.Outcome.Reason != v1alpha1.ReasonCompleted {
		c.t.Fatalf("outcome %+v", c.status.Outcome)
	}
	c.checkAlone()
	pods := len(c.windows)
	for i, rule := range c.plan.Rules {
		if len(c.due[rule.Name]) > 0 {
			c.t.Errorf("rule %s left %v", rule.Name, slices.Sorted(maps.Keys(c.due[rule.Name])))
		}
		for n, by := range c.handled[rule.Name] {
			if want := n / crewStripe % pods; len(by) != 1 || by[0] != want {
				c.t.Errorf("rule %s: record %d of pod %d was handled by %v", rule.Name, n, want, by)
			}
		}
		if r := c.status.Results[i]; r.Done != crewRecords || (pods > 1 && ShardsDone(c.status.Shards, r.Rule)+r.Inferred != r.Done) || r.Verification != v1alpha1.VerificationAgreed {
			c.t.Errorf("result %+v, the shards did %d", r, ShardsDone(c.status.Shards, r.Rule))
		}
	}
	if cp := c.status.Checkpoint; pods > 1 && (cp.Batches != ShardsBatches(c.status.Shards) || cp.Digest != ShardsDigest(c.status.Shards)) || c.status.Evidence.RecordsDigest != cp.Digest {
		c.t.Errorf("checkpoint %+v is not the sum of %+v", cp, c.status.Shards)
	}
	c.checkDigest()
}

// checkAlone fails if two pods of one index worked at once.
func (c *crew) checkAlone() {
	c.t.Helper()
	for i, a := range c.worked {
		for _, b := range c.worked[:i] {
			if a.pod == b.pod && a.holder != b.holder && a.began.Before(b.ended) && b.began.Before(a.ended) {
				c.t.Fatalf("two pods of one index worked at once: %+v and %+v", a, b)
			}
		}
	}
}

// checkDigest fails unless the recorded status has the recorded digest: nobody wrote behind the outcome's back.
func (c *crew) checkDigest() {
	c.t.Helper()
	digest, err := NewRecord(SubjectOfPlan(c.plan), &c.status).Digest()
	if err != nil || digest != c.status.Evidence.Digest {
		c.t.Errorf("the status has digest %s, recorded is %s (%v)", digest, c.status.Evidence.Digest, err)
	}
}

// crewPod is a pod's view of the crew's store and cluster.
type crewPod struct {
	*crew
	pod    int
	holder string
}

func (p crewPod) Take(context.Context) (status *v1alpha1.PurgeRunStatus, after bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	after = TakeOver(&p.status, int32(p.pod), p.holder)
	return p.status.DeepCopy(), after, nil
}

func (p crewPod) ask(what call) error {
	if p.reach == nil {
		return nil
	}
	return p.reach(p.holder, what)
}

func (p crewPod) Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error {
	err := p.Report(ctx, status)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		setHolder(&p.status, int32(p.pod), "")
	}
	return err
}

func (p crewPod) Load(context.Context) (*v1alpha1.PurgeRunStatus, error) {
	if err := p.ask(callLoad); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if Holder(&p.status, int32(p.pod)) != p.holder {
		return nil, ErrReplaced
	}
	return p.status.DeepCopy(), nil
}

func (p crewPod) Report(_ context.Context, status *v1alpha1.PurgeRunStatus) error {
	if err := p.ask(callReport); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports[p.pod]++
	if p.die != nil && p.die(p.pod, p.reports[p.pod]) {
		return errKilled
	}
	return Accept(&p.status, status, int32(p.pod), p.holder)
}

func (p crewPod) Holds(context.Context) ([]Hold, error) { return nil, p.ask(callHolds) }

func (p crewPod) Open(context.Context) (Session, error) {
	if p.alone {
		return struct{ Session }{p}, nil // a session that is nothing more
	}
	return p, nil
}

func (p crewPod) Identity(context.Context) (string, error) { return "7301/16384", nil }

func (p crewPod) Inspect(context.Context, []Rule, []Hold) (Inspection, error) {
	return Inspection{SchemaDigest: "schema"}, nil
}

func (p crewPod) Count(_ context.Context, rules []Rule, _ []Hold, _ time.Time) (s Snapshot, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range rules {
		s.Rules = append(s.Rules, Counts{Total: 1000, Due: int64(len(p.due[rules[i].Name])), Sound: 1000})
	}
	return s, nil
}

func (p crewPod) CheckReferences(context.Context, *Rule, []Hold) error { return nil }

func (p crewPod) Bounds(context.Context, *Rule, int, *Hasher) ([]string, error) {
	return []string{"by tens"}, nil
}

// Window works on at most 4 records of one of the pod's stripes.
func (p crewPod) Window(ctx context.Context, w Window) (Batch, error) {
	if p.sent != nil {
		if err := p.sent(p.holder); err != nil {
			return Batch{}, err
		}
	}
	if ctx.Err() != nil {
		return Batch{}, ctx.Err()
	}
	began := time.Now()
	time.Sleep(windowTook)
	batch := p.take(w)
	p.mu.Lock()
	p.worked = append(p.worked, work{pod: p.pod, holder: p.holder, began: began, ended: time.Now()})
	p.mu.Unlock()
	if p.windowErr != nil {
		if err := p.windowErr(p.pod, p.windows[p.pod]); err != nil {
			return Batch{}, err
		}
	}
	return batch, nil
}

func (p crewPod) take(w Window) Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan.shared() && (w.Shard.Index != p.pod || w.Shard.Count != len(p.crew.windows) || !slices.Equal(w.Shard.Bounds, []string{"by tens"})) {
		p.t.Errorf("pod %d got shard %+v", p.pod, w.Shard)
	}
	p.windows[p.pod]++
	var from int
	_, _ = fmt.Sscan(w.Position, &from)
	for from < crewRecords && from/crewStripe%max(w.Shard.Count, 1) != w.Shard.Index {
		from++
	}
	if from >= crewRecords {
		return Batch{}
	}
	records := w.Hasher.Records(w.Rule.Collection)
	to := min(from+4, (from/crewStripe+1)*crewStripe)
	for n := from; n < to; n++ {
		if p.due[w.Rule.Name][n] {
			delete(p.due[w.Rule.Name], n)
			p.handled[w.Rule.Name][n] = append(p.handled[w.Rule.Name][n], p.pod)
			records.Add(fmt.Sprint(n))
		}
	}
	return Batch{Next: fmt.Sprint(to), Commits: 1, Done: records.Count(), Digest: records.Sum()}
}

func (p crewPod) Lag(context.Context) (Lag, error)       { return Lag{}, nil }
func (p crewPod) Now(context.Context) (time.Time, error) { return time.Now(), nil }
func (p crewPod) Close()                                 {}

// inBubble runs a test in fake time.
func inBubble(t *testing.T, do func(*testing.T)) {
	t.Helper()
	synctest.Test(t, do)
}
