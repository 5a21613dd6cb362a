package retention

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Archiver keeps what is about to be deleted.
type Archiver interface {
	// Check fails unless the target is there. It fails with a Failure, or with ErrArchive for what may go away by waiting.
	Check(ctx context.Context, target *ArchiveTarget) error
	// Write stores one object below the target and returns once the archive showed that it has it, unchanged. Writing it again adds at most
	// another version of the same object. It fails as Check does.
	Write(ctx context.Context, target *ArchiveTarget, object Object) error
}

// Object is what one window archives. Digest is the SHA-256 of Content in hexadecimal, and part of Name.
type Object struct {
	Name, Digest string
	Content      []byte
}

// maxObject is how long an object may be, in bytes: it is kept in memory until the archive has it.
const maxObject = 32 << 20

// archiveTimeout is how long the archive may take for one object: stores end transactions that are idle for longer than 10 s, and keep the window's
// records locked meanwhile.
const archiveTimeout = 8 * time.Second

// Pack is the object of a window's records while it is made: JSON, one record a line, compressed by gzip. The same records make the same
// object of the same name, so that a window that is handled again writes it over.
type Pack struct {
	window  *Window
	prefix  string
	content bytes.Buffer
	gzip    *gzip.Writer
	records int
	// limit is maxObject, apart from tests.
	limit int
}

// Pack begins the object of the window's records. Its name is of run and rule, the index of the pod if several share the run, and the digest.
func (w *Window) Pack() *Pack {
	p := &Pack{window: w, prefix: w.Run + "/" + w.Rule.Name + "/", limit: maxObject}
	if w.Shard.Count > 1 {
		p.prefix += fmt.Sprintf("%d-", w.Shard.Index)
	}
	p.gzip = gzip.NewWriter(&p.content) // without a time in its header
	return p
}

// lineEnds become spaces: in JSON they stand between values alone.
var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")

// Add takes the next record, as JSON, and keeps nothing of it. It fails with ErrBusy for a window that is too large, so that the next try is with
// a smaller one, and with a Failure for one that cannot be smaller.
func (p *Pack) Add(record []byte) error {
	p.records++
	var err error
	if bytes.ContainsAny(record, "\r\n") {
		_, err = lineEnds.WriteString(p.gzip, string(record))
	} else {
		_, err = p.gzip.Write(record)
	}
	if err == nil {
		_, err = p.gzip.Write([]byte{'\n'})
	}
	if err != nil || p.content.Len() <= p.limit {
		return err
	}
	if p.window.Size <= minWindow {
		return Fail(v1alpha1.ReasonArchiveFailed, "rule %s: the records of the smallest window take more than %d MiB, compressed, which is too much for one object: "+
			"delete these records by another rule, and copy them before by other means", p.window.Rule.Name, p.limit>>20)
	}
	return fmt.Errorf("%w: the window's records take more than %d MiB, compressed", ErrBusy, p.limit>>20)
}

// Write completes the object and has the archive keep it. It returns the object's digest, empty if there are no records.
func (p *Pack) Write(ctx context.Context) (digest string, err error) {
	if p.records == 0 {
		return "", nil
	}
	if err := p.gzip.Close(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(p.content.Bytes())
	digest = hex.EncodeToString(sum[:])
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	return digest, p.window.Archive.Write(ctx, p.window.Rule.Archive, Object{
		Name: p.prefix + digest + ".jsonl.gz", Digest: digest, Content: p.content.Bytes(),
	})
}

// checkArchives makes sure that the archives of all rules are there before the first record is touched.
func (r *run) checkArchives(ctx context.Context) error {
	for i := range r.Plan.Rules {
		rule := &r.Plan.Rules[i]
		if rule.Archive == nil {
			continue
		}
		err := r.with(ctx, func(ctx context.Context, _ Session, _ []Hold) error { return r.Archive.Check(ctx, rule.Archive) })
		if err != nil {
			return err
		}
	}
	return nil
}

// countArchived counts an object that a window wrote.
func countArchived(objects *int64, digest *string, archived string) {
	if archived != "" {
		*objects++
		*digest = chain(*digest, archived)
	}
}
