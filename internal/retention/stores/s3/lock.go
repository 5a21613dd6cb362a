package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"time"
)

// lock is what Object Lock says of a version, in either of its two answers.
type lock struct {
	// Status of the legal hold, and the instant at which retention ends.
	Status string    `xml:"Status"`
	Until  time.Time `xml:"RetainUntilDate"`
}

// locked says whether Object Lock keeps a version. Markers cannot be locked.
func (s *session) locked(ctx context.Context, bucket string, v version) (bool, error) {
	if !s.locks[bucket] || v.marker {
		return false, nil
	}
	for _, kind := range []string{"legal-hold", "retention"} {
		l, err := s.lock(ctx, bucket, v, kind)
		if err != nil {
			return false, err
		}
		if l.Status == "ON" || l.Until.After(s.date) {
			return true, nil
		}
	}
	return false, nil
}

// lock reads one kind of lock. A version without it, and one that is gone meanwhile, has none. The client library wants a name of the
// answer's outermost element that not all stores give it.
func (s *session) lock(ctx context.Context, bucket string, v version, kind string) (l lock, err error) {
	body, err := s.get(ctx, bucket, v.Key, url.Values{kind: {""}, "versionId": {v.ID}})
	switch codeOf(err) {
	case "NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "NoSuchKey", "NoSuchVersion":
		return lock{}, nil
	}
	if err != nil {
		return lock{}, classify(ctx, err)
	}
	defer body.Close()
	if err := xml.NewDecoder(io.LimitReader(body, 1<<16)).Decode(&l); err != nil {
		return lock{}, connecting(fmt.Errorf("the answer about a lock breaks off: %w", io.ErrUnexpectedEOF))
	}
	return l, nil
}
