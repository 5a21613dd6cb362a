package retention

import (
	"context"
	"fmt"
)

// Refuse ends a run that cannot begin, for example because its plan is not sound. Of the plan it needs no more than whose run it is.
// A run that has an outcome keeps it.
func (e *Engine) Refuse(ctx context.Context, failure *Failure) error {
	status, err := e.Reporter.Load(ctx)
	if err != nil {
		return fmt.Errorf("reading the run's status: %w", err)
	}
	if status.Outcome.Reason != "" {
		return nil
	}
	r := &run{Engine: e, status: status}
	return r.stop(ctx, failure)
}
