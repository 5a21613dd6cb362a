package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Driver reaches one database.
type Driver struct {
	// Dir holds the keys of the store's Secret as files. They are read at every connection, so that a changed password is taken up.
	Dir  string
	Plan *retention.Plan
	// Hasher computes what holds by subject name; nil: the plan has no key.
	Hasher *retention.Hasher
	// withoutReturning is for tests: MariaDB then works as MySQL does.
	withoutReturning bool
}

// connectConfig is the connection. Nothing of the process's environment goes in.
func connectConfig(c *stores.Connection, p *retention.Plan) (*mysql.Config, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName, config.User, config.Passwd = "tcp", c.Address(), c.Database(), c.Username(), c.Password()
	config.Timeout = stores.ConnectTimeout
	config.Logger = &mysql.NopLogger{}
	config.ConnectionAttributes = "program_name:carrier-purge/" + p.RunUID
	config.Collation = "utf8mb4_general_ci" // both stores have it
	// One round trip for each statement; the client escapes as the session's sql_mode says.
	config.InterpolateParams = true
	// Keyed hashes are written many in one packet. Statements hold nothing that a user wrote outside of quotes.
	config.MultiStatements = true
	config.ClientFoundRows = true
	var err error
	config.TLS, err = c.TLSConfig(p.Store)
	return config, err
}

// guards of the session. A zero date is allowed in what is read, so that its records can be counted.
var guards = []string{
	"SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', foreign_key_checks = 1, unique_checks = 1, " +
		"autocommit = 1, innodb_lock_wait_timeout = 2, lock_wait_timeout = 2, sql_safe_updates = 0",
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
}

// Open connects and takes the run's lock in the store: two pods of one run and index never work at once, not even if the cluster lost sight of one.
func (d *Driver) Open(ctx context.Context) (retention.Session, error) {
	if d.Plan.Store.Type != string(v1alpha1.StoreMySQL) {
		return nil, stores.WrongType(d.Plan.Store.Type)
	}
	kind, _ := stores.Of(v1alpha1.StoreMySQL)
	c, err := stores.ReadConnection(d.Dir, kind.For(d.Plan.Store.ClientCertificate))
	if err != nil {
		return nil, err
	}
	config, err := connectConfig(c, d.Plan)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, connecting(ctx, err)
	}
	s := &session{db: sql.OpenDB(connector), limit: d.Plan.Throttle.WindowLimit(), unreadable: d.Plan.Parallelism > 1 && !d.Plan.HashKey, hasher: d.Hasher}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		_ = s.db.Close() // nothing was opened
		return nil, connecting(ctx, err)
	}
	if err := s.begin(ctx, d.Plan.LockName()); err != nil {
		s.Close()
		return nil, err
	}
	if s.followers, err = followers(c.Values[stores.KeyReplicas], config, c.Port); err != nil {
		s.Close()
		return nil, connecting(ctx, err)
	}
	s.returning = s.mariaDB && !d.withoutReturning
	return s, nil
}

// begin sets the session up and takes the run's lock.
func (s *session) begin(ctx context.Context, lock string) error {
	for _, guard := range guards {
		if _, err := s.conn.ExecContext(ctx, guard); err != nil {
			return classify(ctx, err)
		}
	}
	sum := sha256.Sum256([]byte(lock))
	var version string
	var alone sql.NullBool
	err := s.conn.QueryRowContext(ctx, "SELECT VERSION(), GET_LOCK(?, 0)", "carrier-purge/"+hex.EncodeToString(sum[:20])).Scan(&version, &alone)
	if err != nil {
		return classify(ctx, err)
	}
	s.mariaDB = strings.Contains(version, "MariaDB")
	switch {
	case !newEnough(version, s.mariaDB):
		return retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store is version %q: MySQL 8.0, or MariaDB 10.5, or newer is needed", version)
	case !alone.Bool:
		return fmt.Errorf("%w: another pod of this run is still connected", retention.ErrBusy)
	}
	if s.mariaDB { // one that forgot a transaction, with its locks; MySQL has no such limit
		if _, err := s.conn.ExecContext(ctx, "SET SESSION idle_write_transaction_timeout = 10"); err != nil {
			return classify(ctx, err)
		}
	}
	return s.setLimit(ctx, s.limit)
}

var versionNumbers = regexp.MustCompile(`^(?:5\.5\.5-)?([0-9]+)\.([0-9]+)\.`)

func newEnough(version string, mariaDB bool) bool {
	found := versionNumbers.FindStringSubmatch(version)
	if found == nil {
		return false
	}
	major, _ := strconv.Atoi(found[1])
	minor, _ := strconv.Atoi(found[2])
	if mariaDB {
		return major > 10 || (major == 10 && minor >= 5)
	}
	return major >= 8
}
