// Command bench compares the gateway with nginx, haproxy and Caddy: what a request costs in processor time, how long it takes, how
// much memory is held. docs/guide/performance.md says what is measured and how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	reps                     int
	warmup, measured         time.Duration
	rate                     int
	tolerated                float64
	patience                 time.Duration
	proxyCore, loadCore      int
	only, proxies            *regexp.Regexp
	gateway                  string
	also                     []string
	latency, resident, micro bool
}

// pinned marks the process that taskset has become: this program, on its core.
const pinned = "BENCH_PINNED"

func main() {
	if os.Getenv(pinned) == "" {
		fail(becomePinned())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	o := parse()
	fail(run(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() options {
	o := options{}
	pattern := func(target **regexp.Regexp) func(string) error {
		return func(s string) (err error) {
			*target, err = regexp.Compile(s)
			return err
		}
	}
	o.only, o.proxies = regexp.MustCompile(""), regexp.MustCompile("")
	flag.IntVar(&o.reps, "reps", 5, "repetitions of each cell")
	flag.DurationVar(&o.measured, "time", 3*time.Second, "measured `duration` of a repetition")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "`duration` before the first repetition of a cell; the others get 0.3 s")
	flag.IntVar(&o.rate, "rate", 1000, "requests a second where the rate is fixed")
	flag.Float64Var(&o.tolerated, "tolerated", 0.1, "`share` of a core that other programs may use; above, a repetition is taken again")
	flag.DurationVar(&o.patience, "patience", 5*time.Minute, "`duration` that all such repetitions together may cost")
	flag.IntVar(&o.proxyCore, "proxy-core", 0, "`core` of the proxies")
	flag.IntVar(&o.loadCore, "load-core", 1, "`core` of carrier and load")
	flag.Func("only", "measure the cells whose name matches the `pattern`, such as token/post-1.7k/c32", pattern(&o.only))
	flag.Func("proxies", "measure the proxies whose name matches the `pattern`, such as nginx|gateway", pattern(&o.proxies))
	flag.StringVar(&o.gateway, "gateway", "", "measure this `binary` instead of building the gateway")
	flag.Func("also", "measure the gateway once more, with a variable (GOGC=400) or as another binary (./old); several times if wanted", func(s string) error {
		o.also = append(o.also, s)
		return nil
	})
	flag.BoolVar(&o.latency, "latency", true, "measure times at a fixed rate")
	flag.BoolVar(&o.resident, "memory", true, "measure resident memory")
	flag.BoolVar(&o.micro, "minimize", true, "measure minimization alone")
	flag.Parse()
	return o
}

// becomePinned starts this program anew on the core of carrier and load; the PID stays.
func becomePinned() error {
	core := parse().loadCore
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return errors.New("taskset is missing (package util-linux): run hack/bench/prereqs.sh")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(taskset, append([]string{"taskset", "-c", itoa(core), self}, os.Args[1:]...), append(os.Environ(), pinned+"=1"))
}

func run(ctx context.Context, o options) error {
	if o.proxyCore == o.loadCore {
		return errors.New("-proxy-core and -load-core must differ")
	}
	debug.SetGCPercent(800)
	runtime.GOMAXPROCS(1)
	e, err := newEnvironment(ctx, o)
	if e != nil {
		defer e.close()
	}
	if err != nil {
		return err
	}
	r := &report{environment: e, results: results{}, loadBefore: loadAverage()}
	for _, c := range matrix() {
		if o.only.MatchString(c.key()) {
			r.cells = append(r.cells, c)
		}
	}
	progress("%d cells; load of the machine: %s", len(r.cells), r.loadBefore)
	e.provePeers(ctx)
	e.measureCells(ctx, r.cells, r.results)
	if o.latency && ctx.Err() == nil {
		if err := e.measureLatency(ctx, r.results); err != nil {
			return err
		}
	}
	if o.resident && ctx.Err() == nil {
		r.memory = e.measureMemory(ctx)
	}
	if o.micro && ctx.Err() == nil {
		if r.minimize, err = e.measureMinimize(ctx); err != nil {
			r.minimizeAbsent = err.Error()
		}
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: no figures")
	}
	r.loadAfter = loadAverage()
	r.write(os.Stdout)
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
