package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// A pgbench that runs all the time, at a rate that leaves the server room: a simple update and a select, half and half.
const (
	oltpRate    = 400
	oltpClients = 4
	oltpScale   = 10
	// settle is how long the server gets after tables were filled.
	settle = 2 * time.Second
)

// oltp is the latency at the 99th percentile in milliseconds, one value a repetition; absent is why there is none.
type oltp struct {
	idle         []float64
	usual, never besides
	absent       string
}

// besides is the time during a purge with one throttle: latencies as above, and how long the purges took with that load, in seconds.
type besides struct{ during, purging []float64 }

// ratios of a repetition's purge to the idle time before it.
func (o oltp) ratios(b besides) []float64 {
	list := make([]float64, len(b.during))
	for i, v := range b.during {
		list[i] = v / o.idle[i]
	}
	return list
}

// phase is a time of which latencies are wanted.
type phase struct{ from, to time.Time }

// transaction is a line of pgbench's log.
type transaction struct {
	at      time.Time // of its end
	latency float64   // milliseconds, from the moment at which it was due
}

// measureOLTP compares the latencies of transactions while nothing else happens and while a purge runs.
func (b *bench) measureOLTP(ctx context.Context, s *pgServer, r *results) {
	o := &r.oltp
	if err := b.runOLTP(ctx, s, o); err != nil {
		*o = oltp{absent: err.Error()}
	}
}

func (b *bench) runOLTP(ctx context.Context, s *pgServer, o *oltp) error {
	w := workload{shapes[0], true, b.oltpRows}
	progress("postgresql: %d transactions/s of pgbench, alone and with a purge of %d rows", oltpRate, w.rows)
	pgbench := filepath.Join(s.bin, "pgbench")
	if err := s.make(ctx, w); err != nil {
		return err
	}
	kept, err := countKept(ctx, s, w)
	if err != nil {
		return err
	}
	target := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=%s", s.port, pgSuper, s.login, database)
	if _, err := s.output(ctx, pgbench, "-i", "-q", "-s", strconv.Itoa(oltpScale), target); err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, err := s.command(running, pgbench, "-n", "-M", "prepared", "-b", "simple-update", "-b", "select-only", "-c", strconv.Itoa(oltpClients), "-R", strconv.Itoa(oltpRate),
		"-T", "3600", "-l", "--log-prefix="+filepath.Join(s.dir, "oltp"), target)
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	idle, usual, never, err := b.oltpPhases(ctx, s, w, kept)
	time.Sleep(time.Second) // so that the log has all
	cancel()
	if waitErr := cmd.Wait(); err == nil && running.Err() == nil {
		err = errors.Join(waitErr, errors.New(said.String()))
	}
	if err != nil {
		return err
	}
	return o.read(s.dir, idle, usual, never)
}

// oltpPhases alternates between rest, a purge as usual, which yields, and one that does not.
func (b *bench) oltpPhases(ctx context.Context, s *pgServer, w workload, kept []int64) (idle, usual, never []phase, err error) {
	for range b.reps {
		for _, p := range []struct {
			change func(*retention.Plan)
			to     *[]phase
		}{{asUsual, &usual}, {func(p *retention.Plan) { p.Throttle.Yield = false }, &never}} {
			if err := s.restore(ctx, w); err != nil {
				return nil, nil, nil, err
			}
			time.Sleep(settle)
			if len(idle) == len(never) {
				begun := time.Now()
				time.Sleep(b.oltpIdle)
				idle = append(idle, phase{begun, time.Now()})
			}
			begun := time.Now()
			if _, err := b.purge(ctx, s, w, p.change); err != nil {
				return nil, nil, nil, err
			}
			*p.to = append(*p.to, phase{begun, time.Now()})
			if err := check(ctx, s, w, kept); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return idle, usual, never, nil
}

// minTransactions is how many it takes for the slowest hundredth to mean something.
const minTransactions = 200

// read finds the latencies of phases in pgbench's log.
func (o *oltp) read(dir string, idle, usual, never []phase) error {
	files, err := filepath.Glob(filepath.Join(dir, "oltp.*"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("pgbench has written no log"))
	}
	var all []transaction
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		found, err := parseLog(f)
		_ = f.Close()
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	for i := range idle {
		for _, p := range []struct {
			phase
			to *[]float64
		}{{idle[i], &o.idle}, {usual[i], &o.usual.during}, {never[i], &o.never.during}} {
			in := latencies(all, p.phase)
			if len(in) < minTransactions {
				return fmt.Errorf("only %d transactions ended within %.1f s: more rows (-oltp-rows) make a longer purge", len(in), p.phase.to.Sub(p.from).Seconds())
			}
			*p.to = append(*p.to, percentile(in, 99))
		}
		o.usual.purging = append(o.usual.purging, usual[i].to.Sub(usual[i].from).Seconds())
		o.never.purging = append(o.never.purging, never[i].to.Sub(never[i].from).Seconds())
	}
	return nil
}

func latencies(all []transaction, p phase) (in []float64) {
	for _, t := range all {
		if t.at.After(p.from) && t.at.Before(p.to) {
			in = append(in, t.latency)
		}
	}
	return in
}

// parseLog reads lines of: client, number, latency in µs, script, end in s, and its µs, and the lag of the schedule that is part of the latency.
func parseLog(r io.Reader) (all []transaction, err error) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 {
			continue // the last line may have been cut off
		}
		latency, err := strconv.ParseFloat(fields[2], 64)
		seconds, err2 := strconv.ParseInt(fields[4], 10, 64)
		micros, err3 := strconv.ParseInt(fields[5], 10, 64)
		if err := errors.Join(err, err2, err3); err != nil {
			return nil, fmt.Errorf("pgbench's log: %w", err)
		}
		all = append(all, transaction{time.Unix(seconds, micros*1000), latency / 1000})
	}
	return all, nil
}
