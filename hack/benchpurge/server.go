package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	database   = "bench"
	purgerUser = "carrier_purger"
)

// contender purges the workload's tables, in their order. It returns how long that took.
type contender struct {
	name string
	run  func(ctx context.Context, w workload) (time.Duration, error)
}

// store is a server of the benchmark's own.
type store interface {
	name() string
	version() string
	kind() v1alpha1.DataStoreType
	// prefix of a table's name in a rule.
	prefix() string
	base() *server
	// make creates the workload's templates and tables; restore fills the tables from the templates.
	make(ctx context.Context, w workload) error
	restore(ctx context.Context, w workload) error
	// due is the condition of rows that all contenders delete.
	due() string
	// peers are the contenders besides ours. typical is the size of our windows.
	peers(ctx context.Context, typical int) ([]contender, error)
	stop()
}

// server is what both kinds have in common.
type server struct {
	dir    string // of the server's user
	secret string // the files of the store's Secret
	login  string // the password of all users
	port   int
	// account that the server runs as if the benchmark runs as root.
	account string
	process *exec.Cmd
	ended   chan struct{}
	db      *sql.DB
}

func newServer(dir, name, account string) (*server, error) {
	s := &server{dir: filepath.Join(dir, name), secret: filepath.Join(dir, name+"-secret"), login: rand.Text(), account: account}
	if err := errors.Join(os.Mkdir(s.dir, 0o750), os.Mkdir(s.secret, 0o700)); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(s.port), "database": database, "username": purgerUser, "password": s.login} {
		if err := os.WriteFile(filepath.Join(s.secret, key), []byte(value), 0o600); err != nil {
			return nil, err
		}
	}
	if os.Getuid() != 0 {
		return s, nil
	}
	uid, gid, err := s.ids()
	if err != nil {
		return nil, err
	}
	return s, os.Chown(s.dir, int(uid), int(gid))
}

func (s *server) ids() (uid, gid uint32, err error) {
	account, err := user.Lookup(s.account)
	if err != nil {
		return 0, 0, err
	}
	u, err := strconv.ParseUint(account.Uid, 10, 32)
	g, err2 := strconv.ParseUint(account.Gid, 10, 32)
	return uint32(u), uint32(g), errors.Join(err, err2)
}

// command runs as the server's user: neither server runs as root. It ends with the benchmark, even if that is killed.
func (s *server) command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		uid, gid, err := s.ids()
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return cmd, nil
}

// output of a program that runs as the server's user.
func (s *server) output(ctx context.Context, program string, args ...string) (string, error) {
	cmd, err := s.command(ctx, program, args...)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, lastLines(out))
	}
	return strings.TrimSpace(string(out)), nil
}

// start runs the server until stop, and waits until it answers.
func (s *server) start(ctx context.Context, db *sql.DB, program string, args ...string) error {
	log, err := os.Create(s.secret + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	// Not ctx: after an interrupt the server is still needed to come to an end in order.
	if s.process, err = s.command(context.WithoutCancel(ctx), program, args...); err != nil {
		return err
	}
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	s.db, s.ended = db, make(chan struct{})
	go func() {
		_ = s.process.Wait()
		close(s.ended)
	}()
	for range 400 {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s ended: %s", filepath.Base(program), lastLines(said))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not come up: %w", filepath.Base(program), err)
}

// end asks the server to end, and then makes it.
func (s *server) end(signal syscall.Signal) {
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.ended == nil {
		return
	}
	_ = s.process.Process.Signal(signal)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		_ = s.process.Process.Kill()
		<-s.ended
	}
}

// connectAnew makes each use of the database a new connection, as a purger, psql and pt-archiver have one. Otherwise peers would go on with
// the session that filled the tables: without a binary log (MariaDB), and in a process that has touched all of the memory (PostgreSQL).
func (s *server) connectAnew(db *sql.DB) {
	db.SetMaxIdleConns(0)
	s.db = db
}

// exec runs statements one by one in one session.
func (s *server) exec(ctx context.Context, statements ...string) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (s *server) int(ctx context.Context, query string) (n int64, err error) {
	if err := s.db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	return n, nil
}

// timed is the time of statements in one session that is already open.
func (s *server) timed(ctx context.Context, statements ...string) (time.Duration, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	begun := time.Now()
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return 0, fmt.Errorf("%s: %w", statement, err)
		}
	}
	return time.Since(begun), nil
}

// lastLines of what a program has printed.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
