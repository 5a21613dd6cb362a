package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Stages of a pass, which positions begin with.
const (
	stageVersions = "versions"
	stageUploads  = "uploads"
)

// places keeps the last place that a window ended at. Positions go into the run's status, and keys may be personal data.
type places struct {
	mu   sync.Mutex
	name string
	at   marker
}

// keep returns the position of a place.
func (p *places) keep(stage string, at marker) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.at = stage+"/"+rand.Text(), at
	return p.name
}

// find returns stage and place of a position; a place that is not known is the start of its stage.
func (p *places) find(position string) (stage string, at marker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stage, _, _ = strings.Cut(position, "/")
	if stage != stageUploads {
		stage = stageVersions
	}
	if position == p.name {
		at = p.at
	}
	return stage, at
}

// Window handles one page of versions, or of uploads after them.
func (s *session) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	if err := ctx.Err(); err != nil {
		return retention.Batch{}, err
	}
	at := splitCollection(w.Rule.Collection)
	d := &decision{rule: w.Rule, holds: w.Holds, slack: s.slack}
	records := w.Records()
	stage, from := s.places.find(w.Position)
	work := s.versionsWindow
	if stage == stageUploads {
		work = s.uploadsWindow
	}
	finish, cancel := stores.Finish(ctx)
	defer cancel()
	next, err := work(finish, at, d, from, w.Size, records)
	if err != nil && (records.Count() == 0 || errors.Is(err, retention.ErrUnreachable)) {
		return retention.Batch{}, stores.Named(err, "rule "+w.Rule.Name)
	}
	if err != nil {
		next = s.places.keep(stage, from) // what was done is counted; the next window meets the error again
	}
	return retention.Batch{Next: next, Commits: 1, Done: records.Count(), Digest: records.Sum()}, nil
}

func (s *session) versionsWindow(ctx context.Context, at collection, d *decision, from marker, size int64, records *retention.RecordsDigest) (string, error) {
	p, err := s.list(ctx, at, from, max(size, minPage))
	if err != nil {
		return "", err
	}
	var first, latest []version
	for _, v := range p.versions {
		switch {
		case !d.due(v.Key, v.LastModified) || d.held(v.Key):
		case v.marker && v.Latest:
			latest = append(latest, v)
		default:
			first = append(first, v)
		}
	}
	if err := s.remove(ctx, at.bucket, first, records); err != nil {
		return "", err
	}
	if latest, err = s.alone(ctx, at.bucket, latest); err != nil {
		return "", err
	}
	if err := s.remove(ctx, at.bucket, latest, records); err != nil {
		return "", err
	}
	if p.more {
		return s.places.keep(stageVersions, p.next), nil
	}
	return s.places.keep(stageUploads, marker{}), nil
}

// alone leaves the markers that no other version of their key is below. A key is the first of those that begin with it.
func (s *session) alone(ctx context.Context, bucket string, markers []version) (alone []version, err error) {
	for _, m := range markers {
		p, err := s.list(ctx, collection{bucket: bucket, prefix: m.Key}, marker{}, 2)
		if err != nil {
			return nil, err
		}
		ofKey := slices.DeleteFunc(p.versions, func(v version) bool { return v.Key != m.Key })
		if len(ofKey) == 1 && ofKey[0].ID == m.ID {
			alone = append(alone, m)
		}
	}
	return alone, nil
}

// remove deletes versions in one request, and adds those that the store deleted to the records. What Object Lock keeps stays.
func (s *session) remove(ctx context.Context, bucket string, versions []version, records *retention.RecordsDigest) error {
	if len(versions) == 0 {
		return nil
	}
	results, err := s.core.RemoveObjectsWithIter(ctx, bucket, func(yield func(minio.ObjectInfo) bool) {
		for _, v := range versions {
			if !yield(minio.ObjectInfo{Key: v.Key, VersionID: v.ID}) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return classify(ctx, err)
	}
	removed, refused := map[marker]bool{}, map[marker]error{}
	var broken error
	for r := range results {
		at := marker{key: r.ObjectName, id: r.ObjectVersionID}
		switch {
		case r.Err == nil:
			removed[at] = true
		case at == (marker{}) || isDoubtful(r.Err):
			broken = r.Err
		default:
			refused[at] = r.Err
		}
	}
	for _, v := range versions {
		if removed[v.place()] || (v.ID == "null" && removed[marker{key: v.Key}]) {
			records.Add(v.Key, v.ID)
		}
	}
	if broken != nil {
		// The request may have reached the store: a count tells.
		return fmt.Errorf("%w: a deletion may be half done", retention.ErrUnreachable)
	}
	return s.explain(ctx, bucket, versions, refused)
}

func (v version) place() marker { return marker{key: v.Key, id: v.ID} }

// explain fails unless Object Lock is why versions were refused.
func (s *session) explain(ctx context.Context, bucket string, versions []version, refused map[marker]error) error {
	for _, v := range versions {
		err, ok := refused[v.place()]
		if !ok && v.ID == "null" {
			err, ok = refused[marker{key: v.Key}]
		}
		if !ok {
			continue
		}
		if locked, lockErr := s.locked(ctx, bucket, v); locked || lockErr != nil {
			if lockErr != nil {
				return lockErr
			}
			continue
		}
		err = classify(ctx, err)
		if f, ok := errors.AsType[*retention.Failure](err); ok && f.Reason == v1alpha1.ReasonPrivilegeMissing {
			return retention.Fail(f.Reason, "the login may not delete versions: grant it s3:DeleteObjectVersion and s3:DeleteObject, and look for a bucket policy that denies them")
		}
		return err
	}
	return nil
}

func (s *session) uploadsWindow(ctx context.Context, at collection, d *decision, from marker, size int64, records *retention.RecordsDigest) (string, error) {
	uploads, next, err := s.uploads(ctx, at, from, max(size, minPage))
	if err != nil {
		return "", err
	}
	for _, u := range uploads {
		if !d.due(u.Key, u.Initiated) || d.held(u.Key) {
			continue
		}
		err := s.core.AbortMultipartUpload(ctx, at.bucket, u.Key, u.UploadID)
		if codeOf(err) == "NoSuchUpload" {
			continue
		}
		if err != nil {
			return "", classify(ctx, err)
		}
		records.Add(u.Key, "upload "+u.UploadID)
	}
	if next == (marker{}) {
		return "", nil
	}
	return s.places.keep(stageUploads, next), nil
}
