package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/netns"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

// Inside PostgreSQL's own mount namespace its folder appears here: the real one lies below the
// caller's home, which another user may not enter. Debian's package makes this folder.
const postgresHome = "/var/lib/postgresql"

const postgresConfig = `listen_addresses = '*'
unix_socket_directories = '` + postgresHome + `'
ssl = on
ssl_cert_file = '` + postgresHome + `/server.crt'
ssl_key_file = '` + postgresHome + `/server.key'
password_encryption = scram-sha-256
log_destination = stderr
`

// No connection without TLS, and none without a password but from the machine itself by its owner.
const postgresAccess = `local   all all           peer
local   replication all   peer
hostssl all all 0.0.0.0/0 scram-sha-256
`

// Postgres makes a PostgreSQL server in the internet namespace, or starts the one that is there.
func (c *Cluster) Postgres(ctx context.Context, out io.Writer) error {
	if !c.Exists() || !c.spaces.Ready() {
		return errNotUp
	}
	bin, err := postgresPrograms()
	if err != nil {
		return err
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("%w: hack/devcluster/prereqs.sh installs PostgreSQL", err)
	}
	home := c.path("postgres")
	if old := c.state.Find("postgres"); old == nil || !old.Alive() {
		if err := c.initPostgres(ctx, home, bin, owner); err != nil {
			return err
		}
		server := c.spaces.InInternet(asPostgres(home, filepath.Join(bin, "postgres"), "-D", postgresHome+"/data")...)
		if err := c.runUser("postgres", server, append(c.environment(), "LC_ALL=C.UTF-8")); err != nil {
			return err
		}
	}
	if err := c.awaitPostgres(ctx, "postgres", bin, "5432"); err != nil {
		return err
	}
	address := net.JoinHostPort(c.Internet, "5432")
	fmt.Fprintf(out, "PostgreSQL: %s:5432 (postgres.example) for pods, %s for the host\nuser postgres, password in %s\ncertificate authority: %s\n",
		netns.PostgresIP, address, c.path("postgres", "password"), c.path("internet", "ca.crt"))
	return nil
}

const (
	standby     = "postgres-standby"
	standbyPort = "5433"
)

// PostgresStandby makes a streaming standby of the PostgreSQL server, or starts the one that is there. It lives in a folder beside the
// server's own and follows it over the socket that they share.
func (c *Cluster) PostgresStandby(ctx context.Context, out io.Writer) error {
	if primary := c.state.Find("postgres"); primary == nil || !primary.Alive() {
		return errors.New("no PostgreSQL server to follow: start one with `devcluster postgres`")
	}
	bin, err := postgresPrograms()
	if err != nil {
		return err
	}
	home, data := c.path("postgres"), postgresHome+"/standby"
	if _, err := os.Stat(filepath.Join(home, "standby")); err != nil {
		backup := asPostgres(home, filepath.Join(bin, "pg_basebackup"), "-D", data, "-h", postgresHome, "-R", "-X", "stream", "-c", "fast", "--no-sync")
		if output, err := exec.CommandContext(ctx, backup[0], backup[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("pg_basebackup: %w\n%s", err, output)
		}
	}
	if old := c.state.Find(standby); old == nil || !old.Alive() {
		server := c.spaces.InInternet(asPostgres(home, filepath.Join(bin, "postgres"), "-D", data, "-p", standbyPort)...)
		if err := c.runUser(standby, server, append(c.environment(), "LC_ALL=C.UTF-8")); err != nil {
			return err
		}
	}
	if err := c.awaitPostgres(ctx, standby, bin, standbyPort); err != nil {
		return err
	}
	fmt.Fprintf(out, "standby: %s for the host\n", net.JoinHostPort(c.Internet, standbyPort))
	return nil
}

func (c *Cluster) awaitPostgres(ctx context.Context, name, bin, port string) error {
	return c.await(ctx, 30*time.Second, func(ctx context.Context) error {
		if p := c.state.Find(name); !p.Alive() {
			return proc.Died(p.Name, p.Log)
		}
		output, err := exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-h", c.Internet, "-p", port).CombinedOutput()
		if err != nil {
			return errors.New("PostgreSQL does not accept connections: " + strings.TrimSpace(string(output)))
		}
		return nil
	})
}

// asPostgres runs a program as the unprivileged user with home in view.
func asPostgres(home string, command ...string) []string {
	script := `mount --bind "$1" ` + postgresHome + ` && shift && cd ` + postgresHome +
		` && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"`
	return append([]string{"unshare", "--mount", "sh", "-c", script, "sh", home}, command...)
}

// initPostgres makes the data folder once. It is made complete under another name, so that a broken-off
// attempt is not mistaken for a database.
func (c *Cluster) initPostgres(ctx context.Context, home, bin string, owner *user.User) error {
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(home, "ready")); err == nil {
		return nil
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := os.Chown(home, uid, gid); err != nil {
		return err
	}
	files := map[string]string{"password": rand.Text()}
	for name, source := range map[string]string{"server.crt": "postgres.crt", "server.key": "postgres.key"} {
		content, err := os.ReadFile(c.path("internet", source))
		if err != nil {
			return err
		}
		files[name] = string(content)
	}
	for name, content := range files {
		if err := writeOwned(filepath.Join(home, name), content, uid, gid); err != nil {
			return err
		}
	}
	initdb := asPostgres(home, filepath.Join(bin, "initdb"), "-D", postgresHome+"/data", "--encoding=UTF8", "--locale=C.UTF-8",
		"--auth-local=peer", "--auth-host=scram-sha-256", "--pwfile="+postgresHome+"/password", "--no-sync", "--no-instructions")
	cmd := exec.CommandContext(ctx, initdb[0], initdb[1:]...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	if err := writeOwned(filepath.Join(home, "data", "pg_hba.conf"), postgresAccess, uid, gid); err != nil {
		return err
	}
	if err := appendFile(filepath.Join(home, "data", "postgresql.conf"), postgresConfig); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "ready"), nil, 0o644)
}

func writeOwned(file, content string, uid, gid int) error {
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Chown(file, uid, gid)
}

func appendFile(file, content string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// postgresPrograms finds the newest server that Debian has installed.
func postgresPrograms() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL server: hack/devcluster/prereqs.sh installs it")
	}
	version := func(file string) int {
		n, _ := strconv.Atoi(strings.Split(file, "/")[4])
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}
