package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of /proc/<pid>/stat on Linux.
const clockTick = 10 * time.Millisecond

// cpu is the processor time so far of a server with its children, and of this program with those children that have ended. Unlike rates
// it hardly depends on what else the machine does.
func (s *server) cpu() time.Duration {
	pid := s.process.Process.Pid
	ticks := ticksOf(pid, 4)
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && parentOf(n) == pid {
			ticks += ticksOf(n, 2)
		}
	}
	sum := time.Duration(ticks) * clockTick
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) == nil {
			sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return sum
}

// statFields are those of /proc/<pid>/stat from the third (state) on; nothing if the process is gone.
func statFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

func parentOf(pid int) int {
	if fields := statFields(pid); len(fields) > 1 {
		parent, _ := strconv.Atoi(fields[1])
		return parent
	}
	return 0
}

// ticksOf adds up user and system time, or, with four fields, those of children that have ended as well.
func ticksOf(pid, fields int) (ticks int64) {
	all := statFields(pid)
	if len(all) < 15 {
		return 0
	}
	for _, text := range all[11 : 11+fields] {
		n, _ := strconv.ParseInt(text, 10, 64)
		ticks += n
	}
	return ticks
}
