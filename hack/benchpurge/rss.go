package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// childMark makes this program a purger and nothing else.
const childMark = "BENCH_PURGE_CHILD"

// order is what the child does, on its standard input.
type order struct {
	Dir   string
	Plan  *retention.Plan
	Holds []retention.Hold
}

// resident is the memory that a process of its own needed for a purge; Absent is why it is not known.
type resident struct {
	store  string
	rows   int64
	mib    float64
	absent string
}

// child purges and writes on its standard output what it needed.
func child(ctx context.Context) error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	p, err := purge(ctx, o.Dir, o.Plan, o.Holds)
	if err != nil {
		return err
	}
	if p.PeakKiB, err = peakKiB(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(p)
}

// peakKiB is the largest resident memory that this process has had.
func peakKiB() (int64, error) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return 0, errors.New("the system does not tell the process's memory")
}

// measureResident purges narrow tables of several sizes, each in a process of its own.
func (b *bench) measureResident(ctx context.Context, s store, r *results) {
	for _, rows := range b.rssRows {
		one := resident{store: s.name(), rows: rows}
		w := workload{shapes[0], true, rows}
		if err := b.measureResidentOf(ctx, s, w, &one); err != nil {
			one.absent = err.Error()
		}
		progress("%s: memory of a purge of %d rows: %.1f MiB %s", one.store, rows, one.mib, one.absent)
		r.rss = append(r.rss, one)
	}
}

func (b *bench) measureResidentOf(ctx context.Context, s store, w workload, one *resident) error {
	progress("%s: making %d rows", s.name(), w.rows)
	if err := s.make(ctx, w); err != nil {
		return err
	}
	kept, err := countKept(ctx, s, w)
	if err != nil {
		return err
	}
	// It runs once: the template itself can go.
	name := w.tables[0].name
	err = s.base().exec(ctx, "DROP TABLE "+name, fmt.Sprintf("ALTER TABLE %[1]s%[2]s RENAME TO %[2]s", template, name), fmt.Sprintf("GRANT SELECT, DELETE ON %s TO %s", name, purgerUser))
	if err != nil {
		return err
	}
	b.runs++
	o := order{Dir: s.base().secret}
	o.Plan, o.Holds = newPlan(s.kind(), s.prefix(), w, fmt.Sprintf("bench-%d", b.runs))
	encoded, err := json.Marshal(o)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childMark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(encoded), &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(said.Bytes()))
	}
	var p purged
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		return err
	}
	one.mib = float64(p.PeakKiB) / 1024
	return check(ctx, s, w, kept)
}
