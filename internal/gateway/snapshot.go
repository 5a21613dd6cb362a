package gateway

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// snapshot is everything that requests are served from. It is immutable, but for how fields appear, which it remembers. Parts of the previous snapshot that have not changed
// (connections, counts of limits, tokens) are taken over.
type snapshot struct {
	cfg        *config.Config
	mode       minimize.Mode
	router     *carrier.Router
	clients    map[string]*config.Client // by URI
	operations map[string]*operation
	unknown    *operation // for requests that match none; nil: they are refused
	limits     *limit.Set
	store      storeSetup
	server     *serverTLS
	carrier    *keyPair
	upstreams  map[string]*upstream   // by role
	credential map[string]*credential // by name
	content    map[string]*carrier.Credential
	vocabulary vocabulary
	shown      shownFields
	callbacks  map[string]*callbackEndpoint
	// validUntil is when it must be built again from the same files: an exception ends, or a session key is old.
	validUntil time.Time
}

// operation is a config.Operation made ready.
type operation struct {
	name              string
	upstream          *upstream
	credential        *credential
	headers           []string
	request, response *bodyRules
	purposes          *purposeRules // nil: the operation knows none
	query             *minimize.QueryRules
}

type bodyRules struct {
	program  *minimize.Program
	format   minimize.Format
	required bool
}

type credential struct {
	name string
	auth carrier.Authenticator
}

// builder makes a snapshot.
type builder struct {
	*inputs
	previous *snapshot // may be nil
	broker   *carrier.Broker
	counting *counting
	clock    clock.PassiveClock
	now      time.Time
	next     *snapshot
}

// build makes a snapshot or says what is wrong with the inputs; nothing is put to use before it is complete.
func (b *builder) build() (*snapshot, error) {
	b.now = b.clock.Now()
	b.next = &snapshot{cfg: b.config, carrier: b.carrier, content: b.credentials, validUntil: b.now.Add(sessionKeyLife),
		clients: map[string]*config.Client{}, operations: map[string]*operation{}, upstreams: map[string]*upstream{},
		credential: map[string]*credential{}, vocabulary: vocabulary{}}
	for _, step := range []func() error{b.general, b.listener, b.endpoints, b.authenticators, b.limits, b.rules, b.callbackEndpoints} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.next, nil
}

func (b *builder) general() (err error) {
	c := b.config
	if c.MaxRequestBytes < 1 || c.TimeoutSeconds < 1 {
		return errors.New("configuration: maxRequestBytes and timeoutSeconds must be positive")
	}
	if b.next.mode, err = minimize.ParseMode(c.MinimizationMode); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if c.ForwardUnknownOperations && b.next.mode != minimize.Report {
		return errors.New("configuration: unknown operations can be forwarded in mode Report only")
	}
	if b.next.router, err = carrier.NewRouter(c); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

func (b *builder) listener() (err error) {
	c := b.config
	for i := range c.Clients {
		b.next.clients[c.Clients[i].URI] = &c.Clients[i]
	}
	switch c.Listener.Mode {
	case config.ListenerMutualTLS:
	case config.ListenerTLS, config.ListenerPlaintext:
		if len(c.Clients) != 1 {
			return fmt.Errorf("configuration: listener %s cannot tell clients apart: it takes exactly one", c.Listener.Mode)
		}
	default:
		return fmt.Errorf("configuration: listener mode %q is unknown", c.Listener.Mode)
	}
	if p := b.previous; p != nil && (p.cfg.Listener.Mode == config.ListenerPlaintext) != (c.Listener.Mode == config.ListenerPlaintext) {
		return errors.New("configuration: a change between Plaintext and TLS takes effect in new pods only")
	}
	var previous *serverTLS
	if b.previous != nil {
		previous = b.previous.server
	}
	b.next.server, err = newServerTLS(b.inputs, previous, b.now)
	return err
}

func (b *builder) endpoints() (err error) {
	if b.carrier != nil {
		if err := b.carrier.checkTime(b.now); err != nil {
			return fmt.Errorf("client certificate for the carrier: %w", err)
		}
	}
	for _, e := range b.config.Endpoints {
		var previous *upstream
		if b.previous != nil {
			previous = b.previous.upstreams[e.Role]
		}
		if b.next.upstreams[e.Role], err = newUpstream(e, b.carrier, previous, b.clock); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	return nil
}

func (b *builder) authenticators() (err error) {
	for name, content := range b.credentials {
		spec := carrier.Spec{Authentication: b.config.Authentication, Credential: content, RefreshToken: b.refreshTokens[name]}
		if token := b.next.upstreams[roleToken]; token != nil {
			spec.TokenURL, spec.Transport = token.base, token.transport
		}
		if api := b.next.upstreams["API"]; api != nil {
			spec.APIURL, spec.APITransport = api.base, api.transport
		}
		if b.carrier != nil {
			spec.ClientCertificate = b.carrier.certificate.Leaf.Raw
		}
		if b.previous != nil && b.previous.credential[name] != nil {
			spec.Previous = b.previous.credential[name].auth
		}
		c := &credential{name: name}
		if c.auth, err = b.broker.New(spec); err != nil {
			return err
		}
		b.next.credential[name] = c
	}
	return nil
}

func (b *builder) limits() (err error) {
	if c := b.config.LimitStore; c != nil {
		b.next.store = storeSetup{LimitStore: *c, username: string(b.storeSecret["username"]), password: string(b.storeSecret["password"])}
		if err := b.next.store.check(); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	var previous *limit.Set
	if b.previous != nil {
		previous = b.previous.limits
	}
	b.next.limits, err = limit.NewSet(b.config, previous, &b.counting.Counter, b.counting.known, b.now)
	return err
}

// credentialOf picks the credential that names the operation, else the one that names none.
func (b *builder) credentialOf(operation string) (*credential, error) {
	var general string
	for _, c := range b.config.Credentials {
		if slices.Contains(c.Operations, operation) {
			return b.next.credential[c.Name], nil
		}
		if len(c.Operations) == 0 {
			general = c.Name
		}
	}
	if general == "" {
		return nil, fmt.Errorf("configuration: no credential is for the operation %s", operation)
	}
	return b.next.credential[general], nil
}
