package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// pods returns the runners of the pods that share a run. Without a store that can be shared it fails unless the run is refused: then there are none.
func (r *run) pods(n int32) []*retentiontest.Runner {
	r.T.Helper()
	r.Plan.Parallelism = n
	if !r.store.Shared {
		r.expect(v1alpha1.ReasonParallelismUnsupported)
		r.left(without(records(), func(Record) bool { return false }))
		return nil
	}
	var all []*retentiontest.Runner
	for index := range n {
		all = append(all, r.Of(index, func(p *retention.Plan) retention.Driver {
			return &retentiontest.Faulty{Driver: r.store.Driver(p), Size: r.faulty.Size}
		}))
	}
	return all
}

// together runs every pod until it is done, with another life for each that dies.
func together(t *testing.T, pods []*retentiontest.Runner, life func(context.Context, *retentiontest.Runner) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for _, pod := range pods {
		group.Go(func() {
			for {
				if err := life(ctx, pod); err == nil {
					return
				} else if !errors.Is(err, retention.ErrGone) {
					t.Errorf("pod %d: %v\n%s", pod.Plan.Index, err, pod.Log.String())
					return
				}
			}
		})
	}
	group.Wait()
}

func podsShareARun(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	pods := r.pods(3)
	if pods == nil {
		return
	}
	together(t, pods, func(ctx context.Context, pod *retentiontest.Runner) error { return pod.Try(ctx) })
	r.left(without(all, due))
	got := r.Status.Results[0]
	if n := count(all, due); r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || got.Done != n || got.Inferred != 0 || got.Remaining != 0 {
		t.Errorf("outcome %+v, result %+v, want %d done", r.Status.Outcome, got, n)
	}
	for _, shard := range r.Status.Shards {
		if n := retention.ShardsDone([]v1alpha1.RunShard{shard}, got.Rule); n == 0 || n == got.Done {
			t.Errorf("pod %d did %d of %d records", shard.Index, n, got.Done)
		}
	}
}

func sharingPodsDie(t *testing.T, s *Store) {
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	pods := r.pods(2)
	if pods == nil {
		return
	}
	lives := make([]int, len(pods))
	together(t, pods, func(ctx context.Context, pod *retentiontest.Runner) error {
		lives[pod.Plan.Index]++
		pod.DieAt = lives[pod.Plan.Index]
		return pod.Try(ctx)
	})
	r.left(without(all, due))
	got := r.Status.Results[0]
	if n := count(all, due); r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || got.Done != n || got.Remaining != 0 {
		t.Errorf("outcome %+v, result %+v, want %d done", r.Status.Outcome, got, n)
	}
	if lives[0] < 3 || lives[1] < 3 {
		t.Errorf("the pods had %v lives only", lives)
	}
}

// partsAreDisjoint lets each pod alone go through its part and sign what it finds. What a pod signed must not find another one, which would
// sign it anew.
func partsAreDisjoint(t *testing.T, s *Store) {
	const pods = 3
	all := records()
	s.Fill(all)
	r := newRun(t, s)
	r.Plan.Parallelism = pods
	if !s.Shared {
		return // podsShareARun sees that it refuses
	}
	signed := map[string]string{}
	for index := range int32(pods) {
		signature := fmt.Sprint("pod ", index)
		rule := &r.Plan.Rules[0]
		rule.Action, rule.Fields = string(v1alpha1.ActionAnonymize), []retention.Anonymize{{Name: "email", Strategy: string(v1alpha1.AnonymizeConstant), Value: signature}}
		passAlone(t, r.Of(index, s.Driver), pods)
		for id, record := range s.Left() {
			if record.Email != signature {
				continue
			}
			if other := signed[id]; other != "" {
				t.Errorf("record %s belongs to %s and to %s", id, other, signature)
			}
			signed[id] = signature
		}
	}
	want := slices.Sorted(maps.Keys(without(all, func(r Record) bool { return !due(r) })))
	if got := slices.Sorted(maps.Keys(signed)); !slices.Equal(got, want) {
		t.Errorf("the pods' parts have %d due records, the store has %d", len(got), len(want))
	}
}

// passAlone goes through a pod's part of the rule's collection once.
func passAlone(t *testing.T, pod *retentiontest.Runner, pods int) {
	t.Helper()
	session, err := pod.Driver.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Inspect(t.Context(), pod.Plan.Rules, nil); err != nil {
		t.Fatal(err)
	}
	rule := &pod.Plan.Rules[0]
	bounds, err := session.(retention.Sharder).Bounds(t.Context(), rule, pods, pod.Hash) //nolint:forcetypeassert // Shared says so
	if err != nil {
		t.Fatal(err)
	}
	w := retention.Window{Rule: rule, Size: 2, Hasher: pod.Hash, Shard: retention.Shard{Index: int(pod.Plan.Index), Count: pods, Bounds: bounds}}
	for range 1000 {
		batch, err := session.Window(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if w.Position = batch.Next; w.Position == "" {
			return
		}
	}
	t.Error("the pod's part has no end")
}
