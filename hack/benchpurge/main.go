// Command benchpurge compares the purger with what people use instead: pt-archiver and DELETE statements. It also measures what a purge
// costs those who use the database at the same time, and the purger's memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	stores, only *regexp.Regexp
	reps         int
	rows         int64
	rssRows      []int64
	oltpRows     int64
	oltpIdle     time.Duration
	podsRows     int64
}

// bench is a run.
type bench struct {
	options
	runs       int // of ours, so that each has its own name
	versions   []string
	loadBefore string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := errors.New("")
	if os.Getenv(childMark) != "" {
		err = child(ctx)
	} else {
		err = run(ctx, parse())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchpurge:", err)
		os.Exit(1)
	}
}

// usual are the workloads without a flag: indexes and children with scattered rows alone, so that a run stays below a quarter of an hour.
const usual = "narrow|wide|scattered"

func parse() options {
	o := options{stores: regexp.MustCompile(""), only: regexp.MustCompile(usual), rssRows: []int64{1_000_000, tenMillion}}
	pattern := func(target **regexp.Regexp) func(string) error {
		return func(s string) (err error) {
			*target, err = regexp.Compile(s)
			return err
		}
	}
	flag.Func("stores", "measure the stores whose name matches the `pattern`, such as mariadb|postgresql", pattern(&o.stores))
	flag.Func("workloads", "measure the workloads whose name matches the `pattern`, such as narrow/scattered; . for all, ^$ for none (default "+usual+")", pattern(&o.only))
	flag.IntVar(&o.reps, "reps", 5, "repetitions")
	flag.Int64Var(&o.rows, "rows", 300_000, "rows of a workload, half of them due")
	flag.Func("rss-rows", "sizes of the tables of the measurement of memory, such as 1000000,10000000; 0 for none", func(s string) (err error) {
		o.rssRows, err = parseSizes(s)
		return err
	})
	flag.Int64Var(&o.oltpRows, "oltp-rows", 2_000_000, "rows of the table that is purged next to pgbench; 0: not measured")
	flag.DurationVar(&o.oltpIdle, "oltp-idle", 5*time.Second, "`duration` of a rest of pgbench before each purge")
	flag.Int64Var(&o.podsRows, "pods-rows", 2_000_000, "rows of the table that one pod purges, and then two; 0: not measured")
	quick := flag.Bool("quick", false, "a first look: one repetition of small tables, where flags do not say otherwise")
	flag.Parse()
	if *quick {
		o.hurry()
	}
	return o
}

// hurry makes small what no flag has set.
func (o *options) hurry() {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if !set["reps"] {
		o.reps = 1
	}
	if !set["rows"] {
		o.rows = 50_000
	}
	if !set["rss-rows"] {
		o.rssRows = []int64{200_000}
	}
	if !set["oltp-rows"] {
		o.oltpRows = 1_000_000
	}
	if !set["pods-rows"] {
		o.podsRows = 200_000
	}
	if !set["oltp-idle"] {
		o.oltpIdle = 2 * time.Second
	}
}

func parseSizes(s string) (sizes []int64, err error) {
	for text := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no number of rows", text)
		}
		if n > 0 {
			sizes = append(sizes, n)
		}
	}
	return sizes, nil
}

func run(ctx context.Context, o options) error {
	if o.reps < 1 || o.rows < 1000 {
		return errors.New("at least one repetition and 1000 rows are needed")
	}
	dir, err := os.MkdirTemp("/tmp", "bench-purge-") // sockets have short paths
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the servers run as other users
		return err
	}
	b, r := &bench{options: o, loadBefore: loadAverage()}, newResults()
	var failed error
	for _, s := range []struct {
		name  string
		start func(context.Context, string) (store, error)
	}{{"mariadb", startMariaDB}, {"postgresql", startPostgreSQL}} {
		if !o.stores.MatchString(s.name) {
			continue
		}
		if err := b.measureStore(ctx, dir, s.start, r); err != nil {
			r.absent[s.name] = err.Error()
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: no figures")
	}
	b.write(os.Stdout, r)
	return failed
}

// measureStore starts a store, measures all that is wanted, and ends it: two servers do not share the memory.
func (b *bench) measureStore(ctx context.Context, dir string, start func(context.Context, string) (store, error), r *results) error {
	s, err := start(ctx, dir)
	if s != nil {
		defer s.stop()
	}
	if err != nil {
		return err
	}
	b.versions = append(b.versions, s.version())
	progress("%s is up", s.version())
	for _, w := range workloads(b.rows) {
		if !b.only.MatchString(w.key()) {
			continue
		}
		if err := b.measureCell(ctx, s, w, r); err != nil {
			return fmt.Errorf("%s: %w", w.key(), err)
		}
	}
	if pg, ok := s.(*pgServer); ok && b.oltpRows > 0 {
		b.measureOLTP(ctx, pg, r)
	}
	if b.podsRows > 0 {
		if err := b.measurePods(ctx, s, r); err != nil {
			return fmt.Errorf("pods: %w", err)
		}
	}
	b.measureResident(ctx, s, r)
	return nil
}

// loadAverage is what /proc/loadavg says of the last one, five and fifteen minutes.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}

var started = time.Now()

// progress tells what is going on, apart from the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs "+format+"\n", append([]any{time.Since(started).Seconds()}, args...)...)
}
