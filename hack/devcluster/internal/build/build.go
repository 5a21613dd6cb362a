package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A Builder turns the modules in Source into binaries below Cache.
type Builder struct {
	Source string // folder that holds parts/
	Cache  string // binaries go to Cache/<part>-<key>/
}

// Result tells where the binaries of all parts are.
type Result struct {
	Path map[string]string // program name to absolute file name
	Dir  map[string]string // part name to cache folder, whose name holds the part's key
}

// All builds what the cache lacks and returns the place of every program.
func (b Builder) All(ctx context.Context, out *os.File) (*Result, error) {
	return b.Only(ctx, out, Parts())
}

// Only does the same for some of the parts.
func (b Builder) Only(ctx context.Context, out *os.File, parts []Part) (*Result, error) {
	result := &Result{Path: map[string]string{}, Dir: map[string]string{}}
	var missing []Part
	for _, p := range parts {
		key, err := Key(p, b.module(p))
		if err != nil {
			return nil, fmt.Errorf("part %s: %w", p.Name, err)
		}
		dir := filepath.Join(b.Cache, p.Name+"-"+key)
		result.Dir[p.Name] = dir
		for _, binary := range p.Binaries {
			result.Path[binary] = filepath.Join(dir, binary)
		}
		if !complete(dir, p) {
			missing = append(missing, p)
		}
	}
	progress := newProgress(out, len(missing))
	for _, p := range missing {
		if err := b.one(ctx, p, result.Dir[p.Name], progress); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (b Builder) module(p Part) string { return filepath.Join(b.Source, "parts", p.Name) }

// one builds a part next to its final folder and renames it there, so a broken-off build leaves no half cache.
func (b Builder) one(ctx context.Context, p Part, dir string, progress *progress) error {
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(b.Cache, ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}

	done := progress.start(p.Name)
	// nice: the machine stays usable while a long build runs.
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "5", "go"}, p.args(temp)...)...)
	cmd.Dir = b.module(p)
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+GoToolchain, "GOFLAGS=-buildvcs=false", "GOWORK=off", "CGO_ENABLED=0")
	if p.Cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	output, err := cmd.CombinedOutput()
	done(err)
	if err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", p.Name, cmd.Dir, err, lastLines(string(output), 15))
	}
	if !complete(temp, p) {
		return fmt.Errorf("build %s: go build succeeded but not all of %v are there", p.Name, p.Binaries)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

func complete(dir string, p Part) bool {
	for _, binary := range p.Binaries {
		if info, err := os.Stat(filepath.Join(dir, binary)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// ModuleDir returns the source folder of a module that a part requires, from Go's module cache.
func (b Builder) ModuleDir(ctx context.Context, part, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = filepath.Join(b.Source, "parts", part)
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+GoToolchain, "GOFLAGS=-buildvcs=false", "GOWORK=off")
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", module, err)
	}
	if dir := strings.TrimSpace(string(output)); dir != "" {
		return dir, nil
	}
	return "", fmt.Errorf("module %s is not in the module cache", module)
}

// FindSource looks for the parts folder from the working folder upwards, also below hack/devcluster.
func FindSource() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		for _, candidate := range []string{dir, filepath.Join(dir, "hack", "devcluster")} {
			if _, err := os.Stat(filepath.Join(candidate, "parts", "kubernetes", "go.mod")); err == nil {
				return candidate, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the carrier-operator repository: no hack/devcluster/parts found")
		}
		dir = parent
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// progress shows one line per part; on a terminal the running one counts the seconds.
type progress struct {
	out      *os.File
	terminal bool
	n, total int
}

func newProgress(out *os.File, total int) *progress {
	info, err := out.Stat()
	return &progress{out: out, total: total, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// start announces a part and returns the function that reports its end.
func (p *progress) start(name string) func(error) {
	p.n++
	label, begin, stop := fmt.Sprintf("build [%d/%d] %s", p.n, p.total, name), time.Now(), make(chan struct{})
	elapsed := func() time.Duration { return time.Since(begin).Round(time.Second) }
	if p.terminal {
		go func() {
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					fmt.Fprintf(p.out, "\r\033[K%s %s", label, elapsed())
				case <-stop:
					return
				}
			}
		}()
	} else {
		fmt.Fprintf(p.out, "%s started\n", label)
	}
	return func(err error) {
		close(stop)
		state := "done"
		if err != nil {
			state = "FAILED"
		}
		if p.terminal {
			fmt.Fprint(p.out, "\r\033[K")
		}
		fmt.Fprintf(p.out, "%s %s after %s\n", label, state, elapsed())
	}
}
