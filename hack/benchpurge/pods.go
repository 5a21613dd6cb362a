package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// pods are the times, in seconds, of purges of the same rows by one pod and by two that share the run, one value a repetition.
type pods struct {
	store    string
	one, two []float64
}

// ratios are how many times as fast two pods are, repetition by repetition.
func (p pods) ratios() []float64 {
	list := make([]float64, len(p.one))
	for i, one := range p.one {
		list[i] = one / p.two[i]
	}
	return list
}

// measurePods lets one pod and two pods purge the same rows, in turns. Whole runs are compared: one pod of a run counts and verifies.
func (b *bench) measurePods(ctx context.Context, s store, r *results) error {
	w := workload{shapes[0], true, b.podsRows}
	progress("%s: %d rows for one pod, and for two", s.name(), w.rows)
	if err := s.make(ctx, w); err != nil {
		return err
	}
	kept, err := countKept(ctx, s, w)
	if err != nil {
		return err
	}
	p := pods{store: s.name()}
	for rep := range b.reps {
		for _, n := range rotated([]int32{1, 2}, rep) {
			if err := s.restore(ctx, w); err != nil {
				return err
			}
			took, err := b.shared(ctx, s, w, n)
			if err != nil {
				return fmt.Errorf("%d pods: %w", n, err)
			}
			if err := check(ctx, s, w, kept); err != nil {
				return fmt.Errorf("%d pods: %w", n, err)
			}
			times := map[int32]*[]float64{1: &p.one, 2: &p.two}[n]
			*times = append(*times, took.Seconds())
		}
	}
	r.pods = append(r.pods, p)
	return nil
}

// shared runs so many pods at once, each with connections of its own, until the run has an outcome.
func (b *bench) shared(ctx context.Context, s store, w workload, n int32) (time.Duration, error) {
	b.runs++
	plan, holds := newPlan(s.kind(), s.prefix(), w, fmt.Sprintf("bench-%d", b.runs))
	if n > 1 {
		plan.Parallelism = n
	}
	c, errs := &cluster{holds: holds}, make([]error, n)
	begun := time.Now()
	var running sync.WaitGroup
	for i := range n {
		own := *plan
		own.Index = i
		running.Go(func() { _, errs[i] = c.work(ctx, s.base().secret, &own) })
	}
	running.Wait()
	took := time.Since(begun)
	_, err := c.verify(plan)
	return took, errors.Join(append(errs, err)...)
}

// bestPods is the ratio in the store that is less of a limit.
func (r *results) bestPods() figure {
	best := absentf("not measured")
	for _, p := range r.pods {
		if ratio := median(p.ratios()); best.absent != "" || ratio > best.value {
			best = figure{value: ratio}
		}
	}
	return best
}

func (b *bench) writePods(w io.Writer, r *results) {
	if len(r.pods) == 0 {
		return
	}
	_, _ = fmt.Fprintf(w, "\nWhole runs over %d rows, half of them due, by one pod and by two that share the run:\n\n", b.podsRows)
	g := grid{{"store", "one pod, s", "two pods, s", "× as fast"}}
	for _, p := range r.pods {
		g = append(g, []string{p.store, spread(p.one, 1), spread(p.two, 1), spread(p.ratios(), 2)})
	}
	g.write(w)
}
