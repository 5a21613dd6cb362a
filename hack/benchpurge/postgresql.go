package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver pgx

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const pgSuper = "bench_owner"

// batch is the size of the batches that PostgreSQL's peers delete, as people write them.
const batch = 1000

// pgServer is a PostgreSQL of the benchmark's own.
type pgServer struct {
	*server
	bin, release string
}

// startPostgreSQL initializes and starts a server with the settings of production that matter here: fsync and full-page images are on.
// Autovacuum is off, so that it does not fall into one contender's time and not into the other's.
func startPostgreSQL(ctx context.Context, dir string) (store, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL is not installed: run hack/benchpurge/prereqs.sh")
	}
	slices.Sort(found)
	base, err := newServer(dir, "postgresql", "postgres")
	if err != nil {
		return nil, err
	}
	s := &pgServer{server: base, bin: filepath.Dir(found[len(found)-1])}
	password := filepath.Join(dir, "postgresql-password")
	if err := os.WriteFile(password, []byte(s.login), 0o644); err != nil { //nolint:gosec // initdb reads it as another user
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if _, err := s.output(ctx, filepath.Join(s.bin, "initdb"), "-D", data, "-U", pgSuper, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8"); err != nil {
		return nil, err
	}
	_ = os.Remove(password)
	admin, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return nil, err
	}
	args := []string{"-D", data, "-p", strconv.Itoa(s.port), "-k", s.dir, "-h", "127.0.0.1"}
	for _, setting := range []string{"shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "autovacuum=off", "wal_level=replica", "max_connections=40"} {
		args = append(args, "-c", setting)
	}
	if err := s.start(ctx, admin, filepath.Join(s.bin, "postgres"), args...); err != nil {
		return s, err
	}
	if err := s.exec(ctx, "CREATE DATABASE "+database, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", purgerUser, s.login)); err != nil {
		return s, err
	}
	_ = admin.Close()
	db, err := sql.Open("pgx", s.url(database))
	if err != nil {
		return s, err
	}
	s.connectAnew(db)
	return s, s.db.QueryRowContext(ctx, "SHOW server_version").Scan(&s.release)
}

// url of the owner's connection. Statements go as they are: DO with COMMIT and VACUUM take no other way.
func (s *pgServer) url(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable&default_query_exec_mode=simple_protocol", pgSuper, s.login, s.port, database)
}

func (s *pgServer) name() string                 { return "postgresql" }
func (s *pgServer) version() string              { return "PostgreSQL " + s.release }
func (s *pgServer) kind() v1alpha1.DataStoreType { return v1alpha1.StorePostgreSQL }
func (s *pgServer) prefix() string               { return "public." }
func (s *pgServer) base() *server                { return s.server }
func (s *pgServer) stop()                        { s.end(syscall.SIGINT) } // fast shutdown

func (s *pgServer) make(ctx context.Context, w workload) error {
	var statements []string
	for _, t := range w.tables {
		statements = append(statements, fmt.Sprintf("DROP TABLE IF EXISTS %s%s, %s CASCADE", template, t.name, t.name))
	}
	for _, t := range slices.Backward(w.tables) { // parents first
		columns := "(id bigint PRIMARY KEY, at timestamptz NOT NULL, " + t.columns() + ")"
		statements = append(statements, "CREATE TABLE "+template+t.name+" "+columns,
			fmt.Sprintf("INSERT INTO %s%s SELECT n, to_timestamp(%s), %s FROM generate_series(1::bigint, %d) AS n", template, t.name, w.clock("n"), t.values("n"), w.perTable()),
			"VACUUM ANALYZE "+template+t.name, "CREATE TABLE "+t.name+" "+columns)
		statements = append(statements, t.extras()...)
		statements = append(statements, fmt.Sprintf("GRANT SELECT, DELETE ON %s TO %s", t.name, purgerUser))
	}
	return s.exec(ctx, statements...)
}

func (s *pgServer) restore(ctx context.Context, w workload) error {
	var statements []string
	for _, t := range slices.Backward(w.tables) {
		statements = append(statements, "TRUNCATE "+t.name+" CASCADE", fmt.Sprintf("INSERT INTO %[1]s SELECT * FROM %[2]s%[1]s ORDER BY id", t.name, template))
	}
	for _, t := range w.tables {
		statements = append(statements, "VACUUM ANALYZE "+t.name)
	}
	return s.exec(ctx, append(statements, "CHECKPOINT")...)
}

func (s *pgServer) due() string {
	return fmt.Sprintf("at < '%s' AND tenant <> %s", cutoff.Format(time.RFC3339), heldTenant)
}

func (s *pgServer) peers(context.Context, int) ([]contender, error) {
	where := s.due()
	return []contender{
		s.peer(oneDelete, func(t table) string { return fmt.Sprintf("DELETE FROM %s WHERE %s", t.name, where) }),
		s.peer(doLoop, func(t table) string {
			return fmt.Sprintf("DO $$ DECLARE n bigint; BEGIN LOOP DELETE FROM %[1]s WHERE id IN (SELECT id FROM %[1]s WHERE %[2]s LIMIT %[3]d); "+
				"GET DIAGNOSTICS n = ROW_COUNT; COMMIT; EXIT WHEN n = 0; END LOOP; END $$", t.name, where, batch)
		}),
		{ctidAny, s.ctidLoop},
	}, nil
}

// peer deletes with one statement for each table.
func (s *pgServer) peer(name string, statement func(table) string) contender {
	return contender{name, func(ctx context.Context, w workload) (time.Duration, error) {
		var statements []string
		for _, t := range w.tables {
			statements = append(statements, statement(t))
		}
		return s.timed(ctx, statements...)
	}}
}

// ctidLoop is the loop of a client that commits each batch.
func (s *pgServer) ctidLoop(ctx context.Context, w workload) (time.Duration, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	begun := time.Now()
	for _, t := range w.tables {
		statement := fmt.Sprintf("DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s LIMIT %[3]d))", t.name, s.due(), batch)
		for n := int64(1); n > 0; {
			result, err := conn.ExecContext(ctx, statement)
			if err != nil {
				return 0, err
			}
			if n, err = result.RowsAffected(); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(begun), nil
}
