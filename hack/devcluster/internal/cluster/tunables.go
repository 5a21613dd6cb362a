package cluster

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// The kubelet sets these for the whole machine. They are remembered before the first cluster starts
// and put back when the last one is gone.
var tunables = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

func (c *Cluster) tunablesFile() string { return filepath.Join(c.Root, "sysctls.json") }

func saveTunables(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	values := map[string]string{}
	for _, name := range tunables {
		if content, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			values[name] = strings.TrimSpace(string(content))
		}
	}
	content, err := json.Marshal(values)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func restoreTunables(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	values := map[string]string{}
	if err := json.Unmarshal(content, &values); err != nil {
		return err
	}
	var errs []error
	for name, value := range values {
		errs = append(errs, os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644))
	}
	return errors.Join(append(errs, os.Remove(file))...)
}
