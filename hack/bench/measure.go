package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// laterWarmup is the warm-up of a cell's repetitions after the first: connections open anew, caches are warm.
const laterWarmup = 300 * time.Millisecond

// series is what a cell's repetitions have measured for one proxy.
type series struct {
	samples []sample
	absent  string // why there is no figure
}

// figures are the repetitions' values, none if a request failed: an error page is no fast answer.
func (s *series) figures(of func(sample) float64) []float64 {
	if s == nil || s.absent != "" {
		return nil
	}
	values := make([]float64, len(s.samples))
	for i, sample := range s.samples {
		values[i] = of(sample)
	}
	return values
}

func cpuOf(s sample) float64    { return s.cpu }
func rateOf(s sample) float64   { return s.rate }
func busyOf(s sample) float64   { return s.busy }
func othersOf(s sample) float64 { return s.others }
func p50Of(s sample) float64    { return float64(s.p50.Microseconds()) }
func p99Of(s sample) float64    { return float64(s.p99.Microseconds()) }

// results are series by cell and proxy.
type results map[string]map[string]*series

func (r results) of(cell, proxy string) *series {
	if r[cell] == nil {
		r[cell] = map[string]*series{}
	}
	if r[cell][proxy] == nil {
		r[cell][proxy] = &series{}
	}
	return r[cell][proxy]
}

// running is a proxy that serves one mode.
type running struct {
	*peer
	setup   setup
	process *process
	tls     *tls.Config
	lengths map[string]int // of the answers, by workload: minimization shortens them
	absent  string
}

// start runs a proxy for a mode, in front of a port of the carrier.
func (e *environment) start(ctx context.Context, p *peer, m mode, upstream int) (*running, error) {
	r := &running{peer: p, lengths: map[string]int{}}
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(e.dir, p.name+"-")
	if err != nil {
		return nil, err
	}
	// The workers of nginx run as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	r.setup = setup{mode: m, upstream: upstream, port: ports[0], dir: dir}
	if m.clientTLS {
		r.tls = e.loadTLS
	}
	if r.process, err = p.start(e, r.setup); err != nil {
		return nil, err
	}
	if err := waitFor(ctx, r.process, ports[0]); err != nil {
		r.process.stop()
		return nil, err
	}
	return r, nil
}

func (r *running) stop() {
	r.process.stop()
	_ = os.RemoveAll(r.setup.dir)
}

func (r *running) target(w workload) target {
	t := newTarget(r.setup.address(), r.tls, w, r.setup.mode.base())
	if length, known := r.lengths[w.key]; known {
		t.length = length
	}
	return t
}

// startAll runs the proxies of a mode and lets each prove, with one request of each kind, that it does the work. A proxy that cannot
// is left out with the reason.
func (e *environment) startAll(ctx context.Context, m mode, workloads []workload) []*running {
	upstream := e.origin.keepAlive
	if m.closing {
		upstream = e.origin.closing
	}
	var list []*running
	for _, p := range e.peers {
		m, takesPart := m.of(p)
		if !takesPart {
			continue
		}
		if p.absent != "" {
			list = append(list, &running{peer: p, absent: p.absent})
			continue
		}
		r, err := e.start(ctx, p, m, upstream)
		if err != nil {
			progress("%s does not run in mode %s: %v", p.name, m.key, err)
			list = append(list, &running{peer: p, absent: err.Error()})
			continue
		}
		for _, w := range workloads {
			if err := r.prove(ctx, w); err != nil {
				r.absent = fmt.Sprintf("%s: %v", w.name, err)
				progress("%s fails in mode %s: %s", p.name, m.key, r.absent)
			}
		}
		list = append(list, r)
	}
	return list
}

func stopAll(list []*running) {
	for _, r := range list {
		if r.process != nil {
			r.stop()
		}
	}
}

// prove sends one request and looks at everything: what the client gets, and what the carrier received.
func (r *running) prove(ctx context.Context, w workload) error {
	t := r.target(w)
	a, err := t.fetch(ctx)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("status %d: %.200s", a.status, a.body)
	}
	received, _ := strconv.Atoi(a.header.Get("X-Received"))
	switch {
	case !r.setup.mode.minimize:
		if received != len(w.body) || !bytes.Equal(a.body, w.answer) {
			return fmt.Errorf("%d of %d bytes reached the carrier, %d of %d bytes came back", received, len(w.body), len(a.body), len(w.answer))
		}
	case len(w.body) > 0 && (received == 0 || received >= len(w.body)):
		return fmt.Errorf("minimization made %d bytes of %d", received, len(w.body))
	case w.key == getSmall.key && (bytes.Contains(a.body, []byte(personalName)) || !json.Valid(a.body)):
		return fmt.Errorf("minimization has not removed what it should from the answer")
	}
	r.lengths[w.key] = len(a.body)
	return nil
}

// provePeers shows that the comparison is fair: no proxy accepts a carrier with another name or of another authority.
func (e *environment) provePeers(ctx context.Context) {
	for _, p := range e.peers {
		for what, port := range map[string]int{"name": e.origin.wrongName, "CA": e.origin.wrongCA} {
			if p.absent != "" {
				continue
			}
			r, err := e.start(ctx, p, passthrough, port)
			if err != nil {
				p.absent = err.Error()
				continue
			}
			a, err := r.target(getSmall).fetch(ctx)
			if err == nil && a.status < 500 {
				p.absent = fmt.Sprintf("it accepts a carrier whose certificate has the wrong %s (status %d)", what, a.status)
				progress("%s: %s", p.name, p.absent)
			}
			r.stop()
		}
	}
}

// measureCells goes through the matrix. The proxies of a mode run side by side and take turns within each repetition.
func (e *environment) measureCells(ctx context.Context, cells []cell, all results) {
	for len(cells) > 0 && ctx.Err() == nil {
		n := 0
		var workloads []workload
		for n < len(cells) && cells[n].mode == cells[0].mode {
			workloads = append(workloads, cells[n].workload)
			n++
		}
		list := e.startAll(ctx, cells[0].mode, workloads)
		for _, c := range cells[:n] {
			e.measureCell(ctx, c, list, all)
		}
		stopAll(list)
		cells = cells[n:]
	}
}

func (e *environment) measureCell(ctx context.Context, c cell, list []*running, all results) {
	for repetition := range e.reps {
		warmup := laterWarmup
		if repetition == 0 {
			warmup = e.warmup
		}
		for _, r := range list {
			s := all.of(c.key(), r.name)
			if s.absent == "" {
				s.absent = r.absent
			}
			if s.absent != "" || ctx.Err() != nil {
				continue
			}
			pids := r.process.tree()
			s.add(e.undisturbed(pids, func() sample {
				return closedLoop(ctx, r.target(c.workload), c.clients, warmup, e.measured, pids)
			}))
		}
	}
	for _, r := range list {
		progress("%-22s %-8s %s", c.key(), r.name, all.of(c.key(), r.name))
	}
}

func (s *series) add(one sample) {
	s.samples = append(s.samples, one)
	if one.failures > 0 {
		s.absent = fmt.Sprintf("%d requests failed beside %d good ones, first: %s", one.failures, one.requests, one.failure)
	}
}

// String is a line of progress.
func (s *series) String() string {
	if s.absent != "" {
		return "absent: " + s.absent
	}
	cpu := s.figures(cpuOf)
	return fmt.Sprintf("%7.1f µs a request ± %.1f, %6.0f requests/s, others %.0f %%", median(cpu), mad(cpu), median(s.figures(rateOf)),
		100*median(s.figures(othersOf)))
}
