package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// maxPage is the most versions of one page, and the most keys of one deletion, that S3 allows.
const maxPage = 1000

// minPage is the smallest page of a window: some stores take a page of one version for the last one.
const minPage = 16

// presigned is how long a listing's address is valid.
const presigned = 10 * time.Minute

// marker is the last place that a page had; empty: the start.
type marker struct{ key, id string }

// version of an object, or its delete marker.
type version struct {
	Key          string    `xml:"Key"`
	ID           string    `xml:"VersionId"`
	Latest       bool      `xml:"IsLatest"`
	LastModified time.Time `xml:"LastModified"`
	marker       bool
}

// page of a listing; next is where the next one begins if there is one.
type page struct {
	versions []version
	next     marker
	more     bool
}

// listing is the answer to ListObjectVersions.
type listing struct {
	Encoding  string    `xml:"EncodingType"`
	Truncated bool      `xml:"IsTruncated"`
	NextKey   string    `xml:"NextKeyMarker"`
	NextID    string    `xml:"NextVersionIdMarker"`
	Entries   []version `xml:",any"`
}

// UnmarshalXML reads versions and delete markers alike: all other elements of the listing come out without a key.
func (v *version) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if start.Name.Local != "Version" && start.Name.Local != "DeleteMarker" {
		return d.Skip()
	}
	type plain version
	if err := d.DecodeElement((*plain)(v), &start); err != nil {
		return err
	}
	v.marker = start.Name.Local == "DeleteMarker"
	return nil
}

// list reads one page of the versions. The client library's own listing cannot begin in the middle of a key's versions.
func (s *session) list(ctx context.Context, c collection, from marker, size int64) (page, error) {
	query := url.Values{"versions": {""}, "encoding-type": {"url"}, "max-keys": {strconv.FormatInt(min(max(size, 1), maxPage), 10)}, "prefix": {c.prefix}}
	if from.key != "" {
		query.Set("key-marker", from.key)
	}
	if from.id != "" {
		query.Set("version-id-marker", from.id)
	}
	body, err := s.get(ctx, c.bucket, "", query)
	if err != nil {
		return page{}, classify(ctx, err)
	}
	defer body.Close()
	var answer listing
	if err := xml.NewDecoder(body).Decode(&answer); err != nil {
		return page{}, connecting(fmt.Errorf("the listing breaks off: %w", io.ErrUnexpectedEOF))
	}
	p, err := answer.page()
	// versitygw takes a full page that ends with a key's last version for the last page.
	if n := int64(len(p.versions)); err == nil && !p.more && n > 0 && n >= min(max(size, 1), maxPage) {
		p.more, p.next = true, marker{key: p.versions[n-1].Key}
	}
	return p, err
}

// page decodes keys and leaves out what is no version.
func (l *listing) page() (page, error) {
	p := page{more: l.Truncated, next: marker{id: l.NextID}}
	decode := func(key string) (string, error) {
		if l.Encoding != "url" {
			return key, nil
		}
		return url.QueryUnescape(key)
	}
	var err error
	if p.next.key, err = decode(l.NextKey); err != nil {
		return page{}, connecting(errEncoding)
	}
	for _, v := range l.Entries {
		if v.Key == "" {
			continue
		}
		if v.Key, err = decode(v.Key); err != nil {
			return page{}, connecting(errEncoding)
		}
		p.versions = append(p.versions, v)
	}
	// Some stores list a page's markers apart from its versions.
	slices.SortStableFunc(p.versions, func(a, b version) int { return strings.Compare(a.Key, b.Key) })
	if p.more && p.next == (marker{}) {
		return page{}, connecting(errEncoding)
	}
	return p, nil
}

var errEncoding = fmt.Errorf("the listing cannot be understood")

// get asks something of a bucket, or of an object in it, and notes the store's time. It fails with an ErrorResponse if the store says no.
func (s *session) get(ctx context.Context, bucket, object string, query url.Values) (io.ReadCloser, error) {
	address, err := s.core.Presign(ctx, http.MethodGet, bucket, object, presigned, query)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		s.date = date
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	failure := minio.ErrorResponse{}
	_ = xml.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&failure) // the status says enough
	failure.StatusCode = answer.StatusCode
	return nil, failure
}

// walk goes over all versions of a collection.
func (s *session) walk(ctx context.Context, c collection, do func(version) error) error {
	for from := (marker{}); ; {
		p, err := s.list(ctx, c, from, maxPage)
		if err != nil {
			return err
		}
		for _, v := range p.versions {
			if err := do(v); err != nil {
				return err
			}
		}
		if !p.more {
			return nil
		}
		from = p.next
	}
}

// uploads reads one page of the uploads that were begun and not completed.
func (s *session) uploads(ctx context.Context, c collection, from marker, size int64) ([]minio.ObjectMultipartInfo, marker, error) {
	answer, err := s.core.ListMultipartUploads(ctx, c.bucket, c.prefix, from.key, from.id, "", int(min(max(size, 1), maxPage)))
	if hasCode(err, codesNothing) {
		return nil, marker{}, nil
	}
	if err != nil {
		return nil, marker{}, classify(ctx, err)
	}
	if !answer.IsTruncated {
		return answer.Uploads, marker{}, nil
	}
	return answer.Uploads, marker{key: answer.NextKeyMarker, id: answer.NextUploadIDMarker}, nil
}
