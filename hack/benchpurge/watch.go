package main

import (
	"context"
	"errors"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// watch takes the times of a driver's sessions.
type watch struct {
	retention.Driver
	seen purged
}

// Open connects.
func (w *watch) Open(ctx context.Context) (retention.Session, error) {
	defer addTo(&w.seen.Opening, time.Now())
	session, err := w.Driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	watching := &watched{Session: session, seen: &w.seen}
	if s, ok := session.(retention.Sharder); ok {
		return struct {
			*watched
			retention.Sharder
		}{watching, s}, nil
	}
	return watching, nil
}

func addTo(sum *time.Duration, begun time.Time) { *sum += time.Since(begun) }

type watched struct {
	retention.Session
	seen *purged
}

// Inspect checks the schema.
func (w *watched) Inspect(ctx context.Context, rules []retention.Rule, holds []retention.Hold) (retention.Inspection, error) {
	defer addTo(&w.seen.Inspecting, time.Now())
	return w.Session.Inspect(ctx, rules, holds)
}

// Count counts what is due.
func (w *watched) Count(ctx context.Context, rules []retention.Rule, holds []retention.Hold, slot time.Time) (retention.Snapshot, error) {
	defer addTo(&w.seen.Counting, time.Now())
	return w.Session.Count(ctx, rules, holds, slot)
}

// CountDue counts what is due once more.
func (w *watched) CountDue(ctx context.Context, rule *retention.Rule, holds []retention.Hold) (retention.Counts, error) {
	defer addTo(&w.seen.Counting, time.Now())
	if c, ok := w.Session.(retention.DueCounter); ok {
		return c.CountDue(ctx, rule, holds)
	}
	return retention.Counts{}, errors.New("the driver counts no due records by themselves")
}

// CheckReferences counts what is due and referenced.
func (w *watched) CheckReferences(ctx context.Context, rule *retention.Rule, holds []retention.Hold) error {
	defer addTo(&w.seen.Counting, time.Now())
	return w.Session.CheckReferences(ctx, rule, holds)
}

// Window times the window, with what the driver asks the store before the transaction.
func (w *watched) Window(ctx context.Context, window retention.Window) (retention.Batch, error) {
	begun := time.Now()
	batch, err := w.Session.Window(ctx, window)
	if err == nil && batch.Commits > 0 {
		w.seen.Windows = append(w.seen.Windows, time.Since(begun))
		w.seen.Sizes = append(w.seen.Sizes, float64(window.Size))
	}
	return batch, err
}

// Lag asks the store, so that the check costs what it costs. The benchmark's stores have no replicas, which the engine would wait for.
func (w *watched) Lag(ctx context.Context) (retention.Lag, error) {
	lag, err := w.Session.Lag(ctx)
	w.seen.LagNote = lag.Unknown
	lag.Unknown = ""
	return lag, err
}

// Work asks what the store does for others.
func (w *watched) Work(ctx context.Context) (retention.Work, error) {
	if c, ok := w.Session.(retention.Crowd); ok {
		return c.Work(ctx)
	}
	return retention.Work{}, errors.New("the driver cannot tell others' work")
}

// LogPosition passes on what a driver can do besides a Session.
func (w *watched) LogPosition(ctx context.Context) (string, error) {
	if p, ok := w.Session.(retention.Positioner); ok {
		return p.LogPosition(ctx)
	}
	return "", nil
}
