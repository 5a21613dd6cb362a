package postgresql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// session is one connection.
type session struct {
	conn *pgx.Conn
	// stripe is how many blocks in a row belong to one of several pods.
	stripe int64
	tables map[string]*table
	// looked is when Inspect read them.
	looked time.Time
	hasher *retention.Hasher
	lag    stores.LagTracker
	// transactions tells how old the transactions are that are held back.
	transactions stores.LagTracker
	// written counts the session's transactions that changed something.
	written int64
}

// Close gives up the connection and, with it, the run's lock.
func (s *session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // the server notices a connection that cannot say goodbye
}

// countTimeout is for reading: it blocks nobody, but a snapshot that stays open for hours would keep the store from cleaning up.
const countTimeout = "1h"

// reading runs queries in one snapshot.
func (s *session) reading(ctx context.Context, do func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, s.conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '"+countTimeout+"'"); err != nil {
			return err
		}
		return do(tx)
	})
	return classify(ctx, err)
}

// Identity is the system identifier of the server and the OID of the database. A restore or a clone with other tools than the server's
// own has another one. Where the role may not read the identifier, "unknown" stands in its place and only the OID tells stores apart.
func (s *session) Identity(ctx context.Context) (string, error) {
	var oid uint32
	if err := s.conn.QueryRow(ctx, "SELECT oid FROM pg_database WHERE datname = current_database()").Scan(&oid); err != nil {
		return "", classify(ctx, err)
	}
	system := "unknown"
	err := s.conn.QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&system)
	var refused *pgconn.PgError
	if err != nil && (!errors.As(err, &refused) || refused.Code != codePrivilege) {
		return "", classify(ctx, err)
	}
	return fmt.Sprintf("%s/%d", system, oid), nil
}

// Count counts all rules in one snapshot.
func (s *session) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (counted retention.Snapshot, err error) {
	err = s.reading(ctx, func(tx pgx.Tx) error {
		for i := range rules {
			t, err := s.table(&rules[i])
			if err != nil {
				return err
			}
			text, args := countSQL(&rules[i], holds, slot, t)
			var c retention.Counts
			var about, late, infinite int64
			err = tx.QueryRow(ctx, text, args...).Scan(&c.Total, &about, &c.Due, &c.Held, &c.NullClock, &c.FutureClock, &c.Early, &late, &infinite)
			if err != nil {
				return err
			}
			// Infinity is a way to say never, and no sign of a wrong unit.
			c.Far, c.Sound = late-infinite, about-c.NullClock-c.Early-late
			counted.Rules = append(counted.Rules, c)
		}
		return nil
	})
	return counted, err
}

// CountDue counts what is due, in one snapshot. It can use an index, and reads of most records that stay no more than the clock.
func (s *session) CountDue(ctx context.Context, rule *retention.Rule, holds []retention.Hold) (c retention.Counts, err error) {
	t, err := s.table(rule)
	if err != nil {
		return c, err
	}
	err = s.reading(ctx, func(tx pgx.Tx) error {
		text, args := countDueSQL(rule, holds, t)
		return tx.QueryRow(ctx, text, args...).Scan(&c.Due, &c.Held)
	})
	return c, err
}

func (s *session) table(rule *retention.Rule) (*table, error) {
	t := s.tables[rule.Collection]
	if t == nil {
		return nil, fmt.Errorf("table %q was not inspected", rule.Collection)
	}
	return t, nil
}

// CheckReferences looks for records of other tables that refer to due ones. A table that the role may not read is left to the store.
func (s *session) CheckReferences(ctx context.Context, rule *retention.Rule, holds []retention.Hold) error {
	t, err := s.table(rule)
	if err != nil {
		return err
	}
	return s.reading(ctx, func(tx pgx.Tx) error {
		for _, ref := range t.references {
			if ref.self || !ref.readable {
				continue
			}
			text, args := referencedSQL(rule, holds, t, ref)
			var n int64
			if err := tx.QueryRow(ctx, text, args...).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return retention.Fail(v1alpha1.ReasonReferenced,
					"rule %s: %d due records of %s are still referenced by %s (constraint %q): give that table a rule that runs first, or hold these records too",
					rule.Name, n, t.quoted(), pgx.Identifier{ref.schema, ref.name}.Sanitize(), ref.constraint)
			}
		}
		return nil
	})
}

// Now returns the store's clock.
func (s *session) Now(ctx context.Context) (now time.Time, err error) {
	err = s.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now, classify(ctx, err)
}

// LogPosition is the end of the write-ahead log, an LSN. What was deleted before is gone from every replica and archive that has come so
// far. The server of a managed service may refuse it: then it is empty.
func (s *session) LogPosition(ctx context.Context) (string, error) {
	var lsn string
	err := s.conn.QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&lsn)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == codePrivilege {
		return "", nil
	}
	return lsn, classify(ctx, err)
}
