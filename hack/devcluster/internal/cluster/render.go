package cluster

import (
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.New("").Option("missingkey=error").ParseFS(files, "templates/*"))

func (c *Cluster) render(name string) (string, error) {
	var text strings.Builder
	if err := templates.ExecuteTemplate(&text, name, c); err != nil {
		return "", err
	}
	return text.String(), nil
}

// writeConfigs renders the configuration files of the parts.
func (c *Cluster) writeConfigs() error {
	for name, file := range map[string]string{
		"containerd.toml":   c.path("conf", "containerd.toml"),
		"cni.conflist":      c.path("conf", "cni", "10-pods.conflist"),
		"kubelet.yaml":      c.path("conf", "kubelet.yaml"),
		"kube-proxy.yaml":   c.path("conf", "kube-proxy.yaml"),
		"resolv.conf":       c.path("conf", "resolv.conf"),
		"internet.corefile": c.path("internet", "Corefile"),
	} {
		text, err := c.render(name)
		if err != nil {
			return err
		}
		if err := writeFile(file, text); err != nil {
			return err
		}
	}
	hosts := c.path("internet", "hosts")
	if _, err := os.Stat(hosts); err == nil {
		return nil // may have been changed on purpose
	}
	text, err := c.render("internet-hosts")
	if err != nil {
		return err
	}
	return writeFile(hosts, text)
}

// writeFile leaves a file alone that has the text already: kube-proxy ends when its own is touched.
func writeFile(file, text string) error {
	if old, err := os.ReadFile(file); err == nil && string(old) == text {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// A stopwatch prints how long each step took.
type stopwatch struct {
	out         io.Writer
	begin, last time.Time
}

func newStopwatch(out io.Writer) *stopwatch {
	now := time.Now()
	return &stopwatch{out: out, begin: now, last: now}
}

func (s *stopwatch) done(step string) {
	now := time.Now()
	fmt.Fprintf(s.out, "%6.1fs  %s\n", now.Sub(s.last).Seconds(), step)
	s.last = now
}

func (s *stopwatch) total() float64 { return time.Since(s.begin).Seconds() }
