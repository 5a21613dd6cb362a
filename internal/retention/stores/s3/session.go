package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// session is an endpoint with an access key.
type session struct {
	core      minio.Core
	http      *http.Client
	transport *http.Transport
	places    *places
	identity  string
	// date is the time of the store's last answer, slack how much later than its cutoff a record is due.
	date  time.Time
	slack time.Duration
	// locks says, by bucket, whether it may have versions under Object Lock. Inspect fills it.
	locks map[string]bool
	// bucket of the last rule that was inspected.
	bucket string
}

// Close gives up the connections.
func (s *session) Close() { s.transport.CloseIdleConnections() }

// collection is a bucket and the beginning of keys.
type collection struct{ bucket, prefix string }

func splitCollection(name string) collection {
	bucket, prefix, _ := strings.Cut(name, "/")
	return collection{bucket: bucket, prefix: prefix}
}

// maxIdentity is what the status can hold of an identity.
const maxIdentity = 128

// identity is address and region: S3 has nothing that tells a store from its copies.
func identity(address, region string) string {
	id := address + "/" + region
	if len(id) > maxIdentity {
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])
	}
	return id
}

// Identity is the address and the Secret's region, see the package's documentation.
func (s *session) Identity(context.Context) (string, error) { return s.identity, nil }

// CheckReferences finds nothing: S3 knows no references.
func (s *session) CheckReferences(context.Context, *retention.Rule, []retention.Hold) error {
	return nil
}

// Lag is not known: S3 says of a version whether it was replicated, and not of a store how far.
func (s *session) Lag(context.Context) (retention.Lag, error) {
	return retention.Lag{Unknown: "S3 does not say how far replicas are behind: leave throttle.maxReplicaLagSeconds out"}, nil
}

// Now is the date of an answer, in whole seconds.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	body, err := s.get(ctx, s.bucket, "", url.Values{"versions": {""}, "max-keys": {"1"}})
	if err != nil {
		return time.Time{}, classify(ctx, err)
	}
	_ = body.Close()
	return s.date, nil
}
