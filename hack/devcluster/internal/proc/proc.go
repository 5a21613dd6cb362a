package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Spec says what to start.
type Spec struct {
	Name    string
	Command []string
	Env     []string // KEY=VALUE, nothing is inherited but PATH and HOME given here
	Log     string   // standard output and error are appended here
	Dir     string
	User    bool
}

// Start runs a process in its own session, so that it goes on when this command has ended.
func Start(spec Spec) (Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Log), 0o755); err != nil {
		return Process{}, err
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Process{}, err
	}
	defer log.Close()
	fmt.Fprintf(log, "--- %s devcluster starts %s\n", time.Now().UTC().Format(time.RFC3339), strings.Join(spec.Command, " "))

	cmd := exec.Command(spec.Command[0], spec.Command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = spec.Env, spec.Dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	go func() { _ = cmd.Wait() }() // no zombie as long as this command runs
	ticks, err := startTicks(cmd.Process.Pid)
	if err != nil {
		return Process{}, Died(spec.Name, spec.Log)
	}
	return Process{
		Name: spec.Name, PID: cmd.Process.Pid, StartTicks: ticks, BootID: bootID(),
		Started: time.Now().UTC().Truncate(time.Second), Log: spec.Log, Command: spec.Command, User: spec.User,
	}, nil
}

// Died is the error for a process that ended though it should not have.
func Died(name, log string) error {
	return fmt.Errorf("%s ended unexpectedly; log: %s\nlast lines:\n%s", name, log, Tail(log, 12))
}

// Alive tells whether exactly this process still runs.
func (p Process) Alive() bool {
	ticks, err := startTicks(p.PID)
	return err == nil && ticks == p.StartTicks && p.BootID == bootID()
}

// Signal reaches the process only if it is still the same one.
func (p Process) Signal(sig syscall.Signal) error {
	if !p.Alive() {
		return nil
	}
	return ignoreGone(syscall.Kill(p.PID, sig))
}

// Stop ends processes: politely, and by force after grace.
func Stop(grace time.Duration, processes ...Process) error {
	for _, p := range processes {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop %s: %w", p.Name, err)
		}
	}
	if waitGone(grace, processes) {
		return nil
	}
	for _, p := range processes {
		if err := p.Signal(syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill %s: %w", p.Name, err)
		}
	}
	if !waitGone(10*time.Second, processes) {
		return errors.New("some processes do not end even when killed; is a file system hanging?")
	}
	return nil
}

func waitGone(limit time.Duration, processes []Process) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		alive := false
		for _, p := range processes {
			alive = alive || p.Alive()
		}
		if !alive || time.Now().After(deadline) {
			return !alive
		}
	}
}

// Identify turns a process number found in /proc into a Process that can be signaled safely.
func Identify(pid int) (Process, bool) {
	ticks, err := startTicks(pid)
	if err != nil {
		return Process{}, false
	}
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	command := strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	return Process{Name: filepath.Base(command[0]), PID: pid, StartTicks: ticks, BootID: bootID(), Command: command}, true
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// startTicks reads when a process started; a zombie counts as gone.
func startTicks(pid int) (uint64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(content))
}

// parseStat takes field 22 of proc_pid_stat(5). The name in field 2 may hold spaces and parentheses.
func parseStat(stat string) (uint64, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("stat: no command name")
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return 0, errors.New("stat: too few fields")
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// Tail returns the last n lines of a log, at most 8 KiB of it.
func Tail(file string, n int) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	size := min(info.Size(), 8<<10)
	buffer := make([]byte, size)
	if _, err := f.ReadAt(buffer, info.Size()-size); err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(buffer), "\n"), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 400)] // some components print whole objects
	}
	return strings.Join(lines, "\n")
}
