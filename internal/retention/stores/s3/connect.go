package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// answerTimeout is how long the store may take for one answer.
const answerTimeout = time.Minute

// Driver reaches the buckets of one endpoint.
type Driver struct {
	// Dir holds the keys of the store's Secret as files. They are read at every connection, so that changed keys are taken up.
	Dir  string
	Plan *retention.Plan

	places places
}

// Open makes sure that the endpoint is there and knows the access key.
func (d *Driver) Open(ctx context.Context) (retention.Session, error) {
	s, err := dial(d.Dir, d.Plan.Store)
	if err != nil {
		return nil, err
	}
	s.places = &d.places
	if err := s.greet(ctx, d.Plan.Rules); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// dial prepares a session; it sends nothing yet. dir holds the keys of the store's Secret.
func dial(dir string, store retention.Store) (*session, error) {
	if store.Type != string(v1alpha1.StoreS3) {
		return nil, stores.WrongType(store.Type)
	}
	kind, _ := stores.Of(v1alpha1.StoreS3)
	c, err := stores.ReadConnection(dir, kind.For(store.ClientCertificate))
	if err != nil {
		return nil, err
	}
	config, err := c.TLSConfig(store)
	if err != nil {
		return nil, err
	}
	transport := newTransport(config)
	client, err := minio.New(c.Address(), &minio.Options{
		Creds:  credentials.NewStaticV4(c.Values[stores.KeyAccessKeyID], c.Values[stores.KeySecretAccessKey], ""),
		Secure: config != nil, Transport: transport, Region: c.Values[stores.KeyRegion], BucketLookup: minio.BucketLookupPath,
		MaxRetries: 1, // what is tried again is the engine's decision
	})
	if err != nil {
		return nil, retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store's Secret cannot be used to connect: host is a name or an address, without https:// and path")
	}
	return &session{core: minio.Core{Client: client}, http: &http.Client{Transport: transport, CheckRedirect: stay}, transport: transport,
		identity: identity(c.Address(), c.Values[stores.KeyRegion])}, nil
}

// newTransport takes nothing from the process's environment. A nil config means HTTP.
func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:     (&net.Dialer{Timeout: stores.ConnectTimeout}).DialContext,
		TLSClientConfig: config, TLSHandshakeTimeout: stores.ConnectTimeout, ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: answerTimeout, DisableCompression: true,
	}
}

// stay follows no redirection: the purger may reach the store and nobody else.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// greet makes a request that shows whether the store knows the access key, and compares the clocks.
func (s *session) greet(ctx context.Context, rules []retention.Rule) error {
	if len(rules) == 0 {
		return retention.Fail(v1alpha1.ReasonPlanInvalid, "the plan has no rules")
	}
	_, err := s.list(ctx, splitCollection(rules[0].Collection), marker{}, 1)
	// What is wrong with the bucket is said by Inspect, with the rule's name.
	if f, ok := errors.AsType[*retention.Failure](err); ok && (f.Reason == v1alpha1.ReasonTableNotFound || f.Reason == v1alpha1.ReasonPrivilegeMissing) {
		err = nil
	}
	if err != nil {
		return err
	}
	s.slack = slack(time.Now(), s.date)
	return nil
}

// slack is how much later than its cutoff a record is due: a second, since S3 cuts off fractions, and, in whole minutes, what the store's
// clock is behind. Answers tell the time in whole seconds, so that two seconds mean nothing.
func slack(now, store time.Time) time.Duration {
	behind := now.Sub(store)
	if store.IsZero() || behind <= 2*time.Second {
		return time.Second
	}
	return time.Second + (behind + time.Minute - 1).Truncate(time.Minute)
}
