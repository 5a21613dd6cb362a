// Package redis counts limits for all replicas together in a Redis or Valkey, version 6 or later, by the server's clock. It keeps
// counts and times under names from the configuration, all with an expiry.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/carrier-operator/carrier-operator/internal/limit"
)

const (
	windowSlots = 60
	// generationLife is longer than the longest window, so that only a loss of data ends a generation.
	generationLife = 62 * 24 * time.Hour
	poolSize       = 32
	slowest        = 5 * time.Second
)

//go:embed take.lua
var takeSource string

var (
	takeScript = redis.NewScript(takeSource)
	silence    sync.Once
)

// Options say where the store is and how it is spoken to.
type Options struct {
	// Address is ip:port.
	Address string
	// TLS verifies the server; nil: no encryption.
	TLS *tls.Config
	// Username and Password authenticate; both empty: not at all.
	Username, Password string
	// Prefix begins all keys.
	Prefix string
}

// Store is a limit.Store.
type Store struct {
	client *redis.Client
	prefix string
}

// Verified is a TLS setup that verifies a server's certificate for a name, with the CAs of a PEM bundle or, if that is empty, the
// system's.
func Verified(serverName, bundle string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if bundle != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(bundle)) {
			return nil, errors.New("the CA bundle of the limit store holds no PEM certificate")
		}
	}
	return c, nil
}

// Open prepares a store; connections are made when they are needed.
func Open(o Options) *Store {
	silence.Do(func() { redis.SetLogger(quiet{}) })
	return &Store{prefix: o.Prefix, client: redis.NewClient(&redis.Options{
		Addr: o.Address, TLSConfig: o.TLS, Username: o.Username, Password: o.Password,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// Callers' contexts bound what they wait; a connection that takes longer to make serves those who come later.
		DialTimeout: slowest, ReadTimeout: slowest, WriteTimeout: slowest, PoolTimeout: slowest, ContextTimeoutEnabled: true,
		DialerRetries: 1, MaxRetries: -1, PoolSize: poolSize,
	})}
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

// Take adds what is owed, then counts events, 0 or 1, in all entries or in none. Errors name no credential.
func (s *Store) Take(ctx context.Context, entries []limit.Entry, events int) (limit.Verdict, error) {
	keys := make([]string, 0, len(entries)+1)
	args := make([]any, 0, 3*len(entries)+4)
	keys, args = append(keys, s.prefix+"generation"), append(args, rand.Text(), generationLife.Milliseconds(), windowSlots, events)
	for _, e := range entries {
		keys = append(keys, s.prefix+"limit:"+e.Key)
		args = append(args, e.Limit, (e.Slot + time.Millisecond - 1).Milliseconds(), e.Owed)
	}
	answer, err := takeScript.Run(ctx, s.client, keys, args...).Slice()
	for try := 0; try < poolSize && isDead(err); try++ {
		answer, err = takeScript.Run(ctx, s.client, keys, args...).Slice()
	}
	if err != nil {
		return limit.Verdict{}, explain(err)
	}
	if len(answer) == 3 {
		refused, isIndex := answer[0].(int64)
		wait, isWait := answer[1].(int64)
		generation, isText := answer[2].(string)
		if isIndex && isWait && isText && refused >= -1 && refused < int64(len(entries)) {
			return limit.Verdict{Refused: int(refused), Wait: time.Duration(wait) * time.Millisecond, Generation: generation}, nil
		}
	}
	return limit.Verdict{}, errors.New("the limit store gives an answer that is not understood: it must be Redis or Valkey, version 6 or later")
}

// isDead says whether a connection had ended before. After a restart of the server all those at hand have, and each try finds out about
// one. Should the server have counted all the same, an event counts twice, which is the safe side.
func isDead(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explain says what is wrong in words that stay the same, without addresses of this side.
func explain(err error) error {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), isTimeout(err):
		return errors.New("the limit store does not answer in time")
	case errors.As(err, &certificate):
		return fmt.Errorf("the limit store's certificate is not trusted: check limitStore.redis.caBundleRef: %w", certificate)
	case errors.As(err, &network):
		return fmt.Errorf("the limit store cannot be reached: %w", network.Err)
	case strings.Contains(err.Error(), "NOAUTH"), strings.Contains(err.Error(), "unauthenticated"):
		return errors.New("the limit store wants a password: name a Secret with the key password in limitStore.redis.secretRef")
	default:
		return fmt.Errorf("the limit store: %w", err)
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// quiet drops what the client library prints.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
