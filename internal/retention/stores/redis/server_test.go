//go:build integration

package redis_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const password = "test-password"

// server is a Redis of one test, without TLS, on a free port of loopback.
type server struct {
	*redis.Client
	t       *testing.T
	dir     string // the server's files
	secret  string // the files of the store's Secret
	address string
	args    []string
	process *exec.Cmd
}

// newServer starts a server with extra arguments until the test ends. It needs Debian's package redis-server.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), secret: t.TempDir(), address: l.Addr().String(), args: args}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.Client = redis.NewClient(&redis.Options{Addr: s.address, Password: password, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = s.Client.Close() })
	s.start()
	t.Cleanup(s.kill)
	host, port, _ := net.SplitHostPort(s.address)
	for key, value := range map[string]string{"host": host, "port": port, "password": password} {
		s.write(key, value)
	}
	return s
}

func (s *server) start() {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.address)
	s.process = exec.Command("redis-server", append([]string{"--bind", host, "--port", port, "--dir", s.dir, "--requirepass", password,
		"--save", "", "--repl-diskless-sync-delay", "0"}, s.args...)...)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.await("the server to come up", func() bool { return s.Ping(context.Background()).Err() == nil })
}

// kill ends the server at once.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// write a key of the store's Secret.
func (s *server) write(key, value string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.secret, key), []byte(value), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// await polls for half a minute.
func (s *server) await(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("waited in vain for ", what)
		}
	}
}

// do runs a command.
func (s *server) do(args ...any) any {
	s.t.Helper()
	answer, err := s.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// fill sets hashes in one pipeline.
func (s *server) fill(records map[string]map[string]string) {
	s.t.Helper()
	pipe := s.Pipeline()
	for key, fields := range records {
		pipe.HSet(context.Background(), key, fields)
	}
	if _, err := pipe.Exec(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// hashes are all hashes of the database.
func (s *server) hashes() map[string]map[string]string {
	s.t.Helper()
	keys, err := s.Keys(context.Background(), "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]map[string]string{}
	pipe := s.Pipeline()
	commands := make([]*redis.MapStringStringCmd, len(keys))
	for i, key := range keys {
		commands[i] = pipe.HGetAll(context.Background(), key)
	}
	_, _ = pipe.Exec(context.Background()) // each command's error is looked at
	for i, key := range keys {
		fields, err := commands[i].Result()
		if err != nil && !strings.HasPrefix(err.Error(), "WRONGTYPE") {
			s.t.Fatal(err)
		}
		found[key] = fields
	}
	return found
}
