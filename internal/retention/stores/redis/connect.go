package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// minVersion that the store must have, as major and minor.
var minVersion = [2]int{6, 2}

// answerTimeout is how long the store may take for one answer. Calls are bounded in keys, so that only other people's work takes long.
const answerTimeout = 10 * time.Second

// handshakeTimeout is how long the store may take to start TLS.
const handshakeTimeout = 5 * time.Second

var silence sync.Once

// Driver reaches one database of a server.
type Driver struct {
	// Dir holds the keys of the store's Secret as files. They are read at every connection, so that a changed password is taken up.
	Dir  string
	Plan *retention.Plan

	// seen are the fields that sessions found in some record. A run may remove the last record that has a field.
	seen map[fieldOf]bool
}

// fieldOf a collection.
type fieldOf struct{ collection, field string }

// errGone is a connection that ended. The session ends with it: a new one might be to another server.
var errGone = errors.New("the connection ended")

// Open connects, and makes sure that the server may be written to.
func (d *Driver) Open(ctx context.Context) (retention.Session, error) {
	if d.Plan.Store.Type != string(v1alpha1.StoreRedis) {
		return nil, stores.WrongType(d.Plan.Store.Type)
	}
	kind, _ := stores.Of(v1alpha1.StoreRedis)
	c, err := stores.ReadConnection(d.Dir, kind.For(d.Plan.Store.ClientCertificate))
	if err != nil {
		return nil, err
	}
	options, err := connectOptions(c, d.Plan.Store)
	if err != nil {
		return nil, err
	}
	silence.Do(func() { redis.SetLogger(quiet{}) })
	if d.seen == nil {
		d.seen = map[fieldOf]bool{}
	}
	s := &session{client: redis.NewClient(options), seen: d.seen, identity: identity(c.Address(), options.DB)}
	if err = s.greet(ctx, "carrier-purge/"+d.Plan.RunUID); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connectOptions is one connection without any second try: what is tried again is the engine's decision.
func connectOptions(c *stores.Connection, store retention.Store) (*redis.Options, error) {
	config, err := c.TLSConfig(store)
	if err != nil {
		return nil, err
	}
	database := 0
	if text := strings.TrimSpace(c.Database()); text != "" {
		if database, err = strconv.Atoi(text); err != nil || database < 0 {
			return nil, retention.Fail(v1alpha1.ReasonLoginRefused, "database in the store's Secret is no number: Redis numbers its databases from 0; leave it out for 0")
		}
	}
	return &redis.Options{
		Addr: c.Address(), Username: c.Username(), Password: c.Password(), DB: database, Dialer: dialOnce(config),
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize: 1, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, ConnMaxIdleTime: -1,
		DialTimeout: stores.ConnectTimeout, ReadTimeout: answerTimeout, WriteTimeout: answerTimeout, PoolTimeout: answerTimeout,
	}, nil
}

// dialOnce connects the first time and never again, so that a session is one connection to one server.
func dialOnce(config *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	var used atomic.Bool
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errGone
		}
		conn, err := (&net.Dialer{Timeout: stores.ConnectTimeout}).DialContext(ctx, network, address)
		if err != nil || config == nil {
			return conn, err
		}
		return handshake(ctx, conn, config)
	}
}

// handshake starts TLS. A Redis without TLS says nothing to it, for ever.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secure := tls.Client(conn, config)
	err := secure.HandshakeContext(limited)
	if err == nil {
		return secure, nil
	}
	_ = conn.Close()
	if limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: it accepts connections and does not answer. If it speaks no TLS at this port, correct the port, or tls.mode of the DataStore", retention.ErrUnreachable)
	}
	return nil, err
}

// greet logs in, gives the connection the run's name, and learns what server it is.
func (s *session) greet(ctx context.Context, name string) error {
	answer, err := s.client.Info(ctx).Result()
	if err != nil {
		return connecting(ctx, err)
	}
	s.server = parseInfo(answer)
	if err := checkServer(s.server); err != nil {
		return err
	}
	// The name is for people who look at the store, and keeps two pods apart where the login may see it.
	if err := s.client.Do(ctx, "CLIENT", "SETNAME", name).Err(); err != nil {
		return ignoreRefusal(classify(ctx, err))
	}
	clients, err := s.client.Do(ctx, "CLIENT", "LIST").Text()
	if err != nil {
		return ignoreRefusal(classify(ctx, err))
	}
	if strings.Count(clients, " name="+name+" ") > 1 {
		return fmt.Errorf("%w: another pod of this run is still connected", retention.ErrBusy)
	}
	return nil
}

// checkServer refuses servers that cannot be worked on.
func checkServer(server map[string]string) error {
	var version [2]int
	if n, _ := fmt.Sscanf(server["redis_version"], "%d.%d", &version[0], &version[1]); n == 2 &&
		(version[0] < minVersion[0] || (version[0] == minVersion[0] && version[1] < minVersion[1])) {
		return retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store is Redis %d.%d, %d.%d or newer is needed", version[0], version[1], minVersion[0], minVersion[1])
	}
	switch {
	case server["redis_mode"] == "sentinel":
		return retention.Fail(v1alpha1.ReasonStoreUnreachable, "the address is a Sentinel's: set host and port of the server that it watches")
	case server["role"] == "slave":
		return fmt.Errorf("%w for writing: it is a replica, set host and port of the primary", retention.ErrUnreachable)
	case server["role"] == "":
		return retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store does not say whether it is a primary or a replica: connect to Redis or Valkey itself, without a proxy")
	}
	return nil
}

// parseInfo reads the lines name:value of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && !strings.HasPrefix(line, "#") {
			info[name] = value
		}
	}
	return info
}

// quiet drops what the client library prints.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
