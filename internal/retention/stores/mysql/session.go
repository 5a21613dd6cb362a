package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// session is one connection.
type session struct {
	db   *sql.DB
	conn *sql.Conn
	// limit is the longest that the store may work on one statement that changes something.
	limit time.Duration
	// mariaDB is the store's make; returning says that it returns the keys of what it deletes.
	mariaDB, returning bool
	tables             map[string]*table
	followers          []*follower
	// unreadable says that positions which are sealed can be read by this pod alone, and others share the run.
	unreadable bool
	hasher     *retention.Hasher
	// guesses is how many windows may still be measured by numbers.
	guesses int
}

// Close gives up the connection and, with it, the run's lock.
func (s *session) Close() {
	if s.conn != nil {
		_ = s.conn.Close() // the server notices a connection that cannot say goodbye
	}
	_ = s.db.Close()
	for _, f := range s.followers {
		_ = f.db.Close()
	}
}

// countTimeout is for reading: it blocks nobody, but a snapshot that stays open for hours would keep the store from cleaning up.
const countTimeout = time.Hour

// setLimit sets the longest time of a statement. MySQL limits reading alone; there the context ends what takes too long.
func (s *session) setLimit(ctx context.Context, limit time.Duration) error {
	statement := fmt.Sprintf("SET SESSION max_execution_time = %d", limit.Milliseconds())
	if s.mariaDB {
		statement = fmt.Sprintf("SET SESSION max_statement_time = %.3f", limit.Seconds())
	}
	_, err := s.conn.ExecContext(ctx, statement)
	return classify(ctx, err)
}

// reading runs queries in one snapshot.
func (s *session) reading(ctx context.Context, do func() error) (err error) {
	if err := s.setLimit(ctx, countTimeout); err != nil {
		return err
	}
	defer func() {
		if back := s.setLimit(context.WithoutCancel(ctx), s.limit); err == nil {
			err = back
		}
	}()
	tx, err := s.conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return classify(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read; a transaction that cannot be rolled back is gone with its connection
	return classify(ctx, do())
}

// each runs a query and calls do with every row, whose bytes are good until the next one.
func (s *session) each(ctx context.Context, p part, do func(row []sql.RawBytes) error) error {
	rows, err := s.conn.QueryContext(ctx, p.text, p.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	row, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := do(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *session) one(ctx context.Context, p part, into ...any) error {
	return s.conn.QueryRowContext(ctx, p.text, p.args...).Scan(into...)
}

// maxIdentity is the length of an identity that the API keeps.
const maxIdentity = 128

// Identity is the server's and the database's name. MySQL has a server_uuid, which it makes anew for a data directory that has none. MariaDB
// has nothing of the kind that outlives a new network address, so there it is server_id, host name and port: a copy that runs under the same
// three is not told apart, and a server whose host name changes is taken for another one. Give servers their own server_id.
func (s *session) Identity(ctx context.Context) (string, error) {
	query := "SELECT CONCAT(@@server_uuid, '/', DATABASE())"
	if s.mariaDB {
		query = "SELECT CONCAT(@@server_id, '@', @@hostname, ':', @@port, '/', DATABASE())"
	}
	var identity string
	if err := s.one(ctx, text(query), &identity); err != nil {
		return "", classify(ctx, err)
	}
	if len(identity) > maxIdentity {
		sum := sha256.Sum256([]byte(identity))
		identity = hex.EncodeToString(sum[:])
	}
	return identity, nil
}

// Count counts all rules in one snapshot.
func (s *session) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (counted retention.Snapshot, err error) {
	err = s.reading(ctx, func() error {
		for i := range rules {
			t, err := s.table(&rules[i])
			if err != nil {
				return err
			}
			var c retention.Counts
			var about int64
			err = s.one(ctx, t.countSQL(&rules[i], holds, slot), &c.Total, &about, &c.Due, &c.Held, &c.NullClock, &c.FutureClock, &c.Early, &c.Far)
			if err != nil {
				return err
			}
			c.Sound = about - c.NullClock - c.Early - c.Far
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
	err = s.reading(ctx, func() error {
		return s.one(ctx, t.countDueSQL(rule, holds), &c.Due, &c.Held)
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

// CheckReferences looks for records of other tables that refer to due ones. A table that the user may not read is left to the store.
func (s *session) CheckReferences(ctx context.Context, rule *retention.Rule, holds []retention.Hold) error {
	t, err := s.table(rule)
	if err != nil {
		return err
	}
	return s.reading(ctx, func() error {
		for i, ref := range t.references {
			var n int64
			err := s.one(ctx, t.referencedSQL(rule, holds, i), &n)
			if is(err, privilegeErrors) {
				continue
			}
			if err != nil {
				return err
			}
			switch {
			case n > 0 && ref.self:
				return retention.Fail(v1alpha1.ReasonReferenced,
					"rule %s: %d due records of %s refer to themselves (constraint %q), and the store does not delete such: set their reference to null, or hold them",
					rule.Name, n, t.quoted(), ref.constraint)
			case n > 0:
				return retention.Fail(v1alpha1.ReasonReferenced,
					"rule %s: %d due records of %s are still referenced by %s (constraint %q): give that table a rule that runs first, or hold these records too",
					rule.Name, n, t.quoted(), ref.quoted(), ref.constraint)
			}
		}
		return nil
	})
}

// Now returns the store's clock.
func (s *session) Now(ctx context.Context) (now time.Time, err error) {
	var micros int64
	err = s.one(ctx, text("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)"), &micros)
	return time.UnixMicro(micros), classify(ctx, err)
}
