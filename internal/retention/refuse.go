package retention

import "context"

// Refuse ends a run that cannot begin, for example because its plan is not sound. Of the plan it needs no more than whose run it is.
// A run that has an outcome keeps it.
func (e *Engine) Refuse(ctx context.Context, failure *Failure) error {
	r, err := e.take(ctx)
	if err != nil || r.status.Outcome.Reason != "" {
		return err
	}
	return r.stop(ctx, failure)
}
