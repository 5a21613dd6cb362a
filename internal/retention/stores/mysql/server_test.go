//go:build integration

package mysql_test

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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// The tests share one MariaDB of their own, on a free port of loopback, and make a database each.
const (
	purgerUser  = "carrier_purger"
	purgerLogin = "purger-password"
)

var (
	server *instance
	// otherCA is a CA that the server's certificate is not from.
	otherCA string
	// workDir is a folder that goes when the tests end.
	workDir string
)

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "MariaDB of Debian (mariadb-server) is needed:", err)
		code = 1
	}
	os.Exit(code)
}

// instance is a server with its data.
type instance struct {
	dir, ca string
	port    int
	options []string
	process *exec.Cmd
	root    *sql.DB
}

func withServer(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("/tmp", "purger-mysql-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	workDir = dir
	if server, err = newInstance(dir, "primary", "--server-id=1"); err != nil {
		return 1, err
	}
	defer server.stop(syscall.SIGTERM)
	other := &instance{dir: dir}
	if err := other.writeCertificates(); err != nil {
		return 1, err
	}
	otherCA = other.ca
	return run(), nil
}

// newInstance initializes and starts a server, which does not run as root: the tests' root becomes mysql for it.
func newInstance(dir, name string, options ...string) (*instance, error) {
	i := &instance{dir: filepath.Join(dir, name), options: options}
	if err := chownToServer(dir); err != nil {
		return nil, err
	}
	// A server that starts removes the temporary tables of all that share its folder for them.
	out, err := asServer("mariadb-install-db", "--no-defaults", "--datadir="+i.dir, "--auth-root-authentication-method=normal", "--skip-test-db", "--tmpdir="+dir, "--innodb-flush-log-at-trx-commit=0").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	if err := i.writeCertificates(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	return i, i.start()
}

// newServer is a server of one test.
func newServer(t *testing.T, options ...string) *instance {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "purger-mysql-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	i, err := newInstance(dir, "other", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.stop(syscall.SIGTERM) })
	return i
}

func (i *instance) start() error {
	i.process = asServer("mariadbd", append([]string{"--no-defaults", "--datadir=" + i.dir, "--tmpdir=" + filepath.Dir(i.dir), "--port=" + strconv.Itoa(i.port), "--bind-address=127.0.0.1",
		"--socket=" + i.socket(), "--pid-file=" + filepath.Join(i.dir, "pid"), "--ssl-cert=" + filepath.Join(i.dir, "server.crt"), "--ssl-key=" + filepath.Join(i.dir, "server.key"),
		"--log-bin=" + filepath.Join(i.dir, "binlog"), "--binlog-format=ROW", "--skip-name-resolve", "--innodb-buffer-pool-size=256M", "--character-set-server=utf8mb4",
		"--log-error=" + filepath.Join(i.dir, "log")}, i.options...)...)
	if err := i.process.Start(); err != nil {
		return err
	}
	config := driver.NewConfig()
	config.Net, config.Addr, config.User, config.MultiStatements, config.Logger = "unix", i.socket(), "root", true, &driver.NopLogger{}
	connector, err := driver.NewConnector(config)
	if err != nil {
		return err
	}
	i.root = sql.OpenDB(connector)
	for range 400 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = i.root.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	i.stop(syscall.SIGKILL)
	log, _ := os.ReadFile(filepath.Join(i.dir, "log"))
	return fmt.Errorf("the server does not come up: %w: %s", err, log)
}

func (i *instance) socket() string { return filepath.Join(i.dir, "socket") }

func (i *instance) stop(signal syscall.Signal) {
	i.root.Close()
	_ = i.process.Process.Signal(signal)
	_ = i.process.Wait()
}

func asServer(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		if account, err := user.Lookup("mysql"); err == nil {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: number(account.Uid), Gid: number(account.Gid)}
		}
	}
	return cmd
}

func chownToServer(path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("mysql")
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
func (i *instance) writeCertificates() (err error) {
	if i.ca, err = retentiontest.WriteCertificates(i.dir); err != nil {
		return err
	}
	return errors.Join(chownToServer(filepath.Join(i.dir, retentiontest.CertificateFile)), chownToServer(filepath.Join(i.dir, retentiontest.KeyFile)))
}

// database is a fresh database of one test.
type database struct {
	t    *testing.T
	on   *instance
	name string
	conn *sql.Conn
	dir  string // the files of the store's Secret
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	return newDatabaseOn(t, server)
}

func newDatabaseOn(t *testing.T, on *instance) *database {
	t.Helper()
	db := &database{t: t, on: on, name: "db_" + strings.ToLower(rand.Text()[:10]), dir: t.TempDir()}
	db.connect()
	db.exec("CREATE DATABASE " + db.name + "; USE " + db.name + "; CREATE USER IF NOT EXISTS " + purgerUser + " IDENTIFIED BY '" + purgerLogin + "'; GRANT SHOW VIEW ON " + db.name + ".* TO " + purgerUser)
	// The database stays until the server goes.
	t.Cleanup(func() { db.conn.Close() })
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(on.port), "database": db.name, "username": purgerUser, "password": purgerLogin} {
		db.secret(key, value)
	}
	return db
}

// connect opens the test's own connection, as root and with a mode that lets zero dates in.
func (db *database) connect() {
	db.t.Helper()
	var err error
	if db.conn, err = db.on.root.Conn(context.Background()); err != nil {
		db.t.Fatal(err)
	}
	db.exec("SET SESSION sql_mode = '', time_zone = '+00:00', NAMES utf8mb4")
}

// secret writes a key of the store's Secret.
func (db *database) secret(key, value string) {
	db.t.Helper()
	if err := os.WriteFile(filepath.Join(db.dir, key), []byte(value), 0o600); err != nil {
		db.t.Fatal(err)
	}
}

func (db *database) exec(statement string, args ...any) {
	db.t.Helper()
	if _, err := db.conn.ExecContext(context.Background(), statement, args...); err != nil {
		db.t.Fatalf("%s: %v", statement, err)
	}
}

func (db *database) int(query string, args ...any) (n int64) {
	db.t.Helper()
	if err := db.conn.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		db.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// rows are all rows that a query returns, as text, in order.
func (db *database) rows(query string, args ...any) (all []string) {
	db.t.Helper()
	rows, err := db.conn.QueryContext(context.Background(), query, args...)
	if err != nil {
		db.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		db.t.Fatal(err)
	}
	row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			db.t.Fatal(err)
		}
		parts := make([]string, len(row))
		for i, v := range row {
			if parts[i] = "NULL"; v.Valid {
				parts[i] = v.String
			}
		}
		all = append(all, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		db.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
