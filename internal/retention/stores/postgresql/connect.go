package postgresql

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Driver reaches one database.
type Driver struct {
	// Dir holds the keys of the store's Secret as files. They are read at every connection, so that a changed password is taken up.
	Dir  string
	Plan *retention.Plan
	// stripe is for tests: how many blocks in a row belong to one of several pods; 0: defaultStripe.
	stripe int64
	// Hasher computes what holds by subject name; nil: the plan has no key.
	Hasher *retention.Hasher
}

// connectConfig is the connection with all its guards. Nothing of the process's environment goes in.
func connectConfig(c *stores.Connection, p *retention.Plan) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("host=localhost sslmode=disable passfile=/dev/null target_session_attrs=any")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.Database, config.User, config.Password = c.Host, c.Port, c.Database(), c.Username(), c.Password()
	config.Fallbacks = nil
	config.ConnectTimeout = stores.ConnectTimeout
	if config.TLSConfig, err = c.TLSConfig(p.Store); err != nil {
		return nil, err
	}
	limit := strconv.FormatInt(p.Throttle.WindowLimit().Milliseconds(), 10)
	config.RuntimeParams = map[string]string{
		"application_name":                    "carrier-purge/" + p.RunUID,
		"lock_timeout":                        "2000",
		"statement_timeout":                   limit,
		"idle_in_transaction_session_timeout": "10000",
		"TimeZone":                            "UTC",
		"DateStyle":                           "ISO, YMD",
		"IntervalStyle":                       "iso_8601",
		"extra_float_digits":                  "1",
		"default_transaction_isolation":       "read committed",
		// Row security that comes while the run works would hide records from counts and verification: it is an error instead.
		"row_security": "off",
		// Checkpoint and evidence must not claim what a crash of the store undoes.
		"synchronous_commit": "on",
		// A window's plan must know its blocks and the cutoff; a generic plan may read the whole table.
		"plan_cache_mode": "force_custom_plan",
		"jit":             "off",
		// A count on one processor takes longer, and leaves the others to those who wait for an answer.
		"max_parallel_workers_per_gather": "0",
	}
	return config, nil
}

// Open connects and takes the run's lock in the store: two pods of one run and index never work at once, not even if the cluster lost sight of one.
func (d *Driver) Open(ctx context.Context) (retention.Session, error) {
	if d.Plan.Store.Type != string(v1alpha1.StorePostgreSQL) {
		return nil, stores.WrongType(d.Plan.Store.Type)
	}
	kind, _ := stores.Of(v1alpha1.StorePostgreSQL)
	c, err := stores.ReadConnection(d.Dir, kind.For(d.Plan.Store.ClientCertificate))
	if err != nil {
		return nil, err
	}
	config, err := connectConfig(c, d.Plan)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connecting(ctx, err)
	}
	s := &session{conn: conn, stripe: cmp.Or(d.stripe, defaultStripe), hasher: d.Hasher}
	var version int
	var alone bool
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, pg_try_advisory_lock(hashtextextended($1, 0))", d.Plan.LockName()).Scan(&version, &alone)
	switch {
	case err != nil:
		err = classify(ctx, err)
	case version < 140000:
		err = retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store is PostgreSQL %d, 14 or newer is needed", version/10000)
	case !alone:
		err = fmt.Errorf("%w: another pod of this run is still connected", retention.ErrBusy)
	default:
		return s, nil
	}
	s.Close()
	return nil, err
}
