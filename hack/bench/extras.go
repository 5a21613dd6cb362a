package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// directName stands in tables for the carrier without a proxy.
const directName = "no proxy"

// openConnections is how many clients stay connected when memory is measured.
const openConnections = 1000

// latencyCells are measured at a fixed rate.
var latencyCells = []cell{{passthrough, getSmall, 64}, {passthrough, postSmall, 64}}

// measureLatency sends requests at a fixed rate, also straight to the carrier: the difference is what a proxy adds.
func (e *environment) measureLatency(ctx context.Context, all results) error {
	certificate, err := e.clientPair.load()
	if err != nil {
		return err
	}
	direct := &tls.Config{RootCAs: e.ca.pool(), Certificates: []tls.Certificate{certificate}, ServerName: carrierName, MinVersion: tls.VersionTLS13,
		ClientSessionCache: tls.NewLRUClientSessionCache(256)}
	var workloads []workload
	for _, c := range latencyCells {
		workloads = append(workloads, c.workload)
	}
	list := e.startAll(ctx, passthrough, workloads)
	defer stopAll(list)
	for _, c := range latencyCells {
		straight := newTarget(fmt.Sprintf("127.0.0.1:%d", e.origin.keepAlive), direct, c.workload, tokenBase, "Authorization", "Bearer "+bearerToken)
		key := "rate/" + c.workload.key
		for range e.reps {
			if ctx.Err() == nil {
				all.of(key, directName).add(e.undisturbed(nil, func() sample {
					return openLoop(ctx, straight, c.clients, e.rate, e.warmup, e.measured)
				}))
			}
			for _, r := range list {
				s := all.of(key, r.name)
				if s.absent == "" {
					s.absent = r.absent
				}
				if s.absent == "" && ctx.Err() == nil {
					s.add(e.undisturbed(r.process.tree(), func() sample {
						return openLoop(ctx, r.target(c.workload), c.clients, e.rate, e.warmup, e.measured)
					}))
				}
			}
		}
		progress("%s at %d requests/s: done", c.workload.name, e.rate)
	}
	return nil
}

// memory is what a proxy holds resident, in MiB.
type memory struct {
	idle   float64 // configured, nothing served
	held   float64 // with openConnections clients that have had one answer each
	loaded float64 // while they all send
	absent string
}

// measureMemory uses the gateway's default: mutual TLS with clients, and all features on. The peers do what they can of it.
func (e *environment) measureMemory(ctx context.Context) map[string]memory {
	all := map[string]memory{}
	for _, p := range e.peers {
		m := mutualTLS
		if p.gateway {
			m = mutualTLSFull
		}
		all[p.name] = e.memoryOf(ctx, p, m)
		progress("memory of %s: %s", p.name, all[p.name])
	}
	return all
}

func (m memory) String() string {
	if m.absent != "" {
		return "absent: " + m.absent
	}
	return fmt.Sprintf("%.1f MiB idle, %.1f MiB with %d connections held, %.1f MiB with all of them busy", m.idle, m.held, openConnections, m.loaded)
}

func (e *environment) memoryOf(ctx context.Context, p *peer, m mode) (result memory) {
	if p.absent != "" {
		return memory{absent: p.absent}
	}
	r, err := e.start(ctx, p, m, e.origin.keepAlive)
	if err != nil {
		return memory{absent: err.Error()}
	}
	defer r.stop()
	wait(ctx, 2*time.Second) // a token is fetched meanwhile
	result.idle = residentMiB(r.process.tree())
	if err := r.prove(ctx, postSmall); err != nil {
		return memory{absent: err.Error()}
	}
	clients, err := connectAll(ctx, r.target(postSmall), openConnections)
	wait(ctx, 2*time.Second)
	result.held = residentMiB(r.process.tree())
	for _, c := range clients {
		c.close()
	}
	if err != nil {
		return memory{absent: err.Error()}
	}
	s := closedLoop(ctx, r.target(postSmall), openConnections, 2*time.Second, e.measured, nil)
	result.loaded = residentMiB(r.process.tree())
	if s.failures > 0 {
		return memory{absent: fmt.Sprintf("%d requests failed, first: %s", s.failures, s.failure)}
	}
	return result
}

// connectAll opens connections, 16 at a time, and sends one request on each.
func connectAll(ctx context.Context, t target, n int) ([]*client, error) {
	clients, errs := make([]*client, n), make([]error, n)
	slots := make(chan struct{}, 16)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if clients[i], errs[i] = t.dial(ctx); errs[i] == nil {
				errs[i] = clients[i].do()
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return clients, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
	}
	return clients, nil
}

// measureMinimize runs the benchmark of internal/minimize on the proxy's core: processor microseconds for one document of 1.7 KB.
func (e *environment) measureMinimize(ctx context.Context) ([]float64, error) {
	pkg := filepath.Join(e.root, "internal", "minimize")
	binary := filepath.Join(e.dir, "minimize.test")
	if err := e.goCommand(ctx, pkg, "test", "-c", "-o", binary, "."); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", itoa(e.proxyCore), binary, "-test.run", "^$", "-test.bench", "^BenchmarkJSON1700B$",
		"-test.benchtime", e.measured.String(), "-test.count", itoa(e.reps), "-test.cpu", "1")
	cmd.Dir = pkg
	output, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("BenchmarkJSON1700B: %w: %s", err, lastLine(output))
	}
	values := benchmarkMicros(output)
	if len(values) == 0 {
		return nil, fmt.Errorf("BenchmarkJSON1700B printed no cpu-ns/op: %s", lastLine(output))
	}
	return values, nil
}

// benchmarkMicros reads the metric cpu-ns/op from the output of a Go benchmark.
func benchmarkMicros(output []byte) []float64 {
	var values []float64
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		for i, unit := range fields {
			if unit == "cpu-ns/op" && i > 0 {
				if v, err := strconv.ParseFloat(fields[i-1], 64); err == nil {
					values = append(values, v/1000)
				}
			}
		}
	}
	return values
}
