package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of utime and stime in /proc: Linux shows 100 a second to programs on every architecture that Go supports.
const clockTick = 10 * time.Millisecond

// process is a program of the comparison with the children that it may have.
type process struct {
	name   string
	cmd    *exec.Cmd
	ended  chan struct{}
	log    string // file that takes what it prints
	output *os.File
}

// startPinned starts a program that runs on one core alone; what it prints goes to a file. Its PID is that of the program itself,
// since taskset becomes the program.
func startPinned(core int, log string, env []string, argv ...string) (*process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	p := &process{name: filepath.Base(argv[0]), ended: make(chan struct{}), log: log, output: output}
	// It ends in stop and not with a context, which would kill it and leave its children behind.
	p.cmd = exec.CommandContext(context.Background(), "taskset", append([]string{"-c", strconv.Itoa(core)}, argv...)...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.Env = append(os.Environ(), env...)
	// A group of its own: Ctrl-C reaches this program alone, which then ends the others in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		_ = output.Close()
		return nil, fmt.Errorf("%s: %w", argv[0], err)
	}
	go func() {
		_ = p.cmd.Wait()
		_ = output.Close()
		close(p.ended)
	}()
	return p, nil
}

// stop ends the process, by force if it does not heed the request.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		for _, pid := range p.tree() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-p.ended
	}
}

// lastWords are the end of what the process has printed.
func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// tree is the process with its descendants.
func (p *process) tree() []int {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if fields := statFields(pid); len(fields) > 1 {
				parents[pid], _ = strconv.Atoi(fields[1])
			}
		}
	}
	pids := []int{p.cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		for pid, parent := range parents {
			if parent == pids[i] && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// statFields are the fields of /proc/<pid>/stat from the third (state) on; nothing if the process is gone.
func statFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// cpuTime is the processor time that processes have used so far, in user and in kernel mode, over all their threads.
func cpuTime(pids []int) time.Duration {
	var ticks int64
	for _, pid := range pids {
		if fields := statFields(pid); len(fields) > 12 {
			user, _ := strconv.ParseInt(fields[11], 10, 64)
			system, _ := strconv.ParseInt(fields[12], 10, 64)
			ticks += user + system
		}
	}
	return time.Duration(ticks) * clockTick
}

// residentMiB is the resident memory (VmRSS) of processes, in MiB. Pages that they share count for each.
func residentMiB(pids []int) float64 {
	var kib int64
	for _, pid := range pids {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(data)) {
			if value, found := strings.CutPrefix(line, "VmRSS:"); found {
				n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
				kib += n
			}
		}
	}
	return float64(kib) / 1024
}
