package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	driver "github.com/go-sql-driver/mysql"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// mariaServer is a MariaDB of the benchmark's own.
type mariaServer struct {
	*server
	release, archiver string
}

// startMariaDB initializes and starts a server with the settings of production that matter here: a row-based binary log, and a redo log
// that is flushed with each commit.
func startMariaDB(ctx context.Context, dir string) (store, error) {
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mariadbd"); err != nil {
			return nil, errors.New("MariaDB is not installed: run hack/benchpurge/prereqs.sh")
		}
	}
	base, err := newServer(dir, "mariadb", "mysql")
	if err != nil {
		return nil, err
	}
	s := &mariaServer{server: base}
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "socket")
	if _, err := s.output(ctx, "mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--tmpdir="+s.dir); err != nil {
		return nil, err
	}
	config := driver.NewConfig()
	config.Net, config.Addr, config.User, config.Logger = "unix", socket, "root", &driver.NopLogger{}
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	if err := s.start(ctx, db, program, "--no-defaults", "--datadir="+data, "--tmpdir="+s.dir, "--port="+strconv.Itoa(s.port), "--bind-address=127.0.0.1", "--socket="+socket,
		"--pid-file="+filepath.Join(s.dir, "pid"), "--skip-name-resolve", "--server-id=1", "--log-bin="+filepath.Join(data, "binlog"), "--binlog-format=ROW",
		"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G", "--character-set-server=utf8mb4"); err != nil {
		return s, err
	}
	err = s.exec(ctx, "CREATE DATABASE "+database,
		fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", purgerUser, s.login), fmt.Sprintf("GRANT SHOW VIEW ON %s.* TO %s", database, purgerUser),
		fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", archiverUser, s.login), fmt.Sprintf("GRANT ALL ON *.* TO %s", archiverUser))
	if err != nil {
		return s, err
	}
	_ = db.Close()
	config.DBName, config.Params = database, map[string]string{"time_zone": "'+00:00'"}
	if connector, err = driver.NewConnector(config); err != nil {
		return s, err
	}
	s.connectAnew(sql.OpenDB(connector))
	s.archiver, _ = exec.LookPath("pt-archiver") // peers says that it is missing
	return s, s.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&s.release)
}

func (s *mariaServer) name() string                 { return "mariadb" }
func (s *mariaServer) version() string              { return "MariaDB " + s.release }
func (s *mariaServer) kind() v1alpha1.DataStoreType { return v1alpha1.StoreMySQL }
func (s *mariaServer) prefix() string               { return "" }
func (s *mariaServer) base() *server                { return s.server }
func (s *mariaServer) stop()                        { s.end(syscall.SIGTERM) }

// unlogged keeps a session's statements out of the binary log, and references unchecked: they fill tables with what is sound.
const unlogged = "SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0"

func (s *mariaServer) make(ctx context.Context, w workload) error {
	statements := []string{unlogged}
	for _, t := range w.tables {
		statements = append(statements, fmt.Sprintf("DROP TABLE IF EXISTS %s%s, %s", template, t.name, t.name))
	}
	for _, t := range slices.Backward(w.tables) { // parents first
		columns := "(id bigint PRIMARY KEY, at datetime NOT NULL, " + t.columns() + ")"
		statements = append(statements, "CREATE TABLE "+template+t.name+" "+columns,
			fmt.Sprintf("INSERT INTO %s%s SELECT seq, TIMESTAMPADD(SECOND, %s, '1970-01-01'), %s FROM seq_1_to_%d", template, t.name, w.clock("seq"), t.values("seq"), w.perTable()),
			"CREATE TABLE "+t.name+" "+columns)
		statements = append(statements, t.extras()...)
		statements = append(statements, fmt.Sprintf("GRANT SELECT, DELETE ON %s TO %s", t.name, purgerUser))
	}
	return s.exec(ctx, statements...)
}

// restore also waits until the store has cleaned up behind the contender before: that work belongs to nobody's time.
func (s *mariaServer) restore(ctx context.Context, w workload) error {
	statements := []string{unlogged}
	for _, t := range slices.Backward(w.tables) {
		statements = append(statements, "TRUNCATE "+t.name, fmt.Sprintf("INSERT INTO %[1]s SELECT * FROM %[2]s%[1]s ORDER BY id", t.name, template))
	}
	for _, t := range w.tables {
		statements = append(statements, "ANALYZE TABLE "+t.name)
	}
	if err := s.exec(ctx, append(statements, "RESET MASTER")...); err != nil {
		return err
	}
	for range 100 {
		var name string
		var history int64
		if err := s.db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'").Scan(&name, &history); err != nil {
			return err
		}
		if history < 100 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func (s *mariaServer) due() string {
	return fmt.Sprintf("at < '%s' AND tenant <> %s", cutoff.Format(time.DateTime), heldTenant)
}

func (s *mariaServer) peers(_ context.Context, typical int) ([]contender, error) {
	peers := []contender{{oneDelete, func(ctx context.Context, w workload) (time.Duration, error) {
		var statements []string
		for _, t := range w.tables {
			statements = append(statements, fmt.Sprintf("DELETE FROM %s WHERE %s", t.name, s.due()))
		}
		return s.timed(ctx, statements...)
	}}}
	if s.archiver == "" {
		return peers, errors.New("pt-archiver is not installed: run hack/benchpurge/prereqs.sh")
	}
	limits := []int{fixedLimit}
	if typical > 0 && (2*typical < fixedLimit || typical > 2*fixedLimit) {
		limits = append(limits, typical)
	}
	for _, limit := range limits {
		peers = append(peers, contender{archiverName + strconv.Itoa(limit), func(ctx context.Context, w workload) (took time.Duration, err error) {
			for _, t := range w.tables {
				d, err := s.archive(ctx, t, limit)
				if err != nil {
					return 0, err
				}
				took += d
			}
			return took, nil
		}})
	}
	return peers, nil
}
