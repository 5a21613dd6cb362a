package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// archivePermissions are what a login needs on an archive's bucket.
const archivePermissions = "s3:ListBucket, s3:PutObject and s3:GetObject, with lockDays s3:PutObjectRetention and s3:GetBucketObjectLockConfiguration too"

// Archive writes objects to the buckets of one endpoint. After a failure it connects anew, so that changed keys are taken up.
type Archive struct {
	// Dir holds the keys of the store's Secret as files.
	Dir   string
	Store retention.Store

	session *session
}

var _ retention.Archiver = (*Archive)(nil)

// Check looks whether the bucket is there, and has Object Lock if it is needed.
func (a *Archive) Check(ctx context.Context, target *retention.ArchiveTarget) error {
	bucket := splitCollection(target.Collection).bucket
	return a.with(ctx, target, func(s *session) error {
		body, err := s.get(ctx, bucket, "", url.Values{"list-type": {"2"}, "max-keys": {"1"}}) // its errors say more than those of HEAD
		if err != nil {
			return err
		}
		_ = body.Close()
		if target.LockDays == 0 {
			return nil
		}
		lock, _, _, _, err := s.core.GetObjectLockConfig(ctx, bucket)
		if (err == nil && lock != "Enabled") || hasCode(err, codesNothing) {
			return retention.Fail(v1alpha1.ReasonArchiveFailed, "the bucket has no Object Lock: leave lockDays out, or use a bucket that has it")
		}
		return err
	})
}

// Write stores the object and reads it back. Under Object Lock this version of it cannot be removed before its day.
func (a *Archive) Write(ctx context.Context, target *retention.ArchiveTarget, object retention.Object) error {
	c := splitCollection(target.Collection)
	options := minio.PutObjectOptions{ContentType: "application/gzip", SendContentMd5: true, DisableMultipart: true}
	if target.LockDays > 0 {
		options.Mode, options.RetainUntilDate = minio.Governance, time.Now().UTC().AddDate(0, 0, int(target.LockDays))
	}
	return a.with(ctx, target, func(s *session) error {
		name := c.prefix + object.Name
		written, err := s.core.Client.PutObject(ctx, c.bucket, name, bytes.NewReader(object.Content), int64(len(object.Content)), options)
		if err != nil {
			return err
		}
		return s.confirm(ctx, c.bucket, name, written.VersionID, object.Digest)
	})
}

// confirm reads an object back and compares its digest.
func (s *session) confirm(ctx context.Context, bucket, name, version, digest string) error {
	body, _, _, err := s.core.GetObject(ctx, bucket, name, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return err
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return fmt.Errorf("%w: it returns another object than was written: see whether it keeps objects as they are", retention.ErrBusy)
	}
	return nil
}

// with does something with the archive. Its failures are failures of the archive, and what may go away by waiting is ErrArchive: the
// connection to the store that is purged stays.
func (a *Archive) with(ctx context.Context, target *retention.ArchiveTarget, do func(*session) error) (err error) {
	if a.session == nil {
		a.session, err = dial(a.Dir, a.Store)
	}
	if err == nil {
		err = do(a.session)
	}
	if err == nil {
		return nil
	}
	if a.session != nil {
		a.session.Close()
		a.session = nil
	}
	err = classify(ctx, err)
	f, ok := errors.AsType[*retention.Failure](err)
	switch {
	case !ok: // as text: it must not pass for an error of the other store
		return fmt.Errorf("%w: archive %s of DataStore %s: %s", retention.ErrArchive, target.Collection, a.Store.Name, err.Error())
	case f.Reason == v1alpha1.ReasonPrivilegeMissing:
		f.Message = "the store refused for lack of a permission: grant the login " + archivePermissions
	}
	return retention.Fail(v1alpha1.ReasonArchiveFailed, "archive %s of DataStore %s: %s. Records that it does not have were not deleted", target.Collection, a.Store.Name, f.Message)
}
