package retention

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Signal is something that a store shows of its strain. Its name is that of the limit in throttle.pauseAbove.
type Signal string

// Signals, each with its unit in its name, or a number.
const (
	SignalWALBacklog        Signal = "walBacklogMebibytes"
	SignalSlotRetained      Signal = "slotRetainedMebibytes"
	SignalOldestTransaction Signal = "oldestTransactionSeconds"
	SignalRunningVacuums    Signal = "runningVacuums"
	SignalDeadRows          Signal = "deadRowsPercent"
	SignalHistoryList       Signal = "historyListLength"
	SignalActiveSessions    Signal = "activeSessions"
	SignalQueuedOperations  Signal = "queuedOperations"
	SignalPendingFrees      Signal = "pendingFrees"
)

// signals says, for each, the reason of a pause, and what is so many.
var signals = map[Signal]struct{ reason, words string }{
	SignalWALBacklog:        {v1alpha1.ReasonWALBacklog, "MiB of the log wait to be archived"},
	SignalSlotRetained:      {v1alpha1.ReasonSlotBehind, "MiB of the log are kept for a replication slot"},
	SignalOldestTransaction: {v1alpha1.ReasonOldTransaction, "seconds old is the oldest transaction that keeps the store from cleaning up"},
	SignalRunningVacuums:    {v1alpha1.ReasonVacuumRunning, "vacuums work on the rule's table"},
	SignalDeadRows:          {v1alpha1.ReasonDeadRows, "percent of the table's rows are dead"},
	SignalHistoryList:       {v1alpha1.ReasonHistoryList, "changes are in InnoDB's history list"},
	SignalActiveSessions:    {v1alpha1.ReasonStoreLoad, "other sessions are at work"},
	SignalQueuedOperations:  {v1alpha1.ReasonStoreLoad, "operations wait in the store"},
	SignalPendingFrees:      {v1alpha1.ReasonPendingFrees, "deleted objects wait for their memory to be freed"},
}

// Gauge is a Session of a store that shows its strain.
type Gauge interface {
	// Measure returns what a signal shows now; some depend on the rule's collection. It fails with reason PrivilegeMissing, and the grant, if
	// the login may not see the signal, and with SignalUnavailable if the store does not show it.
	Measure(ctx context.Context, signal Signal, rule *Rule) (Reading, error)
}

// Reading of a signal, in its unit. Detail says more, for example which slot it is; it may be empty.
type Reading struct {
	Value  int64
	Detail string
}

// strain is why the store should not be given more to do now; without a reason, it may be. advice says what to do if it lasts.
type strain struct{ reason, message, advice string }

// over says whether a reading pauses the run. One that already does must come down by a tenth of its limit, so that the run does not flap.
func (l Limit) over(value int64, already bool) bool {
	if already {
		return value > l.Above-l.Above/10
	}
	return value > l.Above
}

// describe says what a limit that was passed means.
func (l Limit) describe(read Reading) string {
	detail := ""
	if read.Detail != "" {
		detail = " (" + read.Detail + ")"
	}
	return fmt.Sprintf("%d %s%s, at most %d are allowed", read.Value, signals[l.Signal].words, detail, l.Above)
}

// measure is a Gauge's answer, or what to do about a store that is none.
func measure(ctx context.Context, s Session, signal Signal, rule *Rule) (Reading, error) {
	g, ok := s.(Gauge)
	if !ok {
		return Reading{}, Fail(v1alpha1.ReasonSignalUnavailable, "the store shows no signals: leave throttle.pauseAbove.%s out", signal)
	}
	return g.Measure(ctx, signal, rule)
}

// checkSignals makes sure that all signals of the plan can be seen.
func (r *run) checkSignals(ctx context.Context) error {
	for _, l := range r.Plan.Throttle.PauseAbove {
		if _, err := measure(ctx, r.session, l.Signal, &r.Plan.Rules[0]); err != nil {
			return err
		}
	}
	return nil
}

const (
	// calmFor is how long a store that was within its limits stays trusted, and how long the run waits before it looks again.
	calmFor = time.Second
	// strainPatience is how long the run waits for a store to come within its limits before it ends.
	strainPatience = time.Hour
)

// waitForStore waits until the store is within its limits.
func (r *run) waitForStore(ctx context.Context, rule *Rule) error {
	t := &r.Plan.Throttle
	unlimited := t.MaxReplicaLagSeconds == 0 && len(t.PauseAbove) == 0
	if unlimited || (r.calmRule == rule.Name && r.Clock.Since(r.calmAt) < calmFor) {
		return nil
	}
	since, already := r.Clock.Now(), map[Signal]bool{}
	for {
		s, err := r.strain(ctx, rule, already)
		if err != nil {
			return err
		}
		if s.reason == "" {
			r.calmRule, r.calmAt = rule.Name, r.Clock.Now()
			return r.goOn(ctx)
		}
		if r.Clock.Since(since) >= strainPatience {
			return Fail(s.reason, "%s, for %s: %s", s.message, strainPatience, s.advice)
		}
		if err := r.pauseFor(ctx, s.reason, s.message); err != nil {
			return err
		}
		if err := r.sleep(ctx, calmFor); err != nil {
			return err
		}
	}
}

// strain asks the store for lag and signals. The first that is over its limit names the reason, the message has all.
func (r *run) strain(ctx context.Context, rule *Rule, already map[Signal]bool) (s strain, err error) {
	err = r.with(ctx, func(ctx context.Context, session Session, _ []Hold) error {
		if s, err = r.lagging(ctx, session); err != nil {
			return err
		}
		var messages []string
		if s.reason != "" {
			messages = append(messages, s.message)
		}
		for _, l := range r.Plan.Throttle.PauseAbove {
			read, err := measure(ctx, session, l.Signal, rule)
			if err != nil {
				return err
			}
			if already[l.Signal] = l.over(read.Value, already[l.Signal]); !already[l.Signal] {
				continue
			}
			if s.reason == "" {
				s = strain{reason: signals[l.Signal].reason, advice: fmt.Sprintf("see to the store, or raise throttle.pauseAbove.%s", l.Signal)}
			}
			messages = append(messages, l.describe(read))
		}
		s.message = strings.Join(messages, "; ")
		return nil
	})
	return s, err
}

// lagging says whether a replica is too far behind, or may be.
func (r *run) lagging(ctx context.Context, session Session) (strain, error) {
	limit := time.Duration(r.Plan.Throttle.MaxReplicaLagSeconds) * time.Second
	if limit == 0 {
		return strain{}, nil
	}
	lag, err := session.Lag(ctx)
	s := strain{reason: v1alpha1.ReasonReplicaLag, advice: "see to the replicas, or leave throttle.maxReplicaLagSeconds out"}
	switch {
	case err != nil:
		return strain{}, err
	case lag.Unknown != "":
		s.message = "how far the replicas are behind is not known: " + lag.Unknown
		return s, nil
	case lag.Behind > limit:
		s.message = fmt.Sprintf("a replica is %s behind, at most %s are allowed", lag.Behind.Round(time.Second), limit)
		return s, nil
	default:
		return strain{}, nil
	}
}
