package retentiontest

import (
	"context"
	"fmt"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// WorkOfOthers runs to the end in windows of some size, and has others do something before each. It returns how many pieces of work of others the
// store counted from the first window to the last, and how many times others did something meanwhile.
func (r *Runner) WorkOfOthers(size int64, others func()) (counted, times int64) {
	r.T.Helper()
	c := &crowded{Driver: r.Driver, size: size, others: others}
	r.Driver = c
	r.Run(v1alpha1.ReasonCompleted)
	if len(c.looks) < 3 {
		r.T.Fatalf("only %d windows", len(c.looks))
	}
	first, last := c.looks[0], c.looks[len(c.looks)-1]
	if last.Own <= first.Own {
		r.T.Errorf("the session counts none of its own work: %+v to %+v", first, last)
	}
	return (last.All - first.All) - (last.Own - first.Own), int64(len(c.looks) - 1)
}

// crowded opens sessions that look around before each window, after others did something.
type crowded struct {
	retention.Driver
	size   int64
	others func()
	looks  []retention.Work
}

func (c *crowded) Open(ctx context.Context) (retention.Session, error) {
	session, err := c.Driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &crowdedSession{session, c}, nil
}

type crowdedSession struct {
	retention.Session
	in *crowded
}

func (s *crowdedSession) Window(ctx context.Context, w retention.Window) (retention.Batch, error) {
	crowd, ok := s.Session.(retention.Crowd)
	if !ok {
		return retention.Batch{}, fmt.Errorf("%T cannot tell others' work", s.Session)
	}
	s.in.others()
	work, err := crowd.Work(ctx)
	if err != nil {
		return retention.Batch{}, err
	}
	s.in.looks = append(s.in.looks, work)
	w.Size = min(w.Size, s.in.size)
	return s.Session.Window(ctx, w)
}
