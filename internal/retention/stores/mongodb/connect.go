package mongodb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// admin is the database of administrative commands and, mostly, of logins.
const admin = "admin"

// Driver reaches one database.
type Driver struct {
	// Dir holds the keys of the store's Secret as files. They are read at every connection, so that a changed password is taken up.
	Dir  string
	Plan *retention.Plan

	notes notes
}

// Open connects to the Secret's host.
func (d *Driver) Open(ctx context.Context) (retention.Session, error) {
	if d.Plan.Store.Type != string(v1alpha1.StoreMongoDB) {
		return nil, stores.WrongType(d.Plan.Store.Type)
	}
	kind, _ := stores.Of(v1alpha1.StoreMongoDB)
	c, err := stores.ReadConnection(d.Dir, kind.For(d.Plan.Store.ClientCertificate))
	if err != nil {
		return nil, err
	}
	config, err := c.TLSConfig(d.Plan.Store)
	if err != nil {
		return nil, err
	}
	if err := probe(ctx, c.Address(), config); err != nil {
		return nil, err
	}
	err = errLogin
	for _, source := range []string{admin, c.Database()} {
		if !errors.Is(err, errLogin) {
			break
		}
		var s *session
		if s, err = d.login(ctx, c, config, source); err == nil {
			return s, nil
		}
	}
	if errors.Is(err, errLogin) {
		return nil, retention.Fail(v1alpha1.ReasonLoginRefused,
			"the store refused the login: check username and password in the store's Secret (the user must be one of database admin, or of the Secret's)")
	}
	return nil, err
}

// probe connects once, so that what is wrong with address or certificate is said at once: the client library would only time out.
func probe(ctx context.Context, address string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, stores.ConnectTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return connecting(ctx, err)
	}
	defer conn.Close()
	if config == nil {
		return nil
	}
	return connecting(ctx, tls.Client(conn, config).HandshakeContext(ctx))
}

// errLogin says that the login is not known in a database.
var errLogin = errors.New("login refused")

// login connects as a user of the database source. It fails with errLogin if there is none of that name and password.
func (d *Driver) login(ctx context.Context, c *stores.Connection, config *tls.Config, source string) (*session, error) {
	client, err := mongo.Connect(clientOptions(c, d.Plan, config, source))
	if err != nil {
		return nil, retention.Fail(v1alpha1.ReasonLoginRefused, "the store's Secret cannot be used to connect: check host, username and password")
	}
	s := &session{client: client, db: client.Database(c.Database()), plan: d.Plan, notes: &d.notes}
	ctx, cancel := context.WithTimeout(ctx, stores.ConnectTimeout)
	defer cancel()
	if s.hello, err = s.sayHello(ctx); err == nil {
		err = s.hello.check()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// clientOptions is the connection with all its guards. Nothing of the process's environment goes in.
func clientOptions(c *stores.Connection, p *retention.Plan, config *tls.Config, source string) *options.ClientOptions {
	o := options.Client().
		SetHosts([]string{c.Address()}).
		SetDirect(true).
		SetAppName(truncate("carrier-purge/" + p.RunUID)).
		SetAuth(options.Credential{Username: c.Username(), Password: c.Password(), PasswordSet: true, AuthSource: source}).
		SetConnectTimeout(stores.ConnectTimeout).
		SetServerSelectionTimeout(stores.ConnectTimeout).
		SetMaxPoolSize(2).
		// Evidence must not claim what a failover undoes, nor count what it may undo.
		SetWriteConcern(writeconcern.Majority()).
		SetReadConcern(readconcern.Majority()).
		SetRetryWrites(true).
		// The purger may reach the store and nobody else.
		SetDisableOCSPEndpointCheck(true)
	if config != nil {
		o.SetTLSConfig(config)
	}
	return o
}

// truncate cuts to the 128 bytes that the protocol has for a client's name.
func truncate(name string) string { return name[:min(len(name), 128)] }

// hello is what a server says of itself.
type hello struct {
	Writable  bool      `bson:"isWritablePrimary"`
	Secondary bool      `bson:"secondary"`
	SetName   string    `bson:"setName"`
	Message   string    `bson:"msg"`
	LocalTime time.Time `bson:"localTime"`
}

// isReplicated says that the store is a replica set, or a mongos before some: it can read in snapshots.
func (h *hello) isReplicated() bool { return h.SetName != "" || h.Message == "isdbgrid" }

func (h *hello) check() error {
	if h.Writable {
		return nil
	}
	return fmt.Errorf("%w for writing: the host is no primary. Let the Secret's host lead to the primary", retention.ErrUnreachable)
}

func (s *session) sayHello(ctx context.Context) (*hello, error) {
	h := &hello{}
	if err := s.client.Database(admin).RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(h); err != nil {
		return nil, classify(ctx, err)
	}
	return h, nil
}
