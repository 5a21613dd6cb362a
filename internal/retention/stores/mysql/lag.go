package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// The key replicas of the store's Secret lists the replicas; the same login reaches them. A primary knows which are connected, and not how far they are. So the replicas themselves are asked whether they have applied what
// the primary had logged at earlier moments.

// follower is a replica and what is known of it.
type follower struct {
	address string
	db      *sql.DB
	// samples are moments of the primary. If passed, the replica has applied the first.
	samples []sample
	passed  bool
}

// sample is where the primary's log was at a moment of its clock, as GTIDs.
type sample struct {
	at   time.Time
	gtid string
}

// followers of a primary with the given connection.
func followers(list string, primary *mysql.Config, port uint16) ([]*follower, error) {
	var all []*follower
	for address := range strings.SplitSeq(list, ",") {
		address = strings.TrimSpace(address)
		if address == "" {
			continue
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host, address = address, net.JoinHostPort(address, strconv.Itoa(int(port)))
		}
		config := primary.Clone()
		config.Addr, config.DBName = address, ""
		if config.TLS != nil {
			config.TLS = forHost(config.TLS, host)
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(1)
		all = append(all, &follower{address: address, db: db})
	}
	return all, nil
}

func forHost(config *tls.Config, host string) *tls.Config {
	config = config.Clone()
	config.ServerName = host
	return config
}

// Lag says how far the replica furthest behind is behind. A replica that has not caught up once since the session began may be any distance
// behind.
func (s *session) Lag(ctx context.Context) (retention.Lag, error) {
	if len(s.followers) == 0 {
		return retention.Lag{Unknown: "only the replicas know: list them, as host or host:port with commas between, in key " + stores.KeyReplicas + " of the store's Secret"}, nil
	}
	variable := "@@gtid_executed"
	if s.mariaDB {
		variable = "@@gtid_binlog_pos"
	}
	var micros int64
	var now sample
	if err := s.one(ctx, text("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED), "+variable), &micros, &now.gtid); err != nil {
		return retention.Lag{}, classify(ctx, err)
	}
	if now.gtid == "" {
		return retention.Lag{Unknown: "the store logs no GTIDs: switch on its binary log (and gtid_mode for MySQL)"}, nil
	}
	now.at = time.UnixMicro(micros)
	var worst retention.Lag
	for _, f := range s.followers {
		limited, cancel := context.WithTimeout(ctx, followerPatience)
		applied, err := f.applied(limited, s.mariaDB)
		cancel()
		if ctx.Err() != nil {
			return retention.Lag{}, ctx.Err()
		}
		if err != nil {
			return retention.Lag{Unknown: fmt.Sprintf("replica %s cannot be asked: %s", f.address, stores.Cause(connecting(ctx, err)))}, nil
		}
		lag := f.behind(now, applied)
		if lag.Unknown != "" {
			return lag, nil
		}
		worst.Behind = max(worst.Behind, lag.Behind)
	}
	return worst, nil
}

// followerPatience is how long one replica may take to answer.
const followerPatience = 5 * time.Second

// applied returns what a replica says of GTIDs: whether it has applied them.
func (f *follower) applied(ctx context.Context, mariaDB bool) (func(gtid string) bool, error) {
	if !mariaDB {
		var executed string
		err := f.db.QueryRowContext(ctx, "SELECT @@global.gtid_executed").Scan(&executed)
		return func(gtid string) bool {
			var subset bool
			return f.db.QueryRowContext(ctx, "SELECT GTID_SUBSET(?, ?)", gtid, executed).Scan(&subset) == nil && subset
		}, err
	}
	var position string
	err := f.db.QueryRowContext(ctx, "SELECT @@global.gtid_slave_pos").Scan(&position)
	return func(gtid string) bool { return reached(position, gtid) }, err
}

// reached says whether a position of MariaDB, a list of domain-server-sequence, lies at or behind another in each of its domains.
func reached(position, wanted string) bool {
	at := sequences(position)
	for domain, sequence := range sequences(wanted) {
		if have, ok := at[domain]; !ok || have < sequence {
			return false
		}
	}
	return true
}

func sequences(position string) map[string]uint64 {
	all := map[string]uint64{}
	for gtid := range strings.SplitSeq(position, ",") {
		parts := strings.Split(strings.TrimSpace(gtid), "-")
		if len(parts) == 3 {
			all[parts[0]], _ = strconv.ParseUint(parts[2], 10, 64)
		}
	}
	return all
}

// behind is the age of the newest sample that the replica has applied.
func (f *follower) behind(now sample, applied func(gtid string) bool) retention.Lag {
	f.samples = append(f.samples, now)
	if applied(now.gtid) {
		f.samples, f.passed = []sample{now}, true
		return retention.Lag{}
	}
	for len(f.samples) > 1 && applied(f.samples[1].gtid) {
		f.samples, f.passed = f.samples[1:], true
	}
	if !f.passed && !applied(f.samples[0].gtid) {
		return retention.Lag{Unknown: fmt.Sprintf("replica %s has not yet caught up with where the store was when this began", f.address)}
	}
	f.passed = true
	return retention.Lag{Behind: now.at.Sub(f.samples[0].at)}
}
