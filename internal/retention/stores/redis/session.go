package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// scanCount is the most that one call of SCAN looks at, and the most keys that one call of a script works on, so that the store serves
// others in between.
const scanCount = 512

// session is one connection.
type session struct {
	client *redis.Client
	// server is what INFO said at the connection's start.
	server   map[string]string
	identity string
	seen     map[fieldOf]bool
	lag      stores.LagTracker
}

// Close gives up the connection.
func (s *session) Close() { _ = s.client.Close() } // the server notices by itself

// maxIdentity is what the status can hold of an identity.
const maxIdentity = 128

// identity is address and database. Redis has nothing of its own that outlives a restart: run_id and master_replid change with it.
func identity(address string, database int) string {
	id := address + "/" + strconv.Itoa(database)
	if len(id) > maxIdentity {
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])
	}
	return id
}

// Identity is the address and the number of the database, see the package's documentation.
func (s *session) Identity(context.Context) (string, error) { return s.identity, nil }

// process names the server's process, which cursors belong to.
func (s *session) process() string { return s.server["run_id"] }

// scan takes one step over the keys of a pattern and calls do with at most scanCount of them at a time, none twice. It returns the cursor
// of the next step, 0 at the end.
func (s *session) scan(ctx context.Context, cursor uint64, pattern string, count int64, do func(keys []string) error) (uint64, error) {
	keys, next, err := s.client.Scan(ctx, cursor, pattern, count).Result()
	if err != nil {
		return cursor, err
	}
	slices.Sort(keys)
	for chunk := range slices.Chunk(slices.Compact(keys), scanCount) {
		if err := do(chunk); err != nil {
			return cursor, err
		}
	}
	return next, nil
}

// walk goes over all keys of a pattern, until do says that it saw enough.
func (s *session) walk(ctx context.Context, pattern string, do func(keys []string) (enough bool, err error)) error {
	enough := false
	for cursor := uint64(0); ; {
		next, err := s.scan(ctx, cursor, pattern, scanCount, func(keys []string) (err error) {
			if !enough {
				enough, err = do(keys)
			}
			return err
		})
		if err != nil {
			return classify(ctx, err)
		}
		if enough || next == 0 {
			return nil
		}
		cursor = next
	}
}

// Count walks over the keys of one rule after the other: Redis has no snapshots.
func (s *session) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (retention.Snapshot, error) {
	var counted retention.Snapshot
	for i := range rules {
		d := &decision{rule: &rules[i], holds: holds, slot: slot}
		var c retention.Counts
		err := s.walk(ctx, rules[i].Collection, func(keys []string) (bool, error) { return false, s.count(ctx, d, keys, &c) })
		if err != nil {
			return retention.Snapshot{}, stores.Named(err, "rule "+rules[i].Name)
		}
		counted.Rules = append(counted.Rules, c)
	}
	return counted, nil
}

// CheckReferences finds nothing: Redis knows no references.
func (s *session) CheckReferences(context.Context, *retention.Rule, []retention.Hold) error {
	return nil
}

// Window takes steps of SCAN until it looked at Size places of the store's table of keys. Each step's scripts are the transactions. What a
// failed step leaves is looked at again.
func (s *session) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	d := &decision{rule: w.Rule, holds: w.Holds}
	cursor := parsePosition(s.process(), w.Position)
	records := w.Records()
	finish, cancel := stores.Finish(ctx)
	defer cancel()
	for left := max(w.Size, 1); left > 0 && ctx.Err() == nil; left -= scanCount {
		next, err := s.scan(finish, cursor, w.Rule.Collection, min(left, scanCount), func(keys []string) error {
			return s.change(finish, d, w.Hasher, keys, records)
		})
		err = classify(finish, err)
		if err != nil && (records.Count() == 0 || errors.Is(err, retention.ErrUnreachable)) {
			return retention.Batch{}, stores.Named(err, "rule "+w.Rule.Name)
		}
		if err != nil {
			break // what was done is counted; the next window meets the error again
		}
		if cursor = next; cursor == 0 {
			return retention.Batch{Commits: 1, Done: records.Count(), Digest: records.Sum()}, nil
		}
	}
	return retention.Batch{Next: position(s.process(), cursor), Commits: 1, Done: records.Count(), Digest: records.Sum()}, nil
}

// Now returns the store's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	now, err := s.client.Time(ctx).Result()
	return now, classify(ctx, err)
}
