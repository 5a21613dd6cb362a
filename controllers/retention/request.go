package retention

import (
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
)

// runRequest is an annotation that asks for a run outside of the schedule.
type runRequest struct {
	annotation string
	// mark ends the run's name, so that it is never a slot's and never another kind of request's.
	mark string
	// mode of the run; empty: as the policy says.
	mode v1alpha1.RunMode
	// handled is where the status keeps the last value that was acted on.
	handled *string
}

func (d *decider) requests() []runRequest {
	return []runRequest{
		{annotation: v1alpha1.AnnotationRunRequestedAt, mark: "r", handled: &d.status.LastHandledRunRequest},
		{annotation: v1alpha1.AnnotationPreviewRequestedAt, mark: "p", mode: v1alpha1.RunPreview, handled: &d.status.LastHandledPreviewRequest},
	}
}

// request acts on an annotation, once for each value. While something is in the way, the request waits.
func (d *decider) request(r runRequest) {
	value := d.policy.Annotations[r.annotation]
	value = value[:min(len(value), maxRequest)]
	if value == "" || value == *r.handled {
		return
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		*r.handled = value
		d.event(true, "RunRequestInvalid", "Request", "annotation "+r.annotation+
			" is not an RFC 3339 instant and was ignored: write for example 2027-01-31T09:00:00Z")
		return
	}
	at = at.UTC().Truncate(time.Second)
	name := requestName(d.policy.Name, at, r.mark)
	switch {
	case runs.Newest(d.runs, func(r *v1alpha1.PurgeRun) bool { return r.Name == name }) != nil:
		*r.handled = value
	case d.suspended():
		*r.handled = value
		d.event(true, v1alpha1.ReasonSuspended, "Request", "the policy is suspended, so the requested run was not made: set state to Active and ask again")
	case at.After(d.now):
		d.wake(at)
	case d.create == nil && d.problem == nil && d.going() == nil:
		d.create = d.newRun(name, at, v1alpha1.TriggerRequest, r.mode)
		*r.handled = value
	}
}
