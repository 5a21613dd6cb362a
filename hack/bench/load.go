package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sample is what one repetition has measured.
type sample struct {
	cpu      float64 // of the proxy, in microseconds a request
	rate     float64 // requests a second
	busy     float64 // share of the proxy's core that it used, 0 to 1
	others   float64 // share of the more disturbed core that other programs used, 0 to 1
	p50, p99 time.Duration
	requests int
	failures int
	failure  string // the first
}

// tooManyFailures ends a repetition early.
const tooManyFailures = 200

// worker is one connection's part of a repetition.
type worker struct {
	times    []time.Duration
	failures int
	failure  string
}

func (w *worker) fail(err error) {
	w.failures++
	if w.failure == "" {
		w.failure = err.Error()
	}
}

// closedLoop keeps a number of connections busy, each with one request at a time, and reads the proxy's processor time at the
// beginning and the end of the measured part. Answers that come before it, in the warm-up, are checked but not counted.
func closedLoop(ctx context.Context, t target, clients int, warmup, measured time.Duration, pids []int) sample {
	var counting, stop atomic.Bool
	workers := make([]worker, clients)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { workers[i].run(ctx, t, &counting, &stop) })
	}
	wait(ctx, warmup)
	cpuBefore, began := cpuTime(pids), time.Now()
	counting.Store(true)
	wait(ctx, measured)
	counting.Store(false)
	cpu, took := cpuTime(pids)-cpuBefore, time.Since(began)
	stop.Store(true)
	all.Wait()

	s := summarize(workers)
	if s.requests > 0 {
		s.cpu = float64(cpu.Microseconds()) / float64(s.requests)
		s.rate = float64(s.requests) / took.Seconds()
		s.busy = cpu.Seconds() / took.Seconds()
	}
	return s
}

func (w *worker) run(ctx context.Context, t target, counting, stop *atomic.Bool) {
	w.times = make([]time.Duration, 0, 1<<15)
	var c *client
	defer func() { c.close() }()
	for !stop.Load() && w.failures < tooManyFailures && ctx.Err() == nil {
		if c == nil {
			var err error
			if c, err = t.dial(ctx); err != nil {
				w.fail(err)
				wait(ctx, 10*time.Millisecond)
				continue
			}
		}
		began := time.Now()
		err := c.do()
		if err == nil || errors.Is(err, errClosing) {
			if counting.Load() {
				w.times = append(w.times, time.Since(began))
			}
		} else if !stop.Load() {
			w.fail(err)
		}
		if err != nil {
			c.close()
			c = nil
		}
	}
}

// openLoop sends requests at a fixed rate, whatever the answers do. A time counts from the moment at which the request was due, so
// that a slow answer also shows in those that had to wait for it.
func openLoop(ctx context.Context, t target, clients, rate int, warmup, measured time.Duration) sample {
	// The thread that sleeps exactly must not hold up the others.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	total := int((warmup + measured).Seconds() * float64(rate))
	due := make(chan time.Time, total)
	workers := make([]worker, clients)
	start := time.Now().Add(100 * time.Millisecond)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { workers[i].runDue(ctx, t, due, start.Add(warmup)) })
	}
	schedule(ctx, start, rate, total, due)
	all.Wait()
	s := summarize(workers)
	s.rate = float64(s.requests) / measured.Seconds()
	return s
}

// schedule hands out requests when they are due. The runtime's timers are too coarse, so a thread of its own sleeps.
func schedule(ctx context.Context, start time.Time, rate, total int, due chan<- time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(due)
	for i := range total {
		at := start.Add(time.Duration(float64(i) / float64(rate) * float64(time.Second)))
		for left := time.Until(at); left > 0; left = time.Until(at) {
			pause := syscall.NsecToTimespec(left.Nanoseconds())
			_ = syscall.Nanosleep(&pause, nil) // if it is interrupted, the rest follows
		}
		if ctx.Err() != nil {
			return
		}
		due <- at
	}
}

func (w *worker) runDue(ctx context.Context, t target, due <-chan time.Time, from time.Time) {
	c, err := t.dial(ctx)
	if err != nil {
		w.fail(err)
	}
	defer func() { c.close() }()
	for at := range due {
		if c == nil {
			if c, err = t.dial(ctx); err != nil {
				w.fail(err)
				continue
			}
		}
		if err = c.do(); err != nil {
			c.close()
			c = nil
			if !errors.Is(err, errClosing) {
				w.fail(err)
				continue
			}
		}
		if !at.Before(from) {
			w.times = append(w.times, time.Since(at))
		}
	}
}

func summarize(workers []worker) sample {
	var s sample
	var times []time.Duration
	for i := range workers {
		times = append(times, workers[i].times...)
		s.failures += workers[i].failures
		if s.failure == "" {
			s.failure = workers[i].failure
		}
	}
	slices.Sort(times)
	s.requests, s.p50, s.p99 = len(times), percentile(times, 50), percentile(times, 99)
	return s
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
