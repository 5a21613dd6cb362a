package retention

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const (
	// holdsFor is how long holds that were read stay good.
	holdsFor = 500 * time.Millisecond
	// How long the run waits before it ends: for a store or an archive that is down, and for a store that is busy.
	unreachablePatience = 2 * time.Minute
	busyPatience        = 10 * time.Minute
	// apiPatience is how long the run waits for the Kubernetes API. Then the process ends, and the Job starts another.
	apiPatience = 5 * time.Minute
	// quietTries are not worth a pause in the status.
	quietTries = 3
)

// with does something in a session, with the holds in force. It waits out what goes away by itself, and opens a new session if the old one is gone.
//
//nolint:gocognit // what each kind of failure means for the next try is one decision
func (r *run) with(ctx context.Context, do func(context.Context, Session, []Hold) error) error {
	var since time.Time
	paused := false
	for try := 0; ; try++ {
		err := r.attempt(ctx, do)
		reason, patience := passing(err)
		if reason == "" {
			if err == nil && paused {
				return r.goOn(ctx)
			}
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if reason == v1alpha1.ReasonStoreUnreachable {
			r.close()
		}
		if since.IsZero() {
			since = r.Clock.Now()
		}
		r.Log.Warn("the store is waited for", "reason", reason, "try", try+1, "error", err.Error())
		if r.Clock.Since(since) >= patience {
			return givenUp(reason, err, patience)
		}
		if try >= quietTries {
			paused = true
			if err := r.pauseFor(ctx, reason, err.Error()); err != nil {
				return err
			}
		}
		if err := r.sleep(ctx, backOff(try)); err != nil {
			return err
		}
	}
}

// passing says with which reason, and for how long, an error is waited out; empty: it is not.
func passing(err error) (reason string, patience time.Duration) {
	switch {
	case errors.Is(err, ErrArchive):
		return v1alpha1.ReasonArchiveFailed, unreachablePatience
	case errors.Is(err, ErrUnreachable):
		return v1alpha1.ReasonStoreUnreachable, unreachablePatience
	case errors.Is(err, ErrBusy):
		return v1alpha1.ReasonStoreBusy, busyPatience
	}
	return "", 0
}

func givenUp(reason string, err error, patience time.Duration) *Failure {
	if reason == v1alpha1.ReasonArchiveFailed {
		return Fail(reason, "%v, for %s: see to the archive. Records that it does not have stay where they are, and the next run goes on with them", err, patience)
	}
	return Fail(reason, "%v, for %s: see to the store; the next run goes on with what is left", err, patience)
}

func (r *run) attempt(ctx context.Context, do func(context.Context, Session, []Hold) error) error {
	if err := r.renew(ctx); err != nil {
		return err
	}
	if err := r.readHolds(ctx); err != nil {
		return err
	}
	if r.session == nil {
		if err := r.open(ctx); err != nil {
			return err
		}
	}
	if !r.inspected {
		if err := r.inspect(ctx); err != nil {
			return err
		}
	}
	return do(ctx, r.session, r.holds)
}

// open connects and makes sure that it is the store that it should be.
func (r *run) open(ctx context.Context) error {
	session, err := r.Store.Open(ctx)
	if err != nil {
		return err
	}
	r.session, r.inspected = session, false
	identity, err := session.Identity(ctx)
	if err != nil {
		r.close() // what is not identified is not used
		return err
	}
	return r.checkIdentity(identity)
}

func (r *run) checkIdentity(identity string) error {
	expected := r.status.Evidence.StoreIdentity
	if expected == "" {
		expected = r.Plan.ExpectedIdentity
	}
	r.status.Evidence.StoreIdentity = identity
	if other := r.Plan.OtherStores[identity]; other != "" {
		return Fail(v1alpha1.ReasonStoreDuplicate,
			"the store is the one of DataStore %s, and nothing was touched: its holds and minimum periods would not count here. Let the policy refer to %s, and add the collections there",
			other, other)
	}
	if expected != "" && identity != expected {
		return Fail(v1alpha1.ReasonStoreIdentityChanged,
			"the store is %s, the run before worked on %s: it was restored, cloned or failed over. If it is the right one, set the annotation %s=%s on DataStore %s",
			identity, expected, v1alpha1.AnnotationStoreIdentity, identity, r.Plan.Store.Name)
	}
	return nil
}

func (r *run) inspect(ctx context.Context) error {
	if err := r.checkShared(); err != nil {
		return err
	}
	found, err := r.session.Inspect(ctx, r.Plan.Rules, r.holds)
	if err != nil {
		return err
	}
	if r.status.Evidence.SchemaDigest == "" {
		r.status.Evidence.SchemaDigest = found.SchemaDigest
	}
	if !reflect.DeepEqual(r.warnings, found.Warnings) {
		for _, w := range found.Warnings {
			r.Log.Warn("inspection", "warning", w)
		}
	}
	if err := r.checkSignals(ctx); err != nil {
		return err
	}
	r.warnings, r.inspected = found.Warnings, true
	return nil
}

// readHolds reads the holds unless it just did. Without them nothing is done: it waits, and gives up after apiPatience.
func (r *run) readHolds(ctx context.Context) error {
	if !r.holdsAt.IsZero() && r.Clock.Since(r.holdsAt) < holdsFor {
		return nil
	}
	var at time.Time
	var holds []Hold
	err := r.untilAPI(ctx, "reading the holds", func() (err error) {
		at = r.Clock.Now()
		holds, err = r.Holds.Holds(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.Plan.checkHolds(holds); err != nil {
		return Fail(v1alpha1.ReasonHoldInvalid, "%v: mend or delete it", err)
	}
	if f := CheckHoldKeys(holds, r.Hasher.KeyID()); f != nil {
		return f
	}
	r.inspected = r.inspected && reflect.DeepEqual(holds, r.holds)
	r.holds, r.holdsAt = holds, at
	return nil
}

// pauseFor says why the run waits. The first message of a reason is reported at once, changes of it with the next checkpoint.
func (r *run) pauseFor(ctx context.Context, reason, message string) error {
	r.meter.interrupt()
	pause := r.pause()
	known := pause.Reason == reason
	*pause = v1alpha1.RunPause{Reason: reason, Message: truncate(message, maxPauseMessage)}
	if known && r.Clock.Since(r.reportedAt) < 10*checkpointEvery {
		return nil
	}
	return r.report(ctx)
}

// goOn says that the run no longer waits.
func (r *run) goOn(ctx context.Context) error {
	if r.pause().Reason == "" {
		return nil
	}
	if err := r.look(ctx); err != nil { // what other pods did meanwhile is not of the time to come
		return err
	}
	*r.pause() = v1alpha1.RunPause{}
	return r.report(ctx)
}

// pause is why this pod waits: what the leader waits for is what the run waits for.
func (r *run) pause() *v1alpha1.RunPause {
	if r.Plan.leads() {
		return &r.status.Pause
	}
	return &r.own().Pause
}

func (r *run) report(ctx context.Context) error {
	r.noteProgress()
	err := r.untilAPI(ctx, "writing the run's status", func() error {
		return r.asHolder(func() error { return r.Reporter.Report(ctx, r.status) })
	})
	r.reportedAt = r.Clock.Now()
	return err
}

// untilAPI repeats what the Kubernetes API must answer.
func (r *run) untilAPI(ctx context.Context, what string, do func() error) error {
	since := r.Clock.Now()
	for try := 0; ; try++ {
		err := do()
		var failure *Failure
		if err == nil || errors.As(err, &failure) {
			return err
		}
		if errors.Is(err, ErrGone) || errors.Is(err, ErrMoved) || errors.Is(err, ErrReplaced) || ctx.Err() != nil || r.Clock.Since(since) >= apiPatience {
			return fmt.Errorf("%s: %w", what, err)
		}
		r.Log.Warn("the Kubernetes API is waited for", "what", what, "try", try+1, "error", err.Error())
		if err := r.sleep(ctx, backOff(try)); err != nil {
			return err
		}
	}
}

func (r *run) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := r.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}

func (r *run) close() {
	if r.session != nil {
		r.session.Close()
		r.session = nil
	}
}
