package gateway

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// sessionKeyLife is how long one key encrypts session tickets. A new key comes with a new serverTLS, as after a change.
const sessionKeyLife = 24 * time.Hour

// serverTLS is how clients and the operator are received. It is never changed: resumption must not outlive the CAs that it began with.
type serverTLS struct {
	key         string // of what it is made from
	made        time.Time
	fingerprint string
	roots       *x509.CertPool
	clients     *tls.Config
	manager     *tls.Config
	callbacks   *tls.Config
}

// newServerTLS takes previous over, which may be nil, while nothing has changed and its session key is not old.
func newServerTLS(in *inputs, previous *serverTLS, now time.Time) (*serverTLS, error) {
	if err := in.server.checkTime(now); err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	key := digest(in.server.fingerprint, in.config.TrustBundle, in.config.Listener.Mode)
	if previous != nil && previous.key == key && now.Before(previous.made.Add(sessionKeyLife)) {
		return previous, nil
	}
	s := &serverTLS{key: key, made: now, fingerprint: in.server.fingerprint, roots: x509.NewCertPool()}
	if !s.roots.AppendCertsFromPEM([]byte(in.config.TrustBundle)) {
		return nil, errors.New("configuration: the trust bundle holds no PEM certificate")
	}
	s.manager = s.newConfig(in.server, tls.RequireAndVerifyClientCert)
	s.callbacks = s.newConfig(in.server, tls.NoClientCert)
	s.clients = s.manager
	if in.config.Listener.Mode != config.ListenerMutualTLS {
		s.clients = s.newConfig(in.server, tls.NoClientCert)
	}
	return s, nil
}

func (s *serverTLS) newConfig(pair *keyPair, auth tls.ClientAuthType) *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{pair.certificate},
		ClientAuth:   auth,
		ClientCAs:    s.roots,
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}
	// Without a key of its own, a configuration that GetConfigForClient returns shares the listener's, whatever its CAs.
	var key [32]byte
	rand.Read(key[:])
	c.SetSessionTicketKeys([][32]byte{key})
	return c
}
