package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Names of further stores inside of the cluster, and where they are on the internet side (RFC 5737).
const (
	MariaDBHost    = "mariadb.example"
	mariaDBAddress = "203.0.113.60"
	RedisHost      = "redis.example"
	redisAddress   = "203.0.113.61"
)

// StartStandby makes a streaming standby of the PostgreSQL server and connects to it as its owner.
func (l *Lab) StartStandby(ctx context.Context) (*pgx.Conn, error) {
	if _, err := l.Run(ctx, nil, l.path("devcluster"), "standby", "--name", l.Name); err != nil {
		return nil, err
	}
	return l.connect(ctx, "5433", "postgres")
}

// Address is where a program on this machine reaches a server on the internet side.
func (l *Lab) Address(port string) string { return net.JoinHostPort(l.internet, port) }

// MariaDB is a server on the internet side, as its owner sees it.
type MariaDB struct {
	*sql.DB
	lab *Lab
	dir string
}

// StartMariaDB starts a server with an empty database of that name. It runs as the unprivileged user of Debian's package, who may not enter
// the caller's home: so its folder is a temporary one.
func (l *Lab) StartMariaDB(ctx context.Context, database string) (*MariaDB, error) {
	owner, err := user.Lookup("mysql")
	if err != nil {
		return nil, fmt.Errorf("%w: hack/devcluster/prereqs.sh installs MariaDB", err)
	}
	dir, err := os.MkdirTemp("/tmp", "lab-mariadb-")
	if err != nil {
		return nil, err
	}
	m := &MariaDB{lab: l, dir: dir}
	if err := m.start(ctx, owner, database); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

func (m *MariaDB) start(ctx context.Context, owner *user.User, database string) error {
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return err
	}
	if err := os.Chown(m.dir, uid, gid); err != nil {
		return err
	}
	asOwner := []string{"--reuid=mysql", "--regid=mysql", "--init-groups", "--"}
	data, socket := filepath.Join(m.dir, "data"), filepath.Join(m.dir, "socket")
	if _, err := m.lab.Run(ctx, nil, "setpriv", append(asOwner, "mariadb-install-db", "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db")...); err != nil {
		return err
	}
	server := append([]string{"run", "--name", m.lab.Name, "--in", "internet", "--as", "mariadb", "--", "setpriv"}, asOwner...)
	if _, err := m.lab.Run(ctx, nil, m.lab.path("devcluster"), append(server, "mariadbd", "--no-defaults", "--datadir="+data, "--socket="+socket,
		"--pid-file="+filepath.Join(m.dir, "pid"), "--port=3306", "--bind-address=0.0.0.0", "--server-id=7", "--log-bin="+filepath.Join(data, "binlog"),
		"--binlog-format=ROW", "--skip-name-resolve", "--character-set-server=utf8mb4")...); err != nil {
		return err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.MultiStatements, config.ParseTime, config.Logger = "unix", socket, "root", true, true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	m.DB = sql.OpenDB(connector)
	m.SetMaxOpenConns(1) // one session, which stays in the database
	err = m.lab.Wait(ctx, 30*time.Second, "MariaDB", func(ctx context.Context) (bool, string, error) {
		_, err := m.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+database+"; USE "+database)
		return err == nil, "", err
	})
	if err != nil {
		return err
	}
	return m.lab.SetAddresses(MariaDBHost, mariaDBAddress)
}

// Close ends the server and removes its data.
func (m *MariaDB) Close(ctx context.Context) error {
	if m.DB != nil {
		_ = m.DB.Close()
	}
	_, err := m.lab.Run(ctx, nil, m.lab.path("devcluster"), "stop", "--name", m.lab.Name, "--as", "mariadb")
	return errors.Join(err, os.RemoveAll(m.dir))
}

// StartRedis starts a Redis that keeps nothing on disk, with a password, and connects to it. It ends with the cluster.
func (l *Lab) StartRedis(ctx context.Context, password string) (*redis.Client, error) {
	_, err := l.Run(ctx, nil, l.path("devcluster"), "run", "--name", l.Name, "--in", "internet", "--as", "redis", "--",
		"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--",
		"redis-server", "--bind", "0.0.0.0", "--port", "6379", "--dir", "/", "--save", "", "--appendonly", "no", "--requirepass", password)
	if err != nil {
		return nil, err
	}
	c := redis.NewClient(&redis.Options{Addr: l.Address("6379"), Password: password, Protocol: 2, DisableIdentity: true})
	err = l.Wait(ctx, 20*time.Second, "Redis", func(ctx context.Context) (bool, string, error) {
		err := c.Ping(ctx).Err()
		return err == nil, "", err
	})
	if err != nil {
		return nil, err
	}
	return c, l.SetAddresses(RedisHost, redisAddress)
}

// Plugin runs kubectl-carrier. An exit code of 1, by which it says that it found something, is not an error.
func (l *Lab) Plugin(ctx context.Context, args ...string) (output string, code int, err error) {
	if err := l.build(ctx, l.Root, "./cmd/kubectl-carrier", "kubectl-carrier"); err != nil {
		return "", 0, err
	}
	output, err = l.Run(ctx, nil, l.path("kubectl-carrier"), args...)
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return output, 1, nil
	}
	return output, 0, err
}
