package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// environment is what a run works with: programs, certificates, the carrier.
type environment struct {
	options
	dir  string // removed at the end
	root string // of the repository

	nginx, haproxy, caddy string
	origin                *origin
	peers                 []*peer

	ca                         *authority
	carrierPair                pair // of the carrier
	wrongNamePair, wrongCAPair pair // what no proxy may accept
	clientPair                 pair // of all proxies, for the carrier
	serverPair                 pair // of all proxies, for their clients
	loadTLS                    *tls.Config
}

// newEnvironment makes certificates, finds and builds the programs and starts the carrier.
func newEnvironment(ctx context.Context, o options) (*environment, error) {
	e := &environment{options: o}
	var err error
	if e.root, err = filepath.Abs("../.."); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(e.root, "cmd", "gateway")); err != nil {
		return nil, errors.New("run this with `make bench-gateway`, or in the folder hack/bench")
	}
	if e.dir, err = os.MkdirTemp("", "bench-gateway-"); err != nil {
		return nil, err
	}
	// The workers of nginx run as another user.
	if err = errors.Join(os.Chmod(e.dir, 0o755), e.certificates()); err != nil {
		return e, err
	}
	if e.nginx, err = findProgram("nginx"); err != nil {
		return e, fmt.Errorf("%w: it is the carrier of all measurements: run hack/bench/prereqs.sh", err)
	}
	if err = e.buildGateway(ctx); err != nil {
		return e, err
	}
	e.findPeers(ctx)
	e.origin, err = startOrigin(ctx, e)
	return e, err
}

// close ends the carrier and removes the files.
func (e *environment) close() {
	if e.origin != nil {
		e.origin.stop()
	}
	_ = os.RemoveAll(e.dir)
}

func (e *environment) certificates() error {
	var err error
	if e.ca, err = newAuthority(e.dir, "ca"); err != nil {
		return err
	}
	other, err := newAuthority(e.dir, "other-ca")
	if err != nil {
		return err
	}
	var load pair
	for _, p := range []struct {
		pair           *pair
		ca             *authority
		name, dns, uri string
	}{
		{&e.carrierPair, e.ca, "carrier", carrierName, ""},
		{&e.wrongNamePair, e.ca, "wrong-name", "other.test", ""},
		{&e.wrongCAPair, other, "wrong-ca", carrierName, ""},
		{&e.clientPair, e.ca, "client", "proxy.test", ""},
		{&e.serverPair, e.ca, "server", "", ""},
		{&load, e.ca, "load", "", clientURI},
	} {
		if *p.pair, err = p.ca.issue(p.name, p.dns, p.uri); err != nil {
			return err
		}
	}
	certificate, err := load.load()
	e.loadTLS = &tls.Config{RootCAs: e.ca.pool(), Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
		ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(256)}
	return err
}

// findProgram looks where Debian puts daemons, too.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

// buildGateway builds what is shipped: without symbols, static.
func (e *environment) buildGateway(ctx context.Context) error {
	if e.gateway != "" {
		return nil
	}
	e.gateway = filepath.Join(e.dir, "gateway")
	return e.build(ctx, e.root, e.gateway, "./cmd/gateway")
}

func (e *environment) build(ctx context.Context, dir, binary, pkg string) error {
	progress("building %s", filepath.Base(binary))
	return e.goCommand(ctx, dir, "build", "-ldflags=-s -w", "-o", binary, pkg)
}

// goCommand runs the go command on both cores: before anything is measured.
func (e *environment) goCommand(ctx context.Context, dir string, args ...string) error {
	cores := itoa(e.proxyCore) + "," + itoa(e.loadCore)
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cores, "go"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, lastLine(output))
	}
	return nil
}

// findPeers lists the proxies; one that is missing stays in the list with the reason.
func (e *environment) findPeers(ctx context.Context) {
	nginx := &peer{name: "nginx", start: startNginx, version: versionOf(ctx, e.nginx)}
	haproxy := &peer{name: "haproxy", start: startHaproxy}
	var err error
	if e.haproxy, err = findProgram("haproxy"); err != nil {
		haproxy.absent = "not installed: run hack/bench/prereqs.sh"
	} else {
		haproxy.version = versionOf(ctx, e.haproxy)
	}
	caddy := &peer{name: "caddy", start: startCaddy, version: "Caddy " + moduleVersion("caddy/go.mod", "github.com/caddyserver/caddy/v2")}
	for _, p := range []*peer{nginx, haproxy, caddy, e.gatewayPeer("")} {
		if e.proxies.MatchString(p.name) {
			e.peers = append(e.peers, p)
		}
	}
	for _, variant := range e.also {
		e.peers = append(e.peers, e.gatewayPeer(variant))
	}
	if e.proxies.MatchString(caddy.name) {
		e.caddy = filepath.Join(e.dir, "caddy")
		if err := e.build(ctx, filepath.Join(e.root, "hack", "bench", "caddy"), e.caddy, "."); err != nil {
			caddy.absent = err.Error()
		}
	}
	for _, p := range e.peers {
		if p.absent != "" {
			progress("%s cannot be measured: %s", p.name, p.absent)
		}
	}
}

// gatewayPeer is the gateway, or a variant of it: with another variable in its environment, or another binary.
func (e *environment) gatewayPeer(variant string) *peer {
	p := &peer{name: gatewayName, version: "this repository", gateway: true}
	binary, env := e.gateway, []string{memoryLimit}
	switch {
	case variant == "":
	case strings.Contains(variant, "="):
		p.name, env = gatewayName+" "+variant, append(env, variant)
	default:
		p.name, p.version, binary = gatewayName+" "+filepath.Base(variant), variant, variant
	}
	p.start = func(e *environment, s setup) (*process, error) { return startGateway(e, s, binary, env) }
	return p
}

func versionOf(ctx context.Context, program string) string {
	output, _ := exec.CommandContext(ctx, program, "-v").CombinedOutput()
	line, _, _ := strings.Cut(string(bytes.TrimSpace(output)), "\n")
	return strings.TrimPrefix(line, "nginx version: ")
}

// moduleVersion reads the version that a go.mod requires.
func moduleVersion(file, module string) string {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if _, version, found := strings.Cut(line, module+" "); found {
			return strings.TrimSpace(version)
		}
	}
	return "of unknown version"
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
