// Package proc starts processes that outlive the command, remembers them, and ends only those.
package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// State is what a cluster must remember between two commands.
type State struct {
	Name      string    `json:"name"`
	Slot      int       `json:"slot"`
	Processes []Process `json:"processes"`
}

// A Process is identified by its start as well as its number: numbers are given out again.
type Process struct {
	Name       string    `json:"name"`
	PID        int       `json:"pid"`
	StartTicks uint64    `json:"startTicks"` // since boot, field 22 of /proc/<pid>/stat
	BootID     string    `json:"bootID"`
	Started    time.Time `json:"started"`
	Log        string    `json:"log"`
	Command    []string  `json:"command"`
	User       bool      `json:"user,omitempty"` // started by `devcluster run`, not part of the cluster itself
	Key        string    `json:"key,omitempty"`  // tells whether a running process is the one that should run
}

// Load reads the state; a missing file is an empty state.
func Load(file string) (*State, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return &State{}, nil
	}
	if err != nil {
		return nil, err
	}
	state := &State{}
	if err := json.Unmarshal(content, state); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it after `devcluster down`", file, err)
	}
	return state, nil
}

// Save replaces the file in one step, so that a kill in between leaves the old or the new state.
func (s *State) Save(file string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temp := file + ".new"
	if err := os.WriteFile(temp, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// Find returns the process called name, or nil.
func (s *State) Find(name string) *Process {
	for i := range s.Processes {
		if s.Processes[i].Name == name {
			return &s.Processes[i]
		}
	}
	return nil
}

// Put adds a process or replaces the one of the same name.
func (s *State) Put(p Process) {
	if old := s.Find(p.Name); old != nil {
		*old = p
		return
	}
	s.Processes = append(s.Processes, p)
}

// Remove forgets a process.
func (s *State) Remove(name string) {
	for i := range s.Processes {
		if s.Processes[i].Name == name {
			s.Processes = append(s.Processes[:i], s.Processes[i+1:]...)
			return
		}
	}
}

// Lock holds an exclusive lock on file until the returned function is called or the process ends.
func Lock(file string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		fmt.Fprintln(os.Stderr, "waiting for another devcluster command to end")
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			return nil, err
		}
	}
	return func() { _ = f.Close() }, nil
}

// bootID changes with every start of the machine.
func bootID() string {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
