package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

// Driver reaches one store. The kinds are below stores.
type Driver interface {
	// Open connects. It fails with a Failure (login, TLS, database) or with ErrUnreachable.
	Open(ctx context.Context) (Session, error)
}

// Session is one connection to a store. It fails with a Failure for what a person must mend, with ErrUnreachable if the connection is
// gone (the engine opens another one), and with ErrBusy for what goes away by waiting or with a smaller window. Nothing that a
// Session returns, errors included, holds personal data.
type Session interface {
	// Identity returns what tells this store from its copies.
	Identity(ctx context.Context) (string, error)
	// Inspect checks rules and holds against the store's schema, privileges and row security, and changes nothing. It comes before
	// the other methods, and again whenever the holds changed: Session may keep what it learned.
	Inspect(ctx context.Context, rules []Rule, holds []Hold) (Inspection, error)
	// Count counts the records of all rules in one snapshot. Clocks after slot lie in the future.
	Count(ctx context.Context, rules []Rule, holds []Hold, slot time.Time) (Snapshot, error)
	// CheckReferences fails with reason Referenced if due records that are not held are referenced by other collections, so that the
	// store would refuse to delete them.
	CheckReferences(ctx context.Context, rule *Rule, holds []Hold) error
	// Window handles the due records of the next window in one short transaction, which checks rule and holds inside of the changing
	// statement. Handling a window again changes nothing.
	Window(ctx context.Context, w Window) (Batch, error)
	// Lag says how far the replicas are behind.
	Lag(ctx context.Context) (Lag, error)
	// Now returns the store's clock.
	Now(ctx context.Context) (time.Time, error)
	Close()
}

// Positioner is a Session of a store that numbers its changes in a log, and so can say where the log was.
type Positioner interface {
	// LogPosition returns the log's position now, for example an LSN or a GTID set: at most 256 bytes.
	LogPosition(ctx context.Context) (string, error)
}

// Sharder is a Session of a store whose collections several pods can work on at once.
type Sharder interface {
	// Bounds returns what tells the pods' parts of the rule's collection apart, in the store's own terms and order; nil if the store needs
	// nothing. Each pod gets them with its windows.
	Bounds(ctx context.Context, rule *Rule, pods int, hasher *Hasher) ([]string, error)
}

// DueCounter is a Session of a store that counts what is due faster than everything else along with it.
type DueCounter interface {
	// CountDue counts the due records of a rule in one snapshot: Due, Held and Deferred, and nothing else.
	CountDue(ctx context.Context, rule *Rule, holds []Hold) (Counts, error)
}

// Cataloger is a Session of a store that knows the fields of its collections.
type Cataloger interface {
	// Catalog returns the fields of all collections that the login may see, those of the store's own apart, in the store's order.
	Catalog(ctx context.Context) ([]discovery.Field, error)
}

// Inspection is what Inspect found, apart from failures.
type Inspection struct {
	// SchemaDigest is the SHA-256, in hexadecimal, of the columns of the rules' collections.
	SchemaDigest string
	// Warnings for people: what works, but not well.
	Warnings []string
}

// Snapshot is the count of rules at one instant, in the order in which they were asked for.
type Snapshot struct{ Rules []Counts }

// Counts of the records of one rule.
type Counts struct {
	// Total of the collection; Due by clock, filters and action, of which Held are held; Deferred are due and not held, and the store
	// itself keeps them for now.
	Total, Due, Held, Deferred int64
	// NullClock and FutureClock count the rule's records (its filters applied) whose clock says nothing, or lies after the slot.
	NullClock, FutureClock int64
	// Clocks read in the rule's unit: Early lie in 1970, Far after the year 9999, Sound in between.
	Early, Far, Sound int64
}

// Window is what one transaction works on.
type Window struct {
	Rule  *Rule
	Holds []Hold
	// Position is where the window begins, in the store's own terms; empty: at the start. Size is in the store's own unit.
	Position string
	Size     int64
	Hasher   *Hasher
	// Shard is the part of the collection that the windows stay in.
	Shard Shard
	// CountOnly says that the batch needs no digest: the store need not return keys.
	CountOnly bool
	// Archive is where the records of a rule with Archive go before they are deleted. Run names the run whose objects they are in.
	Archive Archiver
	Run     string
}

// Records begins the account of the window's records.
func (w *Window) Records() *RecordsDigest {
	if w.CountOnly {
		return &RecordsDigest{}
	}
	return w.Hasher.Records(w.Rule.Collection)
}

// Shard is the part of a collection that one of several pods works on. The parts of all indexes have no record in common, and together
// they are the collection, whatever is added to it meanwhile. The zero value is all of it.
type Shard struct {
	// Index of the pod, from 0, of Count.
	Index, Count int
	// Bounds are what Sharder returned.
	Bounds []string
}

// Batch is the result of a window, after its commit.
type Batch struct {
	// Next is where the next window begins; empty: there is none.
	Next string
	// Commits is the number of transactions that were committed: 0 if nothing was left to look at.
	Commits int64
	// Done records, and the digest of their keys in order: empty if there are none, or with Window.CountOnly.
	Done   int64
	Digest string
	// Archived is the digest of the object with the records; empty: none was written.
	Archived string
}

// Lag is how far the replica furthest behind is behind. Unknown says why it is not known; empty: it is.
type Lag struct {
	Behind  time.Duration
	Unknown string
}

// Faults that go away by themselves. Wrap them with %w.
var (
	// ErrUnreachable: the store cannot be reached or does not take work, for example while it restarts.
	ErrUnreachable = errors.New("the store cannot be reached")
	// ErrBusy: a lock, a deadlock or a timeout kept the store from doing it.
	ErrBusy = errors.New("the store was too busy")
	// ErrArchive: the archive could not be reached, or did not keep what was written. Nothing was deleted.
	ErrArchive = errors.New("the archive does not take records")
)

// Failure is what a person has to mend. Reason is one of the API's reason constants; Message says what to do.
type Failure struct {
	Reason, Message string
}

// Error makes a Failure an error.
func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// Fail formats a Failure.
func Fail(reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
