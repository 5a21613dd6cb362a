//go:build integration

package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

func archiveOf(b *s3test.Bucket) *s3.Archive {
	return &s3.Archive{Dir: b.Secret, Store: retention.Store{Name: "cold", Type: string(v1alpha1.StoreS3), TLSMode: string(v1alpha1.StoreTLSVerifyFull), CABundle: b.Server.CA}}
}

func objectOf(content string) retention.Object {
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	return retention.Object{Name: "run-1/events/" + digest + ".jsonl.gz", Digest: digest, Content: []byte(content)}
}

// archives checks the target and writes an object.
func archives(ctx context.Context, a *s3.Archive, target *retention.ArchiveTarget) error {
	if err := a.Check(ctx, target); err != nil {
		return err
	}
	return a.Write(ctx, target, objectOf("records"))
}

func TestArchiveKeepsObjectsBelowItsPrefix(t *testing.T) {
	for name, f := range map[string]s3test.Flavor{"unversioned": {}, "versioned": {Versioned: true}} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, f)
			a := archiveOf(b)
			for range 2 { // as after a death before the commit
				b.Must(archives(t.Context(), a, &retention.ArchiveTarget{Collection: b.Name + "/shop/"}))
			}
			b.Must(archives(t.Context(), a, &retention.ArchiveTarget{Collection: b.Name}))
			name := objectOf("records").Name
			if got := b.Objects(); len(got) != 2 || string(got["shop/"+name]) != "records" || string(got[name]) != "records" {
				t.Errorf("objects %q", got)
			}
		})
	}
}

func TestArchivedObjectsCannotBeRemovedBeforeTheirDay(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{Versioned: true, Locked: true})
	b.Must(archives(t.Context(), archiveOf(b), &retention.ArchiveTarget{Collection: b.Name, LockDays: 30}))
	name := objectOf("records").Name
	object, err := b.Server.Core.StatObject(t.Context(), b.Name, name, minio.StatObjectOptions{})
	b.Must(err)
	mode := object.Metadata.Get("X-Amz-Object-Lock-Mode")
	until, err := time.Parse(time.RFC3339, object.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if left := time.Until(until); err != nil || mode != string(minio.Governance) || left < 29*24*time.Hour || left > 30*24*time.Hour {
		t.Errorf("mode %q until %v: %v", mode, until, err)
	}
	for version := range b.Server.Core.ListObjectsIter(t.Context(), b.Name, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		if err := b.Server.Core.RemoveObject(t.Context(), b.Name, name, minio.RemoveObjectOptions{VersionID: version.VersionID}); err == nil {
			t.Error("the object was removed")
		}
	}
}

func TestArchiveFailuresSayWhatToDo(t *testing.T) {
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["%[1]s"]},"Action":["s3:ListBucket*"],"Resource":"arn:aws:s3:::%[2]s"}]}`
	for name, test := range map[string]struct {
		says   string
		change func(*s3test.Bucket, *s3.Archive, *retention.ArchiveTarget)
	}{
		"no bucket": {"there is no such bucket", func(_ *s3test.Bucket, _ *s3.Archive, to *retention.ArchiveTarget) {
			to.Collection = "no-such-bucket/shop/"
		}},
		"no Object Lock": {"leave lockDays out", func(_ *s3test.Bucket, _ *s3.Archive, to *retention.ArchiveTarget) { to.LockDays = 1 }},
		"login":          {"check accessKeyID and secretAccessKey", func(b *s3test.Bucket, _ *s3.Archive, _ *retention.ArchiveTarget) { b.Write("secretAccessKey", "wrong") }},
		"authority":      {"no trusted TLS connection", func(_ *s3test.Bucket, a *s3.Archive, _ *retention.ArchiveTarget) { a.Store.CABundle = otherCA }},
		"permission": {"s3:PutObject", func(b *s3test.Bucket, _ *s3.Archive, _ *retention.ArchiveTarget) {
			b.Write("accessKeyID", s3test.Purger)
			b.Write("secretAccessKey", s3test.PurgerSecret)
			b.Must(b.Server.Core.SetBucketPolicy(t.Context(), b.Name, fmt.Sprintf(policy, s3test.Purger, b.Name)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := server.NewBucket(t, s3test.Flavor{Versioned: true})
			a, target := archiveOf(b), &retention.ArchiveTarget{Collection: b.Name}
			test.change(b, a, target)
			err := archives(t.Context(), a, target)
			f, ok := errors.AsType[*retention.Failure](err)
			if !ok || f.Reason != v1alpha1.ReasonArchiveFailed || !strings.Contains(f.Message, test.says) || !strings.Contains(f.Message, "DataStore cold") {
				t.Error(err)
			}
			if n := len(b.Objects()); n != 0 {
				t.Errorf("%d objects are there", n)
			}
		})
	}
}

// A Secret that was mended is taken up by the next try.
func TestArchiveOutOfReachIsTriedAgain(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{})
	a, target := archiveOf(b), &retention.ArchiveTarget{Collection: b.Name}
	b.Must(a.Check(t.Context(), target))
	port := b.Read("port")
	b.Write("port", "1")
	a = archiveOf(b)
	// The store that is purged is in reach: its connection must stay.
	if err := a.Write(t.Context(), target, objectOf("records")); !errors.Is(err, retention.ErrArchive) || errors.Is(err, retention.ErrUnreachable) {
		t.Error(err)
	}
	b.Write("port", port)
	b.Must(a.Write(t.Context(), target, objectOf("records")))
}

// A store that says yes and keeps something else is no archive.
func TestArchiveThatReturnsSomethingElseIsNotTrusted(t *testing.T) {
	b := server.NewBucket(t, s3test.Flavor{})
	back, err := url.Parse("https://127.0.0.1:" + b.Read("port"))
	b.Must(err)
	var broken atomic.Bool
	broken.Store(true)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(back); r.Out.Host = r.In.Host },
		Transport: b.Server.Transport(),
		ModifyResponse: func(answer *http.Response) error {
			if answer.Request.Method != http.MethodGet || !broken.Load() || !strings.HasSuffix(answer.Request.URL.Path, ".jsonl.gz") {
				return nil
			}
			content, err := io.ReadAll(answer.Body)
			if err == nil && len(content) > 0 {
				content[0] ^= 1
			}
			answer.Body = io.NopCloser(bytes.NewReader(content))
			return err
		},
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	address, err := url.Parse(front.URL)
	b.Must(err)
	b.Write("port", address.Port())
	a, target := archiveOf(b), &retention.ArchiveTarget{Collection: b.Name}
	a.Store.TLSMode = string(v1alpha1.StoreTLSDisable)
	if err := archives(t.Context(), a, target); !errors.Is(err, retention.ErrArchive) || !strings.Contains(err.Error(), "another object than was written") {
		t.Error(err)
	}
	broken.Store(false)
	b.Must(archives(t.Context(), a, target))
}
