package retention

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// maxCounted bounds the work that a long absence causes: with a slot a minute it is more than two months.
const maxCounted = 100_000

// schedule is a parsed cron line with its zone. A slot whose local time is skipped by a clock change does not exist: nothing is purged
// early, and the next slot covers it.
type schedule struct {
	cron cron.Schedule
	zone *time.Location
}

// parseSchedule parses five-field cron. now only serves to refuse a schedule that never comes, such as 30 February.
func parseSchedule(line string, zone *time.Location, now time.Time) (*schedule, error) {
	if strings.Contains(line, "TZ=") {
		return nil, errors.New("schedule holds a time zone: use the field timeZone")
	}
	parsed, err := cron.ParseStandard(line)
	if err != nil {
		return nil, fmt.Errorf("schedule %q does not parse (%w): write minute hour day-of-month month day-of-week, for example 0 3 * * *", line, err)
	}
	s := &schedule{cron: parsed, zone: zone}
	if s.next(now).IsZero() {
		return nil, fmt.Errorf("schedule %q has no slot within five years: correct day-of-month and month", line)
	}
	return s, nil
}

// next returns the first slot after t in UTC, zero if there is none within five years.
func (s *schedule) next(t time.Time) time.Time {
	next := s.cron.Next(t.In(s.zone))
	if next.IsZero() {
		return time.Time{}
	}
	return next.UTC()
}

// passed is what is known about the slots of a stretch of time that have no run.
type passed struct {
	// count of the slots. Beyond maxCounted it is a lower bound.
	count int64
	// newest of the slots and the one before it, zero if there is none.
	newest, before time.Time
}

func (p *passed) add(slot time.Time) {
	p.count++
	p.before, p.newest = p.newest, slot
}

// between returns the slots from (inclusive) to (inclusive) for which hasRun is false.
func (s *schedule) between(from, to time.Time, hasRun func(time.Time) bool) passed {
	var p passed
	for slot := s.next(from.Add(-time.Nanosecond)); !slot.IsZero() && !slot.After(to); slot = s.next(slot) {
		if hasRun(slot) {
			continue
		}
		if p.count == maxCounted {
			return s.skipAhead(p, to, hasRun)
		}
		p.add(slot)
	}
	return p
}

// skipAhead completes a count that reached its bound with the newest slots, found by looking back from the end in growing steps.
func (s *schedule) skipAhead(p passed, to time.Time, hasRun func(time.Time) bool) passed {
	for back := time.Hour; ; back *= 2 {
		start := to.Add(-back)
		if !start.After(p.newest) {
			start = p.before
		}
		var end passed
		for slot := s.next(start.Add(-time.Nanosecond)); !slot.IsZero() && !slot.After(to); slot = s.next(slot) {
			if !hasRun(slot) {
				end.add(slot)
			}
		}
		if end.count >= 2 {
			return passed{count: p.count, newest: end.newest, before: end.before}
		}
	}
}
