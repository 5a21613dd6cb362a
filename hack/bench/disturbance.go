package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watch compares what a core has done with what was done for the measurement: the rest are other programs, which slow it down and
// push its data out of the caches.
type watch struct {
	began time.Time
	cores []watchedCore
}

type watchedCore struct {
	core      int
	pids      []int
	busy, own time.Duration
}

// startWatch looks at the proxy's core and at that of carrier and load.
func (e *environment) startWatch(proxy []int) *watch {
	w := &watch{began: time.Now(), cores: []watchedCore{
		{core: e.proxyCore, pids: proxy},
		{core: e.loadCore, pids: append(e.origin.process.tree(), os.Getpid())},
	}}
	for i, c := range w.cores {
		w.cores[i].busy, w.cores[i].own = coreTime(c.core), cpuTime(c.pids)
	}
	return w
}

// others is the share (0 to 1) of the more disturbed core that other programs have used since the start.
func (w *watch) others() float64 {
	took, worst := time.Since(w.began), 0.0
	for _, c := range w.cores {
		foreign := coreTime(c.core) - c.busy - (cpuTime(c.pids) - c.own)
		worst = max(worst, foreign.Seconds()/took.Seconds())
	}
	return worst
}

// coreTime is how long a core has been busy since the machine started, time taken by the host of a virtual machine included.
func coreTime(core int) time.Duration {
	data, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != fmt.Sprintf("cpu%d", core) {
			continue
		}
		var ticks int64
		for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal
			if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 {
				ticks += n
			}
		}
		return time.Duration(ticks) * clockTick
	}
	return 0
}

// undisturbed repeats a measurement that other programs have disturbed, as long as there is patience left, and returns the best one.
func (e *environment) undisturbed(proxy []int, measure func() sample) sample {
	var best sample
	for attempt := 0; ; attempt++ {
		w := e.startWatch(proxy)
		s := measure()
		if s.others = w.others(); attempt == 0 || s.others < best.others {
			best = s
		}
		// A failure is kept: patience is for noise, not for errors.
		if s.failures > 0 {
			return s
		}
		if best.others <= e.tolerated || e.patience <= 0 {
			return best
		}
		e.patience -= time.Since(w.began)
	}
}
