//go:build integration

package postgresql_test

import (
	"context"
	"crypto/rand"
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
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// The tests share one PostgreSQL 15 of their own, on a free port of loopback, and make a database each.
const (
	binaries      = "/usr/lib/postgresql/15/bin"
	purgerRole    = "carrier_purger"
	purgerLogin   = "purger-password"
	superuser     = "super"
	superPassword = "super-password"
)

var (
	server *cluster
	// otherCA is a CA that the server's certificate is not from.
	otherCA string
	// workDir is a folder that goes when the tests end.
	workDir string
)

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL 15 of Debian (postgresql-15) is needed:", err)
		code = 1
	}
	os.Exit(code)
}

type cluster struct {
	dir, ca string
	port    int
	options []string
	process *exec.Cmd
}

func withServer(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("/tmp", "purger-pg-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	workDir = dir
	if server, err = newCluster(dir, "primary"); err != nil {
		return 1, err
	}
	defer server.stop()
	other := &cluster{dir: dir}
	if err := other.writeCertificates(); err != nil {
		return 1, err
	}
	otherCA = other.ca
	return run(), nil
}

// newStandby copies the server and follows it.
func (c *cluster) newStandby(dir string, options ...string) (*cluster, error) {
	if err := chownToServer(dir); err != nil {
		return nil, err
	}
	standby := &cluster{dir: filepath.Join(dir, "standby"), ca: c.ca, options: options}
	source := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s sslmode=disable", c.port, superuser, superPassword)
	if out, err := asServer("pg_basebackup", "-D", standby.dir, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return standby, standby.start()
}

// startStandby makes a standby of the server for one test.
func startStandby(t *testing.T, options ...string) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "purger-standby-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c, err := server.newStandby(dir, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// newCluster initializes and starts a server. It does not run as root, so the tests' root becomes postgres for it.
func newCluster(dir, name string, options ...string) (*cluster, error) {
	c := &cluster{dir: filepath.Join(dir, name), options: options}
	if err := chownToServer(dir); err != nil {
		return nil, err
	}
	password := filepath.Join(dir, name+"-password")
	if err := os.WriteFile(password, []byte(superPassword), 0o644); err != nil {
		return nil, err
	}
	if out, err := asServer("initdb", "-D", c.dir, "-U", superuser, "--pwfile", password, "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := c.writeCertificates(); err != nil {
		return nil, err
	}
	return c, c.start()
}

func (c *cluster) start() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	c.process = asServer("postgres", append([]string{"-D", c.dir, "-p", strconv.Itoa(c.port), "-k", c.dir, "-h", "127.0.0.1",
		"-c", "ssl=on", "-c", "fsync=off", "-c", "max_connections=40", "-c", "wal_level=replica", "-c", "max_wal_senders=4", "-c", "max_prepared_transactions=4",
		"-c", "log_min_messages=fatal"}, c.options...)...)
	c.process.Stderr = os.Stderr
	if err := c.process.Start(); err != nil {
		return err
	}
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, connErr := pgx.Connect(ctx, c.url("postgres"))
		cancel()
		if connErr == nil {
			return conn.Close(context.Background())
		}
		err = connErr
		time.Sleep(50 * time.Millisecond)
	}
	c.stop()
	return fmt.Errorf("the server does not come up: %w", err)
}

func (c *cluster) stop() {
	_ = c.process.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = c.process.Wait()
}

func (c *cluster) url(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", superuser, superPassword, c.port, database)
}

func asServer(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries, program), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		if account, err := user.Lookup("postgres"); err == nil {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: number(account.Uid), Gid: number(account.Gid)}
		}
	}
	return cmd
}

func chownToServer(path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	return os.Chown(path, int(number(account.Uid)), int(number(account.Gid)))
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// writeCertificates makes a CA and a certificate for 127.0.0.1.
func (c *cluster) writeCertificates() (err error) {
	if c.ca, err = retentiontest.WriteCertificates(c.dir); err != nil {
		return err
	}
	return errors.Join(chownToServer(filepath.Join(c.dir, retentiontest.CertificateFile)), chownToServer(filepath.Join(c.dir, retentiontest.KeyFile)))
}

// database is a fresh database of one test.
type database struct {
	t    *testing.T
	on   *cluster
	name string
	conn *pgx.Conn
	dir  string // the files of the store's Secret
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	return newDatabaseOn(t, server)
}

func newDatabaseOn(t *testing.T, on *cluster) *database {
	t.Helper()
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, on.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	db := &database{t: t, on: on, name: "db_" + strings.ToLower(rand.Text()[:10]), dir: t.TempDir()}
	for _, sql := range []string{
		"CREATE DATABASE " + db.name,
		"DO $$ BEGIN CREATE ROLE " + purgerRole + " LOGIN PASSWORD '" + purgerLogin + "'; EXCEPTION WHEN duplicate_object THEN END $$",
	} {
		if _, err := admin.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	if db.conn, err = pgx.Connect(ctx, on.url(db.name)); err != nil {
		t.Fatal(err)
	}
	// The database stays until the server goes: dropping one waits for a checkpoint.
	t.Cleanup(func() { db.conn.Close(ctx) })
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(on.port), "database": db.name, "username": purgerRole, "password": purgerLogin} {
		db.secret(key, value)
	}
	return db
}

// secret writes a key of the store's Secret.
func (db *database) secret(key, value string) {
	db.t.Helper()
	if err := os.WriteFile(filepath.Join(db.dir, key), []byte(value), 0o600); err != nil {
		db.t.Fatal(err)
	}
}

func (db *database) exec(sql string, args ...any) {
	db.t.Helper()
	if _, err := db.conn.Exec(context.Background(), sql, args...); err != nil {
		db.t.Fatalf("%s: %v", sql, err)
	}
}

func (db *database) int(sql string, args ...any) (n int64) {
	db.t.Helper()
	if err := db.conn.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		db.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// rows are all rows that a query returns, as text, in order.
func (db *database) rows(sql string, args ...any) []string {
	db.t.Helper()
	result, err := db.conn.Query(context.Background(), "SELECT r::text FROM ("+sql+") AS r ORDER BY 1", args...)
	if err != nil {
		db.t.Fatalf("%s: %v", sql, err)
	}
	rows, err := pgx.CollectRows(result, pgx.RowTo[string])
	if err != nil {
		db.t.Fatalf("%s: %v", sql, err)
	}
	return rows
}
