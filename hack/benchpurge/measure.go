package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// oursName is our purge with a digest of the keys, countName with counts as evidence alone. onlyWindows ends the name under which a purge's
// windows alone are noted.
const (
	oursName    = "carrier"
	countName   = oursName + ", counts alone"
	onlyWindows = ", its windows"
)

// series are the rates of a contender, in rows a second, one for each repetition.
type series map[string][]float64

// cell is a workload on a store.
type cell struct {
	store, workload string
	// deleted rows, the same for all.
	deleted int64
	order   []string
	rates   series
	cpu     series // seconds of processor time, of server and client, for a million rows
	// shares of our whole run, in percent.
	opening, inspecting, counting, windows []float64
	// peerAbsent is why some peer did not take part.
	peerAbsent string
}

// results of a run. Reasons say why a part has no figures.
type results struct {
	cells   []*cell
	windows map[string][]time.Duration // of each store
	sizes   map[string][]float64
	lagNote map[string]string
	absent  map[string]string // of each store
	oltp    oltp
	rss     []resident
	pods    []pods
}

func newResults() *results {
	return &results{windows: map[string][]time.Duration{}, sizes: map[string][]float64{}, lagNote: map[string]string{}, absent: map[string]string{}}
}

// measureCell lets all contenders purge the same rows, in turns.
func (b *bench) measureCell(ctx context.Context, s store, w workload, r *results) error {
	progress("%s %s: making %d rows", s.name(), w.key(), w.rows)
	if err := s.make(ctx, w); err != nil {
		return err
	}
	c := &cell{store: s.name(), workload: w.key(), rates: series{}, cpu: series{}}
	kept, err := countKept(ctx, s, w)
	if err != nil {
		return err
	}
	for _, n := range kept {
		c.deleted += w.perTable() - n
	}
	// The first run is for warm caches, and to know the size of our windows.
	warm, err := b.ours(ctx, s, w, kept)
	if err != nil {
		return err
	}
	peers, err := s.peers(ctx, int(median(warm.Sizes)))
	if err != nil {
		c.peerAbsent = err.Error()
	}
	contenders := append([]contender{b.ourContender(oursName, s, c, r), b.ourContender(countName, s, c, r)}, peers...)
	for _, p := range contenders {
		c.order = append(c.order, p.name)
	}
	r.cells = append(r.cells, c)
	for rep := range b.reps {
		for _, p := range rotated(contenders, rep) {
			if err := s.restore(ctx, w); err != nil {
				return err
			}
			used := s.base().cpu()
			took, err := p.run(ctx, w)
			used = s.base().cpu() - used
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if err := check(ctx, s, w, kept); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			c.rates[p.name] = append(c.rates[p.name], rate(c.deleted, took))
			c.cpu[p.name] = append(c.cpu[p.name], used.Seconds()*1e6/float64(c.deleted))
		}
	}
	for _, name := range c.order {
		progress("%s %s: %s %s krows/s", s.name(), w.key(), name, spread(scaled(c.rates[name], 1e-3), 1))
	}
	return nil
}

// rate is rows a second.
func rate(rows int64, took time.Duration) float64 { return float64(rows) / took.Seconds() }

func scaled(values []float64, by float64) []float64 {
	result := make([]float64, len(values))
	for i, v := range values {
		result[i] = v * by
	}
	return result
}

// ours restores the tables, purges them and checks what is left.
func (b *bench) ours(ctx context.Context, s store, w workload, kept []int64) (purged, error) {
	if err := s.restore(ctx, w); err != nil {
		return purged{}, err
	}
	p, err := b.purge(ctx, s, w, asUsual)
	if err != nil {
		return p, err
	}
	return p, check(ctx, s, w, kept)
}

func (b *bench) purge(ctx context.Context, s store, w workload, change func(*retention.Plan)) (purged, error) {
	b.runs++
	plan, holds := newPlan(s.kind(), s.prefix(), w, fmt.Sprintf("bench-%d", b.runs))
	change(plan)
	return purge(ctx, s.base().secret, plan, holds)
}

// asUsual leaves a plan with the API's defaults.
func asUsual(*retention.Plan) {}

func (b *bench) ourContender(name string, s store, c *cell, r *results) contender {
	return contender{name, func(ctx context.Context, w workload) (time.Duration, error) { return b.note(ctx, name, s, w, c, r) }}
}

// note purges, and notes what only ours has. The run's time is the whole of it, with counting before and verification after.
func (b *bench) note(ctx context.Context, name string, s store, w workload, c *cell, r *results) (time.Duration, error) {
	change := asUsual
	if name == countName {
		change = func(p *retention.Plan) { p.Records = string(v1alpha1.RecordsCount) }
	}
	p, err := b.purge(ctx, s, w, change)
	if err != nil {
		return 0, err
	}
	if p.Done != c.deleted {
		return 0, fmt.Errorf("it reports %d rows, %d had to go", p.Done, c.deleted)
	}
	r.windows[s.name()] = append(r.windows[s.name()], p.Windows...)
	r.sizes[s.name()] = append(r.sizes[s.name()], p.Sizes...)
	r.lagNote[s.name()] = p.LagNote
	c.rates[name+onlyWindows] = append(c.rates[name+onlyWindows], rate(c.deleted, p.inWindows()))
	if name == countName {
		return p.Whole, nil
	}
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / p.Whole.Seconds() }
	c.opening, c.inspecting = append(c.opening, share(p.Opening)), append(c.inspecting, share(p.Inspecting))
	c.counting, c.windows = append(c.counting, share(p.Counting)), append(c.windows, share(p.inWindows()))
	return p.Whole, nil
}

// countKept counts, in each template, the rows that must stay.
func countKept(ctx context.Context, s store, w workload) ([]int64, error) {
	kept := make([]int64, len(w.tables))
	for i, t := range w.tables {
		all, err := s.base().int(ctx, "SELECT count(*) FROM "+template+t.name)
		if err != nil {
			return nil, err
		}
		due, err := s.base().int(ctx, fmt.Sprintf("SELECT count(*) FROM %s%s WHERE %s", template, t.name, s.due()))
		if err != nil {
			return nil, err
		}
		if all != w.perTable() || due*10 < all*4 || due*10 > all*6 {
			return nil, fmt.Errorf("%s has %d rows, %d of them due: half of %d were meant to be", t.name, all, due, w.perTable())
		}
		kept[i] = all - due
	}
	return kept, nil
}

// check makes sure that exactly the right rows are left. Contenders only delete: if none is left that is due, and as many as must stay,
// then they are the same.
func check(ctx context.Context, s store, w workload, kept []int64) error {
	for i, t := range w.tables {
		all, err := s.base().int(ctx, "SELECT count(*) FROM "+t.name)
		due, err2 := s.base().int(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", t.name, s.due()))
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if all != kept[i] || due != 0 {
			return fmt.Errorf("wrong result: %s has %d rows left, %d of them due; %d and none would be right", t.name, all, due, kept[i])
		}
	}
	return nil
}
